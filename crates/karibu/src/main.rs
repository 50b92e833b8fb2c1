//! Karibu, a self-hosted conference registration platform.

mod background;
mod banner;
mod cli;
mod columns;
mod connections;
mod doors;
mod events;
mod folder;
mod lifecycle;
mod mails;
mod notifications;
mod patience;
mod ports;
mod refusal;
mod sample;
mod serve;
mod settings;
mod store;
mod tls;

use std::process::ExitCode;

use registration::ports::Clock;

use crate::cli::{Asked, Command};
use crate::ports::SystemClock;
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;
use crate::store::{Opened, Purpose};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(refusal) => {
            eprintln!("karibu: {refusal}");
            ExitCode::from(refusal.code())
        }
    }
}

fn run() -> Outcome<ExitCode> {
    let (command, flags) = match cli::read(std::env::args_os())? {
        Asked::Do(command, flags) => (command, flags),
        Asked::Tell(text) => {
            let _ = text.print();
            return Ok(ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(2)));
        }
    };
    // Everything that speaks TLS takes this one: the pages, PostgreSQL, the mail relay.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Refusal::found("TLS is set up already, which is a bug of Karibu"))?;
    let settings = Settings::read(flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Refusal::found(format!("no threads can be started ({error}): raise the limits of this user"))
    })?;
    let done = runtime.block_on(execute(command, &settings));
    // What still runs (a name being resolved, say) is nothing that anybody waits for.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn execute(command: Command, settings: &Settings) -> Outcome {
    match command {
        Command::Serve => serve::serve(settings).await,
        Command::Migrate => {
            let store = Opened::open(settings, Purpose::SetUp, true).await?;
            columns::say(format_args!("The {} database is up to date.", store.name()));
            store.close().await;
            Ok(())
        }
        Command::Event(command) => {
            let store = Opened::open(settings, Purpose::Use, settings.migrate == Some(true)).await?;
            let done = events::run(command, store.ports().as_ref(), SystemClock.now()).await;
            store.close().await;
            done
        }
        Command::Mail(command) => mails::run(command, settings).await,
        Command::Notifications(command) => {
            let store = Opened::open(settings, Purpose::Use, settings.migrate == Some(true)).await?;
            let done = notifications::run(command, store.ports().as_ref()).await;
            store.close().await;
            done
        }
    }
}

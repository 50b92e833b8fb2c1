//! Karibu, a self-hosted conference registration platform.

mod background;
mod backup;
mod banner;
mod check;
mod cli;
mod columns;
mod config;
mod connections;
mod doors;
mod events;
mod export;
mod folder;
mod health;
mod house;
mod lifecycle;
mod mails;
mod moving;
mod notifications;
mod patience;
mod ports;
mod progress;
mod refusal;
mod registrations;
mod sample;
mod serve;
mod settings;
mod store;
mod tls;
mod viewer;
mod watch;

use std::process::ExitCode;

use registration::ports::Clock;

use crate::cli::{Asked, Command};
use crate::lifecycle::Signals;
use crate::ports::SystemClock;
use crate::refusal::{Outcome, Refusal};
use crate::settings::{Role, Settings};
use crate::store::{Opened, Purpose};

/// SQLite's, too. The C library's keeps what a burst took; settings are in `.cargo/config.toml`.
#[cfg(not(target_env = "musl"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// In the image. musl's own takes one lock for all threads; settings are in `deploy/images/karibu/Dockerfile`.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Refusal::found(format!("no threads can be started ({error}): raise the limits of this user"))
    })?;
    let done = runtime.block_on(async {
        match command {
            // What is wrong with the settings is what it is asked for.
            Command::Check { json } => check::run(flags, json).await,
            command => execute(command, &Settings::read(flags)?).await,
        }
    });
    // What still runs (a name being resolved, say) is nothing that anybody waits for.
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

/// Long work that leaves nothing behind when a signal ends it.
async fn unless_interrupted(work: impl Future<Output = Outcome>) -> Outcome {
    let mut signals = Signals::listen()?;
    tokio::select! {
        done = work => done,
        () = signals.next() => Err(Refusal::found("interrupted: nothing was left behind")),
    }
}

async fn execute(command: Command, settings: &Settings) -> Outcome {
    match command {
        Command::Serve => serve::run(settings, Role::Serve).await,
        Command::Web => serve::run(settings, Role::Web).await,
        Command::Notifier => serve::run(settings, Role::Notifier).await,
        Command::Mailbox => viewer::run(settings).await,
        Command::Watch { urls } => watch::run(settings, &urls).await,
        Command::Healthcheck => health::run(settings).await,
        Command::Migrate => {
            let store = Opened::open(settings, Purpose::SetUp, true).await?;
            columns::say(format_args!("The {} database is up to date.", store.name()));
            store.close().await;
            Ok(())
        }
        Command::Config { json } => config::run(settings, json),
        Command::Check { .. } => Ok(()),
        Command::Backup { file } => unless_interrupted(backup::run(&file, settings, SystemClock.now())).await,
        Command::Move { to } => unless_interrupted(Box::pin(moving::run(&to, settings))).await,
        Command::Restore { file } => unless_interrupted(backup::restore::run(&file, settings)).await,
        Command::Event(command) => {
            let store = Opened::open(settings, Purpose::Use, settings.migrate == Some(true)).await?;
            let done = events::run(command, store.ports().as_ref(), SystemClock.now()).await;
            store.close().await;
            done
        }
        Command::Mail(command) => mails::run(command, settings).await,
        Command::Registrations(command) => {
            let store = Opened::open(settings, Purpose::Use, settings.migrate == Some(true)).await?;
            let done = registrations::run(command, store.ports(), settings).await;
            store.close().await;
            done
        }
        Command::Notifications(command) => {
            let store = Opened::open(settings, Purpose::Use, settings.migrate == Some(true)).await?;
            let done = notifications::run(command, store.ports().as_ref()).await;
            store.close().await;
            done
        }
    }
}

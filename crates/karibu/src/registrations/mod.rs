//! `karibu registrations list | show | export | cancel | resend | erase`.

mod change;
mod list;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use registration::ids::RegistrationId;
use registration::ports::Store;
use registration::reference::Reference;
use registration::stored::{Status, StoredEvent};

use crate::columns::plain;
use crate::events;
use crate::export::{self, Export, Format};
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;

/// `karibu registrations …`
#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationsCommand {
    /// List the registrations of an event, oldest first
    List {
        /// The event's part of its URLs
        event: String,
        /// Only those with this status
        #[arg(long, value_parser = STATUSES)]
        status: Option<String>,
        /// Only those with this in their name, address, organisation or reference
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Show everything about one registration: answers, files, mails, history
    Show {
        /// The event's part of its URLs
        event: String,
        /// Its reference, such as KC-7F3K-2M9Q
        reference: String,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Write the registrations of an event as a table with a column for each field
    Export {
        /// The event's part of its URLs
        event: String,
        /// Only those with this status
        #[arg(long, value_parser = STATUSES)]
        status: Option<String>,
        /// Kind of file [default: by the name of the output, else csv]
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Where to; it appears when it is complete [default: standard output, for csv]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Labels of fields and options instead of their keys
        #[arg(long)]
        labels: bool,
        /// Whether CSV begins with a byte order mark, by which Excel knows UTF-8 [default: yes in a file, no on standard output]
        #[arg(long, value_enum)]
        bom: Option<YesNo>,
    },
    /// Cancel a registration: its place is free, the event's organisers are told
    Cancel {
        /// The event's part of its URLs
        event: String,
        /// Its reference, such as KC-7F3K-2M9Q
        reference: String,
        /// Tell the registrant, too
        #[arg(long)]
        tell: bool,
    },
    /// Send the registrant the confirmation again, as things stand now
    Resend {
        /// The event's part of its URLs
        event: String,
        /// Its reference, such as KC-7F3K-2M9Q
        reference: String,
    },
    /// Erase everything about the person of a registration, for good; the counts stay
    Erase {
        /// The event's part of its URLs
        event: String,
        /// Its reference, such as KC-7F3K-2M9Q
        reference: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The words of all statuses.
const STATUSES: [&str; 7] = ["pending", "waiting", "offered", "confirmed", "rejected", "withdrawn", "cancelled"];

/// A choice of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    /// Yes
    Yes,
    /// No
    No,
}

/// Does one of the commands.
pub(crate) async fn run(command: RegistrationsCommand, store: Arc<dyn Store>, settings: &Settings) -> Outcome {
    match command {
        RegistrationsCommand::List { event, status, search, json } => {
            let event = events::find(store.as_ref(), &event).await?;
            list::list(store.as_ref(), &event, &list::Filter::new(status.as_deref(), search.as_deref()), json).await
        }
        RegistrationsCommand::Show { event, reference, json } => {
            let (event, id) = find(store.as_ref(), &event, &reference).await?;
            show::show(store.as_ref(), &event, id, json).await
        }
        RegistrationsCommand::Export { event, status, format, output, labels, bom } => {
            let bom = bom.map(|bom| bom == YesNo::Yes);
            let export = Export::new(format, output, labels, bom)?.only(status.as_deref().and_then(Status::from_word));
            let event = events::find(store.as_ref(), &event).await?;
            export::export(store.as_ref(), &event, &export).await
        }
        RegistrationsCommand::Cancel { event, reference, tell } => {
            let (event, id) = find(store.as_ref(), &event, &reference).await?;
            change::cancel(store, settings, &event, id, tell).await
        }
        RegistrationsCommand::Resend { event, reference } => {
            let (event, id) = find(store.as_ref(), &event, &reference).await?;
            change::resend(store, settings, &event, id).await
        }
        RegistrationsCommand::Erase { event, reference, yes } => {
            let (event, id) = find(store.as_ref(), &event, &reference).await?;
            change::erase(store, settings, &event, id, yes).await
        }
    }
}

/// An event and the registration of it that has a reference, however that is written.
async fn find(store: &dyn Store, slug: &str, written: &str) -> Outcome<(StoredEvent, RegistrationId)> {
    let reference: Reference = written
        .parse()
        .map_err(|error| Refusal::called(format!("`{}` is {error}; see that no character is wrong", plain(written))))?;
    let event = events::find(store, slug).await?;
    match store.find(event.id, &reference).await? {
        Some(id) => Ok((event, id)),
        None => Err(Refusal::found(format!(
            "the event `{slug}` has no registration {reference}: `karibu registrations list {slug}` names all"
        ))),
    }
}

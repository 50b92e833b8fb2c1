//! Cancelling and erasing, beside a server that runs.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;

use mail::{FolderTransport, Transport};
use registration::cancel::{Cancelled, EventAt};
use registration::event_file;
use registration::ids::RegistrationId;
use registration::ports::Store;
use registration::reference::Reference;
use registration::register::Desk;
use registration::resend::Resent;
use registration::stored::{Erasure, Record, StoredEvent};

use crate::columns::say;
use crate::ports::{SystemClock, SystemRandom};
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;

/// Cancels a registration.
pub(super) async fn cancel(
    store: Arc<dyn Store>,
    settings: &Settings,
    event: &StoredEvent,
    id: RegistrationId,
    tell: bool,
) -> Outcome {
    let reference = record(store.as_ref(), id).await?.reference;
    let (desk, at) = (desk(store, settings)?, event_at(event)?);
    match desk.cancel(&at, id, tell).await? {
        Cancelled::Done => {
            let registrant =
                if tell { "the registrant is told" } else { "the registrant is not told (`--tell` does that)" };
            say(format_args!("{reference} is cancelled; {}; {registrant}.", organizers_told(&desk, &at)));
        }
        Cancelled::AlreadyOver(status) => {
            return Err(Refusal::found(format!("{reference} is {} already: nothing was changed", status.as_str())));
        }
        Cancelled::Erased => {
            return Err(Refusal::found(format!(
                "{reference} is erased, so what it holds is not known any more: nothing was changed"
            )));
        }
        Cancelled::Unknown => return Err(Refusal::found(format!("{reference} is not there any more"))),
    }
    Ok(())
}

/// Sends the registrant the confirmation again.
pub(super) async fn resend(
    store: Arc<dyn Store>,
    settings: &Settings,
    event: &StoredEvent,
    id: RegistrationId,
) -> Outcome {
    let reference = record(store.as_ref(), id).await?.reference;
    match desk(store, settings)?.resend(&event_at(event)?, id).await? {
        Resent::Done => {
            say(format_args!("{reference}: a mail goes to the registrant when the notifier runs."));
            Ok(())
        }
        Resent::Rejected => Err(Refusal::found(format!(
            "{reference} is the second one of its address, which was told of the first: nothing was sent"
        ))),
        Resent::Erased => Err(Refusal::found(format!("{reference} is erased, its address with it: nothing was sent"))),
        Resent::Unknown => Err(Refusal::found(format!("{reference} is not there any more"))),
    }
}

/// Erases everything about the person of a registration.
pub(super) async fn erase(
    store: Arc<dyn Store>,
    settings: &Settings,
    event: &StoredEvent,
    id: RegistrationId,
    yes: bool,
) -> Outcome {
    let record = record(store.as_ref(), id).await?;
    let reference = record.reference.clone();
    let at = event_at(event)?;
    let holds_place = record.status.holds_place();
    if !yes && !agreed(&reference, holds_place)? {
        return Err(Refusal::found("nothing was erased"));
    }
    let desk = desk(store.clone(), settings)?;
    match desk.erase(&at, id).await? {
        Erasure::Done(message_ids) => {
            let others = forget_mails(settings, event, &record, &message_ids).await?;
            overwrite(store.as_ref(), &reference).await?;
            let stay = if holds_place { "the counts and its place stay" } else { "the counts stay" };
            say(format_args!(
                "{reference} is erased: answers, files and mails are gone, {stay}; {}; the registrant is not told.",
                organizers_told(&desk, &at)
            ));
            if !others.is_empty() {
                say(format_args!(
                    "Mails about others that named this person are removed, too; `karibu notifications resend ID` writes one \
                     anew: {}",
                    others.join(", ")
                ));
            }
            Ok(())
        }
        Erasure::Already(at) => {
            // Whoever asks again may have been told that the first time ended early.
            overwrite(store.as_ref(), &reference).await?;
            Err(Refusal::found(format!("{reference} was erased already, on {at:.0}: nothing was changed")))
        }
        Erasure::Unknown => Err(Refusal::found(format!("{reference} is not there any more"))),
    }
}

/// The desk of a command. Nobody is woken: the notifier of a running server looks each second by itself.
fn desk(store: Arc<dyn Store>, settings: &Settings) -> Outcome<Desk> {
    let (wake, _) = conveyor::in_memory(1);
    Ok(Desk {
        store,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        conveyor: Arc::new(wake),
        sample_organizers: settings.sample_organizers()?,
    })
}

/// Whether any organiser hears of it.
fn organizers_told(desk: &Desk, event: &EventAt) -> String {
    match desk.organizers_told(event) {
        0 => "no organiser is told, for none gets mails of this event".to_owned(),
        1 => "1 organiser is told".to_owned(),
        many => format!("{many} organisers are told"),
    }
}

fn event_at(event: &StoredEvent) -> Outcome<EventAt> {
    let parsed = event_file::parse(&event.source, event.imported_at).map_err(|error| {
        Refusal::found(format!(
            "the event file of `{}` cannot be read by this version (line {}: {}): import it again",
            event.slug, error.line, error.reason
        ))
    })?;
    Ok(EventAt { id: event.id, event: Arc::new(parsed), sample: event.sample })
}

async fn record(store: &dyn Store, id: RegistrationId) -> Outcome<Record> {
    store.get(id).await?.ok_or_else(|| Refusal::found("the registration is gone: it was there a moment ago"))
}

/// Asks whoever sits at the terminal.
fn agreed(reference: &Reference, holds_place: bool) -> Outcome<bool> {
    if !io::stdin().is_terminal() {
        return Err(Refusal::called("nobody can be asked here: say --yes to erase without asking"));
    }
    let trouble = |error: io::Error| Refusal::found(format!("the terminal cannot be read ({error}): say --yes"));
    let place = if holds_place {
        " Its place stays taken: if the person does not come, cancel first, since what is erased cannot be cancelled."
    } else {
        ""
    };
    eprint!("Erase the answers, files and mails of {reference} for good?{place} [y/N] ");
    io::stderr().flush().map_err(trouble)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(trouble)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Removes mails that are kept as files, whether mails go there now or once did. Gives the ids of mails about others that
/// named the person, and had to go, too.
async fn forget_mails(
    settings: &Settings,
    event: &StoredEvent,
    record: &Record,
    message_ids: &[String],
) -> Outcome<Vec<String>> {
    let folder = settings.mail_folder();
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mails = FolderTransport::new(&folder);
    let forgotten = async {
        mails.forget(message_ids).await?;
        mails.forget_naming(&event.slug, &record.columns.name, record.created_at).await
    };
    forgotten.await.map_err(|error| {
        Refusal::found(format!(
            "{} is erased in the database, but mails that tell of it cannot be removed ({error}): delete the files {} in {}, \
             and those that name the person",
            record.reference,
            message_ids.join(", "),
            folder.display()
        ))
    })
}

async fn overwrite(store: &dyn Store, reference: &Reference) -> Outcome {
    store.overwrite_erased().await.map_err(|error| {
        Refusal::found(format!(
            "{reference} is erased, but what was there is not overwritten yet ({error}): run the same command again"
        ))
    })
}

//! Everything about one registration.

use presentation::answers::{Section, sections, size};
use presentation::words::Words;
use registration::answers::Answers;
use registration::form::Form;
use registration::ids::RegistrationId;
use registration::language::Language;
use registration::notification::MailRow;
use registration::ports::{Store, StoreError};
use registration::stored::{Dossier, FileRow, HistoryRow, Record, StoredEvent};
use serde::Serialize;

use super::list::Row;
use crate::columns::{plain, print, print_json, say};
use crate::refusal::{Outcome, Refusal};

/// What is known of a registration.
struct Known {
    record: Record,
    /// The form version that it answers.
    form: Form,
    files: Vec<FileRow>,
    mails: Vec<MailRow>,
    /// Whether the registrant's own mail is held back.
    withheld: bool,
    /// The event's part of its URLs.
    event: String,
    history: Vec<HistoryRow>,
    /// References of others that may be the same person.
    same_person: Vec<String>,
    /// The reference of the one that stands in its place.
    duplicate_of: Option<String>,
}

/// Shows it.
pub(super) async fn show(store: &dyn Store, event: &StoredEvent, id: RegistrationId, json: bool) -> Outcome {
    let known = read(store, event, id).await?;
    if json {
        return as_json(&known);
    }
    say_all(&known);
    Ok(())
}

async fn read(store: &dyn Store, event: &StoredEvent, id: RegistrationId) -> Outcome<Known> {
    let gone = || Refusal::found("the registration is gone: it was there a moment ago");
    let Dossier { record, files, same_person } = store.dossiers(&[id]).await?.pop().ok_or_else(gone)?;
    let form = store.form(event.id, record.form_version).await?;
    let form = form.and_then(|json| serde_json::from_value(json).ok());
    let form = form.ok_or_else(|| StoreError::Corrupt("a form version".to_owned()))?;
    let duplicate_of = match record.duplicate_of {
        Some(other) => store.get(other).await?.map(|other| other.reference.to_string()),
        None => None,
    };
    Ok(Known {
        form,
        event: event.slug.clone(),
        files,
        mails: store.mails_of(id).await?,
        withheld: store.withheld(id).await?,
        history: store.history(id).await?,
        same_person: same_person.iter().map(ToString::to_string).collect(),
        duplicate_of,
        record,
    })
}

fn as_json(known: &Known) -> Outcome {
    #[derive(Serialize)]
    struct File<'a> {
        id: uuid::Uuid,
        field: &'a str,
        name: &'a str,
        #[serde(rename = "type")]
        media: &'static str,
        size: u64,
    }
    #[derive(Serialize)]
    struct Mail<'a> {
        id: uuid::Uuid,
        kind: &'static str,
        recipient: &'a str,
        state: &'static str,
        attempts: u32,
        last_error: Option<&'a str>,
        created_at: String,
        sent_at: Option<String>,
    }
    #[derive(Serialize)]
    struct Happened<'a> {
        at: String,
        action: &'a str,
        detail: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Everything<'a> {
        #[serde(flatten)]
        row: Row<'a>,
        answers: &'a serde_json::Value,
        files: Vec<File<'a>>,
        mails: Vec<Mail<'a>>,
        withheld: bool,
        history: Vec<Happened<'a>>,
        same_person: &'a [String],
        duplicate_of: Option<&'a str>,
    }
    print_json(&[Everything {
        row: Row::from(&known.record),
        answers: &known.record.answers,
        files: known
            .files
            .iter()
            .map(|file| File {
                id: file.id.0,
                field: &file.field,
                name: &file.name,
                media: file.media.mime(),
                size: file.size,
            })
            .collect(),
        mails: known
            .mails
            .iter()
            .map(|mail| Mail {
                id: mail.id.0,
                kind: mail.kind.as_str(),
                recipient: &mail.recipient,
                state: mail.state.as_str(),
                attempts: mail.attempts,
                last_error: mail.last_error.as_deref(),
                created_at: mail.created_at.to_string(),
                sent_at: mail.sent_at.map(|at| at.to_string()),
            })
            .collect(),
        withheld: known.withheld,
        history: known
            .history
            .iter()
            .map(|row| Happened { at: row.at.to_string(), action: &row.action, detail: row.detail.as_deref() })
            .collect(),
        same_person: &known.same_person,
        duplicate_of: known.duplicate_of.as_deref(),
    }])
}

fn say_all(known: &Known) {
    let record = &known.record;
    say(format_args!("{}  {}", record.reference, record.status.as_str()));
    say(format_args!(
        "registered {:.0}, form version {}, in {}",
        record.created_at,
        record.form_version,
        record.language.tag()
    ));
    if let Some(at) = record.erased_at {
        say(format_args!("erased {at:.0}: answers, files and addresses are gone"));
    }
    if let Some(first) = &known.duplicate_of {
        say(format_args!("a second registration of the address of {first}, which stands in its place"));
    }
    if !known.same_person.is_empty() {
        say(format_args!("perhaps the same person as {}", known.same_person.join(", ")));
    }
    let words = Words::of(Language::En);
    let answers = Answers::from_json(&known.form, &record.answers);
    for section in sections(&known.form, &answers, words) {
        say("");
        say_section(&section);
    }
    if !known.files.is_empty() {
        say("");
        let rows: Vec<_> = known
            .files
            .iter()
            .map(|file| {
                vec![file.field.clone(), file.name.clone(), file.media.name().to_owned(), size(file.size, words)]
            })
            .collect();
        print(&["FILE OF", "NAME", "TYPE", "SIZE"], &rows);
    }
    if !known.mails.is_empty() {
        say("");
        let rows: Vec<_> = known
            .mails
            .iter()
            .map(|mail| {
                let at = mail.sent_at.or(mail.next_attempt_at).map(|at| format!("{at:.0}"));
                vec![
                    mail.id.0.to_string(),
                    mail.kind.as_str().to_owned(),
                    mail.recipient.clone(),
                    mail.state.as_str().to_owned(),
                    at.unwrap_or_default(),
                    mail.last_error.clone().unwrap_or_default(),
                ]
            })
            .collect();
        print(&["ID", "MAIL", "RECIPIENT", "STATE", "SENT OR NEXT", "LAST ERROR"], &rows);
    }
    if known.withheld {
        say("");
        say("The registrant's mail is withheld: the address got as many as forms may send it in a day. Send it by");
        say(format_args!("  karibu registrations resend {} {}", known.event, record.reference));
    }
    say("");
    let rows: Vec<_> = known
        .history
        .iter()
        .map(|row| vec![format!("{:.0}", row.at), row.action.clone(), row.detail.clone().unwrap_or_default()])
        .collect();
    print(&["AT", "WHAT HAPPENED", "DETAIL"], &rows);
}

/// Questions and answers; answers of several lines keep them.
fn say_section(section: &Section) {
    if let Some(heading) = &section.heading {
        say(plain(heading));
    }
    for line in &section.lines {
        let mut text = line.text.split('\n').map(plain);
        say(format_args!("  {}: {}", plain(&line.label), text.next().unwrap_or_default()));
        for more in text {
            say(format_args!("      {more}"));
        }
    }
}

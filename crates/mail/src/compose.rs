//! Mails made of domain data, at the moment they are sent.

mod confirmation;
mod organizer;
pub(crate) mod plain;

use jiff::Timestamp;
use presentation::urls::Urls;
use presentation::words::Words;
use registration::event::Event;
use registration::form::Form;
use registration::ids::MailId;
use registration::language::Language;
use registration::notification::Kind;
use registration::stored::{FileRow, ListRow, Record, Status};
use registration::summary::Summary;
use registration::token::Signer;

use crate::{Message, Person};

/// Up to this many registrations an organiser's mail shows all of them.
pub const ALL_ROWS: u32 = 200;

/// Of more, it shows the latest ones.
pub const LATEST_ROWS: u32 = 25;

/// What every mail about a registration is made of.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// `<…@…>`, see [`message_id`].
    pub message_id: &'a str,
    /// The sender's address; the name is the event's.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// Language to write in.
    pub language: Language,
    /// The event as it is now.
    pub event: &'a Event,
    /// The form version that was answered.
    pub form: &'a Form,
    /// The registration as it is now.
    pub record: &'a Record,
    /// Links.
    pub urls: &'a Urls,
    /// Now.
    pub now: Timestamp,
}

/// To an organiser: a new registration, and how things stand.
#[derive(Clone, Copy)]
pub struct OrganizerMail<'a> {
    /// What every mail has.
    pub letter: Letter<'a>,
    /// The registration's files.
    pub files: &'a [FileRow],
    /// Counts of the event.
    pub summary: &'a Summary,
    /// The latest registrations, newest first: [`rows_wanted`] of them.
    pub rows: &'a [ListRow],
    /// Signs the links.
    pub signer: &'a Signer,
}

/// To the registrant: confirmation, or the place on the waiting list.
#[derive(Clone, Copy)]
pub struct ConfirmationMail<'a> {
    /// What every mail has.
    pub letter: Letter<'a>,
}

pub use confirmation::confirmation;
pub use organizer::organizer;

/// How many of the latest registrations an organiser's mail shows.
pub fn rows_wanted(summary: &Summary) -> u32 {
    if summary.total() <= i64::from(ALL_ROWS) { ALL_ROWS } else { LATEST_ROWS }
}

/// The Message-ID of a mail: `<ID@HOST>` with the host of the public URL.
pub fn message_id(id: MailId, urls: &Urls) -> String {
    format!("<{}@{}>", id.0, host(urls))
}

fn host(urls: &Urls) -> &str {
    urls.base().host_str().unwrap_or("localhost")
}

/// Subject and both parts of a mail.
struct Parts {
    subject: String,
    text: String,
    html: String,
}

impl Letter<'_> {
    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    fn short_name(&self) -> String {
        plain::line(self.event.short_name.get(self.language))
    }

    fn event_name(&self) -> String {
        plain::line(self.event.name.get(self.language))
    }

    fn message(&self, kind: Kind, from_name: String, reply_to: Option<Person>, parts: Parts) -> Message {
        let (slug, host) = (&self.event.slug, host(self.urls));
        let (list, references) = match kind {
            // One thread per event and day; the first message of it need not exist (RFC 5256 makes a root for it).
            Kind::Registered | Kind::Cancelled | Kind::Erased | Kind::Attached | Kind::Digest => {
                let day = self.event.day(self.record.created_at);
                ("registrations", Some(format!("<thread-{slug}-{day}@{host}>")))
            }
            Kind::Confirmation | Kind::Duplicate => ("confirmations", None),
        };
        Message {
            message_id: self.message_id.to_owned(),
            from: Person { name: Some(from_name), address: self.from.to_owned() },
            to: self.to.to_owned(),
            reply_to,
            subject: parts.subject,
            text: parts.text,
            html: parts.html,
            list_id: format!("<{list}.{slug}.{host}>"),
            references,
            event: slug.clone(),
            kind,
            request_id: self.record.request_id.clone(),
            date: self.now,
        }
    }
}

fn status_word(status: Status, words: &Words) -> String {
    match status {
        Status::Pending => words.get("mail-status-pending"),
        Status::Waiting => words.get("mail-status-waiting"),
        Status::Offered => words.get("mail-status-offered"),
        Status::Confirmed => words.get("mail-status-confirmed"),
        Status::Rejected => words.get("mail-status-rejected"),
        Status::Withdrawn => words.get("mail-status-withdrawn"),
        Status::Cancelled => words.get("mail-status-cancelled"),
    }
}

/// A label and what it stands for.
pub(crate) struct Fact {
    label: String,
    value: String,
}

impl Fact {
    fn new(label: String, value: impl Into<String>) -> Self {
        Self { label, value: value.into() }
    }
}

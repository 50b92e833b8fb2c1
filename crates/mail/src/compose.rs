//! Mails made of domain data, at the moment they are sent.

mod alarm;
mod confirmation;
mod duplicate;
mod organizer;
pub(crate) mod plain;
mod trial;
mod weight;

use jiff::Timestamp;
use jiff::civil::Date;
use presentation::answers;
use presentation::urls::Urls;
use presentation::words::Words;
use registration::answers::Answers;
use registration::event::Event;
use registration::form::Form;
use registration::ids::MailId;
use registration::language::Language;
use registration::notification::Kind;
use registration::places::{self, PlaceCount};
use registration::reference::Reference;
use registration::stored::{FileRow, ListRow, Record, Status};
use registration::summary::Summary;
use registration::token::Signer;

use crate::message::address;
use crate::{Message, Person};

/// Up to this many registrations an organiser's mail shows all of them.
pub const ALL_ROWS: u32 = 200;

/// Of more, it shows the latest ones.
pub const LATEST_ROWS: u32 = 25;

/// What every mail has.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
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
    /// Links.
    pub urls: &'a Urls,
    /// Now.
    pub now: Timestamp,
    /// Whether it says that it is of a demo.
    pub demo: bool,
}

/// What an organiser's mail tells of one registration.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// What happened.
    pub kind: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// The registration as it is now.
    pub record: &'a Record,
    /// The form version that was answered.
    pub form: &'a Form,
    /// The registration's files.
    pub files: &'a [FileRow],
    /// Other registrations that may be of the same person.
    pub same_person: &'a [Reference],
}

/// The time that a digest is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From then on.
    pub starts: Timestamp,
    /// Until then.
    pub ends: Timestamp,
    /// Which mail of the window it is, if one was not enough: 1 for the first.
    pub part: u32,
}

/// To an organiser: what happened, and how things stand.
#[derive(Clone, Copy)]
pub struct OrganizerMail<'a> {
    /// What every mail has.
    pub envelope: Envelope<'a>,
    /// What it tells, oldest first; 1 to 50, whose [`weight()`]s are at most [`MAX_WEIGHT`] in all.
    pub entries: &'a [Entry<'a>],
    /// The time it is about, if it is a digest.
    pub window: Option<Window>,
    /// Counts of the event.
    pub summary: &'a Summary,
    /// Limited places of the event and of options.
    pub places: &'a [PlaceCount],
    /// The latest registrations, newest first: [`rows_wanted`] of them.
    pub rows: &'a [ListRow],
    /// Signs the links.
    pub signer: &'a Signer,
}

/// To the registrant: confirmation, or the place on the waiting list.
#[derive(Clone, Copy)]
pub struct ConfirmationMail<'a> {
    /// What every mail has.
    pub envelope: Envelope<'a>,
    /// Why it is sent: the form, or the organisers.
    pub kind: Kind,
    /// The registration as it is now.
    pub record: &'a Record,
    /// The form version that was answered.
    pub form: &'a Form,
    /// Limited places of the event and of options, from which whoever waits learns what is full.
    pub places: &'a [PlaceCount],
    /// Absolute private link to add or replace the attachment until registration closes.
    pub attach_link: Option<&'a str>,
}

/// To the registrant's address only: somebody registered again with it, and the first registration stands.
#[derive(Clone, Copy)]
pub struct DuplicateMail<'a> {
    /// What every mail has.
    pub envelope: Envelope<'a>,
    /// The first registration.
    pub record: &'a Record,
}

pub use alarm::{AlarmMail, alarm};
pub use confirmation::confirmation;
pub use duplicate::duplicate;
pub use organizer::organizer;
pub use trial::{TrialMail, trial};
pub use weight::{MAX_WEIGHT, weight};

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

/// What the headers need besides the envelope.
struct Head<'a> {
    kind: &'static str,
    list: &'static str,
    from_name: String,
    reply_to: Option<Person>,
    /// Day of the thread that it belongs to.
    thread: Option<Date>,
    request_ids: Vec<&'a str>,
}

impl<'a> Envelope<'a> {
    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    fn short_name(&self) -> String {
        plain::line(self.event.short_name.get(self.language))
    }

    fn event_name(&self) -> String {
        plain::line(self.event.name.get(self.language))
    }

    /// Whom registrants ask, and whether that is a mail address.
    fn contact(&self) -> (String, bool) {
        let contact = plain::line(self.event.privacy.contact.get(self.language));
        let is_address = address(&contact).is_some();
        (contact, is_address)
    }

    /// What a mail of a demo says first.
    fn demo_notice(&self) -> Option<String> {
        self.demo.then(|| self.words().get("mail-demo"))
    }

    fn message(&self, head: Head<'a>, parts: Parts) -> Message {
        let (slug, host) = (&self.event.slug, host(self.urls));
        // One thread per event and day; the first message of it need not exist (RFC 5256 makes a root for it).
        let references = head.thread.map(|day| format!("<thread-{slug}-{day}@{host}>"));
        let mut request_ids = head.request_ids;
        request_ids.dedup();
        Message {
            message_id: self.message_id.to_owned(),
            from: Person { name: Some(head.from_name), address: self.from.to_owned() },
            to: self.to.to_owned(),
            reply_to: head.reply_to,
            subject: if self.demo { format!("[DEMO] {}", parts.subject) } else { parts.subject },
            text: match self.demo_notice() {
                Some(notice) => format!("{notice}\n\n{}", parts.text),
                None => parts.text,
            },
            html: parts.html,
            list_id: format!("<{}.{slug}.{host}>", head.list),
            references,
            event: slug.clone(),
            kind: head.kind,
            request_id: request_ids.join(" "),
            date: self.now,
        }
    }
}

/// What a registration on the waiting list lacks.
fn lack(record: &Record, form: &Form, counts: &[PlaceCount], words: &Words) -> String {
    let answers = Answers::from_json(form, &record.answers);
    plain::line(&answers::lack(&places::lack(form, &answers, counts), form, words))
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

//! What the store keeps and gives back.

mod change;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

pub use self::change::{Change, Erasure, FileChange, HistoryRow, StatusChange};
use crate::attachment::Media;
use crate::event::WhenFull;
use crate::ids::{EventId, FileId, RegistrationId, SubmissionId};
use crate::language::Language;
use crate::notification::NewNotification;
use crate::places::{PlaceCount, PlaceKey};
use crate::reference::Reference;
use crate::summary::SummaryDelta;

/// Where a registration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for an organiser's decision; holds a place.
    Pending,
    /// On the waiting list; holds none.
    Waiting,
    /// Was offered a place from the waiting list; holds it.
    Offered,
    /// Has a place.
    Confirmed,
    /// Refused by an organiser.
    Rejected,
    /// Withdrawn by the registrant.
    Withdrawn,
    /// Cancelled by an organiser.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Waiting,
        Self::Offered,
        Self::Confirmed,
        Self::Rejected,
        Self::Withdrawn,
        Self::Cancelled,
    ];

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether it holds a place.
    pub const fn holds_place(self) -> bool {
        matches!(self, Self::Pending | Self::Offered | Self::Confirmed)
    }

    /// Whether the person still means to come.
    pub const fn is_alive(self) -> bool {
        self.holds_place() || matches!(self, Self::Waiting)
    }
}

/// An event as stored: its file and the day its relative dates count from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Key.
    pub id: EventId,
    /// Slug.
    pub slug: String,
    /// The event file as it was imported.
    pub source: String,
    /// When it was imported: relative dates count from the day of this, in the event's zone.
    pub imported_at: Timestamp,
    /// Number of its newest form version.
    pub form_version: i32,
    /// Whether it is the sample that filled an empty data folder.
    pub sample: bool,
    /// Grows with every import.
    pub revision: i64,
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Key.
    pub id: EventId,
    /// Whether the event was not there before.
    pub created: bool,
    /// Number of the form version that holds now.
    pub form_version: i32,
    /// Whether this import made that version.
    pub form_changed: bool,
}

/// What an import writes.
#[derive(Clone, Debug)]
pub struct EventImport {
    /// Slug.
    pub slug: String,
    /// The event file.
    pub source: String,
    /// The form as JSON, the content of a form version.
    pub form: serde_json::Value,
    /// Limits of places, see [`crate::places::limits`].
    pub limits: Vec<(PlaceKey, u32)>,
    /// Whether it is the sample.
    pub sample: bool,
    /// Now.
    pub at: Timestamp,
}

/// What changes from second to second, read for all events at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPulse {
    /// Key.
    pub id: EventId,
    /// Slug.
    pub slug: String,
    /// Grows with every import: when it does, the event is read again.
    pub revision: i64,
    /// Limited places.
    pub places: Vec<PlaceCount>,
    /// Views of the event page so far.
    pub views: u64,
}

/// A registration about to be written, in one transaction.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// Key.
    pub id: RegistrationId,
    /// Its event.
    pub event: EventId,
    /// The form version that its answers were given to.
    pub form_version: i32,
    /// Claimed first: unique over all registrations.
    pub submission: SubmissionId,
    /// SHA-256 of the typed answers; files are compared by their own.
    pub content_digest: [u8; 32],
    /// Reference to be taken.
    pub reference: Reference,
    /// The answers as JSON.
    pub answers: serde_json::Value,
    /// Plain columns, for lists and search.
    pub columns: Columns,
    /// Language used.
    pub language: Language,
    /// Id of the request, carried into mails and logs.
    pub request_id: String,
    /// Files, small ones with their content.
    pub attachments: Vec<NewAttachment>,
    /// Counters to take from, in this order, as the last statements.
    pub places: Vec<PlaceKey>,
    /// What happens when a counter is exhausted.
    pub when_full: WhenFull,
    /// Notifications to write.
    pub notifications: Vec<NewNotification>,
    /// Set where the event takes each address once: what is written to the address, and to nobody else, if somebody alive
    /// has it already. Then the registration is kept as `rejected`, holds no place and is in no count.
    pub if_duplicate: Option<NewNotification>,
    /// Summary counts as of status `confirmed`; the store moves the `status` dimension's row when it becomes `waiting`.
    pub summary: Vec<SummaryDelta>,
    /// Now.
    pub at: Timestamp,
}

/// Columns that lists and searches use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Full name.
    pub name: String,
    /// Mail address as typed.
    pub email: String,
    /// Organisation.
    pub organization: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Value of the field `category`.
    pub category: Option<String>,
    /// Value of the field `attendance`.
    pub attendance: Option<String>,
    /// Name, address, organisation and reference in lower case, for search.
    pub search_text: String,
}

impl Columns {
    /// What two registrations of one address have in common.
    pub fn address_key(&self) -> String {
        self.email.trim().to_lowercase()
    }

    /// What two registrations of one name and organisation have in common; `None` without an organisation.
    pub fn person_key(&self) -> Option<String> {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let organization = plain(self.organization.as_deref()?);
        let name = plain(&self.name);
        (!organization.is_empty() && !name.is_empty()).then(|| format!("{name}\n{organization}"))
    }
}

/// A file of a registration about to be written.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// Key; for [`FileContent::Uploaded`] the upload's.
    pub id: FileId,
    /// Key of its field.
    pub field: String,
    /// The registrant's name for it, made safe.
    pub name: String,
    /// Type by content.
    pub media: Media,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Where the content is.
    pub content: FileContent,
}

/// Where the content of a file is before its registration is written.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// In memory, at most [`crate::attachment::SMALL_FILE`].
    Small(Vec<u8>),
    /// In the store, as a finished upload that the transaction adopts.
    Uploaded,
}

/// A registration that goes as if it had never come.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Which.
    pub id: RegistrationId,
    /// The status that it has.
    pub status: Status,
    /// Counters that get a place back.
    pub places: Vec<PlaceKey>,
    /// What it added to the summary, negative.
    pub summary: Vec<SummaryDelta>,
}

/// What came of writing a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is stored.
    New(Status),
    /// It is stored as a second registration of an address that an event takes once. Whoever sent it is told the same as
    /// after a first one: this status.
    Duplicate(Status),
    /// The submission id is taken: by this registration. Nothing was written.
    Existing(Existing),
    /// `when_full = closed` and these places are gone. Nothing was written.
    Full(PlaceKey),
    /// The reference is taken: choose another and come again. Nothing was written.
    ReferenceTaken,
    /// An upload to adopt is not there any more (reaped, or adopted elsewhere). Nothing was written.
    UploadGone(FileId),
}

/// The registration that holds a submission id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Key.
    pub id: RegistrationId,
    /// Its event.
    pub event: EventId,
    /// Reference.
    pub reference: Reference,
    /// Status now.
    pub status: Status,
    /// Digest of its typed answers.
    pub content_digest: [u8; 32],
    /// Fields and SHA-256 of its files, in the order of their ids.
    pub files: Vec<(String, [u8; 32])>,
}

/// A registration read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Key.
    pub id: RegistrationId,
    /// Its event.
    pub event: EventId,
    /// The form version of its answers.
    pub form_version: i32,
    /// Reference.
    pub reference: Reference,
    /// Status.
    pub status: Status,
    /// The registration of the same address that stands in its place, where the event takes each address once. The public
    /// never learns of it.
    pub duplicate_of: Option<RegistrationId>,
    /// The status that the registrant is shown: of a duplicate that of a first registration, else `status`.
    pub shown_status: Status,
    /// Answers as JSON; `{}` when they are erased.
    pub answers: serde_json::Value,
    /// Plain columns; empty when they are erased.
    pub columns: Columns,
    /// Language used.
    pub language: Language,
    /// Id of the request that brought it.
    pub request_id: String,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When everything about the person was erased.
    pub erased_at: Option<Timestamp>,
}

/// What is kept of an event's registrants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptData {
    /// Registrations in any status, erased ones included.
    pub registrations: u64,
    /// Those that are erased.
    pub erased: u64,
    /// Attached files.
    pub attachments: u64,
    /// Their bytes.
    pub attachment_bytes: u64,
}

/// A row of the organisers' table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Key.
    pub id: RegistrationId,
    /// Reference.
    pub reference: Reference,
    /// Status.
    pub status: Status,
    /// Full name.
    pub name: String,
    /// Organisation.
    pub organization: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Value of the field `category`.
    pub category: Option<String>,
    /// When it came in.
    pub created_at: Timestamp,
}

/// What an organiser is told of a registration.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    /// The registration.
    pub record: Record,
    /// Its files, in the order of their ids.
    pub files: Vec<FileRow>,
    /// References of other registrations of the same event that are alive and have the same address, or the same name and
    /// organisation; oldest first, 10 at most.
    pub same_person: Vec<Reference>,
}

impl Dossier {
    /// Puts together what a store found of the registrations with these ids, in their order; those without a record are left
    /// out.
    pub fn of(
        ids: &[RegistrationId],
        records: Vec<Record>,
        files: Vec<(RegistrationId, FileRow)>,
        same_person: Vec<(RegistrationId, Reference)>,
    ) -> Vec<Self> {
        let mut found: HashMap<RegistrationId, Self> = records
            .into_iter()
            .map(|record| (record.id, Self { record, files: Vec::new(), same_person: Vec::new() }))
            .collect();
        for (id, file) in files {
            found.entry(id).and_modify(|dossier| dossier.files.push(file));
        }
        for (id, reference) in same_person {
            found.entry(id).and_modify(|dossier| dossier.same_person.push(reference));
        }
        ids.iter().filter_map(|id| found.remove(id)).collect()
    }
}

/// A stored file, of an upload or of a registration, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Key.
    pub id: FileId,
    /// Key of its field.
    pub field: String,
    /// The registrant's name for it, made safe.
    pub name: String,
    /// Type by content.
    pub media: Media,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// What is counted of page views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Page {
    /// The event page was shown.
    Event,
    /// The form was opened.
    Form,
    /// A registration was submitted and stored.
    Submitted,
}

impl Page {
    /// The stored word, also the label of `karibu_page_views_total`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Form => "form",
            Self::Submitted => "submitted",
        }
    }
}

/// Views to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewCount {
    /// Event.
    pub event: EventId,
    /// Day in the event's zone.
    pub day: Date,
    /// Page.
    pub page: Page,
    /// How many.
    pub n: u64,
}

/// Views of an event over all days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewTotals {
    /// Event page shown.
    pub views: u64,
    /// Form opened.
    pub opened: u64,
    /// Registrations submitted.
    pub submitted: u64,
}

/// The state of the outbox, for metrics and `/readyz`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutboxDepth {
    /// Notifications not yet sent: without a mail, or with one that is pending.
    pub pending: u64,
    /// Age of the oldest of them by the database's clock, in seconds.
    pub oldest_pending_seconds: Option<f64>,
    /// Mails that are parked.
    pub parked: u64,
    /// Registrations without any notification row, among the latest 10,000; must be 0.
    pub registrations_without_notification: u64,
    /// Bytes of all attachments and uploads.
    pub attachment_bytes: u64,
    /// Bytes of the uploads among them that wait for their form.
    pub waiting_upload_bytes: u64,
}

/// A fresh UUID of version 7 (RFC 9562) from a time and ten random bytes.
pub fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.as_millisecond().max(0) as u64, &random).into_uuid()
}

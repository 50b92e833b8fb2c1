//! What the desk needs from outside, one small trait per concern. The store crates implement most of them; `contract`
//! (feature of the same name) is the suite that every store must pass.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::ids::{EventId, FileId, MailId, RegistrationId, SubmissionId};
use crate::notification::{LeasedMail, Made, MailRow, MailState, NewMail, NewNotification, PendingNotification};
use crate::places::PlaceCount;
use crate::reference::Reference;
use crate::stored::{
    Change, Dossier, Erasure, EventImport, EventPulse, Existing, FileChange, FileRow, HistoryRow, Imported, KeptData,
    ListRow, NewAttachment, NewRegistration, OutboxDepth, Record, Registered, Removal, StatusChange, StoredEvent,
    ViewCount, ViewTotals,
};
use crate::summary::Summary;

/// Why a store could not do what was asked. Nobody above a store crate sees its engine's errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule was broken by a race that the caller may resolve.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The database is locked, full, read-only or out of reach: try again later. No answer is in the text.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// Our own mistake.
    #[error("store bug: {0}")]
    Bug(String),
}

/// Result of a port.
pub type StoreResult<T> = Result<T, StoreError>;

/// Tells the time. Injected, so that tests own it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes of cryptographic quality. Injected, so that tests can repeat.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Wakes the notifier after a commit. Best effort: it never blocks and never fails; the outbox is the truth.
pub trait Conveyor: Send + Sync {
    /// There is a notification of this registration.
    fn wake(&self, registration: RegistrationId);
}

/// Event files, form versions and places.
#[async_trait]
pub trait Events: Send + Sync {
    /// Stores an event file; in one transaction makes a new form version if the form differs from the newest one, and sets
    /// the limits of places (a counter that appears counts what is already taken; one that is no longer limited goes).
    async fn import(&self, import: &EventImport) -> StoreResult<Imported>;
    /// All events, by slug.
    async fn all(&self) -> StoreResult<Vec<StoredEvent>>;
    /// One event.
    async fn by_slug(&self, slug: &str) -> StoreResult<Option<StoredEvent>>;
    /// A form version's JSON.
    async fn form(&self, event: EventId, version: i32) -> StoreResult<Option<serde_json::Value>>;
    /// What changes from second to second, of all events, in one cheap read.
    async fn pulse(&self) -> StoreResult<Vec<EventPulse>>;
    /// Limited places of one event and of its options, as they are now; none if there is no such event.
    async fn places(&self, event: EventId) -> StoreResult<Vec<PlaceCount>> {
        let pulse = self.pulse().await?.into_iter().find(|pulse| pulse.id == event);
        Ok(pulse.map(|pulse| pulse.places).unwrap_or_default())
    }
}

/// Registrations.
#[async_trait]
pub trait Registrations: Send + Sync {
    /// Writes a registration with its history, attachments, notifications and counts in ONE transaction: the submission id
    /// is claimed first, the counters of places are taken last. See [`Registered`] for what can come of it; only
    /// [`Registered::New`] leaves anything behind. If a counter is exhausted and `when_full` is `waiting`, no counter at
    /// all is taken and the status is `waiting`.
    async fn register(&self, new: &NewRegistration) -> StoreResult<Registered>;
    /// The registration that holds a submission id.
    async fn by_submission(&self, submission: SubmissionId) -> StoreResult<Option<Existing>>;
    /// One registration.
    async fn get(&self, id: RegistrationId) -> StoreResult<Option<Record>>;
    /// Its files, in the order of their ids.
    async fn files(&self, id: RegistrationId) -> StoreResult<Vec<FileRow>>;
    /// The latest registrations of an event that are alive, newest first.
    async fn latest(&self, event: EventId, limit: u32) -> StoreResult<Vec<ListRow>>;
    /// A page of all alive registrations of an event, newest first, after `before` (exclusive).
    async fn page(&self, event: EventId, before: Option<RegistrationId>, limit: u32) -> StoreResult<Vec<ListRow>>;
    /// The registration of an event with this reference.
    async fn find(&self, event: EventId, reference: &Reference) -> StoreResult<Option<RegistrationId>>;
    /// Writes notifications about a registration, with a row `resent` in its history. False if it is not there or is erased.
    async fn notify(&self, id: RegistrationId, notifications: &[NewNotification], at: Timestamp) -> StoreResult<bool>;
    /// All registrations of an event in every status, oldest first, after `after` (exclusive).
    async fn stream(&self, event: EventId, after: Option<RegistrationId>, limit: u32) -> StoreResult<Vec<Record>>;
    /// What happened to a registration, oldest first.
    async fn history(&self, id: RegistrationId) -> StoreResult<Vec<HistoryRow>>;
    /// What an organiser is told of each registration, in the order of the ids; those that are not there are left out. As many
    /// questions to the database for fifty as for one.
    async fn dossiers(&self, ids: &[RegistrationId]) -> StoreResult<Vec<Dossier>>;
    /// Changes a status with history, counters of places, counts and notifications.
    async fn change_status(&self, change: &StatusChange) -> StoreResult<Change>;
    /// Adds files or replaces them, with history and notifications.
    async fn change_files(&self, change: &FileChange) -> StoreResult<Change>;
    /// Erases everything about the person: answers, columns, files, recipients of mails; mails to the person that were not
    /// sent go. Status, places and counts stay, and `notifications` are written.
    async fn erase(&self, id: RegistrationId, notifications: &[NewNotification], at: Timestamp)
    -> StoreResult<Erasure>;
    /// Removes a registration with everything that belongs to it: files, history, notifications and mails that tell of nothing
    /// else; its places and counts go back. False, and nothing happens, if it is not there or its status is another.
    async fn remove(&self, removal: &Removal) -> StoreResult<bool>;
    /// Sees to it that what was erased is not in the database's files any more, where the engine can do that.
    async fn overwrite_erased(&self) -> StoreResult<()>;
    /// Keys of an event's registrations that are not erased, oldest first, after `after` (exclusive).
    async fn not_erased(
        &self,
        event: EventId,
        after: Option<RegistrationId>,
        limit: u32,
    ) -> StoreResult<Vec<RegistrationId>>;
    /// Deletes up to `limit` attached files of an event. Returns how many.
    async fn drop_attachments(&self, event: EventId, limit: u32) -> StoreResult<u64>;
    /// What is kept of an event's registrants. Reads all of them.
    async fn kept_data(&self, event: EventId) -> StoreResult<KeptData>;
    /// Counts by folded rows plus deltas, in one statement.
    async fn summary(&self, event: EventId) -> StoreResult<Summary>;
    /// Folds up to `limit` deltas into the counts (skipping rows that another notifier holds). Returns how many.
    async fn fold_summary(&self, limit: u32) -> StoreResult<u64>;
}

/// Uploads that wait for their registration, and the content of all files.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Begins an upload of a large file; chunks follow in short commits. Of its form and field only the latest
    /// [`crate::attachment::UNFINISHED`] unfinished ones stay.
    async fn begin(&self, id: FileId, submission: SubmissionId, field: &str, at: Timestamp) -> StoreResult<()>;
    /// Appends chunk `index` (0, 1, 2 …), at most [`crate::attachment::CHUNK`] bytes.
    async fn append(&self, id: FileId, index: u32, chunk: &[u8]) -> StoreResult<()>;
    /// Finishes an upload: it is kept for its form until a registration adopts it or it is reaped. An earlier kept upload
    /// of the same submission and field goes.
    async fn finish(&self, submission: SubmissionId, file: &FileRow) -> StoreResult<()>;
    /// Keeps a small file for a form that comes back with errors; the same as begin, append, finish in one commit.
    async fn keep(&self, submission: SubmissionId, file: &NewAttachment, at: Timestamp) -> StoreResult<()>;
    /// The finished uploads that are kept for a form.
    async fn kept(&self, submission: SubmissionId) -> StoreResult<Vec<FileRow>>;
    /// Throws an upload away; nothing happens if it is not there or is an attachment by now.
    async fn discard(&self, id: FileId) -> StoreResult<()>;
    /// Chunk `index` of an attachment's content; `None` after the last.
    async fn chunk(&self, id: FileId, index: u32) -> StoreResult<Option<Vec<u8>>>;
    /// Bytes of all uploads that no registration has adopted, finished or not.
    async fn unclaimed(&self) -> StoreResult<u64>;
    /// Throws away uploads, finished or not, that began before `before`. Returns how many.
    async fn reap(&self, before: Timestamp) -> StoreResult<u64>;
}

/// Notifications and mails. Leases and due times go by the database's clock.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Notifications that no mail carries: first those that are told at once, oldest first, then those of digests whose
    /// window ended at `now` or before, by window.
    async fn unassigned(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<PendingNotification>>;
    /// Makes mails and freezes their notifications, all in one transaction. A mail one of whose notifications is already
    /// carried is left out (another notifier was faster). They are due at once. One to a registrant's address that got
    /// [`MAILS_A_DAY`](crate::notification::MAILS_A_DAY) in the last 24 hours is not made, and its notifications are
    /// withheld.
    async fn make(&self, mails: &[NewMail]) -> StoreResult<Made>;
    /// Leases up to `limit` due mails for `lease`, oldest first, skipping what others hold.
    async fn lease(&self, limit: u32, lease: SignedDuration) -> StoreResult<Vec<LeasedMail>>;
    /// The relay took it.
    async fn sent(&self, id: MailId) -> StoreResult<()>;
    /// It was not taken: due again after `wait`. `error` holds no address and no content.
    async fn retry(&self, id: MailId, wait: SignedDuration, error: &str) -> StoreResult<()>;
    /// The relay was at fault, not the mail: due as it was before.
    async fn relay_fault(&self, id: MailId, error: &str) -> StoreResult<()>;
    /// Prolongs a lease by `lease` from now. False if the mail is not pending any more.
    async fn renew(&self, id: MailId, lease: SignedDuration) -> StoreResult<bool>;
    /// It is refused for good.
    async fn park(&self, id: MailId, error: &str) -> StoreResult<()>;
    /// Mails, newest first; of one event and in one state if given.
    async fn list(&self, event: Option<&str>, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>>;
    /// Whether the mail that its form makes for the registrant is withheld, or will be, because the address got
    /// [`MAILS_A_DAY`](crate::notification::MAILS_A_DAY) in the last 24 hours.
    async fn withheld(&self, registration: RegistrationId) -> StoreResult<bool>;
    /// The mails that tell of a registration, to whomever, newest first.
    async fn mails_of(&self, registration: RegistrationId) -> StoreResult<Vec<MailRow>>;
    /// Makes parked mails (one, or all with `None`) due again, attempts set to 0. Returns how many.
    async fn resend(&self, id: Option<MailId>) -> StoreResult<u64>;
    /// Makes one mail due again whatever its state, under the same Message-ID. False if there is none.
    async fn resend_any(&self, id: MailId) -> StoreResult<bool>;
    /// Its state for metrics, in one read.
    async fn depth(&self) -> StoreResult<OutboxDepth>;
}

/// Page views.
#[async_trait]
pub trait Views: Send + Sync {
    /// Adds counts, one upsert per row, in one transaction.
    async fn add(&self, counts: &[ViewCount]) -> StoreResult<()>;
    /// Totals of an event.
    async fn totals(&self, event: EventId) -> StoreResult<ViewTotals>;
}

/// Whether the database does its work.
#[async_trait]
pub trait Health: Send + Sync {
    /// Ok if a registration could be stored now: reachable, writable, not locked by somebody else. Answers within 3 s.
    async fn writable(&self) -> StoreResult<()>;
}

/// A name, and how long ago it was set, by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Its name.
    pub name: String,
    /// How long ago it was set; never negative.
    pub age: SignedDuration,
}

/// Signs of life, by which processes tell each other what they have seen, and that one of them has told it to somebody.
#[async_trait]
pub trait Signs: Send + Sync {
    /// Sets it to now.
    async fn set_sign(&self, name: &str) -> StoreResult<()>;
    /// Sets it to now unless that was done less than `pause` ago, and says whether it did: of several who ask at once, one.
    async fn claim_sign(&self, name: &str, pause: SignedDuration) -> StoreResult<bool>;
    /// Takes it away. False if it was not there.
    async fn drop_sign(&self, name: &str) -> StoreResult<bool>;
    /// All of them, by name.
    async fn signs(&self) -> StoreResult<Vec<Sign>>;
}

/// A whole store.
pub trait Store: Events + Registrations + Uploads + Outbox + Views + Health + Signs {}

impl<T: Events + Registrations + Uploads + Outbox + Views + Health + Signs> Store for T {}

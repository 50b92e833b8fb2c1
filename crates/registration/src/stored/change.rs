//! Changes of a registration that is there, and what came of them.

use jiff::Timestamp;

use super::{NewAttachment, Status};
use crate::ids::{FileId, RegistrationId};
use crate::notification::NewNotification;
use crate::places::PlaceKey;
use crate::summary::SummaryDelta;

/// A change of status about to be written, in one transaction.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// Key.
    pub id: RegistrationId,
    /// Its status now; if it is another one, nothing is written.
    pub from: Status,
    /// Its status then.
    pub to: Status,
    /// Counters of places to give back to, in the order of [`crate::places::needed`]; those without a limit are left out.
    pub places: Vec<PlaceKey>,
    /// Changes of the counts.
    pub summary: Vec<SummaryDelta>,
    /// Notifications to write.
    pub notifications: Vec<NewNotification>,
    /// Now.
    pub at: Timestamp,
}

/// Files about to be added to a registration or to replace others, in one transaction.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// Key.
    pub id: RegistrationId,
    /// When the registration last changed as it was read; if it is another time, nothing is written.
    pub unchanged_since: Timestamp,
    /// The answers with the files in them.
    pub answers: serde_json::Value,
    /// The files; each replaces what its field had.
    pub files: Vec<NewAttachment>,
    /// Notifications to write.
    pub notifications: Vec<NewNotification>,
    /// Now.
    pub at: Timestamp,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is written.
    Done,
    /// The registration is not as the change expects it, or not there; nothing was written.
    Stale,
    /// An upload to adopt is not there any more; nothing was written.
    UploadGone(FileId),
}

/// What came of erasing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// Everything about the person is erased. These mails told of it: composed copies of them have to go, too.
    Done(Vec<String>),
    /// It was erased before.
    Already(Timestamp),
    /// There is no such registration.
    Unknown,
}

/// A row of a registration's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// What happened: `registered`, a status, `attached`, `resent`, `erased`.
    pub action: String,
    /// More about it; no answer and no address.
    pub detail: Option<String>,
}

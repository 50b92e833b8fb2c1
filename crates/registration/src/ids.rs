//! Identifiers that cross crate borders.

use serde::{Deserialize, Serialize};

/// The store's key of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub i64);

/// Key of a registration: a UUID of version 7, so that newer ones sort after older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegistrationId(pub uuid::Uuid);

/// Key of an uploaded file; it stays the same when a registration adopts the upload as its attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub uuid::Uuid);

/// Key of a mail, the unit of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailId(pub uuid::Uuid);

/// The id that a form carries from its first GET on, so that a repeated submission is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubmissionId(pub uuid::Uuid);

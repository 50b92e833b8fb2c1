//! From columns to what the desk knows.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use registration::attachment::Media;
use registration::ids::FileId;
use registration::language::Language;
use registration::notification::{Kind, MailState};
use registration::ports::{StoreError, StoreResult};
use registration::reference::Reference;
use registration::stored::{FileRow, Status};
use uuid::Uuid;

fn known<T>(value: Option<T>, column: &str) -> StoreResult<T> {
    value.ok_or_else(|| StoreError::Corrupt(format!("column {column}")))
}

/// A time from microseconds since 1970.
pub(crate) fn time(micros: i64) -> StoreResult<Timestamp> {
    known(Timestamp::from_microsecond(micros).ok(), "of a time")
}

/// Ids as `json_each` and `unhex` read them: one parameter for many.
pub(crate) fn hex(ids: &[Uuid]) -> String {
    serde_json::json!(ids.iter().map(|id| id.simple().to_string()).collect::<Vec<_>>()).to_string()
}

/// A length in microseconds.
pub(crate) fn micros(length: SignedDuration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 4)
}

pub(crate) fn status(word: &str) -> StoreResult<Status> {
    known(Status::from_word(word), "status")
}

pub(crate) fn reference(text: &str) -> StoreResult<Reference> {
    known(Reference::from_str(text).ok(), "reference")
}

pub(crate) fn language(tag: &str) -> StoreResult<Language> {
    known(Language::from_str(tag).ok(), "language")
}

pub(crate) fn kind(word: &str) -> StoreResult<Kind> {
    known(Kind::from_word(word), "kind")
}

pub(crate) fn mail_state(word: &str) -> StoreResult<MailState> {
    known(MailState::from_word(word), "state")
}

pub(crate) fn sha256(bytes: Vec<u8>) -> StoreResult<[u8; 32]> {
    known(bytes.try_into().ok(), "of a SHA-256")
}

pub(crate) fn json(text: &str) -> StoreResult<serde_json::Value> {
    known(serde_json::from_str(text).ok(), "of a JSON document")
}

/// The columns of a file, of an upload or an attachment.
pub(crate) struct FileColumns {
    pub(crate) id: Uuid,
    pub(crate) field: String,
    pub(crate) name: String,
    pub(crate) media: String,
    pub(crate) size: i64,
    pub(crate) sha256: Vec<u8>,
}

impl FileColumns {
    pub(crate) fn into_row(self) -> StoreResult<FileRow> {
        Ok(FileRow {
            id: FileId(self.id),
            field: self.field,
            name: self.name,
            media: known(Media::from_mime(&self.media), "media")?,
            size: self.size as u64,
            sha256: sha256(self.sha256)?,
        })
    }
}

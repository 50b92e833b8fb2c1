//! From columns to what the desk knows, and back.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use registration::attachment::Media;
use registration::ids::FileId;
use registration::language::Language;
use registration::notification::{Kind, MailState};
use registration::ports::{StoreError, StoreResult};
use registration::reference::Reference;
use registration::stored::{FileRow, Status};
use time::OffsetDateTime;
use uuid::Uuid;

fn known<T>(value: Option<T>, column: &str) -> StoreResult<T> {
    value.ok_or_else(|| StoreError::Corrupt(format!("column {column}")))
}

/// A time as sqlx gives it.
pub(crate) fn time(at: OffsetDateTime) -> StoreResult<Timestamp> {
    known(Timestamp::from_nanosecond(at.unix_timestamp_nanos()).ok(), "of a time")
}

/// A time as sqlx takes it.
pub(crate) fn to_time(at: Timestamp) -> StoreResult<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanosecond())
        .map_err(|_| StoreError::Bug("a time is out of range".to_owned()))
}

/// A day as sqlx takes it.
pub(crate) fn to_day(day: Date) -> StoreResult<time::Date> {
    let month = time::Month::try_from(day.month().unsigned_abs());
    month
        .and_then(|month| time::Date::from_calendar_date(day.year().into(), month, day.day().unsigned_abs()))
        .map_err(|_| StoreError::Bug("a day is out of range".to_owned()))
}

/// A length in microseconds, as intervals are computed from here.
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

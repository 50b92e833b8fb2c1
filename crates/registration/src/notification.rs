//! Notifications and the mails that carry them.
//!
//! A notification (registration × recipient × kind) is written in the registration's transaction. The notifier makes
//! mails of notifications: a mail is the unit of delivery, its Message-ID and its notifications are fixed when it is made.

use jiff::Timestamp;

use crate::ids::{EventId, MailId, RegistrationId};
use crate::language::Language;

/// What a notification tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To an organiser: a new registration.
    Registered,
    /// To the registrant: confirmation, or the place on the waiting list.
    Confirmation,
}

impl Kind {
    /// The stored word, also in the header `X-Karibu-Kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Confirmation => "confirmation",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Registered, Self::Confirmation].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A notification to be written with a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// Mail address.
    pub recipient: String,
    /// What it tells.
    pub kind: Kind,
    /// Language to write in.
    pub language: Language,
}

/// A notification that no mail carries yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingNotification {
    /// The store's key; ascending in the order of writing.
    pub id: i64,
    /// Its event.
    pub event: EventId,
    /// Its registration.
    pub registration: RegistrationId,
    /// Mail address.
    pub recipient: String,
    /// What it tells.
    pub kind: Kind,
    /// Language to write in.
    pub language: Language,
    /// When it was written, by the database's clock.
    pub created_at: Timestamp,
}

/// A mail to be made of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Key, also the local part of the Message-ID.
    pub id: MailId,
    /// Its event.
    pub event: EventId,
    /// The one recipient.
    pub recipient: String,
    /// What it tells.
    pub kind: Kind,
    /// Language to write in.
    pub language: Language,
    /// `<…@…>`, fixed from now on, so that a repeat is recognisable.
    pub message_id: String,
    /// The notifications it carries, frozen; 1 to 50.
    pub notifications: Vec<i64>,
}

/// Where a mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// To be sent when due (leased while a worker sends it).
    Pending,
    /// The relay took it.
    Sent,
    /// Refused for good, or tried for too long; somebody must look.
    Parked,
}

impl MailState {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Parked => "parked",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Parked].into_iter().find(|state| state.as_str() == word)
    }
}

/// A mail that this process has leased and must send, put back or park before the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedMail {
    /// Key.
    pub id: MailId,
    /// Its event.
    pub event: EventId,
    /// The one recipient.
    pub recipient: String,
    /// What it tells.
    pub kind: Kind,
    /// Language to write in.
    pub language: Language,
    /// `<…@…>`.
    pub message_id: String,
    /// Attempts made before this one.
    pub attempts: u32,
    /// When the mail was made.
    pub created_at: Timestamp,
    /// The registrations it tells of, in the order of their notifications.
    pub registrations: Vec<RegistrationId>,
}

/// A mail as `karibu notifications list` shows it. No subject and no content is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// Key.
    pub id: MailId,
    /// Slug of its event.
    pub event: String,
    /// Mail address.
    pub recipient: String,
    /// What it tells.
    pub kind: Kind,
    /// `<…@…>`.
    pub message_id: String,
    /// References of the registrations it tells of.
    pub references: Vec<String>,
    /// Where it is.
    pub state: MailState,
    /// Attempts made.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// What the relay last answered, or what went wrong.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the relay took it.
    pub sent_at: Option<Timestamp>,
}

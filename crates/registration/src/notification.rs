//! Notifications and the mails that carry them.
//!
//! A notification (registration × recipient × kind) is written in the registration's transaction. The notifier makes
//! mails of notifications: a mail is the unit of delivery, its Message-ID and its notifications are fixed when it is made.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::ids::{EventId, MailId, RegistrationId};
use crate::language::Language;

/// What a notification or a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To an organiser: a new registration.
    Registered,
    /// To an organiser: a registration was cancelled.
    Cancelled,
    /// To an organiser: a registration's answers and files were erased.
    Erased,
    /// To an organiser: a file was added or replaced after registering.
    Attached,
    /// To an organiser: a mail of several notifications, or of a digest's window. No notification is of this kind.
    Digest,
    /// To the registrant: confirmation, or the place on the waiting list.
    Confirmation,
    /// To the registrant: the address is registered already, where an event takes each only once.
    Duplicate,
    /// To the registrant, from the organisers: how the registration stands now (cancelled, or the confirmation once more).
    Notice,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Registered,
        Self::Cancelled,
        Self::Erased,
        Self::Attached,
        Self::Digest,
        Self::Confirmation,
        Self::Duplicate,
        Self::Notice,
    ];

    /// The stored word, also in the header `X-Karibu-Kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Cancelled => "cancelled",
            Self::Erased => "erased",
            Self::Attached => "attached",
            Self::Digest => "digest",
            Self::Confirmation => "confirmation",
            Self::Duplicate => "duplicate",
            Self::Notice => "notice",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it goes to the address that somebody typed into a public form, not to an organiser.
    pub const fn is_to_registrant(self) -> bool {
        self.is_of_a_form() || matches!(self, Self::Notice)
    }

    /// Whether a public form alone makes it go to the address in it, so that there is a limit to it.
    pub const fn is_of_a_form(self) -> bool {
        matches!(self, Self::Confirmation | Self::Duplicate)
    }
}

/// Most mails that one registrant's address gets in a day because of public forms, so that nobody can be flooded by others.
/// A notification above it is withheld: kept, and in no mail.
pub const MAILS_A_DAY: u32 = 3;

/// The time that a digest tells of, from its first instant to the one after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Its first instant.
    pub starts: Timestamp,
    /// The instant after its last: the digest is due.
    pub ends: Timestamp,
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
    /// The digest it belongs to; `None` is told at once.
    pub window: Option<Window>,
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
    /// The digest it belongs to.
    pub window: Option<Window>,
    /// Bytes of the registration's answers as JSON: what the mail's size is estimated by. 0 for mails to registrants.
    pub answers_bytes: u64,
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
    /// The digest's window. A mail of the same event, recipient and window that is there already makes this one its next
    /// part.
    pub window: Option<Window>,
    /// The notifications it carries, frozen; 1 to 50.
    pub notifications: Vec<i64>,
}

/// Parts mails into those to be made and those whose address, a registrant's, got enough for a day. `got` tells of each
/// mail [of a form](Kind::is_of_a_form), in their order: what its address is counted under, and how many it got in the last 24 hours.
#[must_use]
pub fn without_enough(
    mails: &[NewMail],
    got: impl IntoIterator<Item = (String, i64)>,
) -> (Vec<&NewMail>, Vec<&NewMail>) {
    let mut got = got.into_iter();
    let mut counts: HashMap<String, i64> = HashMap::new();
    mails.iter().partition(|mail| {
        if !mail.kind.is_of_a_form() {
            return true;
        }
        let Some((address, earlier)) = got.next() else { return true };
        let count = counts.entry(address).or_insert(earlier);
        *count += 1;
        *count <= i64::from(MAILS_A_DAY)
    })
}

/// Those mails whose notifications are all `free` (carried by no mail, not withheld): what one of them carries is not free for
/// the later ones.
#[must_use]
pub fn carried_by_none(mails: Vec<&NewMail>, free: impl IntoIterator<Item = i64>) -> Vec<&NewMail> {
    let mut free: HashSet<i64> = free.into_iter().collect();
    let mut made = mails;
    made.retain(|mail| {
        let whole = !mail.notifications.is_empty() && mail.notifications.iter().all(|id| free.contains(id));
        if whole {
            for id in &mail.notifications {
                free.remove(id);
            }
        }
        whole
    });
    made
}

/// What making mails came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Mails that were made.
    pub mails: usize,
    /// Notifications that were withheld because their address got enough for a day.
    pub withheld: usize,
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
    /// Attempts made before this one that say something about this mail: those while the relay was at fault do not count.
    pub attempts: u32,
    /// When the mail was made.
    pub created_at: Timestamp,
    /// The digest's window.
    pub window: Option<Window>,
    /// Which of the mails of its window it is, from 1.
    pub part: u32,
    /// What it tells, in the order of its notifications.
    pub entries: Vec<LeasedEntry>,
}

/// One notification of a leased mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasedEntry {
    /// The registration it tells of.
    pub registration: RegistrationId,
    /// What it tells of it.
    pub kind: Kind,
    /// When it was written, by the database's clock.
    pub at: Timestamp,
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

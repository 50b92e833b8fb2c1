//! An event as the desk knows it: parsed from its event file, its relative dates resolved.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::form::{Choice, Form};
use crate::language::{Language, Text};

/// A form opened before closing is still accepted this long after it.
pub const GRACE_AFTER_CLOSING: SignedDuration = SignedDuration::from_mins(60);

/// A conference or workshop that people register for.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event's part of its URLs: lower-case letters, digits and hyphens, at most 60, not a reserved word.
    pub slug: String,
    /// Full name.
    pub name: Text,
    /// Short name for mail subjects, e.g. `UbuntuNet-Connect`; no line breaks. Defaults to the name.
    pub short_name: Text,
    /// A paragraph or more about the event; blank lines separate paragraphs.
    pub description: Option<Text>,
    /// First day, in the event's zone.
    pub starts: Date,
    /// Last day, in the event's zone; not before `starts`.
    pub ends: Date,
    /// IANA zone of the venue; dates are shown in it.
    pub zone: TimeZone,
    /// Where it takes place.
    pub venue: Venue,
    /// Registration opens at this wall-clock time of the zone.
    pub opens: DateTime,
    /// Registration closes at this wall-clock time of the zone; after `opens`.
    pub closes: DateTime,
    /// Places in all; `None` is without limit.
    pub capacity: Option<u32>,
    /// What a person gets when no place is left.
    pub when_full: WhenFull,
    /// Categories of registrants; the field `category` offers them when it lists no options of its own.
    pub categories: Vec<Choice>,
    /// Who is told of registrations.
    pub organizers: Vec<Organizer>,
    /// Languages of the form, the default first; never empty.
    pub languages: Vec<Language>,
    /// Whether the event page shows "viewed N times".
    pub show_views: bool,
    /// Whether an address may register only once; a second time is told to the address only.
    pub one_per_address: bool,
    /// How long personal data are kept.
    pub retention: Retention,
    /// What a registrant is told at the form about their data.
    pub privacy: Privacy,
    /// The form that registrants fill in.
    pub form: Form,
}

/// Where an event takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Venue {
    /// Name of the building or campus.
    pub name: Option<Text>,
    /// Street address, one line.
    pub address: Option<Text>,
    /// City.
    pub city: Option<Text>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
}

/// What happens to a registration when no place is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// It is stored as `waiting`.
    Waiting,
    /// The form is closed with a friendly page.
    Closed,
}

/// Somebody who is told of registrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organizer {
    /// Mail address.
    pub email: String,
    /// When mails are sent.
    pub delivery: Delivery,
    /// Language of the mails.
    pub language: Language,
}

/// When an organiser gets mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One for every new registration.
    Each,
    /// One for each stretch of so many minutes in which something happened, counted from midnight in the event's zone.
    Every {
        /// From 5 to 720.
        minutes: u32,
    },
    /// One a day at this time in the event's zone, if something happened.
    Daily {
        /// Wall-clock time.
        at: Time,
    },
    /// None.
    Off,
}

/// How long personal data are kept after the event's last day; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days until attached files are deleted.
    pub attachments_days: Option<u32>,
    /// Days until everything about the registrants is erased. The counts stay.
    pub answers_days: Option<u32>,
}

/// What is told to registrants about their data, by the organisers' own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// What is kept.
    pub what: Text,
    /// For how long.
    pub how_long: Text,
    /// Who reads it.
    pub readers: Text,
    /// Whom to ask: a mail address or a sentence.
    pub contact: Text,
}

/// Where an event is in its life, seen by someone who wants to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Registration has not opened; it will at this time.
    NotYetOpen(Timestamp),
    /// Registration is open until this time.
    Open(Timestamp),
    /// Registration closed at this time.
    Closed(Timestamp),
}

impl Event {
    /// When registration opens.
    pub fn opens_at(&self) -> Timestamp {
        self.instant(self.opens)
    }

    /// When registration closes.
    pub fn closes_at(&self) -> Timestamp {
        self.instant(self.closes)
    }

    /// The phase at `now`; opening is inclusive, closing exclusive.
    pub fn phase(&self, now: Timestamp) -> Phase {
        let (opens, closes) = (self.opens_at(), self.closes_at());
        if now < opens {
            Phase::NotYetOpen(opens)
        } else if now < closes {
            Phase::Open(closes)
        } else {
            Phase::Closed(closes)
        }
    }

    /// Whether a form that was opened at `opened` is accepted at `now`: while registration is open, and for
    /// [`GRACE_AFTER_CLOSING`] after it when the form was opened before closing.
    pub fn accepts(&self, opened: Timestamp, now: Timestamp) -> bool {
        match self.phase(now) {
            Phase::NotYetOpen(_) => false,
            Phase::Open(_) => true,
            Phase::Closed(closed) => opened < closed && now < closed + GRACE_AFTER_CLOSING,
        }
    }

    /// The calendar day of `at` in the event's zone: the day that page views and summaries count by.
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The language to use for someone who prefers `wanted` (best first).
    pub fn language_for(&self, wanted: &[Language]) -> Language {
        wanted
            .iter()
            .copied()
            .find(|language| self.languages.contains(language))
            .unwrap_or_else(|| self.languages.first().copied().unwrap_or(Language::En))
    }

    /// When attached files are deleted; `None` is never.
    pub fn attachments_end(&self) -> Option<Timestamp> {
        self.retention.attachments_days.map(|days| self.days_after(days))
    }

    /// When everything about the registrants is erased; `None` is never.
    pub fn answers_end(&self) -> Option<Timestamp> {
        self.retention.answers_days.map(|days| self.days_after(days))
    }

    /// The end of the day that comes `days` after the last one.
    fn days_after(&self, days: u32) -> Timestamp {
        let day = self.ends.saturating_add(Span::new().days(i64::from(days) + 1));
        self.instant(day.to_datetime(Time::midnight()))
    }

    fn instant(&self, at: DateTime) -> Timestamp {
        // A wall-clock time in a gap or fold is resolved as RFC 5545 does ("compatible"), so this only fails at the ends
        // of the calendar, which the event file does not allow.
        self.zone.to_ambiguous_zoned(at).compatible().map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }
}

//! Days and times of an event file, absolute or relative.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan};

use super::EventFileError;
use super::reader::Value;

/// What relative days count from.
pub(super) struct Days {
    /// The day of the import.
    pub(super) import: Date,
    /// First and last day of the event, once they are known.
    pub(super) event: Option<(Date, Date)>,
}

/// Where a day without a time of day ends up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// At its first minute.
    Start,
    /// At its end, which is the next day's first minute.
    End,
}

/// Longest distance of a relative day.
const FARTHEST: i64 = 36_500;

impl Days {
    /// A day.
    pub(super) fn day(&self, value: Value<'_>) -> Result<Date, EventFileError> {
        let written = value.string()?;
        self.parse_day(&written).ok_or_else(|| {
            let event = if self.event.is_some() { ", \"starts-3d\", \"ends+3d\"" } else { "" };
            value.wrong(format!("must be a day: \"2026-11-04\", \"+60d\" counted from the import{event}"))
        })
    }

    /// A wall-clock time.
    pub(super) fn time(&self, value: Value<'_>, edge: Edge) -> Result<DateTime, EventFileError> {
        let written = value.string()?;
        let (day, clock) = match written.split_once([' ', 'T']) {
            Some((day, clock)) => (day, Some(clock)),
            None => (written.as_str(), None),
        };
        let parsed = self.parse_day(day).and_then(|day| match (clock, edge) {
            (Some(clock), _) => Some(day.to_datetime(parse_clock(clock)?)),
            (None, Edge::Start) => Some(day.to_datetime(Time::midnight())),
            (None, Edge::End) => Some(day.checked_add(1.day()).ok()?.to_datetime(Time::midnight())),
        });
        parsed.ok_or_else(|| {
            value.wrong("must be a day or a time: \"2026-11-04\", \"2026-11-04 17:00\", \"+45d\", \"+45d 17:00\"")
        })
    }

    fn parse_day(&self, written: &str) -> Option<Date> {
        let written = written.trim();
        let (base, rest) = match self.event {
            Some((starts, _)) if written.starts_with("starts") => (starts, &written["starts".len()..]),
            Some((_, ends)) if written.starts_with("ends") => (ends, &written["ends".len()..]),
            _ => (self.import, written),
        };
        if rest.is_empty() && written != rest {
            return Some(base);
        }
        if rest.starts_with(['+', '-']) {
            let days = rest.strip_suffix('d')?;
            if !days[1..].bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let days: i64 = days.parse().ok().filter(|days: &i64| days.abs() <= FARTHEST)?;
            return base.checked_add(Span::new().try_days(days).ok()?).ok();
        }
        let bytes = written.as_bytes();
        let shaped = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        let date: Date = if shaped && rest == written { written.parse().ok()? } else { return None };
        (1900..=9000).contains(&date.year()).then_some(date)
    }
}

/// `17:00` or `17:00:00`.
pub(super) fn parse_clock(written: &str) -> Option<Time> {
    let mut parts = written.trim().split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<i8>().ok() } else { None }
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, 0).ok() }
}

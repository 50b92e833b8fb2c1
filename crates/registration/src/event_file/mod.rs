//! The event file: an event as TOML, as its organisers write it. The format is described in `docs/event-file.md`.

mod changes;
mod dates;
mod event;
mod fields;
mod reader;

use jiff::Timestamp;

pub use self::changes::changes;
use crate::event::Event;
use crate::probe;
use reader::{Section, Source};

/// Slugs that are taken by Karibu's own pages.
pub const RESERVED_SLUGS: [&str; 19] = [
    "static",
    "mail",
    "console",
    "api",
    "organizer",
    "version",
    "check",
    "_check",
    "prometheus",
    "alertmanager",
    "metrics",
    "healthz",
    "readyz",
    "admin",
    "login",
    ".well-known",
    "robots.txt",
    "favicon.ico",
    "sitemap.xml",
];

/// Largest event file, in bytes.
const LARGEST: usize = 1024 * 1024;

/// A mistake in an event file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct EventFileError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// Reads an event file. Relative dates (`"+60d"`, `"-7d"`, and `"+45d 17:00"` for times) count from the day of
/// `imported_at` in the event's zone, so that the same text and time always give the same event.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse(source: &str, imported_at: Timestamp) -> Result<Event, EventFileError> {
    if source.len() > LARGEST {
        return Err(EventFileError { line: 1, reason: "the file is larger than 1 MiB".to_owned() });
    }
    let text = Source::new(source);
    let table = toml::de::DeTable::parse(source).map_err(|error| {
        let twice = error.message().contains("duplicate key");
        if let Some(mistake) = twice.then(|| single_brackets(source)).flatten() {
            return mistake;
        }
        let at = error.span().map_or(0, |span| span.start);
        EventFileError { line: text.line(at), reason: format!("not TOML: {}", error.message().replace('\n', " ")) }
    })?;
    event::read(&Section::top(&text, table.get_ref(), &event::KEYS)?, imported_at, probe::is_file(source))
}

/// A heading in single brackets of what there may be several of: to TOML the second of its kind is a key that is there twice.
fn single_brackets(source: &str) -> Option<EventFileError> {
    const SEVERAL: [&str; 4] = ["field", "categories", "organizers", "organisers"];
    source.lines().enumerate().find_map(|(n, line)| {
        let heading = line.split('#').next()?.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
        let reason = format!("`{heading}`: {}", reader::several(heading));
        SEVERAL.contains(&heading).then(|| EventFileError { line: n + 1, reason })
    })
}

//! The event `_check`: `karibu check` opens its form and registers for it, as a visitor would, and takes that back. It is in no
//! list, has no organisers, and nobody imports a file of their own for it.

use jiff::{SignedDuration, Timestamp};

use crate::answers::Answers;
use crate::event::Event;
use crate::event_file;
use crate::form::Form;
use crate::places;
use crate::ports::{Store, StoreError, StoreResult};
use crate::stored::{Record, Removal, StoredEvent};
use crate::summary;

/// Its slug.
pub const SLUG: &str = "_check";

/// The header by which a check proves that it is one. Only its pages are counted and only it is registered: the form is open to
/// everybody, so that whoever watches a host can see that forms open there.
pub const PROOF: &str = "x-karibu-check";

/// Its event file.
pub const EVENT_FILE: &str = include_str!("probe.toml");

/// How it begins in every version of Karibu.
const BEGINNING: &str = "# The event that `karibu check` registers for";

/// Whether an event file is this one, of whichever version.
pub(crate) fn is_file(source: &str) -> bool {
    source.starts_with(BEGINNING)
}

/// After so long a registration was left behind by a check that was killed.
pub const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// Registrations read at a time.
const AT_ONCE: u32 = 100;

/// Removes what checks left behind. Returns how many registrations.
pub async fn remove_left_behind(store: &dyn Store, now: Timestamp) -> StoreResult<u64> {
    let Some(stored) = store.by_slug(SLUG).await? else { return Ok(0) };
    let (mut removed, mut after) = (0, None);
    loop {
        let records = store.stream(stored.id, after, AT_ONCE).await?;
        for record in &records {
            if now.duration_since(record.created_at) > LEFT_BEHIND && remove(store, &stored, record).await? {
                removed += 1;
            }
        }
        after = records.last().map(|record| record.id);
        if records.len() < AT_ONCE as usize {
            return Ok(removed);
        }
    }
}

/// Removes one registration of it without a trace: nothing and nobody counts it any more. False if somebody else did.
pub async fn remove(store: &dyn Store, stored: &StoredEvent, record: &Record) -> StoreResult<bool> {
    if stored.slug != SLUG || record.event != stored.id {
        return Err(StoreError::Bug("only registrations of checks are removed".to_owned()));
    }
    let event = event_file::parse(&stored.source, stored.imported_at)
        .map_err(|error| StoreError::Corrupt(format!("event file: {error}")))?;
    let form = store.form(record.event, record.form_version).await?;
    let form: Form = form
        .and_then(|json| serde_json::from_value(json).ok())
        .ok_or_else(|| StoreError::Corrupt("a form version".to_owned()))?;
    store.remove(&removal(&event, &form, record)).await
}

fn removal(event: &Event, form: &Form, record: &Record) -> Removal {
    let answers = Answers::from_json(form, &record.answers);
    let mut summary = summary::deltas(form, &answers, record.status, event.day(record.created_at));
    for delta in &mut summary {
        delta.n = -delta.n;
    }
    Removal {
        id: record.id,
        status: record.status,
        places: if record.status.holds_place() { places::needed(form, &answers) } else { Vec::new() },
        summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Phase;

    #[test]
    fn it_is_always_open_has_no_organisers_and_keeps_no_places() {
        for at in ["2020-01-01T00:00:00Z", "2900-01-01T00:00:00Z"] {
            let at: Timestamp = at.parse().unwrap();
            let event = event_file::parse(EVENT_FILE, at).unwrap();
            assert_eq!(event.slug, SLUG);
            assert!(matches!(event.phase(at), Phase::Open(_)));
            assert!(event.organizers.is_empty() && places::limits(&event).is_empty() && !event.show_views);
        }
    }
}

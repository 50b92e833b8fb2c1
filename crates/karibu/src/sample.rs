//! The sample event: it fills an empty store, and is always open.

use jiff::{SignedDuration, Timestamp};
use registration::event::Event;
use registration::event_file;
use registration::places;
use registration::ports::Store;
use registration::probe;
use registration::stored::{EventImport, Imported};
use registration::{SAMPLE_EVENT, ports::StoreError};

use crate::refusal::{Outcome, Refusal};

/// The sample is imported again when it closes within this time.
const REFRESH_HOURS: i64 = 24;

/// Reads an event file and stores it as of `at`. `called` is what the file is called when it is wrong.
pub(crate) async fn import(
    store: &dyn Store,
    source: &str,
    sample: bool,
    called: &str,
    at: Timestamp,
) -> Outcome<(Event, Imported)> {
    let event = event_file::parse(source, at)
        .map_err(|error| Refusal::found(format!("{called}, line {}: {}", error.line, error.reason)))?;
    let form = serde_json::to_value(&event.form).map_err(|error| Refusal::found(format!("{called}: {error}")))?;
    let import = EventImport {
        slug: event.slug.clone(),
        source: source.to_owned(),
        form,
        limits: places::limits(&event),
        sample,
        at,
    };
    let imported = store.import(&import).await.map_err(|error| match error {
        StoreError::Conflict(_) => {
            Refusal::found(format!("{called}: somebody else imports the same event now; try again"))
        }
        other => other.into(),
    })?;
    Ok((event, imported))
}

/// Puts the hidden event for probes into the store, or the one of this version in the place of an older one.
pub(crate) async fn keep_probe(store: &dyn Store, now: Timestamp) -> Outcome {
    let known = store.by_slug(probe::SLUG).await?;
    if known.is_none_or(|known| known.source != probe::EVENT_FILE) {
        import(store, probe::EVENT_FILE, false, "the event of probes", now).await?;
    }
    Ok(())
}

/// Puts the sample into a store without any event, and moves it on when it is about to close. An event file that somebody
/// imported in its place is left alone. Returns whether the sample is among the events.
pub(crate) async fn keep_open(store: &dyn Store, now: Timestamp) -> Outcome<bool> {
    let mut events = store.all().await?;
    events.retain(|event| event.slug != probe::SLUG);
    if events.is_empty() {
        import(store, SAMPLE_EVENT, true, "the sample event", now).await?;
        return Ok(true);
    }
    let Some(sample) = events.iter().find(|event| event.sample) else { return Ok(false) };
    // One that an older version stored and that cannot be read any more is about to close, too.
    let closes =
        event_file::parse(&sample.source, sample.imported_at).map_or(Timestamp::MIN, |event| event.closes_at());
    if closes.duration_since(now) < SignedDuration::from_hours(REFRESH_HOURS) {
        import(store, SAMPLE_EVENT, true, "the sample event", now).await?;
        tracing::info!("the sample event was about to close and is open again");
    }
    Ok(true)
}

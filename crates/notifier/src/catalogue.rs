//! Events and form versions as mails need them, read again when they change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registration::event::Event;
use registration::event_file;
use registration::form::Form;
use registration::ids::EventId;
use registration::ports::{Store, StoreResult};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old the knowledge of revisions may be.
const FRESH: Duration = Duration::from_secs(1);

/// What was read of events. Form versions never change, so they are kept for good.
#[derive(Default)]
pub(crate) struct Catalogue(Mutex<Known>);

#[derive(Default)]
struct Known {
    checked: Option<Instant>,
    events: HashMap<EventId, Entry>,
    forms: HashMap<(EventId, i32), Arc<Form>>,
}

struct Entry {
    revision: i64,
    /// `None` if its file cannot be read.
    event: Option<Arc<Event>>,
}

/// What the catalogue has of something.
pub(crate) enum Found<T> {
    /// It is there.
    Here(Arc<T>),
    /// It is not there.
    Gone,
    /// It is there and cannot be read.
    Unreadable,
}

impl Catalogue {
    /// An event as it is now.
    pub(crate) async fn event(&self, store: &dyn Store, id: EventId) -> StoreResult<Found<Event>> {
        let mut known = self.0.lock().await;
        known.refresh(store).await?;
        if !known.events.contains_key(&id) {
            // It may be younger than a second.
            known.checked = None;
            known.refresh(store).await?;
        }
        Ok(match known.events.get(&id) {
            Some(Entry { event: Some(event), .. }) => Found::Here(event.clone()),
            Some(_) => Found::Unreadable,
            None => Found::Gone,
        })
    }

    /// A form version.
    pub(crate) async fn form(&self, store: &dyn Store, event: EventId, version: i32) -> StoreResult<Found<Form>> {
        let mut known = self.0.lock().await;
        if let Some(form) = known.forms.get(&(event, version)) {
            return Ok(Found::Here(form.clone()));
        }
        let Some(json) = store.form(event, version).await? else { return Ok(Found::Gone) };
        let Ok(form) = serde_json::from_value::<Form>(json) else { return Ok(Found::Unreadable) };
        let form = Arc::new(form);
        known.forms.insert((event, version), form.clone());
        Ok(Found::Here(form))
    }
}

impl Known {
    async fn refresh(&mut self, store: &dyn Store) -> StoreResult<()> {
        if self.checked.is_some_and(|checked| checked.elapsed() < FRESH) {
            return Ok(());
        }
        let now = Instant::now();
        let revisions: HashMap<EventId, i64> =
            store.pulse().await?.into_iter().map(|pulse| (pulse.id, pulse.revision)).collect();
        let same = revisions.len() == self.events.len()
            && self.events.iter().all(|(id, entry)| revisions.get(id) == Some(&entry.revision));
        if !same {
            self.read(store).await?;
        }
        self.checked = Some(now);
        Ok(())
    }

    async fn read(&mut self, store: &dyn Store) -> StoreResult<()> {
        let mut events = HashMap::new();
        for stored in store.all().await? {
            let known = self.events.remove(&stored.id).filter(|entry| entry.revision == stored.revision);
            let entry = known.unwrap_or_else(|| {
                let event = event_file::parse(&stored.source, stored.imported_at)
                    .inspect_err(|error| tracing::error!(event = stored.slug, %error, "the event file cannot be read"))
                    .ok()
                    .map(Arc::new);
                Entry { revision: stored.revision, event }
            });
            events.insert(stored.id, entry);
        }
        self.events = events;
        Ok(())
    }
}

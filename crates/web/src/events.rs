//! The events, in memory: pages and forms are served from here, and go on being served when the database is gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use registration::event::{Event, WhenFull};
use registration::event_file;
use registration::form::Form;
use registration::ids::EventId;
use registration::language::Language;
use registration::places::PlaceCount;
use registration::ports::{Store, StoreError, StoreResult};
use registration::probe;
use registration::register::OpenForm;
use registration::stored::EventPulse;

use crate::pieces::Pieces;

/// An event as it was last read.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) event: Arc<Event>,
    pub(crate) sample: bool,
    pub(crate) revision: i64,
    pub(crate) imported_at: Timestamp,
    pub(crate) form_version: i32,
    pub(crate) form: Arc<Form>,
    pub(crate) places: Vec<PlaceCount>,
    /// Views of the event page.
    pub(crate) views: u64,
    /// The form's pieces by language, made when first asked for.
    pieces: Arc<BTreeMap<Language, OnceLock<Pieces>>>,
}

impl Entry {
    /// The event with the form that was shown.
    pub(crate) fn open(&self, form_version: i32, form: Arc<Form>) -> OpenForm {
        OpenForm {
            id: self.id,
            event: self.event.clone(),
            sample: self.sample,
            form_version,
            form,
            places: self.places.clone(),
        }
    }

    /// The event with its newest form.
    pub(crate) fn open_now(&self) -> OpenForm {
        self.open(self.form_version, self.form.clone())
    }

    /// The kept pieces of the newest form; `make` is called at most once per language and state of places.
    pub(crate) fn pieces(&self, language: Language, make: impl FnOnce(&OpenForm) -> Pieces) -> Option<&Pieces> {
        Some(self.pieces.get(&language)?.get_or_init(|| make(&self.open_now())))
    }

    /// Whether no place is left and nobody may wait.
    pub(crate) fn is_full(&self) -> bool {
        let gone = self.places.iter().any(|count| count.key.is_event() && count.left() == 0);
        gone && self.event.when_full == WhenFull::Closed
    }

    pub(crate) fn is_probe(&self) -> bool {
        self.event.slug == probe::SLUG
    }

    /// The same event with what the pulse says.
    fn with_pulse(self: &Arc<Self>, pulse: EventPulse) -> Arc<Self> {
        if self.places == pulse.places && self.views == pulse.views {
            return self.clone();
        }
        let mut next = Self { views: pulse.views, ..(**self).clone() };
        let before = crate::face::exhausted(&next.open_now());
        next.places = pulse.places;
        if crate::face::exhausted(&next.open_now()) != before {
            next.pieces = no_pieces(&next.event);
        }
        Arc::new(next)
    }
}

fn no_pieces(event: &Event) -> Arc<BTreeMap<Language, OnceLock<Pieces>>> {
    Arc::new(event.languages.iter().map(|language| (*language, OnceLock::new())).collect())
}

/// All events by slug, and old form versions that were asked for.
#[derive(Default)]
pub(crate) struct Catalogue {
    /// `None` before the first read.
    events: RwLock<Option<Arc<Snapshot>>>,
    forms: Mutex<HashMap<(EventId, i32), Arc<Form>>>,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Snapshot {
    events: BTreeMap<String, Arc<Entry>>,
    /// Revisions that cannot be read, so that they are told once and not read every second.
    unreadable: HashMap<EventId, i64>,
}

impl Catalogue {
    /// An event.
    pub(crate) fn event(&self, slug: &str) -> Option<Arc<Entry>> {
        self.snapshot()?.events.get(slug).cloned()
    }

    /// An event by its key.
    pub(crate) fn by_id(&self, id: EventId) -> Option<Arc<Entry>> {
        self.snapshot()?.events.values().find(|entry| entry.id == id).cloned()
    }

    /// All events that lists show, by slug.
    pub(crate) fn listed(&self) -> Vec<Arc<Entry>> {
        let snapshot = self.snapshot().unwrap_or_default();
        snapshot.events.values().filter(|entry| !entry.is_probe()).cloned().collect()
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.snapshot().is_some()
    }

    /// A form version: the newest from memory, an old one read once.
    pub(crate) async fn form(&self, store: &dyn Store, entry: &Entry, version: i32) -> StoreResult<Option<Arc<Form>>> {
        if version == entry.form_version {
            return Ok(Some(entry.form.clone()));
        }
        let key = (entry.id, version);
        let known = self.forms.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let form = read_form(store, entry.id, version).await?;
        if let Some(form) = &form {
            self.forms.lock().unwrap_or_else(PoisonError::into_inner).insert(key, form.clone());
        }
        Ok(form)
    }

    /// Re-reads what changed.
    pub(crate) async fn refresh(&self, store: &dyn Store) -> StoreResult<()> {
        let _one_at_a_time = self.reading.lock().await;
        let pulses = store.pulse().await?;
        let before = self.snapshot().unwrap_or_default();
        let mut next = Snapshot::default();
        for pulse in pulses {
            let known = before.events.get(&pulse.slug).filter(|entry| entry.id == pulse.id);
            let was_unreadable = before.unreadable.get(&pulse.id) == Some(&pulse.revision);
            let entry = match known {
                Some(entry) if entry.revision == pulse.revision || was_unreadable => {
                    if was_unreadable {
                        next.unreadable.insert(pulse.id, pulse.revision);
                    }
                    Some(entry.with_pulse(pulse))
                }
                None if was_unreadable => {
                    next.unreadable.insert(pulse.id, pulse.revision);
                    None
                }
                _ => match read(store, &pulse).await {
                    Ok(entry) => entry.map(Arc::new),
                    Err(StoreError::Corrupt(reason)) => {
                        tracing::error!(
                            event = pulse.slug,
                            reason,
                            "the event cannot be read; what was read before stays"
                        );
                        next.unreadable.insert(pulse.id, pulse.revision);
                        known.map(|entry| entry.with_pulse(pulse))
                    }
                    Err(error) => return Err(error),
                },
            };
            if let Some(entry) = entry {
                next.events.insert(entry.event.slug.clone(), entry);
            }
        }
        *self.events.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(next));
        Ok(())
    }

    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.events.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads an event; `None` if it went meanwhile.
async fn read(store: &dyn Store, pulse: &EventPulse) -> StoreResult<Option<Entry>> {
    let Some(stored) = store.by_slug(&pulse.slug).await? else { return Ok(None) };
    let event = event_file::parse(&stored.source, stored.imported_at)
        .map_err(|error| StoreError::Corrupt(format!("event file: {error}")))?;
    let form = read_form(store, stored.id, stored.form_version).await?;
    let form = form.ok_or_else(|| StoreError::Corrupt("the form version is missing".to_owned()))?;
    let pieces = no_pieces(&event);
    Ok(Some(Entry {
        id: stored.id,
        event: Arc::new(event),
        sample: stored.sample,
        revision: stored.revision,
        imported_at: stored.imported_at,
        form_version: stored.form_version,
        form,
        places: pulse.places.clone(),
        views: pulse.views,
        pieces,
    }))
}

async fn read_form(store: &dyn Store, event: EventId, version: i32) -> StoreResult<Option<Arc<Form>>> {
    let Some(json) = store.form(event, version).await? else { return Ok(None) };
    let form = serde_json::from_value(json).map_err(|error| StoreError::Corrupt(format!("form version: {error}")))?;
    Ok(Some(Arc::new(form)))
}

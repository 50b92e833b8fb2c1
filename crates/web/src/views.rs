//! Page views: counted in memory, written once a second, nothing lost when the database is away.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use registration::ids::EventId;
use registration::ports::{Store, StoreResult};
use registration::stored::{Page, ViewCount};

/// Views that are not written yet, by event, day in its zone, and page.
#[derive(Default)]
pub(crate) struct ViewCounter {
    waiting: Mutex<Counts>,
}

type Counts = BTreeMap<(EventId, Date, Page), u64>;

impl ViewCounter {
    /// Counts one.
    pub(crate) fn count(&self, event: EventId, day: Date, page: Page) {
        self.with(|counts| *counts.entry((event, day, page)).or_default() += 1);
    }

    /// Writes everything in one batch; puts it back when that fails.
    pub(crate) async fn flush(&self, store: &dyn Store) -> StoreResult<()> {
        let taken = self.with(std::mem::take);
        if taken.is_empty() {
            return Ok(());
        }
        let batch: Vec<ViewCount> =
            taken.iter().map(|(&(event, day, page), &n)| ViewCount { event, day, page, n }).collect();
        let written = store.add(&batch).await;
        if written.is_err() {
            self.with(|counts| {
                for (key, n) in taken {
                    *counts.entry(key).or_default() += n;
                }
            });
        }
        written
    }

    fn with<T>(&self, work: impl FnOnce(&mut Counts) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! The machine's clock is what mails wait by here, and it may be set back: what waits would wait so much longer. (Set ahead, mails
//! are only tried early.)

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use registration::ports::StoreResult;

use crate::SqliteStore;
use crate::error::store_error;

/// Microseconds that a clock may differ from itself: it is adjusted a little all the time.
const TOLERANCE: i64 = 2_000_000;

/// When the clock was looked at last, and what it said.
#[derive(Debug, Default)]
pub(crate) struct LastSeen(Mutex<Option<(Instant, i64)>>);

impl LastSeen {
    /// Remembers what the clock says now (microseconds since 1970), and whether it was set back since the last time.
    pub(crate) fn went_back(&self, now: i64) -> bool {
        self.at(Instant::now(), now)
    }

    fn at(&self, instant: Instant, now: i64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.replace((instant, now));
        before.is_some_and(|(then, said)| {
            let passed = instant.saturating_duration_since(then).min(Duration::from_secs(86_400)).as_micros() as i64;
            now < said + passed - TOLERANCE
        })
    }
}

/// Whether a mail waits that was made later than it is now, so that the clock was set back meanwhile.
pub(crate) async fn was_set_back(store: &SqliteStore) -> StoreResult<bool> {
    let from_the_future = sqlx::query_scalar!(
        r#"select exists (
               select 1 from mail where state = 'pending'
                 and created_at > cast(unixepoch('subsec') * 1000000 as integer) + ?) as "any!: bool""#,
        TOLERANCE
    );
    from_the_future.fetch_one(&store.readers).await.map_err(store_error)
}

/// Makes all mails due that wait for a time that is far off now. A lease longer than a quarter of an hour was given by the clock
/// as it was before.
pub(crate) async fn wait_no_longer(store: &SqliteStore) -> StoreResult<()> {
    let mut tx = store.write().await?;
    sqlx::query!(
        "update mail set next_attempt_at = min(next_attempt_at, now.at),
             lease_until = case when lease_until <= now.at + 900000000 then lease_until end
         from (select cast(unixepoch('subsec') * 1000000 as integer) as at) now
         where state = 'pending'"
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    tx.commit().await.map_err(store_error)?;
    tracing::warn!("the clock was set back; mails that waited go now");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_is_noticed_and_a_slow_one_is_not() {
        let (seen, start) = (LastSeen::default(), Instant::now());
        let second = |n: u64| start + Duration::from_secs(n);
        assert!(!seen.at(second(0), 5_000_000_000), "the first time");
        assert!(!seen.at(second(1), 5_001_000_000));
        assert!(!seen.at(second(2), 5_000_500_000), "it was adjusted");
        assert!(!seen.at(second(3), 9_000_000_000), "it was set ahead");
        assert!(seen.at(second(4), 5_000_000_000), "it was set back");
        assert!(!seen.at(second(5), 5_001_000_000));
        assert!(seen.at(second(3_605), 5_001_000_000), "an hour passed, and it says the same");
    }
}

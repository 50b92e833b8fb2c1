//! Whether a registration could be stored now, and gauges that are too slow to be read each second.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use registration::ports::{Health, StoreResult};

use crate::error::store_error;
use crate::{PostgresStore, within};

/// Shorter than the pool's own patience, so that the answer comes within the 3 s that the port promises.
const PROBE: Duration = Duration::from_millis(2500);

/// How long a slow gauge of a large table holds.
const SLOW_GAUGES_HOLD: Duration = Duration::from_mins(1);

/// A table up to this size, in bytes, is read whole each time: some 50,000 files.
const SMALL_TABLE: i64 = 10 << 20;

#[async_trait]
impl Health for PostgresStore {
    async fn writable(&self) -> StoreResult<()> {
        within(PROBE, async {
            // Writes for good: only that shows a full disk. The update of no row waits for whoever locks the table.
            sqlx::query!(
                "with no_row as (update registration set status = status where false)
                 insert into probe (id, at) values (1, now()) on conflict (id) do update set at = excluded.at"
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }
}

/// What reading all of a large table gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowGauges {
    read_at: Instant,
    attachment_bytes: u64,
}

impl PostgresStore {
    /// Bytes of all attachments: exact while there are few, up to a minute old when there are many.
    pub(crate) async fn attachment_bytes(&self) -> StoreResult<u64> {
        let kept = *self.slow_gauges.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(kept) = kept.filter(|kept| kept.read_at.elapsed() < SLOW_GAUGES_HOLD) {
            return Ok(kept.attachment_bytes);
        }
        let row = sqlx::query!(
            r#"select pg_relation_size('attachment') as "table_size!",
                      (select coalesce(sum(size), 0)::bigint from attachment) as "bytes!""#
        );
        let row = row.fetch_one(&self.pool).await.map_err(store_error)?;
        let attachment_bytes = row.bytes as u64;
        if row.table_size > SMALL_TABLE {
            let mut kept = self.slow_gauges.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *kept = Some(SlowGauges { read_at: Instant::now(), attachment_bytes });
        }
        Ok(attachment_bytes)
    }
}

//! Whether a registration could be stored now.

use std::time::Duration;

use async_trait::async_trait;
use registration::ports::{Health, StoreResult};

use crate::error::store_error;
use crate::{PostgresStore, within};

/// Shorter than the pool's own patience, so that the answer comes within the 3 s that the port promises.
const PROBE: Duration = Duration::from_millis(2500);

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

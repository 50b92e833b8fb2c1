//! Whether a registration could be stored now.

use std::time::Duration;

use async_trait::async_trait;
use registration::ports::{Health, StoreError, StoreResult};

use crate::SqliteStore;
use crate::error::store_error;

/// Shorter than a writer's patience, so that the answer comes within the 3 s that the port promises.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

#[async_trait]
impl Health for SqliteStore {
    async fn writable(&self) -> StoreResult<()> {
        match tokio::time::timeout(PROBE_PATIENCE, self.probe()).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unavailable("a write does not come through".to_owned())),
        }
    }
}

impl SqliteStore {
    /// Writes for good: only that shows a full disk.
    async fn probe(&self) -> StoreResult<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "insert into probe (id, at) values (1, cast(unixepoch('subsec') * 1000000 as integer))
             on conflict (id) do update set at = excluded.at"
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }
}

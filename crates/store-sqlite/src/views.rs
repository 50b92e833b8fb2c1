//! Page views.

use async_trait::async_trait;
use registration::ids::EventId;
use registration::ports::{StoreResult, Views};
use registration::stored::{ViewCount, ViewTotals};

use crate::SqliteStore;
use crate::error::store_error;

#[async_trait]
impl Views for SqliteStore {
    async fn add(&self, counts: &[ViewCount]) -> StoreResult<()> {
        if counts.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        for count in counts {
            let (day, page, n) = (count.day.to_string(), count.page.as_str(), count.n as i64);
            sqlx::query!(
                "insert into page_view (event_id, day, page, n) values (?, ?, ?, ?)
                 on conflict (event_id, day, page) do update set n = n + excluded.n",
                count.event.0,
                day,
                page,
                n
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        }
        tx.commit().await.map_err(store_error)
    }

    async fn totals(&self, event: EventId) -> StoreResult<ViewTotals> {
        let row = sqlx::query!(
            r#"select coalesce(sum(n) filter (where page = 'event'), 0) as "views!: i64",
                      coalesce(sum(n) filter (where page = 'form'), 0) as "opened!: i64",
                      coalesce(sum(n) filter (where page = 'submitted'), 0) as "submitted!: i64"
               from page_view where event_id = ?"#,
            event.0
        )
        .fetch_one(&self.readers)
        .await
        .map_err(store_error)?;
        Ok(ViewTotals { views: row.views as u64, opened: row.opened as u64, submitted: row.submitted as u64 })
    }
}

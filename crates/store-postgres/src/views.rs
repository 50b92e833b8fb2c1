//! Page views.

use async_trait::async_trait;
use registration::ids::EventId;
use registration::ports::{StoreResult, Views};
use registration::stored::{ViewCount, ViewTotals};

use crate::convert::to_day;
use crate::error::store_error;
use crate::{PATIENCE, PostgresStore, within};

#[async_trait]
impl Views for PostgresStore {
    async fn add(&self, counts: &[ViewCount]) -> StoreResult<()> {
        if counts.is_empty() {
            return Ok(());
        }
        let events: Vec<i64> = counts.iter().map(|count| count.event.0).collect();
        let days = counts.iter().map(|count| to_day(count.day)).collect::<StoreResult<Vec<_>>>()?;
        let pages: Vec<String> = counts.iter().map(|count| count.page.as_str().to_owned()).collect();
        let numbers: Vec<i64> = counts.iter().map(|count| count.n as i64).collect();
        within(PATIENCE, async {
            // In one order, so that two processes that add to the same rows never wait for each other.
            sqlx::query!(
                "insert into page_view (event_id, day, page, n)
                 select event_id, day, page, sum(n)::bigint
                 from unnest($1::bigint[], $2::date[], $3::text[], $4::bigint[]) one (event_id, day, page, n)
                 group by event_id, day, page order by event_id, day, page
                 on conflict (event_id, day, page) do update set n = page_view.n + excluded.n",
                &events,
                &days,
                &pages,
                &numbers
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }

    async fn totals(&self, event: EventId) -> StoreResult<ViewTotals> {
        within(PATIENCE, async {
            let row = sqlx::query!(
                r#"select coalesce(sum(n) filter (where page = 'event'), 0)::bigint as "views!",
                          coalesce(sum(n) filter (where page = 'form'), 0)::bigint as "opened!",
                          coalesce(sum(n) filter (where page = 'submitted'), 0)::bigint as "submitted!"
                   from page_view where event_id = $1"#,
                event.0
            );
            let row = row.fetch_one(&self.pool).await.map_err(store_error)?;
            Ok(ViewTotals { views: row.views as u64, opened: row.opened as u64, submitted: row.submitted as u64 })
        })
        .await
    }
}

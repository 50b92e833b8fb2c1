//! The running summary: deltas beside folded counts.

use registration::ids::EventId;
use registration::ports::StoreResult;
use registration::summary::{Summary, SummaryDelta};

use crate::SqliteStore;
use crate::error::store_error;

/// Folded counts plus deltas, in one statement, so that nothing is missed or counted twice while it is folded.
pub(crate) async fn read(store: &SqliteStore, event: EventId) -> StoreResult<Summary> {
    let rows = sqlx::query!(
        r#"select dimension as "dimension!", value as "value!", sum(n) as "n!: i64"
           from (select dimension, value, n from summary_count where event_id = ?1
                 union all
                 select dimension, value, n from summary_delta where event_id = ?1)
           group by dimension, value having sum(n) <> 0"#,
        event.0
    )
    .fetch_all(&store.readers)
    .await
    .map_err(store_error)?;
    let rows = rows.into_iter().map(|row| SummaryDelta { dimension: row.dimension, value: row.value, n: row.n });
    Ok(Summary::from_rows(rows))
}

/// Folds the oldest deltas. The write lock keeps the two statements' choice of rows the same.
pub(crate) async fn fold(store: &SqliteStore, limit: u32) -> StoreResult<u64> {
    let limit = i64::from(limit);
    // A notifier asks again and again; who has nothing to fold leaves the writer alone.
    let any = sqlx::query_scalar!(r#"select exists (select 1 from summary_delta) as "any!: bool""#);
    if !any.fetch_one(&store.readers).await.map_err(store_error)? {
        return Ok(0);
    }
    let mut tx = store.write().await?;
    sqlx::query!(
        "insert into summary_count (event_id, dimension, value, n)
         select event_id, dimension, value, sum(n)
         from (select event_id, dimension, value, n from summary_delta order by id limit ?)
         where true group by event_id, dimension, value
         on conflict (event_id, dimension, value) do update set n = n + excluded.n",
        limit
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    let folded =
        sqlx::query!("delete from summary_delta where id in (select id from summary_delta order by id limit ?)", limit)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
    tx.commit().await.map_err(store_error)?;
    Ok(folded.rows_affected())
}

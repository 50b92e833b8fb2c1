//! The running summary: deltas beside folded counts.

use registration::ids::EventId;
use registration::ports::StoreResult;
use registration::summary::{Summary, SummaryDelta};

use crate::PostgresStore;
use crate::error::store_error;

/// Folded counts plus deltas, in one statement, so that nothing is missed or counted twice while it is folded.
pub(crate) async fn read(store: &PostgresStore, event: EventId) -> StoreResult<Summary> {
    let rows = sqlx::query!(
        r#"select dimension as "dimension!", value as "value!", sum(n)::bigint as "n!"
           from (select dimension, value, n from summary_count where event_id = $1
                 union all
                 select dimension, value, n from summary_delta where event_id = $1) counted
           group by dimension, value having sum(n) <> 0"#,
        event.0
    );
    let rows = rows.fetch_all(&store.pool).await.map_err(store_error)?;
    let rows = rows.into_iter().map(|row| SummaryDelta { dimension: row.dimension, value: row.value, n: row.n });
    Ok(Summary::from_rows(rows))
}

/// Folds the oldest deltas that no other notifier is folding, in one statement: whoever reads sees it done or not. The
/// counts are locked in one order, so that two notifiers never wait for each other.
pub(crate) async fn fold(store: &PostgresStore, limit: u32) -> StoreResult<u64> {
    let folded = sqlx::query_scalar!(
        r#"with folded as (
               delete from summary_delta
               where id in (select id from summary_delta order by id limit $1 for update skip locked)
               returning event_id, dimension, value, n),
           counted as (
               insert into summary_count (event_id, dimension, value, n)
               select event_id, dimension, value, sum(n)::bigint from folded
               group by event_id, dimension, value order by event_id, dimension, value
               on conflict (event_id, dimension, value) do update set n = summary_count.n + excluded.n)
           select count(*) as "folded!" from folded"#,
        i64::from(limit)
    );
    Ok(folded.fetch_one(&store.pool).await.map_err(store_error)? as u64)
}

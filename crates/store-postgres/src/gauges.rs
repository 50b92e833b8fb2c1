//! The state of the outbox, which every role asks for each second: it must cost little, above all when mails pile up.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use registration::ports::StoreResult;
use registration::stored::OutboxDepth;
use sqlx::PgConnection;

use crate::PostgresStore;
use crate::error::store_error;

/// A backlog up to this size, in mails or in notifications, is counted each time.
const SMALL_BACKLOG: i64 = 10_000;

/// How long the count of a larger backlog holds.
const BACKLOG_HOLDS: Duration = Duration::from_secs(15);

/// A table of attachments up to this size, in bytes, is summed up each time: some 50,000 files.
const SMALL_TABLE: i64 = 10 << 20;

/// How long the sum of a larger one holds.
const BYTES_HOLD: Duration = Duration::from_secs(60);

/// What was slow to read and is kept for a while.
#[derive(Debug, Default)]
pub(crate) struct SlowGauges {
    backlog: Kept<Backlog>,
    attachment_bytes: Kept<u64>,
}

/// Notifications not yet sent, and the age of the oldest in seconds.
#[derive(Clone, Copy, Debug)]
struct Backlog {
    pending: u64,
    oldest: Option<f64>,
}

/// A value and when it was read.
#[derive(Debug)]
struct Kept<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Copy> Kept<T> {
    fn younger_than(&self, age: Duration) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.filter(|(read_at, _)| read_at.elapsed() < age).map(|(_, value)| value)
    }

    fn keep(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), value));
    }
}

/// The state of the outbox. Exact while it is small; see the constants for when it is not.
pub(crate) async fn depth(store: &PostgresStore) -> StoreResult<OutboxDepth> {
    let mut connection = store.pool.acquire().await.map_err(store_error)?;
    let row = sqlx::query!(
        r#"select (select count(*) from (select from mail where state = 'pending' limit $1) few) as "mails!",
                  (select count(*) from (select from notification
                                         where mail_id is null and window_ends is null and withheld is null limit $1) few)
                      as "waiting!",
                  (select count(*) from mail where state = 'parked') as "parked!",
                  (select count(*) from (select id from registration order by id desc limit 10000) latest
                   where not exists (select 1 from notification n where n.registration_id = latest.id)) as "without!",
                  (select coalesce(sum(size), 0)::bigint from upload) as "upload_bytes!",
                  pg_relation_size('attachment') as "attachment_table!""#,
        SMALL_BACKLOG + 1
    );
    let row = row.fetch_one(&mut *connection).await.map_err(store_error)?;

    let many = row.mails.max(row.waiting) > SMALL_BACKLOG;
    let kept = store.slow_gauges.backlog.younger_than(BACKLOG_HOLDS).filter(|_| many);
    let backlog = match kept {
        Some(backlog) => backlog,
        None => read_backlog(&mut connection).await?,
    };
    if many && kept.is_none() {
        store.slow_gauges.backlog.keep(backlog);
    }

    let many = row.attachment_table > SMALL_TABLE;
    let kept = store.slow_gauges.attachment_bytes.younger_than(BYTES_HOLD).filter(|_| many);
    let attachment_bytes = match kept {
        Some(bytes) => bytes,
        None => read_attachment_bytes(&mut connection).await?,
    };
    if many && kept.is_none() {
        store.slow_gauges.attachment_bytes.keep(attachment_bytes);
    }

    Ok(OutboxDepth {
        pending: backlog.pending,
        oldest_pending_seconds: backlog.oldest,
        parked: row.parked as u64,
        registrations_without_notification: row.without as u64,
        attachment_bytes: row.upload_bytes as u64 + attachment_bytes,
        waiting_upload_bytes: row.upload_bytes as u64,
    })
}

async fn read_backlog(connection: &mut PgConnection) -> StoreResult<Backlog> {
    let row = sqlx::query!(
        r#"with waiting as (
               select count(*) as n, min(created_at) as oldest from notification
               where mail_id is null and window_ends is null and withheld is null
           ), digests as (
               select count(*) as n, min(window_ends) as oldest from notification
               where mail_id is null and window_ends <= now() and withheld is null
           ), pending as (
               select count(*) as n, min(greatest(n.created_at, n.window_ends)) as oldest
               from mail m join notification n on n.mail_id = m.id where m.state = 'pending'
           )
           select waiting.n + digests.n + pending.n as "pending!",
                  extract(epoch from now() - least(waiting.oldest, digests.oldest, pending.oldest))::float8 as "oldest?"
           from waiting, digests, pending"#
    );
    let row = row.fetch_one(connection).await.map_err(store_error)?;
    Ok(Backlog { pending: row.pending as u64, oldest: row.oldest.map(|age| age.max(0.0)) })
}

async fn read_attachment_bytes(connection: &mut PgConnection) -> StoreResult<u64> {
    let bytes = sqlx::query_scalar!(r#"select coalesce(sum(size), 0)::bigint as "bytes!" from attachment"#);
    Ok(bytes.fetch_one(connection).await.map_err(store_error)? as u64)
}

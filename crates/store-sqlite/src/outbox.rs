//! From notifications to mails that are sent. "Now" is SQLite's own, in every statement.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use registration::ids::{EventId, MailId, RegistrationId};
use registration::notification::{
    LeasedEntry, LeasedMail, MAILS_A_DAY, Made, MailRow, MailState, NewMail, PendingNotification, Window,
};
use registration::ports::{Outbox, StoreError, StoreResult};
use registration::stored::OutboxDepth;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::convert::{hex, kind, language, mail_state, micros, time};
use crate::error::store_error;
use crate::together::Work;
use crate::{SqliteStore, clock, making};

#[async_trait]
impl Outbox for SqliteStore {
    async fn unassigned(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<PendingNotification>> {
        let (now, limit) = (now.as_microsecond(), i64::from(limit));
        let rows = sqlx::query_as!(
            WaitingColumns,
            r#"select n.id as "id!", n.event_id, n.registration_id as "registration_id: Uuid", n.recipient, n.kind,
                      n.language, n.window_starts, n.window_ends, n.created_at,
                      (select octet_length(r.answers) from registration r where r.id = n.registration_id)
                          as "answers_bytes!: i64"
               from notification n
               where n.mail_id is null and n.window_ends is null and n.withheld is null order by n.id limit ?"#,
            limit
        );
        let mut rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        let left = limit - rows.len() as i64;
        if left > 0 {
            let digests = sqlx::query_as!(
                WaitingColumns,
                r#"select n.id as "id!", n.event_id, n.registration_id as "registration_id: Uuid", n.recipient, n.kind,
                          n.language, n.window_starts, n.window_ends, n.created_at,
                          (select octet_length(r.answers) from registration r where r.id = n.registration_id)
                              as "answers_bytes!: i64"
                   from notification n
                   where n.mail_id is null and n.window_ends is not null and n.withheld is null
                     and n.window_ends <= ? order by n.window_ends, n.id limit ?"#,
                now,
                left
            );
            rows.extend(digests.fetch_all(&self.readers).await.map_err(store_error)?);
        }
        Ok(rows.into_iter().filter_map(|row| readable(row.into_pending())).collect())
    }

    async fn make(&self, mails: &[NewMail]) -> StoreResult<Made> {
        making::make(self, mails).await
    }

    async fn lease(&self, limit: u32, lease: SignedDuration) -> StoreResult<Vec<LeasedMail>> {
        let (limit, lease) = (i64::from(limit), micros(lease));
        // A notifier asks each second; when nothing is due, the writer is left alone.
        let seen = sqlx::query!(
            r#"select now.at as "now!: i64", exists (
                   select 1 from mail
                   where state = 'pending' and next_attempt_at <= now.at and (lease_until is null or lease_until <= now.at)
               ) as "any!: bool"
               from (select cast(unixepoch('subsec') * 1000000 as integer) as at) now"#
        );
        let seen = seen.fetch_one(&self.readers).await.map_err(store_error)?;
        if self.clock.went_back(seen.now) {
            clock::wait_no_longer(self).await?;
        } else if !seen.any {
            return Ok(Vec::new());
        }
        let mut tx = self.write().await?;
        let rows = sqlx::query!(
            "update mail set lease_until = cast(unixepoch('subsec') * 1000000 as integer) + ?
             where id in (
                 select id from mail
                 where state = 'pending' and next_attempt_at <= cast(unixepoch('subsec') * 1000000 as integer)
                   and (lease_until is null or lease_until <= cast(unixepoch('subsec') * 1000000 as integer))
                 order by next_attempt_at, id limit ?)
             returning id, event_id, recipient, kind, language, message_id, attempts, relay_faults, window_starts,
                 window_ends, part, created_at, next_attempt_at",
            lease,
            limit
        );
        let mut rows = rows.fetch_all(&mut *tx).await.map_err(store_error)?;
        rows.sort_by_key(|row| (row.next_attempt_at, row.id));
        let mut told = entries(&mut tx, &rows.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
        let mut leased = Vec::with_capacity(rows.len());
        for row in rows {
            let words = kind(&row.kind).and_then(|kind| Ok((kind, language(&row.language)?)));
            let Some((kind, language)) = readable(words) else { continue };
            leased.push(LeasedMail {
                id: MailId(row.id),
                event: EventId(row.event_id),
                recipient: row.recipient,
                kind,
                language,
                message_id: row.message_id,
                attempts: (row.attempts - row.relay_faults).max(0) as u32,
                created_at: time(row.created_at)?,
                window: window(row.window_starts, row.window_ends)?,
                part: row.part as u32,
                entries: told.remove(&row.id).unwrap_or_default(),
            });
        }
        tx.commit().await.map_err(store_error)?;
        Ok(leased)
    }

    async fn sent(&self, id: MailId) -> StoreResult<()> {
        self.write_together(Work::Sent(id)).await.map(drop)
    }

    async fn retry(&self, id: MailId, wait: SignedDuration, error: &str) -> StoreResult<()> {
        let wait = micros(wait);
        let mut tx = self.write().await?;
        // Only what is pending: another worker may have sent it after this one's lease ended.
        sqlx::query!(
            "update mail set attempts = attempts + 1, lease_until = null, last_error = ?,
                 next_attempt_at = cast(unixepoch('subsec') * 1000000 as integer) + ?
             where id = ? and state = 'pending'",
            error,
            wait,
            id.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }

    async fn relay_fault(&self, id: MailId, error: &str) -> StoreResult<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "update mail set attempts = attempts + 1, relay_faults = relay_faults + 1, lease_until = null, last_error = ?
             where id = ? and state = 'pending'",
            error,
            id.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }

    async fn renew(&self, id: MailId, lease: SignedDuration) -> StoreResult<bool> {
        let lease = micros(lease);
        let mut tx = self.write().await?;
        let renewed = sqlx::query!(
            "update mail set lease_until = cast(unixepoch('subsec') * 1000000 as integer) + ?
             where id = ? and state = 'pending'",
            lease,
            id.0
        );
        let renewed = renewed.execute(&mut *tx).await.map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(renewed.rows_affected() > 0)
    }

    async fn park(&self, id: MailId, error: &str) -> StoreResult<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "update mail set state = 'parked', attempts = attempts + 1, next_attempt_at = null, lease_until = null,
                 last_error = ?
             where id = ? and state = 'pending'",
            error,
            id.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
    }

    async fn list(&self, event: Option<&str>, state: Option<MailState>, limit: u32) -> StoreResult<Vec<MailRow>> {
        let mut query = mail_rows();
        if let Some(event) = event {
            query.push(" and e.slug = ").push_bind(event);
        }
        // The state is written out, not bound, so that the index of this state is used.
        match state {
            Some(MailState::Pending) => query.push(" and m.state = 'pending'"),
            Some(MailState::Sent) => query.push(" and m.state = 'sent'"),
            Some(MailState::Parked) => query.push(" and m.state = 'parked'"),
            None => &mut query,
        };
        query.push(" order by m.created_at desc, m.id desc limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(mail_row).collect()
    }

    async fn withheld(&self, registration: RegistrationId) -> StoreResult<bool> {
        let enough = i64::from(MAILS_A_DAY);
        let withheld = sqlx::query_scalar!(
            r#"select exists (
                   select 1 from notification n
                   where n.registration_id = ? and n.kind in ('confirmation', 'duplicate') and (
                       n.withheld = 'enough'
                       or n.mail_id is null and n.withheld is null and (
                           select count(*) from mail
                           where kind in ('confirmation', 'duplicate') and lower(recipient) = lower(n.recipient)
                             and created_at > cast(unixepoch('subsec') * 1000000 as integer) - 86400000000) >= ?)
               ) as "any!: bool""#,
            registration.0,
            enough
        );
        withheld.fetch_one(&self.readers).await.map_err(store_error)
    }

    async fn mails_of(&self, registration: RegistrationId) -> StoreResult<Vec<MailRow>> {
        let mut query = mail_rows();
        query.push(" and m.id in (select mail_id from notification where registration_id = ").push_bind(registration.0);
        query.push(") order by m.created_at desc, m.id desc");
        let rows = query.build().fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(mail_row).collect()
    }

    async fn resend(&self, id: Option<MailId>) -> StoreResult<u64> {
        let id = id.map(|id| id.0);
        let mut tx = self.write().await?;
        let due = sqlx::query!(
            "update mail set state = 'pending', attempts = 0, relay_faults = 0, lease_until = null,
                 next_attempt_at = cast(unixepoch('subsec') * 1000000 as integer)
             where state = 'parked' and (?1 is null or id = ?1)",
            id
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(due.rows_affected())
    }

    async fn resend_any(&self, id: MailId) -> StoreResult<bool> {
        let mut tx = self.write().await?;
        let due = sqlx::query!(
            "update mail set state = 'pending', attempts = 0, relay_faults = 0, lease_until = null, sent_at = null,
                 next_attempt_at = cast(unixepoch('subsec') * 1000000 as integer)
             where id = ? and recipient <> ''",
            id.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)?;
        Ok(due.rows_affected() > 0)
    }

    async fn depth(&self) -> StoreResult<OutboxDepth> {
        let row = sqlx::query!(
            r#"select (select count(*) from notification
                       where mail_id is null and window_ends is null and withheld is null) as "waiting!: i64",
                      (select created_at from notification
                       where mail_id is null and window_ends is null and withheld is null order by id limit 1)
                          as "oldest_waiting?: i64",
                      (select count(*) from notification
                       where mail_id is null and window_ends is not null and withheld is null
                         and window_ends <= cast(unixepoch('subsec') * 1000000 as integer)) as "digests!: i64",
                      (select window_ends from notification
                       where mail_id is null and window_ends is not null and withheld is null
                         and window_ends <= cast(unixepoch('subsec') * 1000000 as integer) order by window_ends limit 1)
                          as "oldest_digest?: i64",
                      pending.n as "pending!: i64", pending.oldest as "oldest_pending?: i64",
                      (select count(*) from mail where state = 'parked') as "parked!: i64",
                      (select count(*) from (select id from registration order by id desc limit 10000) latest
                       where not exists (select 1 from notification n where n.registration_id = latest.id))
                          as "without!: i64",
                      (select coalesce(sum(size), 0) from attachment) as "attached!: i64",
                      (select coalesce(sum(size), 0) from upload) as "waiting_bytes!: i64",
                      cast(unixepoch('subsec') * 1000000 as integer) as "now!: i64"
               from (select count(*) as n, min(max(n.created_at, coalesce(n.window_ends, 0))) as oldest
                     from mail m join notification n on n.mail_id = m.id where m.state = 'pending') pending"#
        );
        let row = row.fetch_one(&self.readers).await.map_err(store_error)?;
        let oldest = row.oldest_waiting.into_iter().chain(row.oldest_digest).chain(row.oldest_pending).min();
        let age = oldest.map(|oldest| SignedDuration::from_micros((row.now - oldest).max(0)).as_secs_f64());
        Ok(OutboxDepth {
            pending: (row.waiting + row.digests + row.pending) as u64,
            oldest_pending_seconds: age,
            parked: row.parked as u64,
            registrations_without_notification: row.without as u64,
            attachment_bytes: (row.attached + row.waiting_bytes) as u64,
            waiting_upload_bytes: row.waiting_bytes as u64,
        })
    }
}

/// Marks mails as sent.
pub(crate) async fn mark_sent(tx: &mut SqliteConnection, mails: &[Uuid]) -> StoreResult<()> {
    let ids = hex(mails);
    sqlx::query!(
        "update mail set state = 'sent', attempts = attempts + 1, next_attempt_at = null, lease_until = null,
                 last_error = null, sent_at = cast(unixepoch('subsec') * 1000000 as integer)
             where id in (select unhex(value) from json_each(?))",
        ids
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// What each mail tells, in the order of its notifications.
async fn entries(tx: &mut SqliteConnection, mails: &[Uuid]) -> StoreResult<HashMap<Uuid, Vec<LeasedEntry>>> {
    let ids = hex(mails);
    let rows = sqlx::query!(
        r#"select mail_id as "mail_id!: Uuid", registration_id, kind, created_at from notification
           where mail_id in (select unhex(value) from json_each(?)) order by id"#,
        ids
    );
    let mut entries: HashMap<Uuid, Vec<LeasedEntry>> = HashMap::new();
    for row in rows.fetch_all(tx).await.map_err(store_error)? {
        let read = || {
            Ok(LeasedEntry {
                registration: RegistrationId(row.registration_id),
                kind: kind(&row.kind)?,
                at: time(row.created_at)?,
            })
        };
        entries.entry(row.mail_id).or_default().extend(readable(read()));
    }
    Ok(entries)
}

/// The columns of a notification that waits.
struct WaitingColumns {
    id: i64,
    event_id: i64,
    registration_id: Uuid,
    recipient: String,
    kind: String,
    language: String,
    window_starts: Option<i64>,
    window_ends: Option<i64>,
    created_at: i64,
    answers_bytes: i64,
}

impl WaitingColumns {
    fn into_pending(self) -> StoreResult<PendingNotification> {
        let kind = kind(&self.kind)?;
        Ok(PendingNotification {
            id: self.id,
            event: EventId(self.event_id),
            registration: RegistrationId(self.registration_id),
            recipient: self.recipient,
            kind,
            language: language(&self.language)?,
            window: window(self.window_starts, self.window_ends)?,
            answers_bytes: if kind.is_to_registrant() { 0 } else { self.answers_bytes as u64 },
            created_at: time(self.created_at)?,
        })
    }
}

fn window(starts: Option<i64>, ends: Option<i64>) -> StoreResult<Option<Window>> {
    let (Some(starts), Some(ends)) = (starts, ends) else { return Ok(None) };
    Ok(Some(Window { starts: time(starts)?, ends: time(ends)? }))
}

/// The start of a query for mails, to be narrowed.
fn mail_rows() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(
        "select m.id, e.slug, m.recipient, m.kind, m.message_id, m.state, m.attempts, m.next_attempt_at,
                m.last_error, m.created_at, m.sent_at,
                (select json_group_array(r.reference order by n.id) from notification n
                 join registration r on r.id = n.registration_id where n.mail_id = m.id) as mail_references
         from mail m join event e on e.id = m.event_id where true",
    )
}

fn mail_row(row: &sqlx::sqlite::SqliteRow) -> StoreResult<MailRow> {
    let references: String = row.try_get("mail_references").map_err(store_error)?;
    let text = |column: &str| row.try_get::<String, _>(column).map_err(store_error);
    let at = |column: &str| row.try_get::<Option<i64>, _>(column).map_err(store_error)?.map(time).transpose();
    Ok(MailRow {
        id: MailId(row.try_get("id").map_err(store_error)?),
        event: text("slug")?,
        recipient: text("recipient")?,
        kind: kind(&text("kind")?)?,
        message_id: text("message_id")?,
        references: serde_json::from_str(&references)
            .map_err(|_| StoreError::Corrupt("column reference".to_owned()))?,
        state: mail_state(&text("state")?)?,
        attempts: row.try_get("attempts").map_err(store_error)?,
        next_attempt_at: at("next_attempt_at")?,
        last_error: row.try_get("last_error").map_err(store_error)?,
        created_at: time(row.try_get("created_at").map_err(store_error)?)?,
        sent_at: at("sent_at")?,
    })
}

/// Leaves out a row that this version cannot read, as a newer one may have written it, so that it stops no other.
fn readable<T>(row: StoreResult<T>) -> Option<T> {
    row.inspect_err(|error| tracing::warn!(%error, "a row of the outbox is left to a newer version")).ok()
}

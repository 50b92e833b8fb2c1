//! From notifications to mails that are sent. "Now" is SQLite's own, in every statement.

use async_trait::async_trait;
use jiff::SignedDuration;
use registration::ids::{EventId, MailId, RegistrationId};
use registration::notification::{LeasedMail, MailRow, MailState, NewMail, PendingNotification};
use registration::ports::{Outbox, StoreError, StoreResult};
use registration::stored::OutboxDepth;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::SqliteStore;
use crate::convert::{kind, language, mail_state, micros, time};
use crate::error::store_error;

#[async_trait]
impl Outbox for SqliteStore {
    async fn unassigned(&self, limit: u32) -> StoreResult<Vec<PendingNotification>> {
        let limit = i64::from(limit);
        let rows = sqlx::query!(
            "select id, event_id, registration_id, recipient, kind, language, created_at from notification
             where mail_id is null order by id limit ?",
            limit
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter()
            .filter_map(|row| {
                let read = || {
                    Ok(PendingNotification {
                        id: row.id,
                        event: EventId(row.event_id),
                        registration: RegistrationId(row.registration_id),
                        recipient: row.recipient,
                        kind: kind(&row.kind)?,
                        language: language(&row.language)?,
                        created_at: time(row.created_at)?,
                    })
                };
                readable(read())
            })
            .map(Ok)
            .collect()
    }

    async fn make(&self, mails: &[NewMail]) -> StoreResult<usize> {
        if mails.is_empty() {
            return Ok(0);
        }
        let mut made = 0;
        let mut tx = self.write().await?;
        for mail in mails {
            let mut savepoint = tx.begin().await.map_err(store_error)?;
            insert_mail(&mut savepoint, mail).await?;
            let done = if freeze(&mut savepoint, mail).await? {
                made += 1;
                savepoint.commit().await
            } else {
                savepoint.rollback().await
            };
            done.map_err(store_error)?;
        }
        tx.commit().await.map_err(store_error)?;
        Ok(made)
    }

    async fn lease(&self, limit: u32, lease: SignedDuration) -> StoreResult<Vec<LeasedMail>> {
        let (limit, lease) = (i64::from(limit), micros(lease));
        // A notifier asks each second; when nothing is due, the writer is left alone.
        let any = sqlx::query_scalar!(
            r#"select exists (
                   select 1 from mail
                   where state = 'pending' and next_attempt_at <= cast(unixepoch('subsec') * 1000000 as integer)
                     and (lease_until is null or lease_until <= cast(unixepoch('subsec') * 1000000 as integer))
               ) as "any!: bool""#
        );
        if !any.fetch_one(&self.readers).await.map_err(store_error)? {
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
             returning id, event_id, recipient, kind, language, message_id, attempts, created_at, next_attempt_at",
            lease,
            limit
        );
        let mut rows = rows.fetch_all(&mut *tx).await.map_err(store_error)?;
        rows.sort_by_key(|row| (row.next_attempt_at, row.id));
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
                attempts: row.attempts as u32,
                created_at: time(row.created_at)?,
                registrations: registrations_of(&mut tx, row.id).await?,
            });
        }
        tx.commit().await.map_err(store_error)?;
        Ok(leased)
    }

    async fn sent(&self, id: MailId) -> StoreResult<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "update mail set state = 'sent', attempts = attempts + 1, next_attempt_at = null, lease_until = null,
                 last_error = null, sent_at = cast(unixepoch('subsec') * 1000000 as integer)
             where id = ?",
            id.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        tx.commit().await.map_err(store_error)
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
        let mut query = QueryBuilder::<Sqlite>::new(
            "select m.id, e.slug, m.recipient, m.kind, m.message_id, m.state, m.attempts, m.next_attempt_at,
                    m.last_error, m.created_at, m.sent_at,
                    (select json_group_array(r.reference order by n.id) from notification n
                     join registration r on r.id = n.registration_id where n.mail_id = m.id) as mail_references
             from mail m join event e on e.id = m.event_id where true",
        );
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

    async fn resend(&self, id: Option<MailId>) -> StoreResult<u64> {
        let id = id.map(|id| id.0);
        let mut tx = self.write().await?;
        let due = sqlx::query!(
            "update mail set state = 'pending', attempts = 0, lease_until = null,
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
            "update mail set state = 'pending', attempts = 0, lease_until = null, sent_at = null,
                 next_attempt_at = cast(unixepoch('subsec') * 1000000 as integer)
             where id = ?",
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
            r#"select (select count(*) from notification where mail_id is null) as "waiting!: i64",
                      (select created_at from notification where mail_id is null order by id limit 1)
                          as "oldest_waiting?: i64",
                      pending.n as "pending!: i64", pending.oldest as "oldest_pending?: i64",
                      (select count(*) from mail where state = 'parked') as "parked!: i64",
                      (select count(*) from (select id from registration order by id desc limit 10000) latest
                       where not exists (select 1 from notification n where n.registration_id = latest.id))
                          as "without!: i64",
                      (select coalesce(sum(size), 0) from attachment)
                          + (select coalesce(sum(size), 0) from upload) as "bytes!: i64",
                      cast(unixepoch('subsec') * 1000000 as integer) as "now!: i64"
               from (select count(*) as n, min(n.created_at) as oldest
                     from mail m join notification n on n.mail_id = m.id where m.state = 'pending') pending"#
        );
        let row = row.fetch_one(&self.readers).await.map_err(store_error)?;
        let oldest = row.oldest_waiting.into_iter().chain(row.oldest_pending).min();
        let age = oldest.map(|oldest| SignedDuration::from_micros((row.now - oldest).max(0)).as_secs_f64());
        Ok(OutboxDepth {
            pending: (row.waiting + row.pending) as u64,
            oldest_pending_seconds: age,
            parked: row.parked as u64,
            registrations_without_notification: row.without as u64,
            attachment_bytes: row.bytes as u64,
        })
    }
}

/// A mail that is due at once.
async fn insert_mail(tx: &mut SqliteConnection, mail: &NewMail) -> StoreResult<()> {
    let (kind, language) = (mail.kind.as_str(), mail.language.tag());
    sqlx::query!(
        "insert into mail (id, event_id, recipient, kind, language, message_id, state, attempts, next_attempt_at,
             created_at)
         select ?, ?, ?, ?, ?, ?, 'pending', 0, now.at, now.at
         from (select cast(unixepoch('subsec') * 1000000 as integer) as at) now",
        mail.id.0,
        mail.event.0,
        mail.recipient,
        kind,
        language,
        mail.message_id
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Gives a mail its notifications. False if one of them is carried already.
async fn freeze(tx: &mut SqliteConnection, mail: &NewMail) -> StoreResult<bool> {
    for notification in &mail.notifications {
        let frozen = sqlx::query!(
            "update notification set mail_id = ? where id = ? and mail_id is null",
            mail.id.0,
            notification
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        if frozen.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(!mail.notifications.is_empty())
}

async fn registrations_of(tx: &mut SqliteConnection, mail: Uuid) -> StoreResult<Vec<RegistrationId>> {
    let ids = sqlx::query_scalar!("select registration_id from notification where mail_id = ? order by id", mail);
    Ok(ids.fetch_all(tx).await.map_err(store_error)?.into_iter().map(RegistrationId).collect())
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

//! From notifications to mails that are sent. "Now" is PostgreSQL's own, in every statement.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use registration::ids::{EventId, MailId, RegistrationId};
use registration::notification::{
    LeasedEntry, LeasedMail, MAILS_A_DAY, Made, MailRow, MailState, NewMail, PendingNotification, Window,
};
use registration::ports::{Outbox, StoreResult};
use registration::stored::OutboxDepth;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::convert::{kind, language, mail_state, micros, time, to_time};
use crate::error::store_error;
use crate::{PATIENCE, PostgresStore, gauges, making, within};

#[async_trait]
impl Outbox for PostgresStore {
    async fn unassigned(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<PendingNotification>> {
        let now = to_time(now)?;
        within(PATIENCE, async {
            let rows = sqlx::query_as!(
                WaitingColumns,
                r#"select n.id, n.event_id, n.registration_id, n.recipient, n.kind, n.language, n.window_starts, n.window_ends,
                       n.created_at, (select octet_length(r.answers::text) from registration r
                                      where r.id = n.registration_id) as "answers_bytes!"
                   from notification n
                   where n.mail_id is null and n.window_ends is null and n.withheld is null order by n.id limit $1"#,
                i64::from(limit)
            );
            let mut rows = rows.fetch_all(&self.pool).await.map_err(store_error)?;
            let left = i64::from(limit) - rows.len() as i64;
            if left > 0 {
                let digests = sqlx::query_as!(
                    WaitingColumns,
                    r#"select n.id, n.event_id, n.registration_id, n.recipient, n.kind, n.language, n.window_starts, n.window_ends,
                       n.created_at, (select octet_length(r.answers::text) from registration r
                                      where r.id = n.registration_id) as "answers_bytes!"
                       from notification n
                       where n.mail_id is null and n.window_ends is not null and n.withheld is null
                         and n.window_ends <= $1 order by n.window_ends, n.id limit $2"#,
                    now,
                    left
                );
                rows.extend(digests.fetch_all(&self.pool).await.map_err(store_error)?);
            }
            Ok(rows.into_iter().filter_map(|row| readable(row.into_pending())).collect())
        })
        .await
    }

    async fn make(&self, mails: &[NewMail]) -> StoreResult<Made> {
        within(PATIENCE, making::make(self, mails)).await
    }

    async fn lease(&self, limit: u32, lease: SignedDuration) -> StoreResult<Vec<LeasedMail>> {
        within(PATIENCE, async {
            let rows = sqlx::query!(
                r#"with due as (
                       select id from mail
                       where state = 'pending' and next_attempt_at <= now()
                         and (lease_until is null or lease_until <= now())
                       order by next_attempt_at, id limit $1 for update skip locked)
                   update mail set lease_until = now() + $2::bigint * interval '1 microsecond'
                   from due where mail.id = due.id
                   returning mail.id as "id!", event_id as "event_id!", recipient as "recipient!", kind as "kind!",
                       language as "language!", message_id as "message_id!", attempts as "attempts!",
                       relay_faults as "relay_faults!", window_starts, window_ends, part as "part!",
                       created_at as "created_at!", next_attempt_at as "next_attempt_at!",
                       array (select n.registration_id from notification n where n.mail_id = mail.id order by n.id)
                           as "registrations!",
                       array (select n.kind from notification n where n.mail_id = mail.id order by n.id) as "kinds!",
                       array (select n.created_at from notification n where n.mail_id = mail.id order by n.id)
                           as "times!""#,
                i64::from(limit),
                micros(lease)
            );
            let mut rows = rows.fetch_all(&self.pool).await.map_err(store_error)?;
            rows.sort_by_key(|row| (row.next_attempt_at, row.id));
            rows.into_iter()
                .filter_map(|row| {
                    let read = || {
                        Ok(LeasedMail {
                            id: MailId(row.id),
                            event: EventId(row.event_id),
                            recipient: row.recipient,
                            kind: kind(&row.kind)?,
                            language: language(&row.language)?,
                            message_id: row.message_id,
                            attempts: (row.attempts - row.relay_faults).max(0) as u32,
                            created_at: time(row.created_at)?,
                            window: window(row.window_starts, row.window_ends)?,
                            part: row.part as u32,
                            entries: entries(row.registrations, &row.kinds, &row.times),
                        })
                    };
                    readable(read())
                })
                .map(Ok)
                .collect()
        })
        .await
    }

    async fn sent(&self, id: MailId) -> StoreResult<()> {
        within(PATIENCE, async {
            sqlx::query!(
                "update mail set state = 'sent', attempts = attempts + 1, next_attempt_at = null, lease_until = null,
                     last_error = null, sent_at = now()
                 where id = $1",
                id.0
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }

    async fn retry(&self, id: MailId, wait: SignedDuration, error: &str) -> StoreResult<()> {
        within(PATIENCE, async {
            // Only what is pending: another worker may have sent it after this one's lease ended.
            sqlx::query!(
                "update mail set attempts = attempts + 1, lease_until = null, last_error = $2,
                     next_attempt_at = now() + $3::bigint * interval '1 microsecond'
                 where id = $1 and state = 'pending'",
                id.0,
                error,
                micros(wait)
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }

    async fn relay_fault(&self, id: MailId, error: &str) -> StoreResult<()> {
        within(PATIENCE, async {
            sqlx::query!(
                "update mail set attempts = attempts + 1, relay_faults = relay_faults + 1, lease_until = null,
                     last_error = $2
                 where id = $1 and state = 'pending'",
                id.0,
                error
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
    }

    async fn renew(&self, id: MailId, lease: SignedDuration) -> StoreResult<bool> {
        within(PATIENCE, async {
            let renewed = sqlx::query!(
                "update mail set lease_until = now() + $2::bigint * interval '1 microsecond'
                 where id = $1 and state = 'pending'",
                id.0,
                micros(lease)
            );
            Ok(renewed.execute(&self.pool).await.map_err(store_error)?.rows_affected() > 0)
        })
        .await
    }

    async fn park(&self, id: MailId, error: &str) -> StoreResult<()> {
        within(PATIENCE, async {
            sqlx::query!(
                "update mail set state = 'parked', attempts = attempts + 1, next_attempt_at = null, lease_until = null,
                     last_error = $2
                 where id = $1 and state = 'pending'",
                id.0,
                error
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            Ok(())
        })
        .await
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
        within(PATIENCE, async {
            let rows = query.build().fetch_all(&self.pool).await.map_err(store_error)?;
            rows.iter().map(mail_row).collect()
        })
        .await
    }

    async fn withheld(&self, registration: RegistrationId) -> StoreResult<bool> {
        within(PATIENCE, async {
            let withheld = sqlx::query_scalar!(
                r#"select exists (
                       select from notification n
                       where n.registration_id = $1 and n.kind in ('confirmation', 'duplicate') and (
                           n.withheld = 'enough'
                           or n.mail_id is null and n.withheld is null and (
                               select count(*) from mail m
                               where m.kind in ('confirmation', 'duplicate') and lower(m.recipient) = lower(n.recipient)
                                 and m.created_at > now() - interval '24 hours') >= $2)
                   ) as "any!""#,
                registration.0,
                i64::from(MAILS_A_DAY)
            );
            withheld.fetch_one(&self.pool).await.map_err(store_error)
        })
        .await
    }

    async fn mails_of(&self, registration: RegistrationId) -> StoreResult<Vec<MailRow>> {
        let mut query = mail_rows();
        query.push(" and m.id in (select mail_id from notification where registration_id = ").push_bind(registration.0);
        query.push(") order by m.created_at desc, m.id desc");
        within(PATIENCE, async {
            let rows = query.build().fetch_all(&self.pool).await.map_err(store_error)?;
            rows.iter().map(mail_row).collect()
        })
        .await
    }

    async fn resend(&self, id: Option<MailId>) -> StoreResult<u64> {
        within(PATIENCE, async {
            let due = sqlx::query!(
                "update mail set state = 'pending', attempts = 0, relay_faults = 0, lease_until = null,
                     next_attempt_at = now()
                 where state = 'parked' and ($1::uuid is null or id = $1)",
                id.map(|id| id.0)
            );
            Ok(due.execute(&self.pool).await.map_err(store_error)?.rows_affected())
        })
        .await
    }

    async fn resend_any(&self, id: MailId) -> StoreResult<bool> {
        within(PATIENCE, async {
            let due = sqlx::query!(
                "update mail set state = 'pending', attempts = 0, relay_faults = 0, lease_until = null, sent_at = null,
                     next_attempt_at = now()
                 where id = $1 and recipient <> ''",
                id.0
            );
            Ok(due.execute(&self.pool).await.map_err(store_error)?.rows_affected() > 0)
        })
        .await
    }

    async fn depth(&self) -> StoreResult<OutboxDepth> {
        within(PATIENCE, gauges::depth(self)).await
    }
}

/// The columns of a notification that waits.
struct WaitingColumns {
    id: i64,
    event_id: i64,
    registration_id: Uuid,
    recipient: String,
    kind: String,
    language: String,
    window_starts: Option<OffsetDateTime>,
    window_ends: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
    answers_bytes: i32,
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

fn window(starts: Option<OffsetDateTime>, ends: Option<OffsetDateTime>) -> StoreResult<Option<Window>> {
    let (Some(starts), Some(ends)) = (starts, ends) else { return Ok(None) };
    Ok(Some(Window { starts: time(starts)?, ends: time(ends)? }))
}

/// What a mail tells, without what only a newer version knows.
fn entries(registrations: Vec<Uuid>, kinds: &[String], times: &[OffsetDateTime]) -> Vec<LeasedEntry> {
    let rows = registrations.into_iter().zip(kinds).zip(times);
    let entry = |((registration, word), at): ((Uuid, &String), &OffsetDateTime)| {
        let read = || Ok(LeasedEntry { registration: RegistrationId(registration), kind: kind(word)?, at: time(*at)? });
        readable(read())
    };
    rows.filter_map(entry).collect()
}

/// The start of a query for mails, to be narrowed.
fn mail_rows() -> QueryBuilder<Postgres> {
    QueryBuilder::new(
        "select m.id, e.slug, m.recipient, m.kind, m.message_id, m.state, m.attempts, m.next_attempt_at,
                m.last_error, m.created_at, m.sent_at,
                array (select r.reference from notification n join registration r on r.id = n.registration_id
                       where n.mail_id = m.id order by n.id) as mail_references
         from mail m join event e on e.id = m.event_id where true",
    )
}

fn mail_row(row: &PgRow) -> StoreResult<MailRow> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(store_error);
    let at =
        |column: &str| row.try_get::<Option<OffsetDateTime>, _>(column).map_err(store_error)?.map(time).transpose();
    Ok(MailRow {
        id: MailId(row.try_get("id").map_err(store_error)?),
        event: text("slug")?,
        recipient: text("recipient")?,
        kind: kind(&text("kind")?)?,
        message_id: text("message_id")?,
        references: row.try_get("mail_references").map_err(store_error)?,
        state: mail_state(&text("state")?)?,
        attempts: row.try_get::<i32, _>("attempts").map_err(store_error)? as u32,
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

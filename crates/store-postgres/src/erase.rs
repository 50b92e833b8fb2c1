//! Erasing: what is said about a person goes, the counts stay.

use jiff::Timestamp;
use registration::ids::{EventId, RegistrationId};
use registration::notification::NewNotification;
use registration::ports::StoreResult;
use registration::stored::Erasure;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::changes::notify;
use crate::convert::{time, to_time};
use crate::error::store_error;
use crate::uploads::delete_chunks;

/// Erases everything about the person of a registration.
pub(crate) async fn erase(
    store: &PostgresStore,
    id: RegistrationId,
    notifications: &[NewNotification],
    at: Timestamp,
) -> StoreResult<Erasure> {
    let at = to_time(at)?;
    let mut tx = store.begin().await?;
    let row =
        sqlx::query!("select event_id, submission_id, erased_at from registration where id = $1 for update", id.0);
    let Some(row) = row.fetch_optional(&mut *tx).await.map_err(store_error)? else { return Ok(Erasure::Unknown) };
    if let Some(erased_at) = row.erased_at {
        return Ok(Erasure::Already(time(erased_at)?));
    }
    sqlx::query!(
        r"update registration set answers = '{}', name = '', email = '', organization = null, country = null,
              category = null, attendance = null, search_text = '', content_digest = decode(repeat('00', 32), 'hex'),
              address_key = null, person_key = null, request_id = '', erased_at = $2,
              updated_at = greatest(updated_at + interval '1 microsecond', $2)
          where id = $1",
        id.0,
        at
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    let files = sqlx::query_scalar!(
        r#"with attached as (delete from attachment where registration_id = $1 returning id),
               uploaded as (delete from upload where submission_id = $2 returning id)
           select id as "id!" from attached union all select id from uploaded"#,
        id.0,
        row.submission_id
    );
    let files = files.fetch_all(&mut *tx).await.map_err(store_error)?;
    delete_chunks(&mut tx, &files).await?;
    let message_ids = sqlx::query_scalar!(
        "select distinct m.message_id from notification n join mail m on m.id = n.mail_id where n.registration_id = $1",
        id.0
    );
    let message_ids = message_ids.fetch_all(&mut *tx).await.map_err(store_error)?;
    erase_mails(&mut tx, id).await?;
    sqlx::query!("insert into history (registration_id, at, action) values ($1, $2, 'erased')", id.0, at)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    notify(&mut tx, EventId(row.event_id), id, notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Erasure::Done(message_ids))
}

/// Takes the person's address out of mails and notifications; what was not sent to it goes.
async fn erase_mails(tx: &mut PgConnection, id: RegistrationId) -> StoreResult<()> {
    let mails: Vec<Uuid> = sqlx::query_scalar!(
        r#"select distinct mail_id as "mail_id!" from notification
           where registration_id = $1 and kind in ('confirmation', 'duplicate', 'notice') and mail_id is not null"#,
        id.0
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(store_error)?;
    // A worker that marks one of them as sent waits here, or is waited for.
    let unsent: Vec<Uuid> =
        sqlx::query_scalar!("select id from mail where id = any ($1) and state <> 'sent' for update", &mails)
            .fetch_all(&mut *tx)
            .await
            .map_err(store_error)?;
    sqlx::query!(
        "update notification set recipient = '', withheld = 'erased',
             mail_id = case when mail_id = any ($2) then null else mail_id end
         where registration_id = $1 and kind in ('confirmation', 'duplicate', 'notice')",
        id.0,
        &unsent
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    sqlx::query!("delete from mail where id = any ($1)", &unsent).execute(&mut *tx).await.map_err(store_error)?;
    sqlx::query!("update mail set recipient = '' where id = any ($1)", &mails)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    // A relay may have quoted what a mail says of the person, whomever it went to.
    sqlx::query!(
        "update mail set last_error = null
         where last_error is not null and id in (select mail_id from notification where registration_id = $1)",
        id.0
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Deletes attached files of an event, a few at a time.
pub(crate) async fn drop_attachments(store: &PostgresStore, event: EventId, limit: u32) -> StoreResult<u64> {
    let mut tx = store.begin().await?;
    let files = sqlx::query_scalar!(
        "delete from attachment where id in (
             select a.id from registration r join attachment a on a.registration_id = r.id
             where r.event_id = $1 limit $2)
         returning id",
        event.0,
        i64::from(limit)
    );
    let files = files.fetch_all(&mut *tx).await.map_err(store_error)?;
    delete_chunks(&mut tx, &files).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(files.len() as u64)
}

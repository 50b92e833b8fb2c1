//! Erasing: what is said about a person goes, the counts stay.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use registration::ids::{EventId, FileId, RegistrationId, SubmissionId};
use registration::notification::NewNotification;
use registration::ports::{StoreError, StoreResult};
use registration::stored::Erasure;
use sqlx::{Row, SqliteConnection};

use crate::SqliteStore;
use crate::convert::time;
use crate::error::store_error;
use crate::register::{history, notify};
use crate::uploads::{delete_chunks, drop_all_of};

/// How long it is waited for readers that still need the log.
const READERS: Duration = Duration::from_secs(5);

/// Erases everything about the person of a registration.
pub(crate) async fn erase(
    store: &SqliteStore,
    id: RegistrationId,
    notifications: &[NewNotification],
    at: Timestamp,
) -> StoreResult<Erasure> {
    let at = at.as_microsecond();
    let mut tx = store.write().await?;
    let row = sqlx::query!(
        r#"select event_id, submission_id as "submission_id: uuid::Uuid", erased_at from registration where id = ?"#,
        id.0
    );
    let Some(row) = row.fetch_optional(&mut *tx).await.map_err(store_error)? else { return Ok(Erasure::Unknown) };
    if let Some(erased_at) = row.erased_at {
        return Ok(Erasure::Already(time(erased_at)?));
    }
    // SQLite overwrites what was there: the pragma `secure_delete` is on.
    sqlx::query!(
        "update registration set answers = '{}', name = '', email = '', organization = null, country = null,
             category = null, attendance = null, search_text = '', content_digest = zeroblob(32), address_key = null,
             person_key = null, request_id = '', erased_at = ?1, updated_at = max(updated_at + 1, ?1)
         where id = ?2",
        at,
        id.0
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    let files = sqlx::query_scalar!(
        r#"delete from attachment where registration_id = ? returning id as "id: uuid::Uuid""#,
        id.0
    );
    for file in files.fetch_all(&mut *tx).await.map_err(store_error)? {
        delete_chunks(&mut tx, FileId(file)).await?;
    }
    drop_all_of(&mut tx, SubmissionId(row.submission_id)).await?;
    let message_ids = message_ids(&mut tx, id).await?;
    erase_mails(&mut tx, id).await?;
    history(&mut tx, id, at, "erased", None).await?;
    notify(&mut tx, EventId(row.event_id), id, notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Erasure::Done(message_ids))
}

/// Mails that tell of a registration.
async fn message_ids(tx: &mut SqliteConnection, id: RegistrationId) -> StoreResult<Vec<String>> {
    let ids = sqlx::query_scalar!(
        "select distinct m.message_id from notification n join mail m on m.id = n.mail_id where n.registration_id = ?",
        id.0
    );
    ids.fetch_all(tx).await.map_err(store_error)
}

/// Takes the person's address out of mails and notifications; what was not sent to it goes.
async fn erase_mails(tx: &mut SqliteConnection, id: RegistrationId) -> StoreResult<()> {
    let mails = sqlx::query_scalar!(
        r#"select distinct mail_id as "mail_id!: uuid::Uuid" from notification
           where registration_id = ? and kind in ('confirmation', 'duplicate', 'notice') and mail_id is not null"#,
        id.0
    );
    let mails = mails.fetch_all(&mut *tx).await.map_err(store_error)?;
    sqlx::query!(
        "update notification set recipient = '', withheld = 'erased',
             mail_id = (select m.id from mail m where m.id = notification.mail_id and m.state = 'sent')
         where registration_id = ? and kind in ('confirmation', 'duplicate', 'notice')",
        id.0
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    for mail in mails {
        sqlx::query!("delete from mail where id = ? and state <> 'sent'", mail)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        sqlx::query!("update mail set recipient = '' where id = ?", mail)
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
    }
    // A relay may have quoted what a mail says of the person, whomever it went to.
    sqlx::query!(
        "update mail set last_error = null
         where last_error is not null and id in (select mail_id from notification where registration_id = ?)",
        id.0
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Moves what is in the log to the database and cuts the log off: pages as they were before stand nowhere then.
pub(crate) async fn overwrite(store: &SqliteStore) -> StoreResult<()> {
    let begun = Instant::now();
    loop {
        let row = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(&store.writer).await.map_err(store_error)?;
        let busy: i64 = row.try_get(0).map_err(store_error)?;
        if busy == 0 {
            return Ok(());
        }
        if begun.elapsed() > READERS {
            return Err(StoreError::Unavailable("its log is still being read".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Deletes attached files of an event, a few at a time.
pub(crate) async fn drop_attachments(store: &SqliteStore, event: EventId, limit: u32) -> StoreResult<u64> {
    let limit = i64::from(limit);
    let mut tx = store.write().await?;
    let files = sqlx::query_scalar!(
        r#"delete from attachment where id in (
               select a.id from registration r cross join attachment a on a.registration_id = r.id
               where r.event_id = ? limit ?)
           returning id as "id: uuid::Uuid""#,
        event.0,
        limit
    );
    let files = files.fetch_all(&mut *tx).await.map_err(store_error)?;
    for file in &files {
        delete_chunks(&mut tx, FileId(*file)).await?;
    }
    tx.commit().await.map_err(store_error)?;
    Ok(files.len() as u64)
}

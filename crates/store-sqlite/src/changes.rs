//! Changes of a registration that is there: its status, its files.

use jiff::Timestamp;
use registration::ids::{EventId, FileId, RegistrationId};
use registration::notification::NewNotification;
use registration::ports::StoreResult;
use registration::stored::{Change, FileChange, FileContent, NewAttachment, StatusChange};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::store_error;
use crate::register::{count, history, insert_small, notify};
use crate::uploads::delete_chunks;

/// Changes a status, or nothing if it is not what the change expects.
pub(crate) async fn status(store: &SqliteStore, change: &StatusChange) -> StoreResult<Change> {
    let (from, to, at) = (change.from.as_str(), change.to.as_str(), change.at.as_microsecond());
    let mut tx = store.write().await?;
    let changed = sqlx::query_scalar!(
        "update registration set status = ?, updated_at = max(updated_at + 1, ?)
         where id = ? and status = ? and erased_at is null returning event_id",
        to,
        at,
        change.id.0,
        from
    );
    let Some(event) = changed.fetch_optional(&mut *tx).await.map_err(store_error)?.map(EventId) else {
        return Ok(Change::Stale);
    };
    history(&mut tx, change.id, at, to, None).await?;
    notify(&mut tx, event, change.id, &change.notifications).await?;
    count(&mut tx, event, &change.summary).await?;
    for key in &change.places {
        sqlx::query!(
            "update place_count set taken = taken - 1 where event_id = ? and key = ? and taken > 0",
            event.0,
            key.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    }
    tx.commit().await.map_err(store_error)?;
    Ok(Change::Done)
}

/// Writes notifications, or nothing if the registration is not there or is erased.
pub(crate) async fn notified(
    store: &SqliteStore,
    id: RegistrationId,
    notifications: &[NewNotification],
    at: Timestamp,
) -> StoreResult<bool> {
    let mut tx = store.write().await?;
    let event = sqlx::query_scalar!("select event_id from registration where id = ? and erased_at is null", id.0);
    let Some(event) = event.fetch_optional(&mut *tx).await.map_err(store_error)?.map(EventId) else {
        return Ok(false);
    };
    history(&mut tx, id, at.as_microsecond(), "resent", None).await?;
    notify(&mut tx, event, id, notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(true)
}

/// Adds or replaces files, or nothing if the registration changed since it was read.
pub(crate) async fn files(store: &SqliteStore, change: &FileChange) -> StoreResult<Change> {
    let (since, at) = (change.unchanged_since.as_microsecond(), change.at.as_microsecond());
    let answers = change.answers.to_string();
    let mut tx = store.write().await?;
    let changed = sqlx::query_scalar!(
        "update registration set answers = ?, updated_at = max(updated_at + 1, ?)
         where id = ? and updated_at = ? and erased_at is null returning event_id",
        answers,
        at,
        change.id.0,
        since
    );
    let Some(event) = changed.fetch_optional(&mut *tx).await.map_err(store_error)?.map(EventId) else {
        return Ok(Change::Stale);
    };
    for file in &change.files {
        let replaced = sqlx::query_scalar!(
            r#"delete from attachment where registration_id = ? and field = ? returning id as "id: uuid::Uuid""#,
            change.id.0,
            file.field
        );
        for id in replaced.fetch_all(&mut *tx).await.map_err(store_error)? {
            delete_chunks(&mut tx, FileId(id)).await?;
        }
        match &file.content {
            FileContent::Small(content) => insert_small(&mut tx, change.id, file, content, at).await?,
            FileContent::Uploaded => {
                if !adopt(&mut tx, change, file).await? {
                    return Ok(Change::UploadGone(file.id));
                }
            }
        }
        history(&mut tx, change.id, at, "attached", Some(&file.field)).await?;
    }
    notify(&mut tx, event, change.id, &change.notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Change::Done)
}

/// Makes a finished upload an attachment, whatever form it was sent by.
async fn adopt(tx: &mut SqliteConnection, change: &FileChange, file: &NewAttachment) -> StoreResult<bool> {
    let adopted = sqlx::query!(
        "insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
         select id, ?, ?, name, media, size, sha256, created_at from upload where id = ? and state = 'finished'",
        change.id.0,
        file.field,
        file.id.0
    );
    if adopted.execute(&mut *tx).await.map_err(store_error)?.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("delete from upload where id = ?", file.id.0).execute(tx).await.map_err(store_error)?;
    Ok(true)
}

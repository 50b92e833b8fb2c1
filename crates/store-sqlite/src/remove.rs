//! Removing: a registration goes as if it had never come.

use registration::ids::{EventId, FileId, SubmissionId};
use registration::ports::StoreResult;
use registration::stored::Removal;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::store_error;
use crate::register::count;
use crate::uploads::{delete_chunks, drop_all_of};

/// Removes a registration with everything that belongs to it.
pub(crate) async fn remove(store: &SqliteStore, removal: &Removal) -> StoreResult<bool> {
    let (id, status) = (removal.id.0, removal.status.as_str());
    let mut tx = store.write().await?;
    let row = sqlx::query!(
        r#"select event_id, submission_id as "submission_id: Uuid" from registration where id = ? and status = ?"#,
        id,
        status
    );
    let Some(row) = row.fetch_optional(&mut *tx).await.map_err(store_error)? else { return Ok(false) };
    remove_mails(&mut tx, id).await?;
    let files =
        sqlx::query_scalar!(r#"delete from attachment where registration_id = ? returning id as "id: Uuid""#, id);
    for file in files.fetch_all(&mut *tx).await.map_err(store_error)? {
        delete_chunks(&mut tx, FileId(file)).await?;
    }
    drop_all_of(&mut tx, SubmissionId(row.submission_id)).await?;
    sqlx::query!("delete from history where registration_id = ?", id).execute(&mut *tx).await.map_err(store_error)?;
    sqlx::query!("delete from registration where id = ?", id).execute(&mut *tx).await.map_err(store_error)?;
    count(&mut tx, EventId(row.event_id), &removal.summary).await?;
    for key in &removal.places {
        sqlx::query!(
            "update place_count set taken = taken - 1 where event_id = ? and key = ? and taken > 0",
            row.event_id,
            key.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    }
    tx.commit().await.map_err(store_error)?;
    Ok(true)
}

/// Removes what was to be told of a registration, and the mails that told of nothing else.
async fn remove_mails(tx: &mut SqliteConnection, id: Uuid) -> StoreResult<()> {
    let mails = sqlx::query_scalar!(
        r#"delete from notification where registration_id = ? returning mail_id as "mail_id: Uuid""#,
        id
    );
    for mail in mails.fetch_all(&mut *tx).await.map_err(store_error)?.into_iter().flatten() {
        sqlx::query!(
            "delete from mail where id = ?1 and not exists (select 1 from notification n where n.mail_id = ?1)",
            mail
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}

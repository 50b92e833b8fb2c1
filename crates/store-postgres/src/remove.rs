//! Removing: a registration goes as if it had never come.

use registration::ids::EventId;
use registration::ports::StoreResult;
use registration::stored::Removal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::changes::count;
use crate::error::store_error;
use crate::uploads::delete_chunks;

/// Removes a registration with everything that belongs to it.
pub(crate) async fn remove(store: &PostgresStore, removal: &Removal) -> StoreResult<bool> {
    let id = removal.id.0;
    let mut tx = store.begin().await?;
    let row = sqlx::query!(
        "select event_id, submission_id from registration where id = $1 and status = $2 for update",
        id,
        removal.status.as_str()
    );
    let Some(row) = row.fetch_optional(&mut *tx).await.map_err(store_error)? else { return Ok(false) };
    remove_mails(&mut tx, id).await?;
    let files = sqlx::query_scalar!(
        r#"with attached as (delete from attachment where registration_id = $1 returning id),
               uploaded as (delete from upload where submission_id = $2 returning id)
           select id as "id!" from attached union all select id from uploaded"#,
        id,
        row.submission_id
    );
    let files = files.fetch_all(&mut *tx).await.map_err(store_error)?;
    delete_chunks(&mut tx, &files).await?;
    sqlx::query!("delete from history where registration_id = $1", id).execute(&mut *tx).await.map_err(store_error)?;
    sqlx::query!("delete from registration where id = $1", id).execute(&mut *tx).await.map_err(store_error)?;
    count(&mut tx, EventId(row.event_id), &removal.summary).await?;
    for key in &removal.places {
        sqlx::query!(
            "update place_count set taken = taken - 1 where event_id = $1 and key = $2 and taken > 0",
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
async fn remove_mails(tx: &mut PgConnection, id: Uuid) -> StoreResult<()> {
    let mails = sqlx::query_scalar!("delete from notification where registration_id = $1 returning mail_id", id);
    let mails: Vec<Uuid> = mails.fetch_all(&mut *tx).await.map_err(store_error)?.into_iter().flatten().collect();
    sqlx::query!(
        "delete from mail where id = any ($1) and not exists (select from notification n where n.mail_id = mail.id)",
        &mails
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

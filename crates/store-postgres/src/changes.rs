//! Changes of a registration that is there: its status, its files.

use jiff::Timestamp;
use registration::ids::{EventId, RegistrationId};
use registration::notification::NewNotification;
use registration::ports::StoreResult;
use registration::stored::{Change, FileChange, FileContent, NewAttachment, StatusChange};
use registration::summary::SummaryDelta;
use sqlx::PgConnection;

use crate::PostgresStore;
use crate::convert::to_time;
use crate::error::store_error;
use crate::register::windows;
use crate::uploads::delete_chunks;

/// Changes a status, or nothing if it is not what the change expects. Locks as registering does: the registration's form
/// version (an import that counts what is taken waits for it), then the counters in their order.
pub(crate) async fn status(store: &PostgresStore, change: &StatusChange) -> StoreResult<Change> {
    let at = to_time(change.at)?;
    let mut tx = store.begin().await?;
    let changed = sqlx::query_scalar!(
        "with locked as (
             select r.id from registration r
             join form_version f on f.event_id = r.event_id and f.number = r.form_version
             where r.id = $1 for update of r for key share of f)
         update registration set status = $2, updated_at = greatest(updated_at + interval '1 microsecond', $3)
         from locked where registration.id = locked.id and status = $4 and erased_at is null
         returning event_id",
        change.id.0,
        change.to.as_str(),
        at,
        change.from.as_str()
    );
    let Some(event) = changed.fetch_optional(&mut *tx).await.map_err(store_error)?.map(EventId) else {
        return Ok(Change::Stale);
    };
    sqlx::query!(
        "insert into history (registration_id, at, action) values ($1, $2, $3)",
        change.id.0,
        at,
        change.to.as_str()
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    notify(&mut tx, event, change.id, &change.notifications).await?;
    count(&mut tx, event, &change.summary).await?;
    for key in &change.places {
        sqlx::query!(
            "update place_count set taken = taken - 1 where event_id = $1 and key = $2 and taken > 0",
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
    store: &PostgresStore,
    id: RegistrationId,
    notifications: &[NewNotification],
    at: Timestamp,
) -> StoreResult<bool> {
    let mut tx = store.begin().await?;
    let event = sqlx::query_scalar!(
        "insert into history (registration_id, at, action)
         select id, $2, 'resent' from registration where id = $1 and erased_at is null for update
         returning (select event_id from registration where id = $1)",
        id.0,
        to_time(at)?
    );
    let Some(Some(event)) = event.fetch_optional(&mut *tx).await.map_err(store_error)? else { return Ok(false) };
    notify(&mut tx, EventId(event), id, notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(true)
}

/// Adds or replaces files, or nothing if the registration changed since it was read.
pub(crate) async fn files(store: &PostgresStore, change: &FileChange) -> StoreResult<Change> {
    let (since, at) = (to_time(change.unchanged_since)?, to_time(change.at)?);
    let mut tx = store.begin().await?;
    let changed = sqlx::query_scalar!(
        "update registration set answers = $2, updated_at = greatest(updated_at + interval '1 microsecond', $3)
         where id = $1 and updated_at = $4 and erased_at is null returning event_id",
        change.id.0,
        change.answers,
        at,
        since
    );
    let Some(event) = changed.fetch_optional(&mut *tx).await.map_err(store_error)?.map(EventId) else {
        return Ok(Change::Stale);
    };
    for file in &change.files {
        let replaced = sqlx::query_scalar!(
            "delete from attachment where registration_id = $1 and field = $2 returning id",
            change.id.0,
            file.field
        );
        let replaced = replaced.fetch_all(&mut *tx).await.map_err(store_error)?;
        delete_chunks(&mut tx, &replaced).await?;
        match &file.content {
            FileContent::Small(content) => insert_small(&mut tx, change, file, content).await?,
            FileContent::Uploaded => {
                if !adopt(&mut tx, change, file).await? {
                    return Ok(Change::UploadGone(file.id));
                }
            }
        }
        sqlx::query!(
            "insert into history (registration_id, at, action, detail) values ($1, $2, 'attached', $3)",
            change.id.0,
            at,
            file.field
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    }
    notify(&mut tx, event, change.id, &change.notifications).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Change::Done)
}

async fn insert_small(
    tx: &mut PgConnection,
    change: &FileChange,
    file: &NewAttachment,
    content: &[u8],
) -> StoreResult<()> {
    sqlx::query!(
        "with attached as (
             insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8))
         insert into file_chunk (file_id, idx, data) select $1, 0, $9::bytea where octet_length($9) > 0",
        file.id.0,
        change.id.0,
        file.field,
        file.name,
        file.media.mime(),
        file.size as i64,
        file.sha256.as_slice(),
        to_time(change.at)?,
        content
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Makes a finished upload an attachment, whatever form it was sent by.
async fn adopt(tx: &mut PgConnection, change: &FileChange, file: &NewAttachment) -> StoreResult<bool> {
    let adopted = sqlx::query!(
        "with adopted as (
             delete from upload where id = $1 and state = 'finished' returning upload.*)
         insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
         select id, $2, $3, name, media, size, sha256, created_at from adopted",
        file.id.0,
        change.id.0,
        file.field
    );
    Ok(adopted.execute(tx).await.map_err(store_error)?.rows_affected() > 0)
}

/// Writes notifications, by the database's clock.
pub(crate) async fn notify(
    tx: &mut PgConnection,
    event: EventId,
    registration: RegistrationId,
    notifications: &[NewNotification],
) -> StoreResult<()> {
    let (starts, ends) = windows(notifications)?;
    for ((one, starts), ends) in notifications.iter().zip(starts).zip(ends) {
        sqlx::query!(
            "insert into notification (event_id, registration_id, recipient, kind, language, window_starts, window_ends,
                 created_at)
             values ($1, $2, $3, $4, $5, $6, $7, now())",
            event.0,
            registration.0,
            one.recipient,
            one.kind.as_str(),
            one.language.tag(),
            starts,
            ends
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    }
    Ok(())
}

pub(crate) async fn count(tx: &mut PgConnection, event: EventId, deltas: &[SummaryDelta]) -> StoreResult<()> {
    let dimensions: Vec<String> = deltas.iter().map(|delta| delta.dimension.clone()).collect();
    let values: Vec<String> = deltas.iter().map(|delta| delta.value.clone()).collect();
    let numbers: Vec<i64> = deltas.iter().map(|delta| delta.n).collect();
    sqlx::query!(
        "insert into summary_delta (event_id, dimension, value, n)
         select $1, one.dimension, one.value, one.n
         from unnest($2::text[], $3::text[], $4::bigint[]) one (dimension, value, n)",
        event.0,
        &dimensions,
        &values,
        &numbers
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

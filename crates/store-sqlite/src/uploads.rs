//! Uploads that wait for their registration, and the content of all files.

use async_trait::async_trait;
use jiff::Timestamp;
use registration::attachment::{CHUNK, UNFINISHED};
use registration::ids::{FileId, SubmissionId};
use registration::ports::{StoreError, StoreResult, Uploads};
use registration::stored::{FileContent, FileRow, NewAttachment};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::convert::FileColumns;
use crate::error::store_error;

/// Uploads thrown away in one transaction: other writers wait while megabytes are overwritten.
const REAPED_AT_ONCE: i64 = 1;

/// What an upload is told that was discarded, reaped or adopted meanwhile.
const GONE: StoreError = StoreError::Conflict("the upload is not under way");

#[async_trait]
impl Uploads for SqliteStore {
    async fn begin(&self, id: FileId, submission: SubmissionId, field: &str, at: Timestamp) -> StoreResult<()> {
        let mut tx = self.write().await?;
        insert_upload(&mut tx, id, submission, field, at).await?;
        let surplus = sqlx::query_scalar!(
            r#"delete from upload where id in (
                   select id from upload where submission_id = ? and field = ? and state = 'begun'
                   order by id desc limit -1 offset ?)
               returning id as "id: uuid::Uuid""#,
            submission.0,
            field,
            UNFINISHED
        );
        for id in surplus.fetch_all(&mut *tx).await.map_err(store_error)? {
            delete_chunks(&mut tx, FileId(id)).await?;
        }
        tx.commit().await.map_err(store_error)
    }

    async fn append(&self, id: FileId, index: u32, chunk: &[u8]) -> StoreResult<()> {
        let mut tx = self.write().await?;
        append_to(&mut tx, id, index, chunk).await?;
        tx.commit().await.map_err(store_error)
    }

    async fn finish(&self, submission: SubmissionId, file: &FileRow) -> StoreResult<()> {
        let mut tx = self.write().await?;
        finish_upload(&mut tx, submission, file).await?;
        tx.commit().await.map_err(store_error)
    }

    async fn keep(&self, submission: SubmissionId, file: &NewAttachment, at: Timestamp) -> StoreResult<()> {
        let FileContent::Small(content) = &file.content else {
            return Err(StoreError::Bug("an upload is kept already".to_owned()));
        };
        let mut tx = self.write().await?;
        insert_upload(&mut tx, file.id, submission, &file.field, at).await?;
        insert_chunks(&mut tx, file.id, content).await?;
        let row = FileRow {
            id: file.id,
            field: file.field.clone(),
            name: file.name.clone(),
            media: file.media,
            size: file.size,
            sha256: file.sha256,
        };
        finish_upload(&mut tx, submission, &row).await?;
        tx.commit().await.map_err(store_error)
    }

    async fn kept(&self, submission: SubmissionId) -> StoreResult<Vec<FileRow>> {
        let rows = sqlx::query_as!(
            FileColumns,
            r#"select id, field, name as "name!", media as "media!", size, sha256 as "sha256!" from upload
               where submission_id = ? and state = 'finished' order by id"#,
            submission.0
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(FileColumns::into_row).collect()
    }

    async fn discard(&self, id: FileId) -> StoreResult<()> {
        let mut tx = self.write().await?;
        let deleted = sqlx::query!("delete from upload where id = ?", id.0).execute(&mut *tx).await;
        if deleted.map_err(store_error)?.rows_affected() > 0 {
            delete_chunks(&mut tx, id).await?;
        }
        tx.commit().await.map_err(store_error)
    }

    async fn chunk(&self, id: FileId, index: u32) -> StoreResult<Option<Vec<u8>>> {
        sqlx::query_scalar!("select data from file_chunk where file_id = ? and idx = ?", id.0, index)
            .fetch_optional(&self.readers)
            .await
            .map_err(store_error)
    }

    async fn unclaimed(&self) -> StoreResult<u64> {
        let bytes = sqlx::query_scalar!(r#"select coalesce(sum(size), 0) as "bytes!: i64" from upload"#);
        Ok(bytes.fetch_one(&self.readers).await.map_err(store_error)? as u64)
    }

    async fn reap(&self, before: Timestamp) -> StoreResult<u64> {
        let before = before.as_microsecond();
        let mut reaped = 0;
        loop {
            let mut tx = self.write().await?;
            let ids = sqlx::query_scalar!(
                r#"delete from upload where id in (select id from upload where created_at < ? limit ?)
                   returning id as "id: uuid::Uuid""#,
                before,
                REAPED_AT_ONCE
            );
            let ids = ids.fetch_all(&mut *tx).await.map_err(store_error)?;
            for id in &ids {
                delete_chunks(&mut tx, FileId(*id)).await?;
            }
            tx.commit().await.map_err(store_error)?;
            reaped += ids.len() as u64;
            if (ids.len() as i64) < REAPED_AT_ONCE {
                return Ok(reaped);
            }
        }
    }
}

async fn insert_upload(
    tx: &mut SqliteConnection,
    id: FileId,
    submission: SubmissionId,
    field: &str,
    at: Timestamp,
) -> StoreResult<()> {
    let at = at.as_microsecond();
    sqlx::query!(
        "insert into upload (id, submission_id, field, state, size, created_at) values (?, ?, ?, 'begun', 0, ?)",
        id.0,
        submission.0,
        field,
        at
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn append_to(tx: &mut SqliteConnection, id: FileId, index: u32, chunk: &[u8]) -> StoreResult<()> {
    let size = chunk.len() as i64;
    let grown = sqlx::query!("update upload set size = size + ? where id = ? and state = 'begun'", size, id.0)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    if grown.rows_affected() == 0 {
        return Err(GONE);
    }
    insert_chunk(tx, id, index, chunk).await
}

async fn finish_upload(tx: &mut SqliteConnection, submission: SubmissionId, file: &FileRow) -> StoreResult<()> {
    let (media, size, sha256) = (file.media.mime(), file.size as i64, file.sha256.as_slice());
    let finished = sqlx::query!(
        "update upload set state = 'finished', field = ?, name = ?, media = ?, size = ?, sha256 = ?
         where id = ? and submission_id = ? and state = 'begun'",
        file.field,
        file.name,
        media,
        size,
        sha256,
        file.id.0,
        submission.0
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    if finished.rows_affected() == 0 {
        return Err(GONE);
    }
    let earlier = sqlx::query_scalar!(
        r#"delete from upload where submission_id = ? and field = ? and state = 'finished' and id <> ?
           returning id as "id: uuid::Uuid""#,
        submission.0,
        file.field,
        file.id.0
    );
    for id in earlier.fetch_all(&mut *tx).await.map_err(store_error)? {
        delete_chunks(tx, FileId(id)).await?;
    }
    Ok(())
}

/// Throws away all uploads of a form, finished or not.
pub(crate) async fn drop_all_of(tx: &mut SqliteConnection, submission: SubmissionId) -> StoreResult<()> {
    let ids = sqlx::query_scalar!(
        r#"delete from upload where submission_id = ? returning id as "id: uuid::Uuid""#,
        submission.0
    );
    for id in ids.fetch_all(&mut *tx).await.map_err(store_error)? {
        delete_chunks(tx, FileId(id)).await?;
    }
    Ok(())
}

/// Writes the content of a file in chunks.
pub(crate) async fn insert_chunks(tx: &mut SqliteConnection, id: FileId, content: &[u8]) -> StoreResult<()> {
    for (index, chunk) in content.chunks(CHUNK).enumerate() {
        insert_chunk(tx, id, index as u32, chunk).await?;
    }
    Ok(())
}

async fn insert_chunk(tx: &mut SqliteConnection, id: FileId, index: u32, chunk: &[u8]) -> StoreResult<()> {
    sqlx::query!("insert into file_chunk (file_id, idx, data) values (?, ?, ?)", id.0, index, chunk)
        .execute(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}

pub(crate) async fn delete_chunks(tx: &mut SqliteConnection, id: FileId) -> StoreResult<()> {
    sqlx::query!("delete from file_chunk where file_id = ?", id.0).execute(tx).await.map_err(store_error)?;
    Ok(())
}

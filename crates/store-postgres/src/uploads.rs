//! Uploads that wait for their registration, and the content of all files.
//!
//! Chunks of a file that goes are deleted by a statement of their own after its row is: only then is a chunk seen that
//! was being appended meanwhile.

use async_trait::async_trait;
use jiff::Timestamp;
use registration::attachment::{CHUNK, UNFINISHED};
use registration::ids::{FileId, SubmissionId};
use registration::ports::{StoreError, StoreResult, Uploads};
use registration::stored::{FileContent, FileRow, NewAttachment};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::convert::{FileColumns, to_time};
use crate::error::store_error;
use crate::{PATIENCE, PostgresStore, within};

/// Uploads thrown away in one transaction.
const REAPED_AT_ONCE: i64 = 20;

/// What an upload is told that was discarded, reaped or adopted meanwhile.
const GONE: StoreError = StoreError::Conflict("the upload is not under way");

#[async_trait]
impl Uploads for PostgresStore {
    async fn begin(&self, id: FileId, submission: SubmissionId, field: &str, at: Timestamp) -> StoreResult<()> {
        let at = to_time(at)?;
        within(PATIENCE, async {
            let mut tx = self.begin().await?;
            lock_files(&mut tx, submission).await?;
            sqlx::query!(
                "insert into upload (id, submission_id, field, state, size, created_at) values ($1, $2, $3, 'begun', 0, $4)",
                id.0,
                submission.0,
                field,
                at
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            let surplus = sqlx::query_scalar!(
                "delete from upload where id in (
                     select id from upload where submission_id = $1 and field = $2 and state = 'begun'
                     order by id desc offset $3)
                 returning id",
                submission.0,
                field,
                i64::from(UNFINISHED)
            );
            let surplus = surplus.fetch_all(&mut *tx).await.map_err(store_error)?;
            delete_chunks(&mut tx, &surplus).await?;
            tx.commit().await.map_err(store_error)
        })
        .await
    }

    async fn append(&self, id: FileId, index: u32, chunk: &[u8]) -> StoreResult<()> {
        within(PATIENCE, async {
            let appended = sqlx::query!(
                "with grown as (
                     update upload set size = size + octet_length($3::bytea) where id = $1 and state = 'begun' returning id)
                 insert into file_chunk (file_id, idx, data) select id, $2, $3 from grown",
                id.0,
                index as i32,
                chunk
            )
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
            if appended.rows_affected() == 0 { Err(GONE) } else { Ok(()) }
        })
        .await
    }

    async fn finish(&self, submission: SubmissionId, file: &FileRow) -> StoreResult<()> {
        within(PATIENCE, async {
            let mut tx = self.begin().await?;
            lock_files(&mut tx, submission).await?;
            let finished = sqlx::query!(
                "update upload set state = 'finished', field = $3, name = $4, media = $5, size = $6, sha256 = $7
                 where id = $1 and submission_id = $2 and state = 'begun'",
                file.id.0,
                submission.0,
                file.field,
                file.name,
                file.media.mime(),
                file.size as i64,
                file.sha256.as_slice()
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            if finished.rows_affected() == 0 {
                return Err(GONE);
            }
            drop_earlier(&mut tx, submission, &file.field, file.id).await?;
            tx.commit().await.map_err(store_error)
        })
        .await
    }

    async fn keep(&self, submission: SubmissionId, file: &NewAttachment, at: Timestamp) -> StoreResult<()> {
        let FileContent::Small(content) = &file.content else {
            return Err(StoreError::Bug("an upload is kept already".to_owned()));
        };
        let at = to_time(at)?;
        let chunks: Vec<&[u8]> = content.chunks(CHUNK).collect();
        within(PATIENCE, async {
            let mut tx = self.begin().await?;
            lock_files(&mut tx, submission).await?;
            sqlx::query!(
                "with kept as (
                     insert into upload (id, submission_id, field, state, name, media, size, sha256, created_at)
                     values ($1, $2, $3, 'finished', $4, $5, $6, $7, $8))
                 insert into file_chunk (file_id, idx, data)
                 select $1, (chunk.position - 1)::int, chunk.data
                 from unnest($9::bytea[]) with ordinality chunk (data, position)",
                file.id.0,
                submission.0,
                file.field,
                file.name,
                file.media.mime(),
                file.size as i64,
                file.sha256.as_slice(),
                at,
                &chunks as &[&[u8]]
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            drop_earlier(&mut tx, submission, &file.field, file.id).await?;
            tx.commit().await.map_err(store_error)
        })
        .await
    }

    async fn kept(&self, submission: SubmissionId) -> StoreResult<Vec<FileRow>> {
        within(PATIENCE, async {
            let rows = sqlx::query_as!(
                FileColumns,
                r#"select id, field, name as "name!", media as "media!", size, sha256 as "sha256!" from upload
                   where submission_id = $1 and state = 'finished' order by id"#,
                submission.0
            );
            let rows = rows.fetch_all(&self.pool).await.map_err(store_error)?;
            rows.into_iter().map(FileColumns::into_row).collect()
        })
        .await
    }

    async fn discard(&self, id: FileId) -> StoreResult<()> {
        within(PATIENCE, async {
            let mut tx = self.begin().await?;
            let deleted = sqlx::query!("delete from upload where id = $1", id.0).execute(&mut *tx).await;
            if deleted.map_err(store_error)?.rows_affected() > 0 {
                delete_chunks(&mut tx, &[id.0]).await?;
            }
            tx.commit().await.map_err(store_error)
        })
        .await
    }

    async fn chunk(&self, id: FileId, index: u32) -> StoreResult<Option<Vec<u8>>> {
        within(PATIENCE, async {
            sqlx::query_scalar!("select data from file_chunk where file_id = $1 and idx = $2", id.0, index as i32)
                .fetch_optional(&self.pool)
                .await
                .map_err(store_error)
        })
        .await
    }

    async fn unclaimed(&self) -> StoreResult<u64> {
        within(PATIENCE, async {
            let bytes = sqlx::query_scalar!(r#"select coalesce(sum(size), 0)::bigint as "bytes!" from upload"#);
            Ok(bytes.fetch_one(&self.pool).await.map_err(store_error)? as u64)
        })
        .await
    }

    async fn reap(&self, before: Timestamp) -> StoreResult<u64> {
        let before = to_time(before)?;
        let mut reaped = 0;
        loop {
            let ids = within(PATIENCE, async {
                let mut tx = self.begin().await?;
                // An upload that somebody is adopting or appending to right now is left for the next time.
                let ids = sqlx::query_scalar!(
                    "delete from upload where id in (
                         select id from upload where created_at < $1 order by created_at limit $2 for update skip locked)
                     returning id",
                    before,
                    REAPED_AT_ONCE
                );
                let ids = ids.fetch_all(&mut *tx).await.map_err(store_error)?;
                delete_chunks(&mut tx, &ids).await?;
                tx.commit().await.map_err(store_error)?;
                Ok(ids)
            })
            .await?;
            reaped += ids.len() as u64;
            if (ids.len() as i64) < REAPED_AT_ONCE {
                return Ok(reaped);
            }
        }
    }
}

/// Makes transactions that write and drop files of one form follow each other: the same form sent many times at once would
/// otherwise lock its uploads in any order, and wait for the deadlock detector again and again.
pub(crate) async fn lock_files(tx: &mut PgConnection, submission: SubmissionId) -> StoreResult<()> {
    let (high, low) = submission.0.as_u64_pair();
    let key = (high ^ low) as i64;
    sqlx::query!("select pg_advisory_xact_lock($1)", key).execute(tx).await.map_err(store_error)?;
    Ok(())
}

/// Throws away what was kept for a field before.
async fn drop_earlier(tx: &mut PgConnection, submission: SubmissionId, field: &str, latest: FileId) -> StoreResult<()> {
    let earlier = sqlx::query_scalar!(
        "delete from upload where submission_id = $1 and field = $2 and state = 'finished' and id <> $3 returning id",
        submission.0,
        field,
        latest.0
    );
    let earlier = earlier.fetch_all(&mut *tx).await.map_err(store_error)?;
    delete_chunks(tx, &earlier).await
}

/// Deletes the content of files whose rows are deleted already.
pub(crate) async fn delete_chunks(tx: &mut PgConnection, files: &[Uuid]) -> StoreResult<()> {
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query!("delete from file_chunk where file_id = any ($1)", files).execute(tx).await.map_err(store_error)?;
    Ok(())
}

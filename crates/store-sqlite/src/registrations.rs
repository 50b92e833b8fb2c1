//! Registrations read back, one by one and in lists.

use async_trait::async_trait;
use registration::ids::{EventId, RegistrationId, SubmissionId};
use registration::ports::{Registrations, StoreResult};
use registration::stored::{Columns, Existing, FileRow, ListRow, NewRegistration, Record, Registered};
use registration::summary::Summary;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::convert::{FileColumns, json, language, reference, sha256, status, time};
use crate::error::store_error;
use crate::{register, summary};

#[async_trait]
impl Registrations for SqliteStore {
    async fn register(&self, new: &NewRegistration) -> StoreResult<Registered> {
        register::register(self, new).await
    }

    async fn by_submission(&self, submission: SubmissionId) -> StoreResult<Option<Existing>> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        holder_of(&mut connection, submission).await
    }

    async fn get(&self, id: RegistrationId) -> StoreResult<Option<Record>> {
        let row = sqlx::query!(
            "select event_id, form_version, reference, status, answers, name, email, organization, country, category,
                    attendance, language, request_id, search_text, created_at
             from registration where id = ?",
            id.0
        );
        let Some(row) = row.fetch_optional(&self.readers).await.map_err(store_error)? else { return Ok(None) };
        Ok(Some(Record {
            id,
            event: EventId(row.event_id),
            form_version: row.form_version as i32,
            reference: reference(&row.reference)?,
            status: status(&row.status)?,
            answers: json(&row.answers)?,
            columns: Columns {
                name: row.name,
                email: row.email,
                organization: row.organization,
                country: row.country,
                category: row.category,
                attendance: row.attendance,
                search_text: row.search_text,
            },
            language: language(&row.language)?,
            request_id: row.request_id,
            created_at: time(row.created_at)?,
        }))
    }

    async fn files(&self, id: RegistrationId) -> StoreResult<Vec<FileRow>> {
        let rows = sqlx::query_as!(
            FileColumns,
            "select id, field, name, media, size, sha256 from attachment where registration_id = ? order by id",
            id.0
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(FileColumns::into_row).collect()
    }

    async fn latest(&self, event: EventId, limit: u32) -> StoreResult<Vec<ListRow>> {
        self.page(event, None, limit).await
    }

    async fn page(&self, event: EventId, before: Option<RegistrationId>, limit: u32) -> StoreResult<Vec<ListRow>> {
        // Without `before`, after the greatest UUID there is, which no registration has.
        let (before, limit) = (before.map_or(Uuid::max(), |before| before.0), i64::from(limit));
        // The statuses are written out as in the index `registration_alive`.
        let rows = sqlx::query_as!(
            ListColumns,
            "select id, reference, status, name, organization, country, category, created_at from registration
             where event_id = ? and status in ('pending', 'waiting', 'offered', 'confirmed') and id < ?
             order by id desc limit ?",
            event.0,
            before,
            limit
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(ListColumns::into_row).collect()
    }

    async fn summary(&self, event: EventId) -> StoreResult<Summary> {
        summary::read(self, event).await
    }

    async fn fold_summary(&self, limit: u32) -> StoreResult<u64> {
        summary::fold(self, limit).await
    }
}

struct ListColumns {
    id: Uuid,
    reference: String,
    status: String,
    name: String,
    organization: Option<String>,
    country: Option<String>,
    category: Option<String>,
    created_at: i64,
}

impl ListColumns {
    fn into_row(self) -> StoreResult<ListRow> {
        Ok(ListRow {
            id: RegistrationId(self.id),
            reference: reference(&self.reference)?,
            status: status(&self.status)?,
            name: self.name,
            organization: self.organization,
            country: self.country,
            category: self.category,
            created_at: time(self.created_at)?,
        })
    }
}

/// The registration that holds a submission id, with its files in the order of their ids.
pub(crate) async fn holder_of(
    connection: &mut SqliteConnection,
    submission: SubmissionId,
) -> StoreResult<Option<Existing>> {
    let row = sqlx::query!(
        "select id, event_id, reference, status, content_digest from registration where submission_id = ?",
        submission.0
    );
    let Some(row) = row.fetch_optional(&mut *connection).await.map_err(store_error)? else { return Ok(None) };
    let files = sqlx::query!("select field, sha256 from attachment where registration_id = ? order by id", row.id);
    let files = files.fetch_all(connection).await.map_err(store_error)?;
    let files = files.into_iter().map(|file| Ok((file.field, sha256(file.sha256)?))).collect::<StoreResult<_>>()?;
    Ok(Some(Existing {
        id: RegistrationId(row.id),
        event: EventId(row.event_id),
        reference: reference(&row.reference)?,
        status: status(&row.status)?,
        content_digest: sha256(row.content_digest)?,
        files,
    }))
}

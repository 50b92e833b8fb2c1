//! Registrations read back, one by one and in lists.

use async_trait::async_trait;
use jiff::Timestamp;
use registration::ids::{EventId, RegistrationId, SubmissionId};
use registration::notification::NewNotification;
use registration::ports::{Registrations, StoreResult};
use registration::reference::Reference;
use registration::stored::{
    Change, Columns, Dossier, Erasure, Existing, FileChange, FileRow, HistoryRow, KeptData, ListRow, NewRegistration,
    Record, Registered, Removal, StatusChange,
};
use registration::summary::Summary;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::convert::{FileColumns, json, language, reference, sha256, status, time};
use crate::error::store_error;
use crate::{changes, convert, dossiers, erase, register, remove, summary};

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
        let row = sqlx::query_as!(
            RecordColumns,
            r#"select id, event_id, form_version, reference, status, duplicate_of as "duplicate_of?: Uuid", shown_status,
                    answers, name, email, organization, country, category, attendance, language, request_id, search_text,
                    created_at, updated_at, erased_at
             from registration where id = ?"#,
            id.0
        );
        let row = row.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.map(RecordColumns::into_record).transpose()
    }

    async fn find(&self, event: EventId, reference: &Reference) -> StoreResult<Option<RegistrationId>> {
        let reference = reference.as_str();
        let id =
            sqlx::query_scalar!("select id from registration where reference = ? and event_id = ?", reference, event.0);
        Ok(id.fetch_optional(&self.readers).await.map_err(store_error)?.map(RegistrationId))
    }

    async fn stream(&self, event: EventId, after: Option<RegistrationId>, limit: u32) -> StoreResult<Vec<Record>> {
        let (after, limit) = (after.map_or(Uuid::nil(), |after| after.0), i64::from(limit));
        // The plus keeps SQLite from an index of the event's addresses: it would sort all of the event for each part.
        let rows = sqlx::query_as!(
            RecordColumns,
            r#"select id, event_id, form_version, reference, status, duplicate_of as "duplicate_of?: Uuid", shown_status,
                    answers, name, email, organization, country, category, attendance, language, request_id, search_text,
                    created_at, updated_at, erased_at
             from registration where +event_id = ? and id > ? order by id limit ?"#,
            event.0,
            after,
            limit
        );
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        rows.into_iter().map(RecordColumns::into_record).collect()
    }

    async fn history(&self, id: RegistrationId) -> StoreResult<Vec<HistoryRow>> {
        let rows = sqlx::query!("select at, action, detail from history where registration_id = ? order by id", id.0);
        let rows = rows.fetch_all(&self.readers).await.map_err(store_error)?;
        let row = |at, action, detail| Ok(HistoryRow { at: time(at)?, action, detail });
        rows.into_iter().map(|one| row(one.at, one.action, one.detail)).collect()
    }

    async fn dossiers(&self, ids: &[RegistrationId]) -> StoreResult<Vec<Dossier>> {
        dossiers::read(self, ids).await
    }

    async fn notify(&self, id: RegistrationId, notifications: &[NewNotification], at: Timestamp) -> StoreResult<bool> {
        changes::notified(self, id, notifications, at).await
    }

    async fn change_status(&self, change: &StatusChange) -> StoreResult<Change> {
        changes::status(self, change).await
    }

    async fn change_files(&self, change: &FileChange) -> StoreResult<Change> {
        changes::files(self, change).await
    }

    async fn erase(
        &self,
        id: RegistrationId,
        notifications: &[NewNotification],
        at: Timestamp,
    ) -> StoreResult<Erasure> {
        erase::erase(self, id, notifications, at).await
    }

    async fn remove(&self, removal: &Removal) -> StoreResult<bool> {
        remove::remove(self, removal).await
    }

    async fn overwrite_erased(&self) -> StoreResult<()> {
        erase::overwrite(self).await
    }

    async fn not_erased(
        &self,
        event: EventId,
        after: Option<RegistrationId>,
        limit: u32,
    ) -> StoreResult<Vec<RegistrationId>> {
        let (after, limit) = (after.map_or(Uuid::nil(), |after| after.0), i64::from(limit));
        let ids = sqlx::query_scalar!(
            "select id from registration where +event_id = ? and id > ? and erased_at is null order by id limit ?",
            event.0,
            after,
            limit
        );
        Ok(ids.fetch_all(&self.readers).await.map_err(store_error)?.into_iter().map(RegistrationId).collect())
    }

    async fn drop_attachments(&self, event: EventId, limit: u32) -> StoreResult<u64> {
        erase::drop_attachments(self, event, limit).await
    }

    async fn kept_data(&self, event: EventId) -> StoreResult<KeptData> {
        let row = sqlx::query!(
            r#"select (select count(*) from registration where event_id = ?1) as "registrations!: i64",
                      (select count(*) from registration where event_id = ?1 and erased_at is not null)
                          as "erased!: i64",
                      count(*) as "attachments!: i64", coalesce(sum(a.size), 0) as "bytes!: i64"
               from registration r cross join attachment a on a.registration_id = r.id where r.event_id = ?1"#,
            event.0
        );
        let row = row.fetch_one(&self.readers).await.map_err(store_error)?;
        Ok(KeptData {
            registrations: row.registrations as u64,
            erased: row.erased as u64,
            attachments: row.attachments as u64,
            attachment_bytes: row.bytes as u64,
        })
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

/// The columns of a registration.
pub(crate) struct RecordColumns {
    pub(crate) id: Uuid,
    pub(crate) event_id: i64,
    pub(crate) form_version: i64,
    pub(crate) reference: String,
    pub(crate) status: String,
    pub(crate) duplicate_of: Option<Uuid>,
    pub(crate) shown_status: Option<String>,
    pub(crate) answers: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) organization: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) attendance: Option<String>,
    pub(crate) language: String,
    pub(crate) request_id: String,
    pub(crate) search_text: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) erased_at: Option<i64>,
}

impl RecordColumns {
    pub(crate) fn into_record(self) -> StoreResult<Record> {
        let status = status(&self.status)?;
        Ok(Record {
            id: RegistrationId(self.id),
            event: EventId(self.event_id),
            form_version: self.form_version as i32,
            reference: reference(&self.reference)?,
            status,
            duplicate_of: self.duplicate_of.map(RegistrationId),
            shown_status: self.shown_status.as_deref().map_or(Ok(status), convert::status)?,
            answers: json(&self.answers)?,
            columns: Columns {
                name: self.name,
                email: self.email,
                organization: self.organization,
                country: self.country,
                category: self.category,
                attendance: self.attendance,
                search_text: self.search_text,
            },
            language: language(&self.language)?,
            request_id: self.request_id,
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            erased_at: self.erased_at.map(time).transpose()?,
        })
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

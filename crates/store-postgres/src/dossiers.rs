//! What an organiser is told of registrations, for many at once: three statements, because each is a round trip.

use registration::ids::RegistrationId;
use registration::ports::StoreResult;
use registration::reference::Reference;
use registration::stored::{Dossier, FileRow};
use uuid::Uuid;

use crate::PostgresStore;
use crate::convert::{FileColumns, reference};
use crate::error::store_error;
use crate::registrations::RecordColumns;

/// Of each registration that is there, in the order of the ids.
pub(crate) async fn read(store: &PostgresStore, ids: &[RegistrationId]) -> StoreResult<Vec<Dossier>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        RecordColumns,
        "select id, event_id, form_version, reference, status, duplicate_of, shown_status, answers, name, email,
                organization, country, category, attendance, language, request_id, search_text, created_at,
                updated_at, erased_at
         from registration where id = any ($1)",
        &asked
    );
    let records = rows.fetch_all(&store.pool).await.map_err(store_error)?;
    let records = records.into_iter().map(RecordColumns::into_record).collect::<StoreResult<_>>()?;
    Ok(Dossier::of(ids, records, files(store, &asked).await?, same_person(store, &asked).await?))
}

async fn files(store: &PostgresStore, asked: &[Uuid]) -> StoreResult<Vec<(RegistrationId, FileRow)>> {
    let rows = sqlx::query!(
        "select registration_id, id, field, name, media, size, sha256 from attachment
         where registration_id = any ($1) order by id",
        asked
    );
    let rows = rows.fetch_all(&store.pool).await.map_err(store_error)?;
    rows.into_iter()
        .map(|row| {
            let columns = FileColumns {
                id: row.id,
                field: row.field,
                name: row.name,
                media: row.media,
                size: row.size,
                sha256: row.sha256,
            };
            Ok((RegistrationId(row.registration_id), columns.into_row()?))
        })
        .collect()
}

async fn same_person(store: &PostgresStore, asked: &[Uuid]) -> StoreResult<Vec<(RegistrationId, Reference)>> {
    // Two searches for each, each by its index.
    let rows = sqlx::query!(
        r#"select one.id as "asked_for!", same.reference as "reference!"
           from registration one cross join lateral (
               select found.id, found.reference from (
                   select other.id, other.reference from registration other
                   where other.event_id = one.event_id and other.address_key = one.address_key
                     and one.address_key <> '' and other.id <> one.id
                     and other.status in ('pending', 'waiting', 'offered', 'confirmed')
                   union
                   select other.id, other.reference from registration other
                   where other.event_id = one.event_id and other.person_key = one.person_key and other.id <> one.id
                     and other.status in ('pending', 'waiting', 'offered', 'confirmed')) found
               order by found.id limit 10) same
           where one.id = any ($1) order by one.id, same.id"#,
        asked
    );
    let rows = rows.fetch_all(&store.pool).await.map_err(store_error)?;
    rows.into_iter().map(|row| Ok((RegistrationId(row.asked_for), reference(&row.reference)?))).collect()
}

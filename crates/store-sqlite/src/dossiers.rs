//! What an organiser is told of registrations, for many at once: three statements, because each is handed to SQLite's
//! thread and back.

use registration::ids::RegistrationId;
use registration::ports::StoreResult;
use registration::reference::Reference;
use registration::stored::{Dossier, FileRow};
use uuid::Uuid;

use crate::SqliteStore;
use crate::convert::{FileColumns, hex, reference};
use crate::error::store_error;
use crate::registrations::RecordColumns;

/// Of each registration that is there, in the order of the ids.
pub(crate) async fn read(store: &SqliteStore, ids: &[RegistrationId]) -> StoreResult<Vec<Dossier>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let asked = hex(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let rows = sqlx::query_as!(
        RecordColumns,
        r#"select id, event_id, form_version, reference, status, duplicate_of as "duplicate_of?: Uuid", shown_status,
                answers, name, email, organization, country, category, attendance, language, request_id, search_text,
                created_at, updated_at, erased_at
         from registration where id in (select unhex(value) from json_each(?))"#,
        asked
    );
    let records = rows.fetch_all(&store.readers).await.map_err(store_error)?;
    let records = records.into_iter().map(RecordColumns::into_record).collect::<StoreResult<_>>()?;
    Ok(Dossier::of(ids, records, files(store, &asked).await?, same_person(store, &asked).await?))
}

async fn files(store: &SqliteStore, asked: &str) -> StoreResult<Vec<(RegistrationId, FileRow)>> {
    let rows = sqlx::query!(
        r#"select registration_id as "registration_id!: Uuid", id, field, name, media, size, sha256 from attachment
           where registration_id in (select unhex(value) from json_each(?)) order by id"#,
        asked
    );
    let rows = rows.fetch_all(&store.readers).await.map_err(store_error)?;
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

async fn same_person(store: &SqliteStore, asked: &str) -> StoreResult<Vec<(RegistrationId, Reference)>> {
    // Two searches for each, each by its index.
    let rows = sqlx::query!(
        r#"with one as (
               select id, event_id, address_key, person_key from registration
               where id in (select unhex(value) from json_each(?)))
           select asked_for as "asked_for!: Uuid", reference as "reference!" from (
               select asked_for, id, reference, row_number() over (partition by asked_for order by id) as place from (
                   select one.id as asked_for, other.id, other.reference from one join registration other
                       on other.event_id = one.event_id and other.address_key = one.address_key
                   where one.address_key <> '' and other.id <> one.id
                     and other.status in ('pending', 'waiting', 'offered', 'confirmed')
                   union
                   select one.id as asked_for, other.id, other.reference from one join registration other
                       on other.event_id = one.event_id and other.person_key = one.person_key
                   where one.person_key is not null and other.id <> one.id
                     and other.status in ('pending', 'waiting', 'offered', 'confirmed')))
           where place <= 10 order by asked_for, place"#,
        asked
    );
    let rows = rows.fetch_all(&store.readers).await.map_err(store_error)?;
    rows.into_iter().map(|row| Ok((RegistrationId(row.asked_for), reference(&row.reference)?))).collect()
}

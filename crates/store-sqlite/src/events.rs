//! Event files, form versions and places.

use async_trait::async_trait;
use registration::ids::EventId;
use registration::places::{PlaceCount, PlaceKey};
use registration::ports::{Events, StoreError, StoreResult};
use registration::stored::{EventImport, EventPulse, Imported, StoredEvent};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::convert::{json, time};
use crate::error::store_error;

#[async_trait]
impl Events for SqliteStore {
    async fn import(&self, import: &EventImport) -> StoreResult<Imported> {
        let mut tx = self.write().await?;
        let (sample, at) = (i64::from(import.sample), import.at.as_microsecond());
        let event = sqlx::query!(
            "insert into event (slug, source, sample, imported_at, revision, form_version) values (?, ?, ?, ?, 1, 0)
             on conflict (slug) do update set source = excluded.source, sample = excluded.sample,
                 imported_at = excluded.imported_at, revision = revision + 1
             returning id, revision, form_version",
            import.slug,
            import.source,
            sample,
            at
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(store_error)?;
        let id = EventId(event.id);
        let form_changed = form_of(&mut tx, id, event.form_version).await?.as_ref() != Some(&import.form);
        let form_version = event.form_version + i64::from(form_changed);
        if form_changed {
            let form = import.form.to_string();
            sqlx::query!(
                "insert into form_version (event_id, number, form, created_at) values (?, ?, ?, ?)",
                id.0,
                form_version,
                form,
                at
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
            sqlx::query!("update event set form_version = ? where id = ?", form_version, id.0)
                .execute(&mut *tx)
                .await
                .map_err(store_error)?;
        }
        set_limits(&mut tx, id, &import.limits).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(Imported { id, created: event.revision == 1, form_version: form_version as i32, form_changed })
    }

    async fn all(&self) -> StoreResult<Vec<StoredEvent>> {
        let rows = sqlx::query_as!(EventColumns, "select * from event order by slug").fetch_all(&self.readers).await;
        rows.map_err(store_error)?.into_iter().map(EventColumns::into_event).collect()
    }

    async fn by_slug(&self, slug: &str) -> StoreResult<Option<StoredEvent>> {
        let row = sqlx::query_as!(EventColumns, "select * from event where slug = ?", slug);
        let row = row.fetch_optional(&self.readers).await.map_err(store_error)?;
        row.map(EventColumns::into_event).transpose()
    }

    async fn form(&self, event: EventId, version: i32) -> StoreResult<Option<serde_json::Value>> {
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        form_of(&mut connection, event, version.into()).await
    }

    async fn pulse(&self) -> StoreResult<Vec<EventPulse>> {
        let rows = sqlx::query!(
            r#"select e.id as "id!", e.slug as "slug!", e.revision as "revision!",
                      coalesce((select sum(v.n) from page_view v
                                where v.event_id = e.id and v.page = 'event'), 0) as "views!: i64",
                      p.key as "key?", p.taken as "taken?", p.places_limit as "places_limit?"
               from event e left join place_count p on p.event_id = e.id
               order by e.id, p.key = 'event', p.key"#
        )
        .fetch_all(&self.readers)
        .await
        .map_err(store_error)?;
        let mut pulses: Vec<EventPulse> = Vec::new();
        for row in rows {
            if pulses.last().is_none_or(|last| last.id.0 != row.id) {
                let (id, slug) = (EventId(row.id), row.slug);
                pulses.push(EventPulse { id, slug, revision: row.revision, places: vec![], views: row.views as u64 });
            }
            if let (Some(pulse), Some(key), Some(taken), Some(limit)) =
                (pulses.last_mut(), row.key, row.taken, row.places_limit)
            {
                pulse.places.push(PlaceCount { key: PlaceKey(key), taken: taken as u32, limit: limit as u32 });
            }
        }
        Ok(pulses)
    }
}

struct EventColumns {
    id: i64,
    slug: String,
    source: String,
    sample: i64,
    imported_at: i64,
    revision: i64,
    form_version: i64,
}

impl EventColumns {
    fn into_event(self) -> StoreResult<StoredEvent> {
        Ok(StoredEvent {
            id: EventId(self.id),
            slug: self.slug,
            source: self.source,
            imported_at: time(self.imported_at)?,
            form_version: self.form_version as i32,
            sample: self.sample != 0,
            revision: self.revision,
        })
    }
}

async fn form_of(
    connection: &mut SqliteConnection,
    event: EventId,
    version: i64,
) -> StoreResult<Option<serde_json::Value>> {
    let form = sqlx::query_scalar!("select form from form_version where event_id = ? and number = ?", event.0, version)
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    form.map(|form| json(&form)).transpose()
}

/// Sets the limits of places. A counter that is there keeps its count, which every registration has kept right; one that
/// appears counts what is taken.
async fn set_limits(tx: &mut SqliteConnection, event: EventId, limits: &[(PlaceKey, u32)]) -> StoreResult<()> {
    let keys: Vec<&str> = limits.iter().map(|(key, _)| key.0.as_str()).collect();
    let keys = serde_json::Value::from(keys).to_string();
    sqlx::query!(
        "delete from place_count where event_id = ? and key not in (select value from json_each(?))",
        event.0,
        keys
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    for (key, limit) in limits {
        let moved = sqlx::query!(
            "update place_count set places_limit = ? where event_id = ? and key = ?",
            limit,
            event.0,
            key.0
        )
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
        if moved.rows_affected() == 0 {
            let taken = taken(tx, event, key).await?;
            sqlx::query!(
                "insert into place_count (event_id, key, taken, places_limit) values (?, ?, ?, ?)",
                event.0,
                key.0,
                taken,
                limit
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        }
    }
    Ok(())
}

/// Counts the registrations that hold a place: reads all of the event's, which only an import with a new limit does. The
/// statuses are those of the index `registration_alive`, and who waits holds no place.
async fn taken(tx: &mut SqliteConnection, event: EventId, key: &PlaceKey) -> StoreResult<i64> {
    if key.is_event() {
        return sqlx::query_scalar!(
            "select count(*) from registration
             where event_id = ? and status in ('pending', 'waiting', 'offered', 'confirmed') and status <> 'waiting'",
            event.0
        )
        .fetch_one(tx)
        .await
        .map_err(store_error);
    }
    let (field, value) =
        key.field_and_value().ok_or_else(|| StoreError::Bug("a counter's key has no field".to_owned()))?;
    // json_each gives a string as one row and an array as a row for each element.
    let path = format!("$.\"{field}\"");
    sqlx::query_scalar!(
        "select count(*) from registration
         where event_id = ? and status in ('pending', 'waiting', 'offered', 'confirmed') and status <> 'waiting'
           and exists (select 1 from json_each(answers, ?) answer where answer.value = ?)",
        event.0,
        path,
        value
    )
    .fetch_one(tx)
    .await
    .map_err(store_error)
}

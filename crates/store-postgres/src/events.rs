//! Event files, form versions and places.

use async_trait::async_trait;
use registration::ids::EventId;
use registration::places::{PlaceCount, PlaceKey};
use registration::ports::{Events, StoreError, StoreResult};
use registration::stored::{EventImport, EventPulse, Imported, StoredEvent};
use sqlx::PgConnection;
use std::time::Duration;
use time::OffsetDateTime;

use crate::convert::{time, to_time};
use crate::error::store_error;
use crate::{PATIENCE, PostgresStore, within};

/// How long an import may take: it may have to read all registrations.
const IMPORT: Duration = Duration::from_secs(2 * 60);

#[async_trait]
impl Events for PostgresStore {
    async fn import(&self, import: &EventImport) -> StoreResult<Imported> {
        within(IMPORT, self.import_now(import)).await
    }

    async fn all(&self) -> StoreResult<Vec<StoredEvent>> {
        within(PATIENCE, async {
            let rows = sqlx::query_as!(
                EventColumns,
                r#"select id, slug, source, sample, imported_at, revision, form_version from event
                   order by slug collate "C""#
            );
            let rows = rows.fetch_all(&self.pool).await.map_err(store_error)?;
            rows.into_iter().map(EventColumns::into_event).collect()
        })
        .await
    }

    async fn by_slug(&self, slug: &str) -> StoreResult<Option<StoredEvent>> {
        within(PATIENCE, async {
            let row = sqlx::query_as!(
                EventColumns,
                "select id, slug, source, sample, imported_at, revision, form_version from event where slug = $1",
                slug
            );
            let row = row.fetch_optional(&self.pool).await.map_err(store_error)?;
            row.map(EventColumns::into_event).transpose()
        })
        .await
    }

    async fn form(&self, event: EventId, version: i32) -> StoreResult<Option<serde_json::Value>> {
        within(PATIENCE, async {
            sqlx::query_scalar!("select form from form_version where event_id = $1 and number = $2", event.0, version)
                .fetch_optional(&self.pool)
                .await
                .map_err(store_error)
        })
        .await
    }

    async fn pulse(&self) -> StoreResult<Vec<EventPulse>> {
        within(PATIENCE, async {
            let rows = sqlx::query!(
                r#"select e.id as "id!", e.slug as "slug!", e.revision as "revision!",
                          coalesce((select sum(v.n) from page_view v
                                    where v.event_id = e.id and v.page = 'event'), 0)::bigint as "views!",
                          p.key as "key?", p.taken as "taken?", p.places_limit as "places_limit?"
                   from event e left join place_count p on p.event_id = e.id
                   order by e.id, p.key = 'event', p.key collate "C""#
            );
            let mut pulses: Vec<EventPulse> = Vec::new();
            for row in rows.fetch_all(&self.pool).await.map_err(store_error)? {
                if pulses.last().is_none_or(|last| last.id.0 != row.id) {
                    let (id, slug, views) = (EventId(row.id), row.slug, row.views as u64);
                    pulses.push(EventPulse { id, slug, revision: row.revision, places: vec![], views });
                }
                if let (Some(pulse), Some(key), Some(taken), Some(limit)) =
                    (pulses.last_mut(), row.key, row.taken, row.places_limit)
                {
                    pulse.places.push(PlaceCount { key: PlaceKey(key), taken: taken as u32, limit: limit as u32 });
                }
            }
            Ok(pulses)
        })
        .await
    }
}

impl PostgresStore {
    async fn import_now(&self, import: &EventImport) -> StoreResult<Imported> {
        let mut tx = self.begin().await?;
        sqlx::query!(r#"select set_config('statement_timeout', '100s', true) as "set!""#)
            .fetch_one(&mut *tx)
            .await
            .map_err(store_error)?;
        let at = to_time(import.at)?;
        // Locks the event's row: imports of one event follow each other. Registrations do not wait for it.
        let event = sqlx::query!(
            "insert into event (slug, source, sample, imported_at, revision, form_version) values ($1, $2, $3, $4, 1, 0)
             on conflict (slug) do update set source = excluded.source, sample = excluded.sample,
                 imported_at = excluded.imported_at, revision = event.revision + 1
             returning id, revision, form_version",
            import.slug,
            import.source,
            import.sample,
            at
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(store_error)?;
        let id = EventId(event.id);
        let same = sqlx::query_scalar!(
            r#"select form = $3 as "same!" from form_version where event_id = $1 and number = $2"#,
            id.0,
            event.form_version,
            import.form
        );
        let form_changed = !same.fetch_optional(&mut *tx).await.map_err(store_error)?.unwrap_or(false);
        let form_version = event.form_version + i32::from(form_changed);
        if form_changed {
            sqlx::query!(
                "with version as (
                     insert into form_version (event_id, number, form, created_at) values ($1, $2, $3, $4))
                 update event set form_version = $2 where id = $1",
                id.0,
                form_version,
                import.form,
                at
            )
            .execute(&mut *tx)
            .await
            .map_err(store_error)?;
        }
        set_limits(&mut tx, id, &import.limits).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(Imported { id, created: event.revision == 1, form_version, form_changed })
    }
}

/// Sets the limits of places. A counter that is there keeps its count, which every registration has kept right; one that
/// appears counts what is taken.
///
/// Locks are taken in the order that a registration takes them: form version, then counters in their order.
async fn set_limits(tx: &mut PgConnection, event: EventId, limits: &[(PlaceKey, u32)]) -> StoreResult<()> {
    let known = sqlx::query_scalar!("select key from place_count where event_id = $1", event.0);
    let known = known.fetch_all(&mut *tx).await.map_err(store_error)?;
    // Only imports make counters, and those of one event follow each other.
    let appearing: Vec<_> = limits.iter().filter(|(key, _)| !known.contains(&key.0)).collect();
    if !appearing.is_empty() {
        wait_for_registrations(tx, event).await?;
    }
    sqlx::query!(
        r#"select key from place_count where event_id = $1 order by key = 'event', key collate "C" for update"#,
        event.0
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(store_error)?;
    let keys: Vec<String> = limits.iter().map(|(key, _)| key.0.clone()).collect();
    let numbers: Vec<i64> = limits.iter().map(|(_, limit)| i64::from(*limit)).collect();
    sqlx::query!("delete from place_count where event_id = $1 and key <> all ($2)", event.0, &keys)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    sqlx::query!(
        "update place_count p set places_limit = wanted.places
         from unnest($2::text[], $3::bigint[]) wanted (key, places) where p.event_id = $1 and p.key = wanted.key",
        event.0,
        &keys,
        &numbers
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    for (key, limit) in appearing {
        insert_counter(tx, event, key, (*limit).into()).await?;
    }
    Ok(())
}

/// A registration that is being written now would be missed by a count and find no counter to take from. So all form
/// versions of the event are locked: every registration holds its version's row in share mode, by its foreign key, from
/// its first statement to its commit. Those under way are waited for; those that come wait for this transaction, and then
/// see the new counters.
async fn wait_for_registrations(tx: &mut PgConnection, event: EventId) -> StoreResult<()> {
    sqlx::query!("select number from form_version where event_id = $1 order by number for update", event.0)
        .fetch_all(tx)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Adds a counter with what is taken of it.
async fn insert_counter(tx: &mut PgConnection, event: EventId, key: &PlaceKey, limit: i64) -> StoreResult<()> {
    let (field, value) = match key.field_and_value() {
        _ if key.is_event() => (None, None),
        Some((field, value)) => (Some(field), Some(value)),
        None => return Err(StoreError::Bug("a counter's key has no field".to_owned())),
    };
    // In JSON a string contains itself, an array its elements.
    sqlx::query!(
        "insert into place_count (event_id, key, places_limit, taken)
         select $1, $2, $3, count(*) from registration
         where event_id = $1 and status in ('pending', 'offered', 'confirmed')
           and ($4::text is null or answers -> $4 @> to_jsonb($5::text))",
        event.0,
        key.0,
        limit,
        field,
        value
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

struct EventColumns {
    id: i64,
    slug: String,
    source: String,
    sample: bool,
    imported_at: OffsetDateTime,
    revision: i64,
    form_version: i32,
}

impl EventColumns {
    fn into_event(self) -> StoreResult<StoredEvent> {
        Ok(StoredEvent {
            id: EventId(self.id),
            slug: self.slug,
            source: self.source,
            imported_at: time(self.imported_at)?,
            form_version: self.form_version,
            sample: self.sample,
            revision: self.revision,
        })
    }
}

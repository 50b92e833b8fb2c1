//! The one transaction of a registration: one statement that claims the submission id and writes everything, then one for
//! each counter of places, because their rows are what others wait for.

use registration::event::WhenFull;
use registration::ids::FileId;
use registration::notification::NewNotification;
use registration::places::PlaceKey;
use registration::ports::{StoreError, StoreResult};
use registration::stored::{FileContent, NewAttachment, NewRegistration, Registered, Status};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::convert::{status, to_time};
use crate::error::{broken_unique, is_collision, sessions_are_suspect, store_error};
use crate::registrations::holder_of;
use crate::uploads::{delete_chunks, lock_files};

/// How often a registration that met another one is tried. One that finds the last place gone needs a second try; more
/// are needed only when places come and go, or by deadlocks.
const TRIES: usize = 10;

/// Writes a registration with everything that belongs to it, or nothing.
pub(crate) async fn register(store: &PostgresStore, new: &NewRegistration) -> StoreResult<Registered> {
    for tried in 0..TRIES {
        let mut tx = store.begin().await?;
        if !new.attachments.is_empty() {
            lock_files(&mut tx, new.submission).await?;
        }
        let first = match new.if_duplicate {
            Some(_) => first_of_address(&mut tx, new).await?,
            None => None,
        };
        let outcome = match write(&mut tx, new, first).await {
            // The session may be of a server that is a standby now; the next one is asked before it is used.
            Err(_) if tried == 0 && sessions_are_suspect() => Outcome::Again,
            outcome => outcome?,
        };
        if let Outcome::Done(Registered::New(_) | Registered::Duplicate(_)) = outcome {
            tx.commit().await.map_err(store_error)?;
        } else {
            tx.rollback().await.map_err(store_error)?;
        }
        match outcome {
            Outcome::Done(registered) => return Ok(registered),
            Outcome::KeyTaken => return who_has_it(store, new).await,
            Outcome::Again => {}
        }
    }
    Err(StoreError::Unavailable("too many at once".to_owned()))
}

/// What came of one try.
enum Outcome {
    Done(Registered),
    /// Somebody has the submission id, the reference or the id.
    KeyTaken,
    /// It met another transaction: from the start again.
    Again,
}

async fn write(tx: &mut PgConnection, new: &NewRegistration, first: Option<Uuid>) -> StoreResult<Outcome> {
    let written = match insert(tx, new, first).await? {
        Inserted::Written(written) => written,
        Inserted::KeyTaken => return Ok(Outcome::KeyTaken),
        Inserted::Collision => return Ok(Outcome::Again),
    };
    if let Some(gone) = uploads(new).find(|id| !written.adopted.contains(&id.0)) {
        return Ok(Outcome::Done(Registered::UploadGone(gone)));
    }
    if let (WhenFull::Closed, Some(key)) = (new.when_full, written.exhausted) {
        return Ok(Outcome::Done(Registered::Full(PlaceKey(key))));
    }
    delete_chunks(tx, &written.left_over).await?;
    if first.is_some() {
        return Ok(Outcome::Done(Registered::Duplicate(written.shown)));
    }
    if written.status == Status::Confirmed {
        match take_places(tx, new).await? {
            Taken::All => {}
            Taken::Exhausted(key) if new.when_full == WhenFull::Closed => {
                return Ok(Outcome::Done(Registered::Full(key)));
            }
            // The next try sees from its beginning that there is no place.
            Taken::Exhausted(_) | Taken::Collision => return Ok(Outcome::Again),
        }
    }
    Ok(Outcome::Done(Registered::New(written.status)))
}

/// The files that are uploads to adopt.
fn uploads(new: &NewRegistration) -> impl Iterator<Item = FileId> {
    let uploaded = new.attachments.iter().filter(|file| matches!(file.content, FileContent::Uploaded));
    uploaded.map(|file| file.id)
}

/// The files that come with their content.
fn small(new: &NewRegistration) -> Vec<(&NewAttachment, &[u8])> {
    let content = |file| match file {
        &NewAttachment { content: FileContent::Small(ref content), .. } => Some((file, content.as_slice())),
        _ => None,
    };
    new.attachments.iter().filter_map(content).collect()
}

/// What the first statement wrote.
struct Written {
    /// `confirmed`, or `waiting` if a counter was exhausted before, or `rejected`.
    status: Status,
    /// What a duplicate would be if it were none.
    shown: Status,
    /// The first counter that was exhausted when the statement began.
    exhausted: Option<String>,
    /// Uploads that are attachments now.
    adopted: Vec<Uuid>,
    /// Other uploads of the form, whose rows are deleted.
    left_over: Vec<Uuid>,
}

enum Inserted {
    Written(Written),
    KeyTaken,
    Collision,
}

/// The alive registration of an event that has the address of a new one. Whoever registers the same address at the same
/// time waits here until this transaction ends.
async fn first_of_address(tx: &mut PgConnection, new: &NewRegistration) -> StoreResult<Option<Uuid>> {
    let address = new.columns.address_key();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, $2))", address, new.event.0)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    let first = sqlx::query_scalar!(
        "select id from registration
         where event_id = $1 and address_key = $2 and submission_id <> $3
           and status in ('pending', 'waiting', 'offered', 'confirmed') order by id limit 1",
        new.event.0,
        address,
        new.submission.0
    );
    first.fetch_optional(tx).await.map_err(store_error)
}

/// Claims the submission id and writes everything but the counters. Whoever comes with the same submission id waits here
/// until this transaction ends.
///
/// Whether a place is left is looked up first, without a lock: once all are gone, those who wait pass without meeting each
/// other. Who finds the last place going in between learns it at the counter.
async fn insert(tx: &mut PgConnection, new: &NewRegistration, first: Option<Uuid>) -> StoreResult<Inserted> {
    let columns = &new.columns;
    let (address, person) = (columns.address_key(), columns.person_key());
    let at = to_time(new.at)?;
    let places: Vec<String> = new.places.iter().map(|key| key.0.clone()).collect();
    // A duplicate is told to its address only, and counted nowhere.
    let (notifications, summary) = match (&new.if_duplicate, first) {
        (Some(note), Some(_)) => (std::slice::from_ref(note), &[][..]),
        _ => (&new.notifications[..], &new.summary[..]),
    };
    let recipients: Vec<String> = notifications.iter().map(|one| one.recipient.clone()).collect();
    let kinds: Vec<String> = notifications.iter().map(|one| one.kind.as_str().to_owned()).collect();
    let languages: Vec<String> = notifications.iter().map(|one| one.language.tag().to_owned()).collect();
    let (starts, ends) = windows(notifications)?;
    let dimensions: Vec<String> = summary.iter().map(|delta| delta.dimension.clone()).collect();
    let values: Vec<String> = summary.iter().map(|delta| delta.value.clone()).collect();
    let numbers: Vec<i64> = summary.iter().map(|delta| delta.n).collect();
    let adopt: Vec<Uuid> = uploads(new).map(|id| id.0).collect();
    let small = small(new);
    let file_ids: Vec<Uuid> = small.iter().map(|(file, _)| file.id.0).collect();
    let file_fields: Vec<String> = small.iter().map(|(file, _)| file.field.clone()).collect();
    let file_names: Vec<String> = small.iter().map(|(file, _)| file.name.clone()).collect();
    let file_media: Vec<String> = small.iter().map(|(file, _)| file.media.mime().to_owned()).collect();
    let file_sizes: Vec<i64> = small.iter().map(|(file, _)| file.size as i64).collect();
    let file_digests: Vec<&[u8]> = small.iter().map(|(file, _)| file.sha256.as_slice()).collect();
    let contents: Vec<&[u8]> = small.iter().map(|(_, content)| *content).collect();
    let written = sqlx::query!(
        r#"
        with exhausted as (
            select p.key from place_count p
            join unnest($17::text[]) with ordinality wanted (key, position) on wanted.key = p.key
            where p.event_id = $2 and p.taken >= p.places_limit order by wanted.position limit 1
        ), claimed as (
            insert into registration (id, event_id, form_version, submission_id, content_digest, reference, status,
                answers, name, email, organization, country, category, attendance, language, request_id, search_text,
                created_at, updated_at, address_key, person_key, duplicate_of, shown_status)
            select $1, $2, $3, $4, $5, $6, case when $37::uuid is null then first.status else 'rejected' end,
                $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $18, $18, $35, $36, $37,
                case when $37::uuid is not null then first.status end
            from (select case when exists (select from exhausted) then 'waiting' else 'confirmed' end as status) first
            on conflict (submission_id) do nothing
            returning id, status, coalesce(shown_status, status) as shown
        ), past as (
            insert into history (registration_id, at, action, detail)
            select id, $18, 'registered', null from claimed
            union all
            select id, $18, status, case when status = 'rejected' then 'the address is registered already' end
            from claimed where status <> 'confirmed'
        ), told as (
            insert into notification (event_id, registration_id, recipient, kind, language, window_starts, window_ends,
                created_at)
            select $2, claimed.id, one.recipient, one.kind, one.language, one.starts, one.ends, now()
            from claimed, unnest($19::text[], $20::text[], $21::text[], $33::timestamptz[], $34::timestamptz[])
                with ordinality one (recipient, kind, language, starts, ends, position)
            order by one.position
        ), counted as (
            insert into summary_delta (event_id, dimension, value, n)
            select $2, one.dimension, case when one.dimension = 'status' then claimed.status else one.value end, one.n
            from claimed, unnest($22::text[], $23::text[], $24::bigint[]) one (dimension, value, n)
        ), form_uploads as (
            delete from upload using claimed where upload.submission_id = $4
            returning upload.*, upload.id = any ($25::uuid[]) and upload.state = 'finished' as adopted
        ), attached as (
            insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
            select id, $1, field, name, media, size, sha256, created_at from form_uploads where adopted
            union all
            select one.id, claimed.id, one.field, one.name, one.media, one.size, one.sha256, $18
            from claimed, unnest($26::uuid[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::bytea[])
                one (id, field, name, media, size, sha256)
        ), content as (
            -- A small file is one chunk; an empty one has none.
            insert into file_chunk (file_id, idx, data)
            select one.id, 0, one.data from claimed, unnest($26::uuid[], $32::bytea[]) one (id, data)
            where octet_length(one.data) > 0
        )
        select (select status from claimed) as "status?",
               (select shown from claimed) as "shown?",
               (select key from exhausted) as "exhausted?",
               array (select id from form_uploads where adopted) as "adopted!",
               array (select id from form_uploads where not adopted) as "left_over!"
        "#,
        new.id.0,
        new.event.0,
        new.form_version,
        new.submission.0,
        new.content_digest.as_slice(),
        new.reference.as_str(),
        new.answers,
        columns.name,
        columns.email,
        columns.organization,
        columns.country,
        columns.category,
        columns.attendance,
        new.language.tag(),
        new.request_id,
        columns.search_text,
        &places,
        at,
        &recipients,
        &kinds,
        &languages,
        &dimensions,
        &values,
        &numbers,
        &adopt,
        &file_ids,
        &file_fields,
        &file_names,
        &file_media,
        &file_sizes,
        &file_digests as &[&[u8]],
        &contents as &[&[u8]],
        &starts as &[Option<OffsetDateTime>],
        &ends as &[Option<OffsetDateTime>],
        address,
        person,
        first
    )
    .fetch_one(tx)
    .await;
    match written {
        Ok(row) => match (row.status, row.shown) {
            (Some(word), Some(shown)) => Ok(Inserted::Written(Written {
                status: status(&word)?,
                shown: status(&shown)?,
                exhausted: row.exhausted,
                adopted: row.adopted,
                left_over: row.left_over,
            })),
            _ => Ok(Inserted::KeyTaken),
        },
        Err(error) if is_collision(&error) => Ok(Inserted::Collision),
        Err(error) if broken_unique(&error).is_some_and(|name| name.starts_with("registration_")) => {
            Ok(Inserted::KeyTaken)
        }
        Err(error) => Err(store_error(error)),
    }
}

/// Beginnings and ends of the windows of notifications.
#[expect(clippy::type_complexity, reason = "two columns")]
pub(crate) fn windows(
    notifications: &[NewNotification],
) -> StoreResult<(Vec<Option<OffsetDateTime>>, Vec<Option<OffsetDateTime>>)> {
    let mut columns = (Vec::new(), Vec::new());
    for one in notifications {
        columns.0.push(one.window.map(|window| to_time(window.starts)).transpose()?);
        columns.1.push(one.window.map(|window| to_time(window.ends)).transpose()?);
    }
    Ok(columns)
}

/// Tells what of a registration was taken, after its transaction is over.
async fn who_has_it(store: &PostgresStore, new: &NewRegistration) -> StoreResult<Registered> {
    let mut connection = store.pool.acquire().await.map_err(store_error)?;
    if let Some(existing) = holder_of(&mut connection, new.submission).await? {
        return Ok(Registered::Existing(existing));
    }
    let taken = sqlx::query_scalar!(
        r#"select exists (select 1 from registration where reference = $1) as "taken!""#,
        new.reference.as_str()
    );
    if taken.fetch_one(&mut *connection).await.map_err(store_error)? {
        Ok(Registered::ReferenceTaken)
    } else {
        Err(StoreError::Conflict("registration id"))
    }
}

enum Taken {
    All,
    Exhausted(PlaceKey),
    Collision,
}

/// Takes one place of each counter, in the order that all registrations keep. What was taken before an exhausted one goes
/// back with the transaction.
async fn take_places(tx: &mut PgConnection, new: &NewRegistration) -> StoreResult<Taken> {
    // Asked in a statement of its own: the insert before it waited for an import, so that this one sees its counters.
    let keys: Vec<&str> = new.places.iter().map(|key| key.0.as_str()).collect();
    let limited = sqlx::query_scalar!(
        "select key from place_count where event_id = $1 and key = any ($2::text[])",
        new.event.0,
        &keys as &[&str]
    );
    let limited = limited.fetch_all(&mut *tx).await.map_err(store_error)?;
    for key in &new.places {
        if !limited.contains(&key.0) {
            continue;
        }
        let taken = sqlx::query!(
            "update place_count set taken = taken + 1 where event_id = $1 and key = $2 and taken < places_limit",
            new.event.0,
            key.0
        );
        match taken.execute(&mut *tx).await {
            Ok(done) if done.rows_affected() > 0 => {}
            Ok(_) => return Ok(Taken::Exhausted(key.clone())),
            Err(error) if is_collision(&error) => return Ok(Taken::Collision),
            Err(error) => return Err(store_error(error)),
        }
    }
    Ok(Taken::All)
}

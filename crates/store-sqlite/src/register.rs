//! The one transaction of a registration. It does the same things in the same order as on PostgreSQL, where the order
//! decides the speed.

use jiff::Timestamp;
use registration::event::WhenFull;
use registration::ids::{EventId, FileId, RegistrationId, SubmissionId};
use registration::notification::{NewNotification, Window};
use registration::places::PlaceKey;
use registration::ports::{StoreError, StoreResult};
use registration::stored::{FileContent, NewAttachment, NewRegistration, Registered, Status};
use registration::summary::SummaryDelta;
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::store_error;
use crate::registrations::holder_of;
use crate::together::{Done, Work};
use crate::uploads;

/// Writes a registration with everything that belongs to it, or nothing.
pub(crate) async fn register(store: &SqliteStore, new: &NewRegistration) -> StoreResult<Registered> {
    match store.write_together(Work::Register(Box::new(new.clone()))).await? {
        Done::Registered(registered) => Ok(registered),
        Done::Sent => Err(StoreError::Bug("a registration was answered like a mail".to_owned())),
    }
}

/// Writes everything; what it answers says whether that is to be kept.
pub(crate) async fn write(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<Registered> {
    if !claim(tx, new).await? {
        return why_not_claimed(tx, new).await;
    }
    let first = match new.if_duplicate {
        Some(_) => first_of_address(tx, new).await?,
        None => None,
    };
    for file in &new.attachments {
        if !attach(tx, new, file).await? {
            return Ok(Registered::UploadGone(file.id));
        }
    }
    uploads::drop_all_of(tx, new.submission).await?;
    let at = new.at.as_microsecond();
    history(tx, new.id, at, "registered", None).await?;
    if let (Some(first), Some(note)) = (first, &new.if_duplicate) {
        return duplicate(tx, new, first, note).await;
    }
    notify(tx, new.event, new.id, &new.notifications).await?;
    count(tx, new.event, &new.summary).await?;

    let Some(exhausted) = take_places(tx, new).await? else { return Ok(Registered::New(Status::Confirmed)) };
    match new.when_full {
        WhenFull::Closed => Ok(Registered::Full(exhausted)),
        WhenFull::Waiting => {
            wait(tx, new).await?;
            Ok(Registered::New(Status::Waiting))
        }
    }
}

/// Inserts the registration, and by that claims its submission id. False if some key of it is taken.
async fn claim(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<bool> {
    let columns = &new.columns;
    let (digest, answers) = (new.content_digest.as_slice(), new.answers.to_string());
    let (status, reference) = (Status::Confirmed.as_str(), new.reference.as_str());
    let (language, at) = (new.language.tag(), new.at.as_microsecond());
    let (address, person) = (columns.address_key(), columns.person_key());
    let claimed = sqlx::query!(
        "insert into registration (id, event_id, form_version, submission_id, content_digest, reference, status, answers,
             name, email, organization, country, category, attendance, language, request_id, search_text,
             created_at, updated_at, address_key, person_key)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?18, ?19, ?20)
         on conflict do nothing",
        new.id.0,
        new.event.0,
        new.form_version,
        new.submission.0,
        digest,
        reference,
        status,
        answers,
        columns.name,
        columns.email,
        columns.organization,
        columns.country,
        columns.category,
        columns.attendance,
        language,
        new.request_id,
        columns.search_text,
        at,
        address,
        person
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(claimed.rows_affected() == 1)
}

async fn why_not_claimed(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<Registered> {
    if let Some(existing) = holder_of(tx, new.submission).await? {
        return Ok(Registered::Existing(existing));
    }
    let reference = new.reference.as_str();
    let taken = sqlx::query_scalar!(
        r#"select exists (select 1 from registration where reference = ?) as "taken!: bool""#,
        reference
    );
    if taken.fetch_one(tx).await.map_err(store_error)? {
        Ok(Registered::ReferenceTaken)
    } else {
        Err(StoreError::Conflict("registration id"))
    }
}

/// Adds a file. False if it is an upload that is not there for this form.
async fn attach(tx: &mut SqliteConnection, new: &NewRegistration, file: &NewAttachment) -> StoreResult<bool> {
    match &file.content {
        FileContent::Small(content) => {
            insert_small(tx, new.id, file, content, new.at.as_microsecond()).await.map(|()| true)
        }
        FileContent::Uploaded => adopt(tx, new.id, new.submission, file.id).await,
    }
}

pub(crate) async fn insert_small(
    tx: &mut SqliteConnection,
    registration: RegistrationId,
    file: &NewAttachment,
    content: &[u8],
    at: i64,
) -> StoreResult<()> {
    let (media, size, sha256) = (file.media.mime(), file.size as i64, file.sha256.as_slice());
    sqlx::query!(
        "insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
         values (?, ?, ?, ?, ?, ?, ?, ?)",
        file.id.0,
        registration.0,
        file.field,
        file.name,
        media,
        size,
        sha256,
        at
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    uploads::insert_chunks(tx, file.id, content).await
}

/// Makes a finished upload an attachment. Its chunks stay where they are.
async fn adopt(
    tx: &mut SqliteConnection,
    registration: RegistrationId,
    submission: SubmissionId,
    file: FileId,
) -> StoreResult<bool> {
    let adopted = sqlx::query!(
        "insert into attachment (id, registration_id, field, name, media, size, sha256, created_at)
         select id, ?, field, name, media, size, sha256, created_at from upload
         where id = ? and submission_id = ? and state = 'finished'",
        registration.0,
        file.0,
        submission.0
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    if adopted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("delete from upload where id = ?", file.0).execute(tx).await.map_err(store_error)?;
    Ok(true)
}

/// The alive registration of an event that has the address of a new one.
async fn first_of_address(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<Option<Uuid>> {
    let address = new.columns.address_key();
    let first = sqlx::query_scalar!(
        "select id from registration
         where event_id = ? and address_key = ? and id <> ?
           and status in ('pending', 'waiting', 'offered', 'confirmed') order by id limit 1",
        new.event.0,
        address,
        new.id.0
    );
    first.fetch_optional(tx).await.map_err(store_error)
}

/// Keeps a second registration of an address aside, as it would be shown if it were a first one.
async fn duplicate(
    tx: &mut SqliteConnection,
    new: &NewRegistration,
    first: Uuid,
    note: &NewNotification,
) -> StoreResult<Registered> {
    let shown = match (exhausted(tx, new).await?, new.when_full) {
        (None, _) => Status::Confirmed,
        (Some(_), WhenFull::Waiting) => Status::Waiting,
        (Some(key), WhenFull::Closed) => return Ok(Registered::Full(key)),
    };
    let (rejected, shown_word) = (Status::Rejected.as_str(), shown.as_str());
    sqlx::query!(
        "update registration set status = ?, duplicate_of = ?, shown_status = ? where id = ?",
        rejected,
        first,
        shown_word,
        new.id.0
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    history(tx, new.id, new.at.as_microsecond(), rejected, Some("the address is registered already")).await?;
    notify(tx, new.event, new.id, std::slice::from_ref(note)).await?;
    Ok(Registered::Duplicate(shown))
}

/// The first counter without a place left, if any.
async fn exhausted(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<Option<PlaceKey>> {
    let full =
        sqlx::query_scalar!("select key from place_count where event_id = ? and taken >= places_limit", new.event.0);
    let full = full.fetch_all(tx).await.map_err(store_error)?;
    Ok(new.places.iter().find(|key| full.contains(&key.0)).cloned())
}

pub(crate) async fn history(
    tx: &mut SqliteConnection,
    registration: RegistrationId,
    at: i64,
    action: &str,
    detail: Option<&str>,
) -> StoreResult<()> {
    sqlx::query!(
        "insert into history (registration_id, at, action, detail) values (?, ?, ?, ?)",
        registration.0,
        at,
        action,
        detail
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Writes notifications, by the database's clock: the outbox's ages are told by it.
pub(crate) async fn notify(
    tx: &mut SqliteConnection,
    event: EventId,
    registration: RegistrationId,
    notifications: &[NewNotification],
) -> StoreResult<()> {
    let rows = notifications.iter().map(|one| {
        let window = |end: fn(Window) -> Timestamp| one.window.map(|window| end(window).as_microsecond());
        let (starts, ends) = (window(|window| window.starts), window(|window| window.ends));
        serde_json::json!([one.recipient, one.kind.as_str(), one.language.tag(), starts, ends])
    });
    let rows = rows.collect::<serde_json::Value>().to_string();
    sqlx::query!(
        "insert into notification (event_id, registration_id, recipient, kind, language, window_starts, window_ends,
             created_at)
         select ?, ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
             cast(unixepoch('subsec') * 1000000 as integer)
         from json_each(?) order by key",
        event.0,
        registration.0,
        rows
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

pub(crate) async fn count(tx: &mut SqliteConnection, event: EventId, deltas: &[SummaryDelta]) -> StoreResult<()> {
    let rows = deltas.iter().map(|delta| serde_json::json!([delta.dimension, delta.value, delta.n]));
    let rows = rows.collect::<serde_json::Value>().to_string();
    sqlx::query!(
        "insert into summary_delta (event_id, dimension, value, n)
         select ?, value ->> 0, value ->> 1, value ->> 2 from json_each(?)",
        event.0,
        rows
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Takes one place of each counter, or none at all and tells which was exhausted.
async fn take_places(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<Option<PlaceKey>> {
    let limited = sqlx::query_scalar!("select key from place_count where event_id = ?", new.event.0);
    let limited = limited.fetch_all(&mut *tx).await.map_err(store_error)?;
    if limited.is_empty() {
        return Ok(None);
    }
    let mut savepoint = tx.begin().await.map_err(store_error)?;
    for key in &new.places {
        if !limited.contains(&key.0) {
            continue;
        }
        let taken = sqlx::query!(
            "update place_count set taken = taken + 1 where event_id = ? and key = ? and taken < places_limit",
            new.event.0,
            key.0
        )
        .execute(&mut *savepoint)
        .await
        .map_err(store_error)?;
        if taken.rows_affected() == 0 {
            savepoint.rollback().await.map_err(store_error)?;
            return Ok(Some(key.clone()));
        }
    }
    savepoint.commit().await.map_err(store_error)?;
    Ok(None)
}

/// Puts the registration on the waiting list, in its row, its history and the summary.
async fn wait(tx: &mut SqliteConnection, new: &NewRegistration) -> StoreResult<()> {
    let waiting = Status::Waiting.as_str();
    sqlx::query!("update registration set status = ? where id = ?", waiting, new.id.0)
        .execute(&mut *tx)
        .await
        .map_err(store_error)?;
    history(tx, new.id, new.at.as_microsecond(), waiting, None).await?;
    let counted = new.summary.iter().filter(|delta| delta.dimension == "status");
    let moved: Vec<SummaryDelta> = counted
        .flat_map(|delta| {
            let back = SummaryDelta { n: -delta.n, ..delta.clone() };
            [back, SummaryDelta { value: waiting.to_owned(), ..delta.clone() }]
        })
        .collect();
    count(tx, new.event, &moved).await
}

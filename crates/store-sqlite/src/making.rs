//! Mails are made of notifications: all in one transaction, and in few statements, however many they are, because each
//! statement is handed to SQLite's thread and back.

use registration::notification::{Made, NewMail, carried_by_none, without_enough};
use registration::ports::StoreResult;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::store_error;

/// Makes the mails whose notifications no other mail carries and whose address did not get enough today.
pub(crate) async fn make(store: &SqliteStore, mails: &[NewMail]) -> StoreResult<Made> {
    if mails.is_empty() {
        return Ok(Made::default());
    }
    let mut tx = store.write().await?;
    let free = free(&mut tx, mails).await?;
    let (fine, enough) = without_enough(mails, got_today(&mut tx, mails).await?);
    let withheld = withhold(&mut tx, &enough).await?;
    let made = carried_by_none(fine, free);
    insert(&mut tx, &made).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Made { mails: made.len(), withheld })
}

/// Those notifications of the mails that no mail carries.
async fn free(tx: &mut SqliteConnection, mails: &[NewMail]) -> StoreResult<Vec<i64>> {
    let wanted = notifications(mails.iter());
    let free = sqlx::query_scalar!(
        "select id from notification
         where id in (select value from json_each(?)) and mail_id is null and withheld is null",
        wanted
    );
    free.fetch_all(tx).await.map_err(store_error)
}

/// How many mails each registrant's address got today, in the order of the mails, and what it is counted under.
async fn got_today(tx: &mut SqliteConnection, mails: &[NewMail]) -> StoreResult<Vec<(String, i64)>> {
    let addresses = mails.iter().filter(|mail| mail.kind.is_of_a_form()).map(|mail| mail.recipient.as_str());
    let addresses = addresses.collect::<Value>().to_string();
    let got = sqlx::query!(
        r#"select lower(one.value) as "address!: String", (
               select count(*) from mail
               where kind in ('confirmation', 'duplicate') and lower(recipient) = lower(one.value)
                 and created_at > cast(unixepoch('subsec') * 1000000 as integer) - 86400000000) as "n!: i64"
           from json_each(?) one order by one.key"#,
        addresses
    );
    let got = got.fetch_all(tx).await.map_err(store_error)?;
    Ok(got.into_iter().map(|row| (row.address, row.n)).collect())
}

/// Withholds the notifications of mails that are not made. Returns how many.
async fn withhold(tx: &mut SqliteConnection, mails: &[&NewMail]) -> StoreResult<usize> {
    if mails.is_empty() {
        return Ok(0);
    }
    let ids = notifications(mails.iter().copied());
    let withheld = sqlx::query!(
        "update notification set withheld = 'enough'
         where id in (select value from json_each(?)) and mail_id is null and withheld is null",
        ids
    );
    Ok(withheld.execute(tx).await.map_err(store_error)?.rows_affected() as usize)
}

/// Writes mails that are due at once and gives them their notifications.
async fn insert(tx: &mut SqliteConnection, mails: &[&NewMail]) -> StoreResult<()> {
    let rows = mails.iter().map(|mail| {
        json!([
            mail.id.0.simple().to_string(),
            mail.event.0,
            mail.recipient,
            mail.kind.as_str(),
            mail.language.tag(),
            mail.message_id,
            mail.window.map(|window| window.starts.as_microsecond()),
            mail.window.map(|window| window.ends.as_microsecond()),
        ])
    });
    let rows = rows.collect::<Value>().to_string();
    sqlx::query!(
        "insert into mail (id, event_id, recipient, kind, language, message_id, state, attempts, next_attempt_at,
             created_at, window_starts, window_ends, part)
         select unhex(one.value ->> 0), one.value ->> 1, one.value ->> 2, one.value ->> 3, one.value ->> 4,
             one.value ->> 5, 'pending', 0, now.at, now.at, one.value ->> 6, one.value ->> 7,
             (select coalesce(max(part), 0) from mail
              where event_id = one.value ->> 1 and recipient = one.value ->> 2 and window_ends is not null
                and window_ends = one.value ->> 7)
             + row_number() over (partition by one.value ->> 1, one.value ->> 2, one.value ->> 7 order by one.key)
         from json_each(?) one, (select cast(unixepoch('subsec') * 1000000 as integer) as at) now",
        rows
    )
    .execute(&mut *tx)
    .await
    .map_err(store_error)?;
    let pairs = mails.iter().flat_map(|mail| {
        let carrier = mail.id.0.simple().to_string();
        mail.notifications.iter().map(move |notification| json!([carrier, notification]))
    });
    let pairs = pairs.collect::<Value>().to_string();
    sqlx::query!(
        "update notification set mail_id = unhex(pair.value ->> 0) from json_each(?) pair
         where notification.id = pair.value ->> 1",
        pairs
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The ids of all notifications of mails, as `json_each` reads them.
fn notifications<'a>(mails: impl Iterator<Item = &'a NewMail>) -> String {
    mails.flat_map(|mail| mail.notifications.iter().copied()).collect::<Value>().to_string()
}

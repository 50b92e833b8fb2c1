//! Mails are made of notifications, all in one transaction.

use registration::notification::{Made, NewMail, carried_by_none, without_enough};
use registration::ports::StoreResult;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::PostgresStore;
use crate::convert::to_time;
use crate::error::store_error;

/// Makes the mails whose notifications no other mail carries and whose address did not get enough today.
pub(crate) async fn make(store: &PostgresStore, mails: &[NewMail]) -> StoreResult<Made> {
    if mails.is_empty() {
        return Ok(Made::default());
    }
    let mut tx = store.begin().await?;
    lock_making(&mut tx).await?;
    let free = lock_free(&mut tx, mails).await?;
    let (fine, enough) = without_enough(mails, got_today(&mut tx, mails).await?);
    let withheld = withhold(&mut tx, &enough).await?;
    let made = carried_by_none(fine, free);
    insert_mails(&mut tx, &made).await?;
    tx.commit().await.map_err(store_error)?;
    Ok(Made { mails: made.len(), withheld })
}

/// Makers of mails follow each other: of two that count what an address got today the second sees what the first made.
async fn lock_making(tx: &mut PgConnection) -> StoreResult<()> {
    const MAKING: i64 = 0x6b61_7269_6275_0001;
    sqlx::query!("select pg_advisory_xact_lock($1)", MAKING).execute(tx).await.map_err(store_error)?;
    Ok(())
}

/// How many mails each registrant's address got today, in the order of the mails. What PostgreSQL calls the same address is
/// its matter, so what it is counted under comes from there.
async fn got_today(tx: &mut PgConnection, mails: &[NewMail]) -> StoreResult<Vec<(String, i64)>> {
    let addresses: Vec<String> =
        mails.iter().filter(|mail| mail.kind.is_of_a_form()).map(|mail| mail.recipient.clone()).collect();
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let got = sqlx::query!(
        r#"select lower(one.address) as "key!", (
               select count(*) from mail m
               where m.kind in ('confirmation', 'duplicate') and lower(m.recipient) = lower(one.address)
                 and m.created_at > now() - interval '24 hours') as "n!"
           from unnest($1::text[]) with ordinality one (address, position) order by one.position"#,
        &addresses
    );
    let got = got.fetch_all(tx).await.map_err(store_error)?;
    Ok(got.into_iter().map(|row| (row.key, row.n)).collect())
}

/// Withholds the notifications of mails that are not made. Returns how many.
async fn withhold(tx: &mut PgConnection, mails: &[&NewMail]) -> StoreResult<usize> {
    let ids: Vec<i64> = mails.iter().flat_map(|mail| mail.notifications.iter().copied()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let withheld = sqlx::query!(
        "update notification set withheld = 'enough' where id = any ($1) and mail_id is null and withheld is null",
        &ids
    );
    Ok(withheld.execute(tx).await.map_err(store_error)?.rows_affected() as usize)
}

/// Locks those notifications of the mails that no mail carries. Who makes mails of the same ones waits here, and then finds
/// them carried; all lock in the order of their ids, so that nobody waits for each other.
async fn lock_free(tx: &mut PgConnection, mails: &[NewMail]) -> StoreResult<Vec<i64>> {
    let wanted: Vec<i64> = mails.iter().flat_map(|mail| mail.notifications.iter().copied()).collect();
    let free = sqlx::query_scalar!(
        "select id from notification where id = any ($1) and mail_id is null and withheld is null order by id for update",
        &wanted
    );
    free.fetch_all(tx).await.map_err(store_error)
}

/// Writes mails that are due at once and gives them their notifications.
async fn insert_mails(tx: &mut PgConnection, mails: &[&NewMail]) -> StoreResult<()> {
    let ids: Vec<Uuid> = mails.iter().map(|mail| mail.id.0).collect();
    let events: Vec<i64> = mails.iter().map(|mail| mail.event.0).collect();
    let recipients: Vec<String> = mails.iter().map(|mail| mail.recipient.clone()).collect();
    let kinds: Vec<String> = mails.iter().map(|mail| mail.kind.as_str().to_owned()).collect();
    let languages: Vec<String> = mails.iter().map(|mail| mail.language.tag().to_owned()).collect();
    let message_ids: Vec<String> = mails.iter().map(|mail| mail.message_id.clone()).collect();
    let mut starts = Vec::with_capacity(mails.len());
    let mut ends = Vec::with_capacity(mails.len());
    for mail in mails {
        starts.push(mail.window.map(|window| to_time(window.starts)).transpose()?);
        ends.push(mail.window.map(|window| to_time(window.ends)).transpose()?);
    }
    let pairs = mails.iter().flat_map(|mail| mail.notifications.iter().map(|notification| (mail.id.0, *notification)));
    let (carriers, carried): (Vec<Uuid>, Vec<i64>) = pairs.unzip();
    sqlx::query!(
        "with made as (
             insert into mail (id, event_id, recipient, kind, language, message_id, state, attempts, next_attempt_at,
                 created_at, window_starts, window_ends, part)
             select id, event_id, recipient, kind, language, message_id, 'pending', 0, now(), now(), starts, ends,
                 (select coalesce(max(m.part), 0) from mail m
                  where m.event_id = one.event_id and m.recipient = one.recipient and m.window_ends = one.ends
                    and m.window_ends is not null)
                 + row_number() over (partition by one.event_id, one.recipient, one.ends order by one.position)
             from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $9::timestamptz[],
                     $10::timestamptz[]) with ordinality
                 one (id, event_id, recipient, kind, language, message_id, starts, ends, position))
         update notification set mail_id = carrier.id
         from unnest($7::uuid[], $8::bigint[]) carrier (id, carried) where notification.id = carrier.carried",
        &ids,
        &events,
        &recipients,
        &kinds,
        &languages,
        &message_ids,
        &carriers,
        &carried,
        &starts as &[Option<OffsetDateTime>],
        &ends as &[Option<OffsetDateTime>]
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}

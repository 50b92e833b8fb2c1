//! How many bytes of files are taken: from one address in a day, and in all while no registration claims them.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use registration::ports::{Store, StoreResult};

use super::UploadQuota;
use super::recent::{Client, Recent};

/// How long a reading of what lies unclaimed in the store counts; what came meanwhile is added to it.
const READING: SignedDuration = SignedDuration::from_secs(3);

/// Seconds of a day of UTC.
const DAY: i64 = 86_400;

/// Why a file is not taken although nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Its address has sent as much as it may until then.
    Address(Timestamp),
    /// Too much lies unclaimed.
    All,
}

/// Bytes that were taken.
#[derive(Debug)]
pub(crate) struct Uploads {
    quota: UploadQuota,
    today: Mutex<Day>,
    unclaimed: tokio::sync::Mutex<Reading>,
}

/// Bytes by address, of one day.
#[derive(Debug, Default)]
struct Day {
    number: i64,
    sent: Recent<u64>,
}

/// Unclaimed bytes: as read, and as came since.
#[derive(Debug, Default)]
struct Reading {
    at: Option<Timestamp>,
    bytes: u64,
}

impl Uploads {
    pub(crate) fn new(quota: UploadQuota) -> Self {
        Self { quota, today: Mutex::default(), unclaimed: tokio::sync::Mutex::default() }
    }

    /// Counts bytes that an address sends.
    pub(crate) fn take(&self, client: Client, bytes: u64, now: Timestamp) -> Result<(), Over> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_second().div_euclid(DAY);
        if today.number != number {
            *today = Day { number, ..Day::default() };
        }
        let sent = today.sent.of(client, 0);
        if sent.saturating_add(bytes) > self.quota.per_address_and_day {
            let tomorrow = Timestamp::from_second((number + 1) * DAY).unwrap_or(Timestamp::MAX);
            return Err(Over::Address(tomorrow));
        }
        *sent += bytes;
        Ok(())
    }

    /// Counts bytes that go into the store before a registration claims them.
    pub(crate) async fn store(&self, store: &dyn Store, bytes: u64, now: Timestamp) -> StoreResult<Result<(), Over>> {
        // Others wait meanwhile: one reading serves all.
        let mut reading = self.unclaimed.lock().await;
        let is_fresh = reading.at.is_some_and(|at| (at..at + READING).contains(&now));
        if !is_fresh {
            *reading = Reading { at: Some(now), bytes: store.unclaimed().await? };
        }
        if reading.bytes.saturating_add(bytes) > self.quota.unclaimed {
            return Ok(Err(Over::All));
        }
        reading.bytes += bytes;
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_send_so_much_a_day() {
        let uploads = Uploads::new(UploadQuota { per_address_and_day: 100, unclaimed: 0 });
        let client = Client::V4(1);
        let noon: Timestamp = "2026-09-01T12:00:00Z".parse().unwrap();
        let midnight: Timestamp = "2026-09-02T00:00:00Z".parse().unwrap();
        assert_eq!(uploads.take(client, 60, noon), Ok(()));
        assert_eq!(uploads.take(client, 41, noon), Err(Over::Address(midnight)));
        assert_eq!(uploads.take(client, 40, noon), Ok(()), "what did not fit is not counted");
        assert_eq!(uploads.take(client, 1, noon), Err(Over::Address(midnight)));
        assert_eq!(uploads.take(Client::V4(2), 100, noon), Ok(()));
        assert_eq!(uploads.take(client, 100, midnight), Ok(()));
        assert_eq!(
            uploads.take(client, u64::MAX, midnight),
            Err(Over::Address(midnight + SignedDuration::from_hours(24)))
        );
    }
}

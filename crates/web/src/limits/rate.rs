//! How many registrations one address may make (GCRA: one number per address, no sweeping).

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::RateLimit;
use super::recent::{Client, Recent};

/// Registrations by address.
#[derive(Debug)]
pub(crate) struct Registrations {
    limit: Option<RateLimit>,
    /// When, in microseconds, all that a client took would have been earned, had it come one by one.
    earned: Mutex<Recent<i64>>,
}

impl Registrations {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, earned: Mutex::default() }
    }

    /// Takes one of what a client may do; else how many seconds, at least 1, until there is one again.
    pub(crate) fn take(&self, client: Client, now: Timestamp) -> Result<(), u64> {
        let Some((each, room)) = self.measures() else { return Ok(()) };
        let now = now.as_microsecond();
        let mut earned = self.earned.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = earned.of(client, now);
        // Unused time before the burst is not saved up; a clock that was set back keeps nobody waiting.
        *earned = (*earned).clamp(now, now + room);
        let next = *earned + each;
        let wait = next - (now + room);
        if wait > 0 {
            return Err((wait as u64).div_ceil(1_000_000));
        }
        *earned = next;
        Ok(())
    }

    /// Gives one back that came to nothing.
    pub(crate) fn give_back(&self, client: Client, now: Timestamp) {
        if let Some((each, _)) = self.measures() {
            *self.earned.lock().unwrap_or_else(PoisonError::into_inner).of(client, now.as_microsecond()) -= each;
        }
    }

    /// Microseconds that earn one more, and that the burst is worth.
    fn measures(&self) -> Option<(i64, i64)> {
        let limit = self.limit?;
        let each = i64::try_from(limit.each.as_micros()).unwrap_or(i64::MAX / 4).max(1);
        Some((each, each.saturating_mul(limit.burst.into()).min(i64::MAX / 4)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const CLIENT: Client = Client::V4(1);

    fn registrations(each: u64, burst: u32) -> Registrations {
        Registrations::new(Some(RateLimit { each: Duration::from_secs(each), burst }))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_burst_passes_then_one_by_one() {
        let rate = registrations(2, 3);
        for _ in 0..3 {
            assert_eq!(rate.take(CLIENT, at(0)), Ok(()));
        }
        assert_eq!(rate.take(CLIENT, at(0)), Err(2));
        assert_eq!(rate.take(CLIENT, at(1)), Err(1));
        assert_eq!(rate.take(Client::V4(2), at(1)), Ok(()), "another address");
        assert_eq!(rate.take(CLIENT, at(2)), Ok(()));
        assert_eq!(rate.take(CLIENT, at(2)), Err(2));
        for _ in 0..3 {
            assert_eq!(rate.take(CLIENT, at(60)), Ok(()));
        }
        assert_eq!(rate.take(CLIENT, at(60)), Err(2));
        rate.give_back(CLIENT, at(60));
        assert_eq!(rate.take(CLIENT, at(60)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nobody_for_long() {
        let rate = registrations(1, 2);
        assert_eq!(rate.take(CLIENT, at(7200)), Ok(()));
        assert_eq!(rate.take(CLIENT, at(0)), Err(1));
        assert_eq!(rate.take(CLIENT, at(1)), Ok(()));
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let rate = Registrations::new(None);
        assert!((0..1000).all(|_| rate.take(CLIENT, at(0)).is_ok()));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_time_earned(steps in prop::collection::vec(0_i64..5, 1..200)) {
            let rate = registrations(3, 4);
            let (mut now, mut taken) = (0, 0);
            for step in steps {
                now += step;
                match rate.take(CLIENT, at(now)) {
                    Ok(()) => taken += 1,
                    // The wait that is told is the wait that there is.
                    Err(wait) => prop_assert!(rate.take(CLIENT, at(now + wait as i64 - 1)).is_err()),
                }
                prop_assert!(taken <= 4 + now / 3);
            }
        }
    }
}

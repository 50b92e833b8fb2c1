//! How fast mails go after an outage of the relay: what piled up must not look like an attack to it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Limits the mails while a backlog is worked off.
#[derive(Debug)]
pub(crate) struct Pace {
    /// `None` is no limit.
    per_second: Option<f64>,
    paced: Mutex<Option<Paced>>,
}

#[derive(Clone, Copy, Debug)]
struct Paced {
    /// Mails that may go now.
    allowed: f64,
    since: Instant,
}

impl Pace {
    /// One mail after this time, if any is given.
    pub(crate) fn new(between: Option<Duration>) -> Self {
        let per_second = between.map(|between| 1.0 / between.as_secs_f64().max(1e-6));
        Self { per_second, paced: Mutex::default() }
    }

    /// The relay is back: from now on mails go at the pace.
    pub(crate) fn begin(&self, now: Instant) {
        let mut paced = self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        paced.get_or_insert(Paced { allowed: 1.0, since: now });
    }

    /// Nothing waits any more: mails go as they come.
    pub(crate) fn end(&self) {
        *self.paced.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many of `wanted` mails may go now.
    pub(crate) fn allowed(&self, wanted: usize, now: Instant) -> usize {
        let mut paced = self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(paced), Some(per_second)) = (paced.as_mut(), self.per_second) else { return wanted };
        // What was not used is not saved up for longer than a second.
        let most = per_second.max(1.0);
        paced.allowed = (paced.allowed + now.duration_since(paced.since).as_secs_f64() * per_second).min(most);
        paced.since = now;
        wanted.min(paced.allowed as usize)
    }

    /// So many mails went.
    pub(crate) fn took(&self, mails: usize) {
        if let Some(paced) = self.paced.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            paced.allowed -= f64::from(u32::try_from(mails).unwrap_or(u32::MAX));
        }
    }

    /// When it is worth looking again; `None` while mails go as they come.
    pub(crate) fn next(&self) -> Option<Duration> {
        let paced = *self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Duration::from_secs_f64((1.0 - paced?.allowed).max(0.0) / self.per_second?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_go_as_they_come_until_the_relay_was_away() {
        let (pace, now) = (Pace::new(Some(Duration::from_secs(1))), Instant::now());
        assert_eq!((pace.allowed(8, now), pace.next()), (8, None));
        pace.begin(now);
        assert_eq!(pace.allowed(8, now), 1);
        pace.took(1);
        assert_eq!(pace.allowed(8, now), 0);
        pace.end();
        assert_eq!(pace.allowed(8, now), 8);
        let without = Pace::new(None);
        without.begin(now);
        assert_eq!((without.allowed(8, now), without.next()), (8, None));
    }

    #[test]
    fn a_minute_lets_as_many_go_as_the_rate_says() {
        let (pace, mut now) = (Pace::new(Some(Duration::from_millis(100))), Instant::now());
        pace.begin(now);
        let mut gone = 0;
        for _ in 0..600 {
            let allowed = pace.allowed(8, now);
            pace.took(allowed);
            gone += allowed;
            now += Duration::from_millis(100);
        }
        assert!((598..=602).contains(&gone), "{gone}");
        assert!(pace.next().is_some_and(|wait| wait <= Duration::from_millis(100)));
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let (pace, now) = (Pace::new(Some(Duration::from_millis(500))), Instant::now());
        pace.begin(now);
        assert_eq!(pace.allowed(100, now + Duration::from_secs(3600)), 2);
    }
}

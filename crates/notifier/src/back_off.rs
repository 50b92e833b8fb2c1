//! When a mail that was not taken is tried again.

use jiff::SignedDuration;

/// Wait after the first attempt, in seconds.
const FIRST: u32 = 30;

/// Longest wait before jitter, in seconds; with jitter it is an hour.
const LONGEST: u32 = 48 * 60;

/// How much a wait may be longer, as a part of it.
const JITTER: f64 = 0.25;

/// How long a mail is tried, in seconds, counted by the waits.
const PATIENCE: u64 = 48 * 60 * 60;

/// How long to wait after an attempt that failed, `before` others having failed before it: from 30 s, doubled each time, up
/// to 1 h. `jitter`, from 0 to 1, says how much longer than the shortest. `None` when the mail has been tried for 48 h: the
/// waits count, not the hours, so that a mail whose notifier slept, or which somebody made due again, has all its attempts.
pub(crate) fn wait(before: u32, jitter: f64) -> Option<SignedDuration> {
    let tried: u64 = (0..before).map(|attempt| u64::from(base(attempt))).sum();
    (tried < PATIENCE)
        .then(|| SignedDuration::from_secs_f64(f64::from(base(before)) * (1.0 + JITTER * jitter.clamp(0.0, 1.0))))
}

fn base(attempt: u32) -> u32 {
    FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_from_half_a_minute_to_an_hour() {
        let waits: Vec<i64> = (0..9).map(|before| wait(before, 0.0).unwrap().as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 2880, 2880]);
        assert_eq!(wait(20, 1.0), Some(SignedDuration::from_hours(1)));
    }

    #[test]
    fn a_mail_is_tried_for_48_hours() {
        let last = (0..1000).find(|before| wait(*before, 0.0).is_none()).unwrap();
        let tried: i64 = (0..last).map(|before| wait(before, 0.0).unwrap().as_secs()).sum();
        assert!((48 * 3600..49 * 3600).contains(&tried), "{tried} s");
        assert_eq!(wait(100_000, 0.5), None);
    }

    proptest! {
        #[test]
        fn every_wait_is_between_half_a_minute_and_an_hour(before in 0_u32..200, jitter in -1.0..2.0) {
            if let Some(wait) = wait(before, jitter) {
                prop_assert!((SignedDuration::from_secs(30)..=SignedDuration::from_hours(1)).contains(&wait));
            }
        }
    }
}

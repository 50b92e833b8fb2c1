//! When digests are due: the window that a notification belongs to.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::event::Delivery;
use crate::notification::Window;

/// The window of what happened at `at`, in the event's zone; `None` where there is no digest.
///
/// A time of day that the clocks jump over on that day is as much later as they jump, and of one that comes twice the first
/// counts (RFC 5545, 3.3.5). Stretches are counted in elapsed time from local midnight; the day's last one ends with the
/// day, so that days of 23 or 25 hours have no gap and no overlap.
pub fn window(delivery: Delivery, zone: &TimeZone, at: Timestamp) -> Option<Window> {
    match delivery {
        Delivery::Each | Delivery::Off => None,
        Delivery::Daily { at: time } => {
            let due = |day: Date| instant(zone, day, time);
            let today = at.to_zoned(zone.clone()).date();
            // Where a time of day is moved over midnight, neighbours of today may be nearer.
            let days = (-2..=2).map(|n| today.saturating_add(Span::new().days(n)));
            let times: Vec<Timestamp> = days.map(due).collect();
            let next = times.iter().position(|due| *due > at)?;
            Some(Window { starts: times[next.checked_sub(1)?], ends: times[next] })
        }
        Delivery::Every { minutes } => {
            let today = at.to_zoned(zone.clone()).date();
            let midnight = |day: Date| instant(zone, day, jiff::civil::Time::midnight());
            let (mut begins, mut ends) = (midnight(today), midnight(today.saturating_add(1.day())));
            if at < begins {
                // Midnight itself is jumped over: the day begins with what is left of the one before.
                (begins, ends) = (midnight(today.saturating_sub(1.day())), begins);
            }
            let length = i64::from(minutes.max(1)) * 60;
            let passed = at.duration_since(begins).as_secs() / length * length;
            let starts = begins + jiff::SignedDuration::from_secs(passed);
            Some(Window { starts, ends: (starts + jiff::SignedDuration::from_secs(length)).min(ends) })
        }
    }
}

fn instant(zone: &TimeZone, day: Date, time: jiff::civil::Time) -> Timestamp {
    // Fails only at the ends of the calendar, which event files do not reach.
    let zoned = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible();
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn window_at(delivery: Delivery, name: &str, at: &str) -> (String, String) {
        let zone = zone(name);
        let window = window(delivery, &zone, at.parse().unwrap()).unwrap();
        let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%m-%d %H:%M %:z").to_string();
        (local(window.starts), local(window.ends))
    }

    fn pair(starts: &str, ends: &str) -> (String, String) {
        (starts.to_owned(), ends.to_owned())
    }

    #[test]
    fn a_daily_digest_is_due_at_its_time_in_the_events_zone() {
        let daily = Delivery::Daily { at: time(18, 0, 0, 0) };
        let lusaka = |at| window_at(daily, "Africa/Lusaka", at);
        assert_eq!(lusaka("2026-06-01T15:59:59Z"), pair("05-31 18:00 +02:00", "06-01 18:00 +02:00"));
        assert_eq!(lusaka("2026-06-01T16:00:00Z"), pair("06-01 18:00 +02:00", "06-02 18:00 +02:00"));
    }

    #[test]
    fn stretches_are_counted_from_midnight() {
        let half_hours = Delivery::Every { minutes: 30 };
        let lusaka = |at| window_at(half_hours, "Africa/Lusaka", at);
        assert_eq!(lusaka("2026-06-01T08:14:00Z"), pair("06-01 10:00 +02:00", "06-01 10:30 +02:00"));
        assert_eq!(lusaka("2026-06-01T08:30:00Z"), pair("06-01 10:30 +02:00", "06-01 11:00 +02:00"));
        let seven_hours = window_at(Delivery::Every { minutes: 420 }, "Africa/Lusaka", "2026-06-01T20:00:00Z");
        assert_eq!(seven_hours, pair("06-01 21:00 +02:00", "06-02 00:00 +02:00"));
    }

    #[test]
    fn a_time_that_clocks_jump_over_is_later_that_day_and_one_that_comes_twice_is_the_first() {
        let daily = Delivery::Daily { at: time(2, 30, 0, 0) };
        let berlin = |at| window_at(daily, "Europe/Berlin", at);
        assert_eq!(berlin("2026-03-29T00:00:00Z"), pair("03-28 02:30 +01:00", "03-29 03:30 +02:00"));
        assert_eq!(berlin("2026-03-29T01:30:00Z"), pair("03-29 03:30 +02:00", "03-30 02:30 +02:00"));
        assert_eq!(berlin("2026-10-25T00:00:00Z"), pair("10-24 02:30 +02:00", "10-25 02:30 +02:00"));
        assert_eq!(berlin("2026-10-25T00:45:00Z"), pair("10-25 02:30 +02:00", "10-26 02:30 +01:00"));
    }

    #[test]
    fn a_day_of_25_hours_has_a_window_for_each() {
        let hours = Delivery::Every { minutes: 60 };
        let zone = zone("Europe/Berlin");
        let mut at = date(2026, 10, 25).to_zoned(zone.clone()).unwrap().timestamp();
        let midnight = date(2026, 10, 26).to_zoned(zone.clone()).unwrap().timestamp();
        let mut windows = 0;
        while at < midnight {
            at = window(hours, &zone, at).unwrap().ends;
            windows += 1;
        }
        assert_eq!((windows, at), (25, midnight));
    }

    proptest! {
        #[test]
        fn windows_hold_their_time_and_follow_each_other(
            second in 1_700_000_000_i64..2_000_000_000,
            name in prop::sample::select(vec![
                "Africa/Lusaka", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo",
            ]),
            minutes in 5_u32..720,
            hour in 0_i8..24,
            daily in any::<bool>(),
        ) {
            let delivery =
                if daily { Delivery::Daily { at: time(hour, 30, 0, 0) } } else { Delivery::Every { minutes } };
            let zone = zone(name);
            let at = Timestamp::from_second(second).unwrap();
            let one = window(delivery, &zone, at).unwrap();
            prop_assert!(one.starts <= at && at < one.ends);
            let next = window(delivery, &zone, one.ends).unwrap();
            prop_assert_eq!(next.starts, one.ends);
            let before = window(delivery, &zone, one.ends - jiff::SignedDuration::from_nanos(1)).unwrap();
            prop_assert_eq!(before, one);
        }
    }
}

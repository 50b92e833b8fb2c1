//! Dates and times as people of a language write them. Dates are Gregorian, years without grouping, times of 24 hours.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use registration::language::Language;

use crate::words::{Value, Words};

const MONTHS: [&str; 12] = [
    "month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8", "month-9", "month-10",
    "month-11", "month-12",
];

/// `4 November 2026`, `4 novembre 2026`.
pub fn date(date: Date, language: Language) -> String {
    let words = Words::of(language);
    let (day, year) = (day(date, words), date.year().to_string());
    fill(words, "date-full", &[("day", &day), ("month", &month(date, words)), ("year", &year)])
}

/// `4 November`, `4 novembre`.
pub fn day_month(date: Date, language: Language) -> String {
    let words = Words::of(language);
    fill(words, "date-day-month", &[("day", &day(date, words)), ("month", &month(date, words))])
}

/// `4–6 November 2026`, `30 October – 2 November 2026`, `30 December 2026 – 2 January 2027`; a single day as [`date()`].
pub fn range(first: Date, last: Date, language: Language) -> String {
    let words = Words::of(language);
    let full = date(last, language);
    if first == last {
        full
    } else if (first.year(), first.month()) == (last.year(), last.month()) {
        fill(words, "date-range-days", &[("first", &day(first, words)), ("last", &full)])
    } else {
        let start = if first.year() == last.year() { day_month(first, language) } else { date(first, language) };
        fill(words, "date-range", &[("first", &start), ("last", &full)])
    }
}

/// `4 November 2026, 17:00 (Africa/Lusaka)`: the wall-clock time of the zone, and its name.
pub fn date_time(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.to_zoned(zone.clone());
    with_zone(local.date(), &local.strftime("%H:%M").to_string(), &local, language)
}

/// The end of something as [`date_time`] tells it, but a midnight as the end of the day before:
/// `31 January 2027, 24:00 (Africa/Lusaka)`.
pub fn deadline(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.to_zoned(zone.clone());
    match local.date().yesterday() {
        Ok(before) if local.time() == Time::midnight() => with_zone(before, "24:00", &local, language),
        _ => date_time(at, zone, language),
    }
}

/// A day and a time of it, in the zone of `local`.
fn with_zone(on: Date, time: &str, local: &Zoned, language: Language) -> String {
    // A zone without a name is a fixed offset.
    let zone = local.time_zone().iana_name().map_or_else(|| format!("UTC{}", local.strftime("%:z")), str::to_owned);
    let values = [("date", &date(on, language)), ("time", &time.to_owned()), ("zone", &zone)];
    fill(Words::of(language), "date-time", &values)
}

fn day(date: Date, words: &Words) -> String {
    words.fill("date-day", &[("day", i64::from(date.day()).into())])
}

fn month(date: Date, words: &Words) -> String {
    words.get(MONTHS[usize::from(date.month().unsigned_abs()) - 1])
}

fn fill(words: &Words, key: &str, values: &[(&str, &String)]) -> String {
    let values: Vec<(&str, Value<'_>)> = values.iter().map(|(name, text)| (*name, Value::from(*text))).collect();
    words.fill(key, &values)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as on;
    use jiff::tz::offset;

    use super::*;

    const BOTH: [Language; 2] = Language::ALL;

    #[test]
    fn a_date_is_written_out_in_both_languages() {
        assert_eq!(BOTH.map(|l| date(on(2026, 11, 4), l)), ["4 November 2026", "4 novembre 2026"]);
        assert_eq!(BOTH.map(|l| date(on(2027, 8, 1), l)), ["1 August 2027", "1er août 2027"]);
    }

    #[test]
    fn every_month_has_a_name() {
        let names = |l| (1..=12).map(|m| date(on(2026, m, 2), l)).collect::<Vec<_>>().join(",");
        assert_eq!(
            names(Language::En).replace(" 2026", "").replace("2 ", ""),
            "January,February,March,April,May,June,July,August,September,October,November,December"
        );
        assert_eq!(
            names(Language::Fr).replace(" 2026", "").replace("2 ", ""),
            "janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre"
        );
    }

    #[test]
    fn a_range_says_month_and_year_once_where_they_are_the_same() {
        let both = |first, last| BOTH.map(|l| range(first, last, l));
        assert_eq!(both(on(2026, 11, 4), on(2026, 11, 4)), ["4 November 2026", "4 novembre 2026"]);
        assert_eq!(both(on(2026, 11, 4), on(2026, 11, 6)), ["4–6 November 2026", "4–6 novembre 2026"]);
        assert_eq!(
            both(on(2026, 10, 30), on(2026, 11, 1)),
            ["30 October – 1 November 2026", "30 octobre – 1er novembre 2026"]
        );
        assert_eq!(
            both(on(2026, 12, 30), on(2027, 1, 2)),
            ["30 December 2026 – 2 January 2027", "30 décembre 2026 – 2 janvier 2027"]
        );
        assert_eq!(both(on(2026, 11, 4), on(2027, 11, 4))[0], "4 November 2026 – 4 November 2027");
    }

    #[test]
    fn a_time_is_told_in_the_zone_of_the_event() {
        let at: Timestamp = "2026-11-04T22:30:00Z".parse().unwrap();
        let lusaka = TimeZone::get("Africa/Lusaka").unwrap();
        assert_eq!(
            BOTH.map(|l| date_time(at, &lusaka, l)),
            ["5 November 2026, 00:30 (Africa/Lusaka)", "5 novembre 2026 à 00:30 (Africa/Lusaka)"]
        );
        assert_eq!(date_time(at, &TimeZone::UTC, Language::En), "4 November 2026, 22:30 (UTC)");
        assert_eq!(date_time(at, &TimeZone::fixed(offset(-3)), Language::En), "4 November 2026, 19:30 (UTC-03:00)");
    }
    #[test]
    fn what_ends_at_midnight_ends_with_the_day_before() {
        let lusaka = TimeZone::get("Africa/Lusaka").unwrap();
        let both = |at: &str| BOTH.map(|l| deadline(at.parse().unwrap(), &lusaka, l));
        assert_eq!(
            both("2027-01-31T22:00:00Z"),
            ["31 January 2027, 24:00 (Africa/Lusaka)", "31 janvier 2027 à 24:00 (Africa/Lusaka)"]
        );
        assert_eq!(both("2026-12-31T22:00:00Z")[0], "31 December 2026, 24:00 (Africa/Lusaka)");
        assert_eq!(both("2027-01-31T22:00:01Z")[0], "1 February 2027, 00:00 (Africa/Lusaka)");
        assert_eq!(both("2027-01-31T15:00:00Z")[0], "31 January 2027, 17:00 (Africa/Lusaka)");
    }
}

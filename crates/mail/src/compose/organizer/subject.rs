//! Subject and headline: what happened, when, and how many places are taken.

use jiff::{SignedDuration, Timestamp};
use presentation::dates;
use registration::notification::Kind;

use super::{OrganizerMail, Window, is_erased, standing};

/// The kinds in the order in which they are told, each with the key of its count.
const COUNTED: [(Kind, &str); 4] = [
    (Kind::Registered, "mail-count-registered"),
    (Kind::Cancelled, "mail-count-cancelled"),
    (Kind::Erased, "mail-count-erased"),
    (Kind::Attached, "mail-count-attached"),
];

/// `[UbuntuNet-Connect] Registration KC-7F3K-2M9Q (42/300)`, or for several `[UbuntuNet-Connect] 17 registrations,
/// 10:00–10:30 (59/300)`. The numbers are places taken of all, or registrations where places are not limited.
pub(super) fn subject(mail: &OrganizerMail<'_>) -> String {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let count = match envelope.event.capacity {
        Some(capacity) => format!("{}/{capacity}", standing::held(mail)),
        None => mail.summary.total().to_string(),
    };
    let short_name = envelope.short_name();
    let (event, count) = (("event", (&short_name).into()), ("count", (&count).into()));
    if let Some(entry) = super::single(mail) {
        let key = match entry.kind {
            _ if is_erased(entry) => "mail-organizer-subject-erased",
            Kind::Cancelled => "mail-organizer-subject-cancelled",
            Kind::Attached => "mail-organizer-subject-attached",
            _ => "mail-organizer-subject",
        };
        return words.fill(key, &[event, ("reference", entry.record.reference.as_str().into()), count]);
    }
    let what = happened(mail);
    match mail.window.map(|window| times(mail, window)) {
        Some(window) => words.fill(
            "mail-digest-subject-window",
            &[event, ("what", (&what).into()), ("window", (&window).into()), count],
        ),
        None => words.fill("mail-digest-subject", &[event, ("what", (&what).into()), count]),
    }
}

/// `17 registrations, 1 cancellation`.
pub(super) fn happened(mail: &OrganizerMail<'_>) -> String {
    let words = mail.envelope.words();
    let count = |kind| mail.entries.iter().filter(|entry| entry.kind == kind).count() as i64;
    let told = COUNTED.map(|(kind, key)| (count(kind), key)).into_iter().filter(|(n, _)| *n > 0);
    told.map(|(n, key)| words.fill(key, &[("n", n.into())])).collect::<Vec<_>>().join(", ")
}

/// `10:00–10:30`, with the date where it is not today's, with two dates where it is longer than a day.
fn times(mail: &OrganizerMail<'_>, window: Window) -> String {
    let (event, language, words) = (mail.envelope.event, mail.envelope.language, mail.envelope.words());
    let time = |at: Timestamp| at.to_zoned(event.zone.clone()).strftime("%H:%M").to_string();
    let (first, last) = (time(window.starts), time(window.ends));
    // The end itself is not part of the window: one that ends at midnight is of the day before.
    let (from, until) = (event.day(window.starts), event.day(window.ends - SignedDuration::from_secs(1)));
    let range = words.fill("mail-window-times", &[("first", (&first).into()), ("last", (&last).into())]);
    let whole_day = window.ends.duration_since(window.starts) >= SignedDuration::from_hours(24);
    let times = if from == until && from == event.day(mail.envelope.now) && !whole_day {
        range
    } else if from == until {
        let date = dates::day_month(from, language);
        words.fill("mail-window-day", &[("date", (&date).into()), ("times", (&range).into())])
    } else {
        let moment = |at: Timestamp, time: &String| {
            let date = dates::day_month(event.day(at), language);
            words.fill("mail-window-moment", &[("date", (&date).into()), ("time", time.into())])
        };
        let (first, last) = (moment(window.starts, &first), moment(window.ends, &last));
        words.fill("mail-window-days", &[("first", (&first).into()), ("last", (&last).into())])
    };
    if window.part > 1 {
        words.fill("mail-window-part", &[("window", (&times).into()), ("part", window.part.into())])
    } else {
        times
    }
}

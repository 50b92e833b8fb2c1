//! The event itself: everything but the form.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dates::{Days, Edge, parse_clock};
use super::reader::{Section, Value, shown};
use super::{EventFileError, RESERVED_SLUGS, fields};
use crate::country;
use crate::event::{Delivery, Event, Organizer, Privacy, Retention, Venue, WhenFull};
use crate::form::Form;
use crate::language::{Language, Text};
use crate::probe;
use crate::validate::is_email;

/// Keys of the file's top.
pub(super) const KEYS: [&str; 21] = [
    "slug",
    "name",
    "short_name",
    "description",
    "zone",
    "starts",
    "ends",
    "venue",
    "opens",
    "closes",
    "capacity",
    "when_full",
    "categories",
    "organizers",
    "organisers",
    "languages",
    "show_views",
    "privacy",
    "field",
    "one_per_address",
    "retention",
];

/// Reads the event; `is_probe` says whether it is the one that `karibu check` registers for.
pub(super) fn read(top: &Section<'_>, imported_at: Timestamp, is_probe: bool) -> Result<Event, EventFileError> {
    let languages = languages(top.need("languages")?)?;
    let name = top.need("name")?.text(&languages, false)?;
    let zone = zone(top.need("zone")?)?;
    let import = imported_at.to_zoned(zone.clone()).date();
    let mut days = Days { import, event: None };
    let starts = days.day(top.need("starts")?)?;
    let ends_value = top.need("ends")?;
    let ends = days.day(ends_value)?;
    if ends < starts {
        return Err(ends_value.wrong("the last day is before the first (`starts`)"));
    }
    let opens = days.time(top.need("opens")?, Edge::Start)?;
    let closes_value = top.need("closes")?;
    let closes = days.time(closes_value, Edge::End)?;
    if closes <= opens {
        return Err(closes_value.wrong("registration closes before it opens (`opens`)"));
    }
    days.event = Some((starts, ends));
    let categories = match top.get("categories") {
        Some(value) => fields::choices(value, &languages)?,
        None => Vec::new(),
    };
    let capacity = top.get("capacity").map(|value| value.number(1, 10_000_000)).transpose()?;
    let when_full =
        top.get("when_full").map(|value| value.word(&[("waiting", WhenFull::Waiting), ("closed", WhenFull::Closed)]));
    let fields = fields::read(top.need("field")?, &languages, &days, &categories)?;
    if let Some(value) = top.get("categories")
        && !fields.iter().any(|field| field.key == "category" && field.options() == categories)
    {
        return Err(value.wrong("no field `category` without options of its own offers them"));
    }
    Ok(Event {
        slug: slug(top.need("slug")?, is_probe)?,
        short_name: match top.get("short_name") {
            Some(value) => value.text(&languages, false)?,
            None => name.clone(),
        },
        name,
        description: top.get("description").map(|value| value.text(&languages, true)).transpose()?,
        starts,
        ends,
        zone,
        venue: venue(top, &languages)?,
        opens,
        closes,
        capacity: capacity.map(|places| places as u32),
        when_full: when_full.transpose()?.unwrap_or(WhenFull::Waiting),
        categories,
        organizers: organizers(top, &languages)?,
        show_views: top.get("show_views").map(|value| value.boolean()).transpose()?.unwrap_or(false),
        one_per_address: top.get("one_per_address").map(|value| value.boolean()).transpose()?.unwrap_or(false),
        retention: retention(top)?,
        privacy: privacy(top.need("privacy")?, &languages)?,
        form: Form { fields },
        languages,
    })
}

fn slug(value: Value<'_>, is_probe: bool) -> Result<String, EventFileError> {
    let slug = value.string()?;
    if slug == probe::SLUG && is_probe {
        return Ok(slug);
    }
    if RESERVED_SLUGS.contains(&slug.as_str()) {
        return Err(value.wrong(format!("`{slug}` is a page of Karibu's own; choose another word")));
    }
    let letters = slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if slug.is_empty() || slug.len() > 60 || !letters || slug.starts_with('-') || slug.ends_with('-') {
        return Err(value
            .wrong("must be 1 to 60 lower-case letters, digits and hyphens, and neither begin nor end with a hyphen"));
    }
    Ok(slug)
}

fn languages(value: Value<'_>) -> Result<Vec<Language>, EventFileError> {
    let mut languages = Vec::new();
    for one in value.values()? {
        let language = one.word(&Language::ALL.map(|language| (language.tag(), language)))?;
        if languages.contains(&language) {
            return Err(one.wrong(format!("`{language}` is there twice")));
        }
        languages.push(language);
    }
    if languages.is_empty() { Err(value.wrong("must name at least one language: [\"en\"]")) } else { Ok(languages) }
}

fn zone(value: Value<'_>) -> Result<TimeZone, EventFileError> {
    let name = value.line(60)?;
    TimeZone::get(&name).map_err(|_| {
        value.wrong(format!("`{}` is not a time zone; write one of the IANA names, like Africa/Lusaka", shown(&name)))
    })
}

fn venue(top: &Section<'_>, languages: &[Language]) -> Result<Venue, EventFileError> {
    let Some(value) = top.get("venue") else { return Ok(Venue::default()) };
    let section = value.section("the venue", &["name", "address", "city", "country"])?;
    let text = |key: &str| -> Result<Option<Text>, EventFileError> {
        section.get(key).map(|value| value.text(languages, false)).transpose()
    };
    let country = section.get("country").map(|value| {
        let code = value.string()?;
        let known = country::is_code(&code);
        if known { Ok(code) } else { Err(value.wrong("must be a country code of ISO 3166-1, like \"ZM\"")) }
    });
    Ok(Venue { name: text("name")?, address: text("address")?, city: text("city")?, country: country.transpose()? })
}

fn organizers(top: &Section<'_>, languages: &[Language]) -> Result<Vec<Organizer>, EventFileError> {
    let value = match (top.get("organizers"), top.get("organisers")) {
        (Some(_), Some(twice)) => return Err(twice.wrong("is the same as `organizers`; write one of them")),
        (one, other) => one.or(other),
    };
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut organizers: Vec<Organizer> = Vec::new();
    for one in value.tables()? {
        let section = one.section("an organiser", &["email", "delivery", "language"])?;
        let address = section.need("email")?;
        let email = address.line(254)?;
        if !is_email(&email) {
            return Err(address.wrong(format!("`{}` is not a mail address", shown(&email))));
        }
        if organizers.iter().any(|other| other.email.eq_ignore_ascii_case(&email)) {
            return Err(address.wrong(format!("`{email}` is there twice")));
        }
        let delivery = match section.get("delivery") {
            Some(value) => delivery(value)?,
            None => Delivery::Each,
        };
        let language = match section.get("language") {
            Some(value) => value.word(&Language::ALL.map(|language| (language.tag(), language)))?,
            None => languages.first().copied().unwrap_or(Language::En),
        };
        organizers.push(Organizer { email, delivery, language });
    }
    Ok(organizers)
}

fn delivery(value: Value<'_>) -> Result<Delivery, EventFileError> {
    let written = value.string()?;
    let words: Vec<&str> = written.split_whitespace().collect();
    let delivery = match words[..] {
        ["each"] => Some(Delivery::Each),
        ["off"] => Some(Delivery::Off),
        ["every", stretch] => {
            let minutes = minutes(stretch).filter(|minutes| (SHORTEST_DIGEST..=LONGEST_DIGEST).contains(minutes));
            minutes.map(|minutes| Delivery::Every { minutes })
        }
        ["daily", clock] => parse_clock(clock).filter(|at| at.second() == 0).map(|at| Delivery::Daily { at }),
        _ => None,
    };
    delivery.ok_or_else(|| {
        value.wrong(format!(
            "`{}` must be \"each\", \"every 30m\" (from 5m to 12h), \"daily 18:00\" (in the event's zone) or \"off\"",
            shown(&written)
        ))
    })
}

/// Shortest and longest stretch of a digest, in minutes.
const SHORTEST_DIGEST: u32 = 5;
const LONGEST_DIGEST: u32 = 12 * 60;

/// `30m` or `2h`, in minutes.
fn minutes(written: &str) -> Option<u32> {
    let units = [("m", 1), ("h", 60)];
    let (number, unit) = units.into_iter().find_map(|(name, unit)| Some((written.strip_suffix(name)?, unit)))?;
    let digits = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    if digits { number.parse::<u32>().ok().map(|number| number * unit) } else { None }
}

fn retention(top: &Section<'_>) -> Result<Retention, EventFileError> {
    let Some(value) = top.get("retention") else { return Ok(Retention::default()) };
    let section = value.section("the retention", &["attachments", "answers"])?;
    let days = |key: &str| section.get(key).map(stretch_in_days).transpose();
    let retention = Retention { attachments_days: days("attachments")?, answers_days: days("answers")? };
    if let (Some(files), Some(answers)) = (retention.attachments_days, retention.answers_days)
        && files > answers
    {
        return Err(value.wrong("`attachments` cannot be kept for longer than `answers`: they are erased together"));
    }
    Ok(retention)
}

/// `30d`, `6w` or `1y`, in days.
fn stretch_in_days(value: Value<'_>) -> Result<u32, EventFileError> {
    let written = value.string()?;
    let units = [("d", 1), ("w", 7), ("y", 365)];
    let parsed = units.into_iter().find_map(|(name, unit)| {
        let number = written.strip_suffix(name)?;
        let digits = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let days = if digits { number.parse::<u32>().ok()? * unit } else { return None };
        (1..=LONGEST_RETENTION).contains(&days).then_some(days)
    });
    parsed.ok_or_else(|| {
        value.wrong("must be a length like \"30d\", \"6w\" or \"1y\", counted from the event's last day")
    })
}

/// Longest retention, in days.
const LONGEST_RETENTION: u32 = 100 * 365;

fn privacy(value: Value<'_>, languages: &[Language]) -> Result<Privacy, EventFileError> {
    let section = value.section("the privacy notice", &["what", "how_long", "readers", "contact"])?;
    let text = |key: &str| section.need(key)?.text(languages, true);
    Ok(Privacy {
        what: text("what")?,
        how_long: text("how_long")?,
        readers: text("readers")?,
        contact: text("contact")?,
    })
}

//! How an event stands: counts, places left, the latest registrations.

use jiff::Span;
use presentation::answers::value_in_words;
use presentation::countries;
use registration::form::{Choice, Field, FieldKind};
use registration::stored::{ListRow, Status};

use super::{Fact, OrganizerMail, plain, status_word};
use crate::classify::shorten;
use crate::compose::LATEST_ROWS;

/// Most countries that are counted one by one.
const MAX_VALUES: usize = 20;

/// Longest name and organisation in the table, in characters.
const MAX_TABLE_CELL: usize = 60;

/// Longest name in overview and headings, in characters; in full it stands among the answers.
pub(in crate::compose) const MAX_CELL: usize = 40;

/// Places taken.
pub(super) fn held(mail: &OrganizerMail<'_>) -> i64 {
    let holding = Status::ALL.into_iter().filter(|status| status.holds_place());
    holding.map(|status| mail.summary.count("status", status.as_str())).sum()
}

pub(super) fn figures(mail: &OrganizerMail<'_>) -> Vec<Fact> {
    let (envelope, words, summary) = (&mail.envelope, mail.envelope.words(), mail.summary);
    let number = |n: i64| words.number(n);
    let mut figures = vec![Fact::new(words.get("mail-summary-total"), number(summary.total()))];
    if let Some(capacity) = envelope.event.capacity {
        let left = (i64::from(capacity) - held(mail)).max(0);
        let of = [("left", left.into()), ("limit", i64::from(capacity).into())];
        figures.push(Fact::new(words.get("mail-summary-places"), words.fill("mail-summary-places-of", &of)));
    }
    let today = envelope.event.day(envelope.now);
    let week = today.saturating_sub(Span::new().days(6));
    let ended = [("ended", summary.ended().into())];
    figures.push(Fact::new(words.fill("figure-today", &ended), number(summary.between(today, today))));
    figures.push(Fact::new(words.fill("figure-week", &ended), number(summary.between(week, today))));
    if envelope.event.form.field("visa_letter").is_some() {
        let letters = summary.count("field:visa_letter", "yes");
        figures.push(Fact::new(words.get("figure-visa-letters"), number(letters)));
    }
    figures
}

/// Counts by status, then places left of limited options, then counts of each field marked `summary`, in the form's order.
pub(super) fn breakdowns(mail: &OrganizerMail<'_>) -> Vec<(String, Vec<Fact>)> {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let statuses = Status::ALL
        .into_iter()
        .map(|status| (status, mail.summary.count("status", status.as_str())))
        .filter(|(_, n)| *n != 0)
        .map(|(status, n)| Fact::new(status_word(status, words), words.number(n)));
    let mut all = vec![(words.get("mail-status"), statuses.collect())];
    for field in envelope.event.form.inputs() {
        let label = plain::line(field.label.get(envelope.language));
        all.push((words.fill("mail-summary-places-field", &[("field", (&label).into())]), places_left(mail, field)));
    }
    for field in envelope.event.form.inputs().filter(|field| field.summary) {
        let label = plain::line(field.label.get(envelope.language));
        let waiting = ("waiting", mail.summary.count("status", Status::Waiting.as_str()).into());
        let counted = words.fill("figure-field", &[("field", (&label).into()), waiting]);
        all.push((counted, field_counts(mail, field)));
    }
    all.retain(|(_, counts): &(String, Vec<Fact>)| !counts.is_empty());
    all
}

/// Places left of the options of a field that have a limit.
fn places_left(mail: &OrganizerMail<'_>, field: &Field) -> Vec<Fact> {
    let words = mail.envelope.words();
    let left = |value: &str| {
        let limited = |key: Option<(&str, &str)>| key == Some((field.key.as_str(), value));
        let places = mail.places.iter().find(|places| limited(places.key.field_and_value()))?;
        let of = [("left", places.left().into()), ("limit", places.limit.into())];
        Some(Fact::new(in_words(mail, field, value), words.fill("mail-summary-places-of", &of)))
    };
    options(mail, field).iter().filter_map(|option| left(&option.value)).collect()
}

fn field_counts(mail: &OrganizerMail<'_>, field: &Field) -> Vec<Fact> {
    let words = mail.envelope.words();
    let counted = mail.summary.counts.get(&format!("field:{}", field.key));
    let mut values: Vec<(&str, i64)> =
        counted.into_iter().flatten().filter(|(_, n)| **n != 0).map(|(value, n)| (value.as_str(), *n)).collect();
    if field.kind == FieldKind::Country {
        values.sort_by_key(|(_, n)| -n);
    } else {
        // As the form offers them; what it does not offer any more comes last.
        let order = |value: &str| options(mail, field).iter().position(|option| option.value == value);
        values.sort_by_key(|(value, _)| (order(value).unwrap_or(usize::MAX), *value == "no"));
    }
    let others: i64 = values.iter().skip(MAX_VALUES).map(|(_, n)| n).sum();
    let mut facts: Vec<Fact> = values
        .into_iter()
        .take(MAX_VALUES)
        .map(|(value, n)| Fact::new(in_words(mail, field, value), words.number(n)))
        .collect();
    if others != 0 {
        facts.push(Fact::new(words.get("mail-summary-others"), words.number(others)));
    }
    facts
}

/// The options of a choice; the field `category` may leave them to the event.
fn options<'a>(mail: &OrganizerMail<'a>, field: &'a Field) -> &'a [Choice] {
    if field.options().is_empty() && field.key == "category" {
        &mail.envelope.event.categories
    } else {
        field.options()
    }
}

fn in_words(mail: &OrganizerMail<'_>, field: &Field, value: &str) -> String {
    let known = options(mail, field).iter().find(|option| option.value == value);
    let words = known.map_or_else(
        || value_in_words(field, value, mail.envelope.words()),
        |option| option.label.get(mail.envelope.language).to_owned(),
    );
    plain::line(&words)
}

/// The rows that are shown: of a mail that tells of several registrations anyway, only the latest.
pub(super) fn rows<'a>(mail: &OrganizerMail<'a>) -> &'a [ListRow] {
    let most = if mail.entries.len() > 1 { LATEST_ROWS as usize } else { mail.rows.len() };
    &mail.rows[..mail.rows.len().min(most)]
}

pub(super) fn table_title(mail: &OrganizerMail<'_>) -> String {
    let (words, shown, total) = (mail.envelope.words(), rows(mail).len() as i64, mail.summary.total());
    if shown < total {
        words.fill("mail-table-latest", &[("shown", shown.into()), ("total", total.into())])
    } else {
        words.fill("mail-table-all", &[("total", shown.into())])
    }
}

pub(super) fn table_row(mail: &OrganizerMail<'_>, row: &ListRow) -> [String; 5] {
    let (event, language) = (mail.envelope.event, mail.envelope.language);
    let country = row.country.as_deref().unwrap_or_default();
    let category = row.category.as_deref().unwrap_or_default();
    let cell = |text: &str| shorten(&plain::line(text), MAX_TABLE_CELL);
    let mut name = match cell(&row.name) {
        // Nobody registers without one.
        name if name.is_empty() => mail.envelope.words().get("name-erased"),
        name => name,
    };
    if row.status != Status::Confirmed {
        let (words, status) = (mail.envelope.words(), status_word(row.status, mail.envelope.words()));
        name = words.fill("mail-table-name-status", &[("name", (&name).into()), ("status", (&status).into())]);
    }
    [
        name,
        cell(row.organization.as_deref().unwrap_or_default()),
        countries::name(country, language).map_or_else(|| cell(country), str::to_owned),
        event.form.field("category").map_or_else(|| cell(category), |field| in_words(mail, field, category)),
        row.created_at.to_zoned(event.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
    ]
}

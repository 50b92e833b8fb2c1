//! To an organiser: one registration with all its answers, and how the event stands.

use askama::Template;
use jiff::{SignedDuration, Span};
use presentation::answers::{self, sections, value_in_words};
use presentation::words::Words;
use presentation::{countries, dates, urls};
use registration::answers::Answers;
use registration::form::{Choice, Field, FieldKind};
use registration::notification::Kind;
use registration::stored::{ListRow, Status};
use registration::token::{ORGANIZER_LINK_DAYS, OrganizerToken};

use super::{Fact, OrganizerMail, Parts, plain, status_word};
use crate::{Message, Person};

/// Most countries that are counted one by one.
const MAX_VALUES: usize = 20;

/// Widths of the columns of the table in the text part: name, organisation, country, category, when.
const COLUMNS: [usize; 5] = [19, 19, 12, 10, 10];

/// Makes the mail to an organiser about one registration.
pub fn organizer(mail: &OrganizerMail<'_>) -> Message {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let record = letter.record;
    let view = View::of(mail);
    let parts = Parts {
        subject: view.title.clone(),
        text: view.text(words),
        html: OrganizerHtml { words, lang: letter.language.tag(), view: &view }
            .render()
            .unwrap_or_else(|_| view.title.clone()),
    };
    let reply_to = Person { name: Some(record.columns.name.clone()), address: record.columns.email.clone() };
    let from = words.fill("mail-organizer-from", &[("event", (&letter.short_name()).into())]);
    letter.message(Kind::Registered, from, Some(reply_to), parts)
}

#[derive(Template)]
#[template(path = "organizer.html")]
struct OrganizerHtml<'a> {
    words: &'static Words,
    lang: &'static str,
    view: &'a View,
}

#[derive(Template)]
#[template(path = "organizer.txt")]
struct OrganizerText<'a> {
    words: &'static Words,
    view: &'a View,
    lead: String,
    notice: String,
    facts: String,
    sections: Vec<(String, String)>,
    figures: String,
    breakdowns: Vec<(String, String)>,
    table: String,
    files_hint: String,
    times: String,
    why: String,
    private: String,
}

/// What both parts show.
struct View {
    title: String,
    lead: String,
    notice: Option<String>,
    facts: Vec<Fact>,
    link: String,
    sections: Vec<Answered>,
    files: Vec<FileLink>,
    figures: Vec<Fact>,
    breakdowns: Vec<(String, Vec<Fact>)>,
    table_title: String,
    heads: [String; 5],
    rows: Vec<[String; 5]>,
    times: String,
    list: String,
    why: String,
    private: String,
}

struct Answered {
    heading: String,
    lines: Vec<Fact>,
}

struct FileLink {
    name: String,
    about: String,
    href: String,
}

impl View {
    fn of(mail: &OrganizerMail<'_>) -> Self {
        let (letter, words) = (&mail.letter, mail.letter.words());
        let (event, record, language) = (letter.event, letter.record, letter.language);
        let expires = letter.now + SignedDuration::from_hours(24 * ORGANIZER_LINK_DAYS);
        let token = |registration| {
            mail.signer.organizer(&OrganizerToken {
                event: record.event,
                registration,
                organizer: letter.to.to_owned(),
                expires,
            })
        };
        let one = token(Some(record.id));
        let event_name = letter.event_name();
        let named = [("event", (&event_name).into())];
        let name = plain::line(&record.columns.name);
        let waiting = record.status == Status::Waiting;
        Self {
            title: subject(mail),
            lead: if name.is_empty() {
                words.fill("mail-organizer-lead-unnamed", &named)
            } else {
                words.fill("mail-organizer-lead", &[("name", (&name).into()), ("event", (&event_name).into())])
            },
            notice: waiting.then(|| words.get("mail-organizer-waiting")),
            facts: facts(mail),
            link: letter.urls.absolute(&urls::in_language(&urls::organizer(&one), language)),
            sections: answered(mail),
            files: files(mail, &one),
            figures: figures(mail),
            breakdowns: breakdowns(mail),
            table_title: table_title(mail),
            heads: [
                words.get("mail-table-name"),
                words.get("mail-table-organization"),
                words.get("mail-table-country"),
                words.get("mail-table-category"),
                words.get("mail-table-when"),
            ],
            rows: mail.rows.iter().map(|row| table_row(mail, row)).collect(),
            times: words.fill("mail-table-times", &[("zone", event.zone.iana_name().unwrap_or("UTC").into())]),
            list: letter.urls.absolute(&urls::in_language(&urls::organizer(&token(None)), language)),
            why: words.fill("mail-organizer-why", &named),
            private: words
                .fill("mail-organizer-private", &[("date", (&dates::date(event.day(expires), language)).into())]),
        }
    }

    fn text(&self, words: &'static Words) -> String {
        let heads = self.heads.each_ref().map(String::as_str);
        let rules = COLUMNS.map(|width| "-".repeat(width));
        let mut table = vec![heads, rules.each_ref().map(String::as_str)];
        table.extend(self.rows.iter().map(|row| row.each_ref().map(String::as_str)));
        let template = OrganizerText {
            words,
            view: self,
            lead: plain::paragraph(&self.lead),
            notice: self.notice.as_deref().map(plain::paragraph).unwrap_or_default(),
            facts: plain::facts(&self.facts, words),
            sections: self
                .sections
                .iter()
                .map(|section| (plain::heading(&section.heading), plain::facts(&section.lines, words)))
                .collect(),
            figures: plain::numbers(&self.figures),
            breakdowns: self
                .breakdowns
                .iter()
                .map(|(label, counts)| (plain::paragraph(label), plain::numbers(counts)))
                .collect(),
            table: plain::columns(COLUMNS, &table),
            files_hint: plain::paragraph(&words.get("mail-files-hint")),
            times: plain::paragraph(&self.times),
            why: plain::paragraph(&self.why),
            private: plain::paragraph(&self.private),
        };
        plain::tidy(&template.render().unwrap_or_else(|_| self.title.clone()))
    }
}

/// `[UbuntuNet-Connect] Registration KC-7F3K-2M9Q (42/300)`: places taken of all, or registrations where places are not
/// limited.
fn subject(mail: &OrganizerMail<'_>) -> String {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let count = match letter.event.capacity {
        Some(capacity) => format!("{}/{capacity}", held(mail)),
        None => mail.summary.total().to_string(),
    };
    let short_name = letter.short_name();
    let values = [
        ("event", (&short_name).into()),
        ("reference", letter.record.reference.as_str().into()),
        ("count", (&count).into()),
    ];
    words.fill("mail-organizer-subject", &values)
}

/// Places taken.
fn held(mail: &OrganizerMail<'_>) -> i64 {
    let holding = Status::ALL.into_iter().filter(|status| status.holds_place());
    holding.map(|status| mail.summary.count("status", status.as_str())).sum()
}

fn facts(mail: &OrganizerMail<'_>) -> Vec<Fact> {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let record = letter.record;
    let came = dates::date_time(record.created_at, &letter.event.zone, letter.language);
    vec![
        Fact::new(words.get("mail-reference"), record.reference.as_str()),
        Fact::new(words.get("mail-status"), status_word(record.status, words)),
        Fact::new(words.get("mail-received"), came),
        Fact::new(words.get("mail-language"), record.language.own_name()),
    ]
}

fn answered(mail: &OrganizerMail<'_>) -> Vec<Answered> {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let answers = Answers::from_json(letter.form, &letter.record.answers);
    let section = |section: answers::Section| Answered {
        heading: section.heading.map_or_else(|| words.get("mail-answers"), |heading| plain::line(&heading)),
        lines: section
            .lines
            .into_iter()
            .map(|line| Fact::new(plain::line(&line.label), plain::block(&line.text)))
            .collect(),
    };
    sections(letter.form, &answers, words).into_iter().map(section).collect()
}

fn files(mail: &OrganizerMail<'_>, token: &str) -> Vec<FileLink> {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let file = |file: &registration::stored::FileRow| FileLink {
        name: plain::line(&file.name),
        about: format!("{}, {}", file.media.name(), answers::size(file.size, words)),
        href: letter.urls.absolute(&urls::organizer_file(token, file.id)),
    };
    mail.files.iter().map(file).collect()
}

fn figures(mail: &OrganizerMail<'_>) -> Vec<Fact> {
    let (letter, words, summary) = (&mail.letter, mail.letter.words(), mail.summary);
    let number = |n: i64| words.number(n);
    let mut figures = vec![Fact::new(words.get("mail-summary-total"), number(summary.total()))];
    if let Some(capacity) = letter.event.capacity {
        let left = (i64::from(capacity) - held(mail)).max(0);
        let of = [("left", left.into()), ("limit", i64::from(capacity).into())];
        figures.push(Fact::new(words.get("mail-summary-places"), words.fill("mail-summary-places-of", &of)));
    }
    let today = letter.event.day(letter.now);
    let week = today.saturating_sub(Span::new().days(6));
    figures.push(Fact::new(words.get("mail-summary-today"), number(summary.between(today, today))));
    figures.push(Fact::new(words.get("mail-summary-week"), number(summary.between(week, today))));
    if letter.event.form.field("visa_letter").is_some() {
        let letters = summary.count("field:visa_letter", "yes");
        figures.push(Fact::new(words.get("mail-summary-visa"), number(letters)));
    }
    figures
}

/// Counts by status, then by each field marked `summary`, in the form's order.
fn breakdowns(mail: &OrganizerMail<'_>) -> Vec<(String, Vec<Fact>)> {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let statuses = Status::ALL
        .into_iter()
        .map(|status| (status, mail.summary.count("status", status.as_str())))
        .filter(|(_, n)| *n != 0)
        .map(|(status, n)| Fact::new(status_word(status, words), words.number(n)));
    let mut all = vec![(words.get("mail-status"), statuses.collect())];
    for field in letter.event.form.inputs().filter(|field| field.summary) {
        all.push((plain::line(field.label.get(letter.language)), field_counts(mail, field)));
    }
    all.retain(|(_, counts): &(String, Vec<Fact>)| !counts.is_empty());
    all
}

fn field_counts(mail: &OrganizerMail<'_>, field: &Field) -> Vec<Fact> {
    let words = mail.letter.words();
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
    if field.options().is_empty() && field.key == "category" { &mail.letter.event.categories } else { field.options() }
}

fn in_words(mail: &OrganizerMail<'_>, field: &Field, value: &str) -> String {
    let known = options(mail, field).iter().find(|option| option.value == value);
    let words = known.map_or_else(
        || value_in_words(field, value, mail.letter.words()),
        |option| option.label.get(mail.letter.language).to_owned(),
    );
    plain::line(&words)
}

fn table_title(mail: &OrganizerMail<'_>) -> String {
    let (words, shown, total) = (mail.letter.words(), mail.rows.len() as i64, mail.summary.total());
    if shown < total {
        words.fill("mail-table-latest", &[("shown", shown.into()), ("total", total.into())])
    } else {
        words.fill("mail-table-all", &[("total", shown.into())])
    }
}

fn table_row(mail: &OrganizerMail<'_>, row: &ListRow) -> [String; 5] {
    let (event, language) = (mail.letter.event, mail.letter.language);
    let country = row.country.as_deref().unwrap_or_default();
    let category = row.category.as_deref().unwrap_or_default();
    let mut name = plain::line(&row.name);
    if row.status != Status::Confirmed {
        let (words, status) = (mail.letter.words(), status_word(row.status, mail.letter.words()));
        name = words.fill("mail-table-name-status", &[("name", (&name).into()), ("status", (&status).into())]);
    }
    [
        name,
        plain::line(row.organization.as_deref().unwrap_or_default()),
        countries::name(country, language).unwrap_or(country).to_owned(),
        event.form.field("category").map_or_else(|| category.to_owned(), |field| in_words(mail, field, category)),
        row.created_at.to_zoned(event.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
    ]
}

//! What an organiser sees behind a link of a mail: one registration, or the list of an event.

use askama::Template;
use jiff::Timestamp;
use jiff::civil::Date;
use presentation::answers::{Section, size};
use presentation::countries;
use presentation::words::Words;
use registration::event::Event;
use registration::form::{Field, FieldKind, Form};
use registration::language::Language;
use registration::places::PlaceCount;
use registration::stored::{FileRow, ListRow, Status};
use registration::summary::Summary;

use super::Shell;
use super::shell::{Frame, render};

/// One registration with its files.
pub struct OrganizerRegistration<'a> {
    /// The event.
    pub event: &'a Event,
    /// The reference.
    pub reference: &'a str,
    /// The status now.
    pub status: Status,
    /// Full name.
    pub name: &'a str,
    /// Mail address.
    pub email: &'a str,
    /// When it came in.
    pub created_at: Timestamp,
    /// Language the registrant used.
    pub language: Language,
    /// All answers in words.
    pub sections: &'a [Section],
    /// Its files, each with the path it is read at.
    pub files: &'a [(FileRow, String)],
    /// Path of the list of all registrations, if the page is to link to it.
    pub list: Option<String>,
}

/// A row of the list with the path of its page.
pub struct ListEntry {
    /// The row.
    pub row: ListRow,
    /// Path of the registration's page.
    pub href: String,
}

/// The registrations of an event.
pub struct OrganizerList<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its newest form, for the labels.
    pub form: &'a Form,
    /// Counts.
    pub summary: &'a Summary,
    /// Limited places as last read.
    pub places: &'a [PlaceCount],
    /// Today in the event's zone.
    pub today: Date,
    /// Rows of this page, newest first.
    pub entries: &'a [ListEntry],
    /// Path of the next page, if there are older ones.
    pub older: Option<String>,
}

/// One registration with all details and its files.
pub fn organizer_registration_page(shell: &Shell<'_>, page: &OrganizerRegistration<'_>) -> String {
    let (w, event) = (shell.words, page.event);
    let came = shell.when(page.created_at, &event.zone);
    let section = |section: &Section| AnswerSection {
        heading: section.heading.clone(),
        answers: section
            .lines
            .iter()
            .map(|line| Answer {
                label: line.label.clone(),
                text: line.text.clone(),
                href: page.files.iter().find(|(file, _)| Some(file.id) == line.file).map(|(_, href)| href.clone()),
            })
            .collect(),
    };
    let template = RegistrationPage {
        f: shell.frame(&w.fill("organizer-title", &[("reference", page.reference.into())])),
        name: known_as(page.name, w),
        email: page.email,
        reference: page.reference,
        status: status_word(page.status, w),
        came: w.fill("organizer-came", &[("when", (&came).into())]),
        language: page.language,
        files: page.files.iter().map(|(file, href)| File::new(shell, file, href)).collect(),
        sections: page.sections.iter().map(section).collect(),
        list: page.list.as_deref(),
    };
    render(&template)
}

/// The list of registrations and their summary.
pub fn organizer_list_page(shell: &Shell<'_>, page: &OrganizerList<'_>) -> String {
    let w = shell.words;
    let frame = Frame { wide: true, ..shell.frame(&w.get("organizer-list-title")) };
    let template = ListPage {
        f: frame,
        figures: figures(shell, page),
        breakdowns: breakdowns(shell, page),
        rows: page.entries.iter().map(|entry| Row::new(shell, page, entry)).collect(),
        older: page.older.as_deref(),
    };
    render(&template)
}

/// A name, or that it is erased: nobody registers without one.
fn known_as(name: &str, w: &'static Words) -> String {
    if name.is_empty() { w.get("name-erased") } else { name.to_owned() }
}

fn status_word(status: Status, w: &'static Words) -> String {
    match status {
        Status::Pending => w.get("status-pending"),
        Status::Waiting => w.get("status-waiting"),
        Status::Offered => w.get("status-offered"),
        Status::Confirmed => w.get("status-confirmed"),
        Status::Rejected => w.get("status-rejected"),
        Status::Withdrawn => w.get("status-withdrawn"),
        Status::Cancelled => w.get("status-cancelled"),
    }
}

/// The figures at the top of the list, as label and number.
fn figures(shell: &Shell<'_>, page: &OrganizerList<'_>) -> Vec<(String, String)> {
    let (w, summary, today) = (shell.words, page.summary, page.today);
    let week = today.saturating_sub(jiff::Span::new().days(6));
    let places = page.places.iter().find(|count| count.key.is_event());
    let mut figures = vec![(w.get("organizer-total"), w.number(summary.total()))];
    figures.extend(places.map(|count| {
        let of = [("left", i64::from(count.left()).into()), ("limit", i64::from(count.limit).into())];
        (w.get("organizer-places"), w.fill("organizer-places-of", &of))
    }));
    let ended = [("ended", summary.ended().into())];
    figures.push((w.fill("figure-today", &ended), w.number(summary.between(today, today))));
    figures.push((w.fill("figure-week", &ended), w.number(summary.between(week, today))));
    let letters = summary.count("field:visa_letter", "yes");
    if letters > 0 {
        figures.push((w.get("figure-visa-letters"), w.number(letters)));
    }
    figures
}

/// Counts by status, then by each field that the summary counts.
fn breakdowns(shell: &Shell<'_>, page: &OrganizerList<'_>) -> Vec<Breakdown> {
    let (w, lang) = (shell.words, shell.language());
    let count = |dimension: &str, value: &str| page.summary.count(dimension, value);
    let statuses = Status::ALL.into_iter().map(|status| (status_word(status, w), count("status", status.as_str())));
    let mut all = vec![Breakdown::new(w.get("organizer-by-status"), statuses, w)];
    for field in page.form.inputs().filter(|field| field.summary) {
        let dimension = format!("field:{}", field.key);
        let values: Vec<(String, i64)> = match &field.kind {
            FieldKind::YesNo => {
                let words = [("yes", w.get("answer-yes")), ("no", w.get("answer-no"))];
                words.into_iter().map(|(value, word)| (word, count(&dimension, value))).collect()
            }
            FieldKind::Country => {
                let counted = page.summary.counts.get(&dimension).into_iter().flatten();
                let name = |code: &str| countries::name(code, lang).unwrap_or_default().to_owned();
                let mut named: Vec<_> = counted.map(|(code, n)| (name(code), *n)).collect();
                named.sort_by_key(|(_, n)| -n);
                named
            }
            _ => {
                let options = field.options().iter();
                options.map(|o| (o.label.get(lang).to_owned(), count(&dimension, &o.value))).collect()
            }
        };
        let waiting = ("waiting", count("status", Status::Waiting.as_str()).into());
        let label = w.fill("figure-field", &[("field", field.label.get(lang).into()), waiting]);
        all.push(Breakdown::new(label, values.into_iter(), w));
    }
    all.retain(|breakdown| !breakdown.counts.is_empty());
    all
}

struct Breakdown {
    label: String,
    counts: Vec<(String, String)>,
}

impl Breakdown {
    /// Counts of nobody are left out.
    fn new(label: String, counts: impl Iterator<Item = (String, i64)>, w: &'static Words) -> Self {
        let counts = counts.filter(|(_, n)| *n != 0).map(|(label, n)| (label, w.number(n))).collect();
        Self { label, counts }
    }
}

struct Row {
    href: String,
    name: String,
    reference: String,
    status: String,
    organization: String,
    country: &'static str,
    category: String,
    when: String,
}

impl Row {
    fn new(shell: &Shell<'_>, page: &OrganizerList<'_>, entry: &ListEntry) -> Self {
        let (lang, row) = (shell.language(), &entry.row);
        let category = row.category.as_deref().unwrap_or_default();
        let choices = page.form.field("category").map(Field::options).unwrap_or_default();
        let known = choices.iter().find(|choice| choice.value == category);
        Self {
            href: entry.href.clone(),
            name: known_as(&row.name, shell.words),
            reference: row.reference.to_string(),
            status: status_word(row.status, shell.words),
            organization: row.organization.clone().unwrap_or_default(),
            country: row.country.as_deref().and_then(|code| countries::name(code, lang)).unwrap_or_default(),
            category: known.map_or_else(|| category.to_owned(), |choice| choice.label.get(lang).to_owned()),
            when: shell.when(row.created_at, &page.event.zone),
        }
    }
}

struct File {
    href: String,
    name: String,
    about: String,
}

impl File {
    fn new(shell: &Shell<'_>, file: &FileRow, href: &str) -> Self {
        let about = format!("{}, {}", file.media.name(), size(file.size, shell.words));
        Self { href: href.to_owned(), name: file.name.clone(), about }
    }
}

struct AnswerSection {
    heading: Option<String>,
    answers: Vec<Answer>,
}

struct Answer {
    label: String,
    text: String,
    href: Option<String>,
}

#[derive(Template)]
#[template(path = "organizer_registration.html", whitespace = "minimize")]
struct RegistrationPage<'a> {
    f: Frame<'a>,
    name: String,
    email: &'a str,
    reference: &'a str,
    status: String,
    came: String,
    language: Language,
    files: Vec<File>,
    sections: Vec<AnswerSection>,
    list: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "organizer_list.html", whitespace = "minimize")]
struct ListPage<'a> {
    f: Frame<'a>,
    figures: Vec<(String, String)>,
    breakdowns: Vec<Breakdown>,
    rows: Vec<Row>,
    older: Option<&'a str>,
}

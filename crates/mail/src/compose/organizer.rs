//! To an organiser: registrations with all their answers, what else happened, and how the event stands.

mod entry;
mod standing;
mod subject;

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use presentation::words::Words;
use presentation::{dates, urls};
use registration::notification::Kind;
use registration::token::{ORGANIZER_LINK_DAYS, OrganizerToken};

use self::entry::{EntryText, EntryView};
pub(super) use self::standing::MAX_CELL;
use super::{Entry, Fact, Head, OrganizerMail, Parts, Window, plain, status_word};
use crate::{Message, Person};

/// Widths of the columns of the table in the text part: name, organisation, country, category, when.
const COLUMNS: [usize; 5] = [19, 19, 12, 10, 10];

/// Widths of the columns of the overview: reference, name, status.
const OVERVIEW: [usize; 3] = [12, 36, 24];

/// Makes a mail to an organiser.
pub fn organizer(mail: &OrganizerMail<'_>) -> Message {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let view = View::of(mail);
    let parts = Parts {
        subject: view.title.clone(),
        text: view.text(words),
        html: OrganizerHtml { words, lang: envelope.language.tag(), view: &view }
            .render()
            .unwrap_or_else(|_| view.title.clone()),
    };
    let short_name = envelope.short_name();
    let named = [("event", (&short_name).into())];
    let (kind, list, from) = match single(mail) {
        Some(entry) => (entry.kind.as_str(), "registrations", "mail-organizer-from"),
        None => (Kind::Digest.as_str(), "digests", "mail-digest-from"),
    };
    let head = Head {
        kind,
        list,
        from_name: words.fill(from, &named),
        reply_to: registrant(mail),
        thread: Some(envelope.event.day(mail.entries.first().map_or(envelope.now, |entry| entry.at))),
        request_ids: mail.entries.iter().map(|entry| entry.record.request_id.as_str()).collect(),
    };
    envelope.message(head, parts)
}

/// The entry of a mail that is no digest.
fn single<'a>(mail: &OrganizerMail<'a>) -> Option<&'a Entry<'a>> {
    match mail.entries {
        [entry] if mail.window.is_none() => Some(entry),
        _ => None,
    }
}

/// Whether nothing is left of a registration but its reference.
fn is_erased(entry: &Entry<'_>) -> bool {
    entry.kind == Kind::Erased || entry.record.erased_at.is_some()
}

/// Whom an answer goes to: the registrant, if the mail is about one.
fn registrant(mail: &OrganizerMail<'_>) -> Option<Person> {
    let [entry] = mail.entries else { return None };
    let columns = &entry.record.columns;
    (!is_erased(entry)).then(|| Person { name: Some(columns.name.clone()), address: columns.email.clone() })
}

/// When the links end.
fn expires(mail: &OrganizerMail<'_>) -> Timestamp {
    mail.envelope.now + SignedDuration::from_hours(24 * ORGANIZER_LINK_DAYS)
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
    period: String,
    overview: String,
    entries: Vec<EntryText<'a>>,
    figures: String,
    breakdowns: Vec<(String, String)>,
    table_title: String,
    table: String,
    files_hint: String,
    times: String,
    why: String,
    private: String,
}

/// What both parts show.
struct View {
    title: String,
    demo: Option<String>,
    lead: String,
    period: String,
    overview_heads: [String; 3],
    overview: Vec<[String; 3]>,
    entries: Vec<EntryView>,
    has_files: bool,
    figures: Vec<Fact>,
    breakdowns: Vec<(String, Vec<Fact>)>,
    table_title: String,
    heads: [String; 5],
    rows: Vec<[String; 5]>,
    times: String,
    list: Option<String>,
    why: String,
    private: String,
}

impl View {
    fn of(mail: &OrganizerMail<'_>) -> Self {
        let (envelope, words) = (&mail.envelope, mail.envelope.words());
        let (event, language) = (envelope.event, envelope.language);
        let single = single(mail);
        let entries: Vec<EntryView> =
            mail.entries.iter().map(|entry| EntryView::of(mail, entry, single.is_some())).collect();
        let event_name = envelope.event_name();
        let named = [("event", (&event_name).into())];
        let zone = event.zone.iana_name().unwrap_or("UTC");
        let mut why = words.fill("mail-organizer-why", &named);
        if registrant(mail).is_some() {
            why = words.fill("mail-organizer-why-answer", &[("why", (&why).into())]);
        }
        Self {
            title: subject::subject(mail),
            demo: envelope.demo_notice(),
            lead: lead(mail),
            period: mail.window.map(|window| period(mail, window)).unwrap_or_default(),
            overview_heads: [words.get("mail-reference"), words.get("mail-table-name"), words.get("mail-status")],
            overview: if single.is_some() {
                Vec::new()
            } else {
                mail.entries.iter().map(|entry| entry::overview(entry, words)).collect()
            },
            has_files: entries.iter().any(|entry| !entry.files.is_empty()),
            entries,
            figures: standing::figures(mail),
            breakdowns: standing::breakdowns(mail),
            table_title: standing::table_title(mail),
            heads: [
                words.get("mail-table-name"),
                words.get("mail-table-organization"),
                words.get("mail-table-country"),
                words.get("mail-table-category"),
                words.get("mail-table-when"),
            ],
            rows: standing::rows(mail).iter().map(|row| standing::table_row(mail, row)).collect(),
            times: words.fill("mail-table-times", &[("zone", zone.into())]),
            list: list_link(mail),
            why,
            private: words
                .fill("mail-organizer-private", &[("date", (&dates::date(event.day(expires(mail)), language)).into())]),
        }
    }

    fn text(&self, words: &'static Words) -> String {
        let template = OrganizerText {
            words,
            view: self,
            lead: plain::paragraph(&self.lead),
            period: plain::paragraph(&self.period),
            overview: if self.overview.is_empty() {
                String::new()
            } else {
                table(OVERVIEW, &self.overview_heads, &self.overview)
            },
            entries: self.entries.iter().map(|entry| entry.text(words)).collect(),
            figures: plain::numbers(&self.figures),
            breakdowns: self
                .breakdowns
                .iter()
                .map(|(label, counts)| (plain::paragraph(label), plain::numbers(counts)))
                .collect(),
            table_title: plain::paragraph(&self.table_title),
            table: table(COLUMNS, &self.heads, &self.rows),
            files_hint: plain::paragraph(&words.get("mail-files-hint")),
            times: plain::paragraph(&self.times),
            why: plain::paragraph(&self.why),
            private: plain::paragraph(&self.private),
        };
        plain::tidy(&template.render().unwrap_or_else(|_| self.title.clone()))
    }
}

/// Heads, a rule and rows.
fn table<const N: usize>(widths: [usize; N], heads: &[String; N], rows: &[[String; N]]) -> String {
    let rules = widths.map(|width| "-".repeat(width));
    let mut lines = vec![heads.each_ref().map(String::as_str), rules.each_ref().map(String::as_str)];
    lines.extend(rows.iter().map(|row| row.each_ref().map(String::as_str)));
    plain::columns(widths, &lines)
}

/// The headline.
fn lead(mail: &OrganizerMail<'_>) -> String {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let event_name = envelope.event_name();
    let event = ("event", (&event_name).into());
    let Some(entry) = single(mail) else {
        return words.fill("mail-digest-lead", &[event, ("what", (&subject::happened(mail)).into())]);
    };
    let reference = ("reference", entry.record.reference.as_str().into());
    match entry.kind {
        _ if is_erased(entry) => words.fill("mail-erased-lead", &[event, reference]),
        Kind::Cancelled => words.fill("mail-cancelled-lead", &[event, reference]),
        Kind::Attached => words.fill("mail-attached-lead", &[event, reference]),
        _ => match plain::line(&entry.record.columns.name).as_str() {
            "" => words.fill("mail-organizer-lead-unnamed", &[event]),
            name => words.fill("mail-organizer-lead", &[event, ("name", name.into())]),
        },
    }
}

/// The time of a digest, with its zone.
fn period(mail: &OrganizerMail<'_>, window: Window) -> String {
    let moment = |at| dates::date_time(at, &mail.envelope.event.zone, mail.envelope.language);
    let (first, last) = (moment(window.starts), moment(window.ends));
    mail.envelope.words().fill("mail-digest-period", &[("first", (&first).into()), ("last", (&last).into())])
}

/// The link to the list of all registrations.
fn list_link(mail: &OrganizerMail<'_>) -> Option<String> {
    let envelope = &mail.envelope;
    let token = mail.signer.organizer(&OrganizerToken {
        event: mail.entries.first()?.record.event,
        registration: None,
        organizer: envelope.to.to_owned(),
        expires: expires(mail),
    });
    Some(envelope.urls.absolute(&urls::in_language(&urls::organizer(&token), envelope.language)))
}

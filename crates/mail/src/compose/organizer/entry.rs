//! One registration of an organiser's mail: all of it, or what happened to it.

use presentation::answers::{self, sections};
use presentation::words::Words;
use presentation::{dates, urls};
use registration::answers::Answers;
use registration::notification::Kind;
use registration::stored::{FileRow, Record, Status};
use registration::token::OrganizerToken;

use super::{Entry, Fact, OrganizerMail, is_erased, plain, standing, status_word};
use crate::classify::shorten;
use crate::compose::lack;

/// What both parts show of a registration.
pub(super) struct EntryView {
    /// Reference and name; empty where the mail's own headline says it.
    pub(super) heading: String,
    pub(super) notices: Vec<String>,
    pub(super) facts: Vec<Fact>,
    /// The organiser's link; none to what was erased.
    pub(super) link: Option<String>,
    pub(super) sections: Vec<Answered>,
    pub(super) files: Vec<FileLink>,
}

pub(super) struct Answered {
    pub(super) heading: String,
    pub(super) lines: Vec<Fact>,
}

pub(super) struct FileLink {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) href: String,
}

impl EntryView {
    pub(super) fn of(mail: &OrganizerMail<'_>, entry: &Entry<'_>, single: bool) -> Self {
        let (envelope, words, record) = (&mail.envelope, mail.envelope.words(), entry.record);
        let reference = record.reference.as_str();
        if is_erased(entry) {
            return Self {
                heading: if single { String::new() } else { reference.to_owned() },
                notices: if single { Vec::new() } else { vec![words.get("mail-entry-erased")] },
                facts: vec![
                    Fact::new(words.get("mail-reference"), reference),
                    Fact::new(words.get("mail-erased-at"), moment(mail, record.erased_at.unwrap_or(entry.at))),
                ],
                link: None,
                sections: Vec::new(),
                files: Vec::new(),
            };
        }
        let name = name(record);
        let heading = match name.as_str() {
            _ if single => String::new(),
            "" => reference.to_owned(),
            name => words.fill("mail-entry-heading", &[("reference", reference.into()), ("name", name.into())]),
        };
        let token = mail.signer.organizer(&OrganizerToken {
            event: record.event,
            registration: Some(record.id),
            organizer: envelope.to.to_owned(),
            expires: super::expires(mail),
        });
        let link = envelope.urls.absolute(&urls::in_language(&urls::organizer(&token), envelope.language));
        let mut notices = Vec::new();
        let mut facts = vec![Fact::new(words.get("mail-reference"), reference)];
        let (mut sections, mut files) = (Vec::new(), Vec::new());
        let status = Fact::new(words.get("mail-status"), status_word(record.status, words));
        match entry.kind {
            Kind::Cancelled => {
                if !single {
                    notices.push(words.get("mail-entry-cancelled"));
                }
                facts.extend(named(&name, words));
                facts.push(status);
                facts.push(Fact::new(words.get("mail-cancelled-at"), moment(mail, entry.at)));
            }
            Kind::Attached => {
                if !single {
                    notices.push(words.get("mail-entry-attached"));
                }
                facts.extend(named(&name, words));
                facts.push(status);
                facts.push(Fact::new(words.get("mail-attached-at"), moment(mail, entry.at)));
                files = file_links(mail, entry.files, &token);
            }
            Kind::Registered | Kind::Erased | Kind::Digest | Kind::Confirmation | Kind::Duplicate | Kind::Notice => {
                if record.status == Status::Waiting {
                    let lack = lack(record, entry.form, mail.places, words);
                    notices.push(words.fill("mail-organizer-waiting", &[("lack", (&lack).into())]));
                }
                notices.extend(same_person(entry, words));
                facts.push(status);
                facts.push(Fact::new(words.get("mail-received"), moment(mail, record.created_at)));
                facts.push(Fact::new(words.get("mail-language"), record.language.own_name()));
                sections = answered(mail, entry);
                files = file_links(mail, entry.files, &token);
            }
        }
        Self { heading, notices, facts, link: Some(link), sections, files }
    }

    /// As the text part shows it.
    pub(super) fn text(&self, words: &'static Words) -> EntryText<'_> {
        let heading = |heading: &str| if heading.is_empty() { String::new() } else { plain::title(heading) };
        EntryText {
            heading: heading(&self.heading),
            notices: self.notices.iter().map(|notice| plain::paragraph(notice)).collect(),
            facts: plain::facts(&self.facts, words),
            link: self.link.as_deref(),
            sections: self
                .sections
                .iter()
                .map(|section| (plain::heading(&section.heading), plain::facts(&section.lines, words)))
                .collect(),
            files: self
                .files
                .iter()
                .map(|file| plain::indented(&format!("{} ({})", file.name, file.about)))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

pub(super) struct EntryText<'a> {
    pub(super) heading: String,
    pub(super) notices: Vec<String>,
    pub(super) facts: String,
    pub(super) link: Option<&'a str>,
    pub(super) sections: Vec<(String, String)>,
    pub(super) files: String,
}

/// A line of the overview: reference, name, and what became of it.
pub(super) fn overview(entry: &Entry<'_>, words: &Words) -> [String; 3] {
    let reference = entry.record.reference.to_string();
    if is_erased(entry) {
        return [reference, String::new(), words.get("mail-overview-erased")];
    }
    let mut what = match entry.kind {
        Kind::Cancelled => words.get("mail-status-cancelled"),
        Kind::Attached => words.get("mail-overview-attached"),
        _ => status_word(entry.record.status, words),
    };
    if entry.kind == Kind::Registered && !entry.same_person.is_empty() {
        what = words.fill("mail-overview-duplicate", &[("status", (&what).into())]);
    }
    [reference, name(entry.record), what]
}

/// The name as headings and tables show it.
fn name(record: &Record) -> String {
    shorten(&plain::line(&record.columns.name), standing::MAX_CELL)
}

fn named(name: &str, words: &Words) -> Option<Fact> {
    (!name.is_empty()).then(|| Fact::new(words.get("mail-table-name"), name))
}

fn moment(mail: &OrganizerMail<'_>, at: jiff::Timestamp) -> String {
    dates::date_time(at, &mail.envelope.event.zone, mail.envelope.language)
}

fn same_person(entry: &Entry<'_>, words: &Words) -> Option<String> {
    let others: Vec<&str> = entry.same_person.iter().map(registration::reference::Reference::as_str).collect();
    let told = || words.fill("mail-entry-duplicate", &[("references", (&others.join(", ")).into())]);
    (!others.is_empty()).then(told)
}

fn answered(mail: &OrganizerMail<'_>, entry: &Entry<'_>) -> Vec<Answered> {
    let words = mail.envelope.words();
    let answers = Answers::from_json(entry.form, &entry.record.answers);
    let section = |section: answers::Section| Answered {
        heading: section.heading.map_or_else(|| words.get("mail-answers"), |heading| plain::line(&heading)),
        lines: section
            .lines
            .into_iter()
            .map(|line| Fact::new(plain::line(&line.label), plain::block(&line.text)))
            .collect(),
    };
    sections(entry.form, &answers, words).into_iter().map(section).collect()
}

fn file_links(mail: &OrganizerMail<'_>, files: &[FileRow], token: &str) -> Vec<FileLink> {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let file = |file: &FileRow| FileLink {
        // In full it stands among the answers.
        name: shorten(&plain::line(&file.name), standing::MAX_CELL),
        about: format!("{}, {}", file.media.name(), answers::size(file.size, words)),
        href: envelope.urls.absolute(&urls::organizer_file(token, file.id)),
    };
    files.iter().map(file).collect()
}

//! To the registrant: what was registered, without a word that somebody typed, so that the form cannot send spam.

use askama::Template;
use presentation::answers::sections;
use presentation::words::Words;
use presentation::{countries, dates, urls};
use registration::answers::{Answer, Answers};
use registration::event::Event;
use registration::language::Language;
use registration::notification::Kind;
use registration::stored::Status;

use super::{ConfirmationMail, Fact, Letter, Parts, plain, status_word};
use crate::message::address;
use crate::{Message, Person};

/// Makes the confirmation to a registrant.
pub fn confirmation(mail: &ConfirmationMail<'_>) -> Message {
    let (letter, words) = (&mail.letter, mail.letter.words());
    let view = View::of(letter);
    let parts = Parts {
        subject: view.title.clone(),
        text: view.text(words),
        html: ConfirmationHtml { words, lang: letter.language.tag(), view: &view }
            .render()
            .unwrap_or_else(|_| view.title.clone()),
    };
    let reply_to = view.contact_address.then(|| Person { name: None, address: view.contact.clone() });
    letter.message(Kind::Confirmation, letter.event_name(), reply_to, parts)
}

#[derive(Template)]
#[template(path = "confirmation.html")]
struct ConfirmationHtml<'a> {
    words: &'static Words,
    lang: &'static str,
    view: &'a View,
}

#[derive(Template)]
#[template(path = "confirmation.txt")]
struct ConfirmationText<'a> {
    words: &'static Words,
    view: &'a View,
    lead: String,
    facts: String,
    chosen: String,
    chosen_hint: String,
    next: Vec<String>,
    contact: String,
    why: String,
}

/// What both parts show.
struct View {
    title: String,
    lead: String,
    waiting: bool,
    facts: Vec<Fact>,
    chosen: Vec<Fact>,
    next: Vec<String>,
    contact: String,
    contact_address: bool,
    page: String,
    calendar: String,
    why: String,
}

impl View {
    fn of(letter: &Letter<'_>) -> Self {
        let (event, record, words) = (letter.event, letter.record, letter.words());
        let event_name = letter.event_name();
        let named = [("event", (&event_name).into())];
        let short_name = letter.short_name();
        let subject = [("event", (&short_name).into()), ("reference", record.reference.as_str().into())];
        let waiting = record.status == Status::Waiting;
        let answers = Answers::from_json(letter.form, &record.answers);
        let (title, lead, mut next) = match record.status {
            Status::Confirmed => (
                words.fill("mail-confirmation-subject", &subject),
                words.fill("mail-confirmation-lead-confirmed", &named),
                vec![words.get("mail-confirmation-next-confirmed")],
            ),
            Status::Waiting => (
                words.fill("mail-confirmation-subject-waiting", &subject),
                words.fill("mail-confirmation-lead-waiting", &named),
                vec![words.get("mail-confirmation-next-waiting")],
            ),
            // It changed before this mail could be sent; another mail tells about that.
            _ => (
                words.fill("mail-confirmation-subject", &subject),
                words.fill("mail-confirmation-lead-received", &named),
                vec![words.get("mail-confirmation-next-received")],
            ),
        };
        if record.status.is_alive() && answers.get("visa_letter") == Some(&Answer::Yes(true)) {
            next.push(words.get("mail-confirmation-next-visa"));
        }
        let contact = plain::line(event.privacy.contact.get(letter.language));
        let link = |path: String| letter.urls.absolute(&urls::in_language(&path, letter.language));
        Self {
            title,
            lead,
            waiting,
            facts: facts(letter),
            chosen: chosen(letter, &answers),
            next,
            contact_address: address(&contact).is_some(),
            contact,
            page: link(urls::event(&event.slug)),
            calendar: link(urls::calendar(&event.slug)),
            why: words.fill("mail-confirmation-why", &named),
        }
    }

    fn text(&self, words: &'static Words) -> String {
        let template = ConfirmationText {
            words,
            view: self,
            lead: plain::paragraph(&self.lead),
            facts: plain::facts(&self.facts, words),
            chosen: plain::facts(&self.chosen, words),
            chosen_hint: plain::paragraph(&words.get("mail-confirmation-chosen-hint")),
            next: self.next.iter().map(|next| plain::paragraph(next)).collect(),
            contact: plain::paragraph(&self.contact),
            why: plain::paragraph(&self.why),
        };
        plain::tidy(&template.render().unwrap_or_else(|_| self.title.clone()))
    }
}

fn facts(letter: &Letter<'_>) -> Vec<Fact> {
    let (event, record, words) = (letter.event, letter.record, letter.words());
    let mut facts = vec![
        Fact::new(words.get("mail-reference"), record.reference.as_str()),
        Fact::new(words.get("mail-status"), status_word(record.status, words)),
        Fact::new(words.get("mail-dates"), dates::range(event.starts, event.ends, letter.language)),
    ];
    let venue = venue(event, letter.language);
    if !venue.is_empty() {
        facts.push(Fact::new(words.get("mail-venue"), venue));
    }
    facts
}

fn venue(event: &Event, language: Language) -> String {
    let venue = &event.venue;
    let texts = [&venue.name, &venue.address, &venue.city].map(|text| text.as_ref().map(|text| text.get(language)));
    let country = venue.country.as_deref().map(|code| countries::name(code, language).unwrap_or(code));
    let parts = texts.into_iter().chain([country]).flatten();
    plain::line(&parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

/// The answers that nobody could type freely.
fn chosen(letter: &Letter<'_>, answers: &Answers) -> Vec<Fact> {
    let lines = sections(letter.form, answers, letter.words()).into_iter().flat_map(|section| section.lines);
    lines
        .filter(|line| !line.free_text)
        .map(|line| Fact::new(plain::line(&line.label), plain::line(&line.text)))
        .collect()
}

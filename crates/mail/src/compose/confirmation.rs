//! To the registrant: what was registered, without a word that somebody typed, so that the form cannot send spam.

use askama::Template;
use presentation::answers::sections;
use presentation::words::Words;
use presentation::{countries, dates, urls};
use registration::answers::{Answer, Answers};
use registration::event::Event;
use registration::language::Language;
use registration::stored::Status;

use super::{ConfirmationMail, Fact, Head, Parts, lack, plain, status_word};
use crate::{Message, Person};

/// Makes the confirmation to a registrant.
pub fn confirmation(mail: &ConfirmationMail<'_>) -> Message {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let view = View::of(mail);
    let parts = Parts {
        subject: view.title.clone(),
        text: view.text(words),
        html: ConfirmationHtml { words, lang: envelope.language.tag(), view: &view }
            .render()
            .unwrap_or_else(|_| view.title.clone()),
    };
    let head = Head {
        kind: mail.kind.as_str(),
        list: "confirmations",
        from_name: envelope.event_name(),
        reply_to: view.contact_address.then(|| Person { name: None, address: view.contact.clone() }),
        thread: None,
        request_ids: vec![&mail.record.request_id],
    };
    envelope.message(head, parts)
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
    attach: Option<(String, &'a str, String)>,
    contact: String,
    why: String,
}

/// What both parts show.
struct View {
    title: String,
    demo: Option<String>,
    lead: String,
    waiting: bool,
    facts: Vec<Fact>,
    chosen: Vec<Fact>,
    next: Vec<String>,
    attach: Option<Attach>,
    contact: String,
    contact_address: bool,
    page: String,
    calendar: String,
    why: String,
}

/// The link to send a file later.
struct Attach {
    link: String,
    lead: String,
    until: String,
}

impl View {
    fn of(mail: &ConfirmationMail<'_>) -> Self {
        let (envelope, record, words) = (&mail.envelope, mail.record, mail.envelope.words());
        let event = envelope.event;
        let event_name = envelope.event_name();
        let named = [("event", (&event_name).into())];
        let short_name = envelope.short_name();
        let subject = [("event", (&short_name).into()), ("reference", record.reference.as_str().into())];
        let waiting = record.status == Status::Waiting;
        let answers = Answers::from_json(mail.form, &record.answers);
        let (title, lead, mut next) = match record.status {
            Status::Confirmed => (
                words.fill("mail-confirmation-subject", &subject),
                words.fill("mail-confirmation-lead-confirmed", &named),
                vec![words.get("mail-confirmation-next-confirmed")],
            ),
            Status::Waiting => (
                words.fill("mail-confirmation-subject-waiting", &subject),
                words.fill(
                    "mail-confirmation-lead-waiting",
                    &[named[0], ("lack", (&lack(record, mail.form, mail.places, words)).into())],
                ),
                vec![words.get("mail-confirmation-next-waiting")],
            ),
            Status::Cancelled | Status::Withdrawn => (
                words.fill("mail-confirmation-subject-cancelled", &subject),
                words.fill("mail-confirmation-lead-cancelled", &named),
                vec![words.get("mail-confirmation-next-cancelled")],
            ),
            Status::Pending | Status::Offered | Status::Rejected => (
                words.fill("mail-confirmation-subject", &subject),
                words.fill("mail-confirmation-lead-received", &named),
                vec![words.get("mail-confirmation-next-received")],
            ),
        };
        if record.status.is_alive() && answers.get("visa_letter") == Some(&Answer::Yes(true)) {
            next.push(words.get("mail-confirmation-next-visa"));
        }
        let attach = mail.attach_link.filter(|_| record.status.is_alive()).map(|link| Attach {
            link: link.to_owned(),
            lead: words.get("mail-confirmation-attach-lead"),
            until: words.fill(
                "mail-confirmation-attach-until",
                &[("date", (&dates::deadline(event.closes_at(), &event.zone, envelope.language)).into())],
            ),
        });
        let (contact, contact_address) = envelope.contact();
        let link = |path: String| envelope.urls.absolute(&urls::in_language(&path, envelope.language));
        Self {
            title,
            demo: envelope.demo_notice(),
            lead,
            waiting,
            facts: facts(mail),
            // What does not hold any more is not repeated.
            chosen: if record.status.is_alive() { chosen(mail, &answers) } else { Vec::new() },
            next,
            attach,
            contact_address,
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
            attach: self
                .attach
                .as_ref()
                .map(|attach| (plain::paragraph(&attach.lead), attach.link.as_str(), plain::paragraph(&attach.until))),
            contact: plain::paragraph(&self.contact),
            why: plain::paragraph(&self.why),
        };
        plain::tidy(&template.render().unwrap_or_else(|_| self.title.clone()))
    }
}

fn facts(mail: &ConfirmationMail<'_>) -> Vec<Fact> {
    let (record, language, words) = (mail.record, mail.envelope.language, mail.envelope.words());
    let event = mail.envelope.event;
    let mut facts = vec![
        Fact::new(words.get("mail-reference"), record.reference.as_str()),
        Fact::new(words.get("mail-status"), status_word(record.status, words)),
        Fact::new(words.get("mail-dates"), dates::range(event.starts, event.ends, language)),
    ];
    let venue = venue(event, language);
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
fn chosen(mail: &ConfirmationMail<'_>, answers: &Answers) -> Vec<Fact> {
    let lines = sections(mail.form, answers, mail.envelope.words()).into_iter().flat_map(|section| section.lines);
    lines
        .filter(|line| !line.free_text)
        .map(|line| Fact::new(plain::line(&line.label), plain::line(&line.text)))
        .collect()
}

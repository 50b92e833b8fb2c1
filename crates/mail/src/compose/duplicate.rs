//! To the registrant's address: somebody registered again with it. It repeats nothing that anybody typed.

use askama::Template;
use presentation::urls;
use presentation::words::Words;
use registration::notification::Kind;

use super::{DuplicateMail, Fact, Head, Parts, plain, status_word};
use crate::{Message, Person};

/// Makes the mail that tells of a second registration with the same address.
pub fn duplicate(mail: &DuplicateMail<'_>) -> Message {
    let (envelope, words) = (&mail.envelope, mail.envelope.words());
    let view = View::of(mail);
    let parts = Parts {
        subject: view.title.clone(),
        text: view.text(words),
        html: DuplicateHtml { words, lang: envelope.language.tag(), view: &view }
            .render()
            .unwrap_or_else(|_| view.title.clone()),
    };
    let head = Head {
        kind: Kind::Duplicate.as_str(),
        list: "confirmations",
        from_name: envelope.event_name(),
        reply_to: view.contact_address.then(|| Person { name: None, address: view.contact.clone() }),
        thread: None,
        request_ids: vec![&mail.record.request_id],
    };
    envelope.message(head, parts)
}

#[derive(Template)]
#[template(path = "duplicate.html")]
struct DuplicateHtml<'a> {
    words: &'static Words,
    lang: &'static str,
    view: &'a View,
}

#[derive(Template)]
#[template(path = "duplicate.txt")]
struct DuplicateText<'a> {
    words: &'static Words,
    view: &'a View,
    lead: String,
    facts: String,
    body: Vec<String>,
    contact: String,
    why: String,
}

/// What both parts show.
struct View {
    title: String,
    demo: Option<String>,
    lead: String,
    facts: Vec<Fact>,
    body: Vec<String>,
    contact: String,
    contact_address: bool,
    page: String,
    why: String,
}

impl View {
    fn of(mail: &DuplicateMail<'_>) -> Self {
        let (envelope, record, words) = (&mail.envelope, mail.record, mail.envelope.words());
        let (event_name, short_name) = (envelope.event_name(), envelope.short_name());
        let named = [("event", (&event_name).into())];
        let reference = record.reference.as_str();
        let (contact, contact_address) = envelope.contact();
        Self {
            demo: envelope.demo_notice(),
            title: words
                .fill("mail-duplicate-subject", &[("event", (&short_name).into()), ("reference", reference.into())]),
            lead: words.fill("mail-duplicate-lead", &named),
            facts: vec![
                Fact::new(words.get("mail-reference"), reference),
                Fact::new(words.get("mail-status"), status_word(record.status, words)),
            ],
            body: vec![
                words.fill("mail-duplicate-stands", &[("reference", reference.into())]),
                words.get("mail-duplicate-change"),
            ],
            contact,
            contact_address,
            page: envelope.urls.absolute(&urls::in_language(&urls::event(&envelope.event.slug), envelope.language)),
            why: words.fill("mail-confirmation-why", &named),
        }
    }

    fn text(&self, words: &'static Words) -> String {
        let template = DuplicateText {
            words,
            view: self,
            lead: plain::paragraph(&self.lead),
            facts: plain::facts(&self.facts, words),
            body: self.body.iter().map(|text| plain::paragraph(text)).collect(),
            contact: plain::paragraph(&self.contact),
            why: plain::paragraph(&self.why),
        };
        plain::tidy(&template.render().unwrap_or_else(|_| self.title.clone()))
    }
}

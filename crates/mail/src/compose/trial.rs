//! A mail that only shows that mails arrive.

use askama::Template;
use jiff::Timestamp;
use presentation::urls::Urls;
use presentation::words::Words;
use registration::language::Language;

use super::{Parts, host, plain};
use crate::{Message, Person};

/// What a test mail is made of.
#[derive(Clone, Copy)]
pub struct TrialMail<'a> {
    /// `<…@…>`, see [`message_id`](super::message_id).
    pub message_id: &'a str,
    /// The sender.
    pub from: &'a Person,
    /// The recipient's address.
    pub to: &'a str,
    /// Language to write in.
    pub language: Language,
    /// Links.
    pub urls: &'a Urls,
    /// Now.
    pub now: Timestamp,
}

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialHtml<'a> {
    lang: &'static str,
    view: &'a View,
}

struct View {
    title: String,
    demo: Option<String>,
    lead: String,
    body: String,
}

/// Makes a test mail.
pub fn trial(mail: &TrialMail<'_>) -> Message {
    let words = Words::of(mail.language);
    let host = host(mail.urls);
    let named = [("host", host.into())];
    let view = View {
        title: words.fill("mail-test-subject", &named),
        demo: None,
        lead: words.fill("mail-test-lead", &named),
        body: words.get("mail-test-body"),
    };
    let parts = Parts {
        subject: view.title.clone(),
        text: plain::tidy(&format!("{}\n\n{}\n", plain::paragraph(&view.lead), plain::paragraph(&view.body))),
        html: TrialHtml { lang: mail.language.tag(), view: &view }.render().unwrap_or_else(|_| view.title.clone()),
    };
    Message {
        message_id: mail.message_id.to_owned(),
        from: mail.from.clone(),
        to: mail.to.to_owned(),
        reply_to: None,
        subject: parts.subject,
        text: parts.text,
        html: parts.html,
        list_id: format!("<test.{host}>"),
        references: None,
        event: String::new(),
        kind: "test",
        request_id: String::new(),
        date: mail.now,
    }
}

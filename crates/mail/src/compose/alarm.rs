//! A mail to the on-call, by whoever watches the monitoring or the whole host. In English, as the alerts of the monitoring are.

use askama::Template;
use jiff::Timestamp;
use presentation::urls::Urls;
use presentation::words::Words;
use registration::language::Language;

use super::{host, plain};
use crate::{Message, Person};

/// What an alarm is made of.
#[derive(Clone, Copy)]
pub struct AlarmMail<'a> {
    /// `<…@…>`, see [`message_id`](super::message_id).
    pub message_id: &'a str,
    /// The sender.
    pub from: &'a Person,
    /// The recipient's address.
    pub to: &'a str,
    /// The base of links.
    pub urls: &'a Urls,
    /// Now.
    pub now: Timestamp,
    /// Whether it says that it is of a demo.
    pub demo: bool,
    /// Whether it tells that something is over.
    pub resolved: bool,
    /// What broke, in a line.
    pub summary: &'a str,
    /// Names and values, in order.
    pub facts: &'a [(&'static str, String)],
    /// What to do, in order; commands as they are typed.
    pub steps: &'a [String],
}

#[derive(Template)]
#[template(path = "alarm.html")]
struct AlarmHtml<'a> {
    lang: &'static str,
    view: &'a View<'a>,
}

#[derive(Template)]
#[template(path = "alarm.txt", escape = "none")]
struct AlarmText<'a> {
    view: &'a View<'a>,
}

struct View<'a> {
    title: String,
    demo: Option<String>,
    resolved: bool,
    summary: &'a str,
    facts: &'a [(&'static str, String)],
    steps: &'a [String],
    address: String,
}

/// Makes an alarm.
pub fn alarm(mail: &AlarmMail<'_>) -> Message {
    let host = host(mail.urls);
    let word = if mail.resolved { "RESOLVED" } else { "CRITICAL" };
    let subject = format!("[{word}] {}, {host}", mail.summary);
    let view = View {
        title: subject.clone(),
        demo: mail.demo.then(|| Words::of(Language::En).get("mail-demo")),
        resolved: mail.resolved,
        summary: mail.summary,
        facts: mail.facts,
        steps: mail.steps,
        address: mail.urls.base().to_string(),
    };
    let text = AlarmText { view: &view }.render().unwrap_or_else(|_| subject.clone());
    Message {
        message_id: mail.message_id.to_owned(),
        from: mail.from.clone(),
        to: mail.to.to_owned(),
        reply_to: None,
        subject: if mail.demo { format!("[DEMO] {subject}") } else { subject },
        text: plain::tidy(&text),
        html: AlarmHtml { lang: Language::En.tag(), view: &view }.render().unwrap_or_else(|_| view.title.clone()),
        list_id: format!("<watch.{host}>"),
        references: None,
        event: String::new(),
        kind: "alarm",
        request_id: String::new(),
        date: mail.now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(resolved: bool, demo: bool) -> Message {
        let from = Person { name: Some("Karibu watch".to_owned()), address: "karibu@example.org".to_owned() };
        let urls = Urls::new("https://register.example.org".parse().unwrap());
        let facts = [
            ("What", "Prometheus does not ask.".to_owned()),
            ("Impact", "When something breaks, nobody is told.".to_owned()),
            ("Since", "4 November 2026, 08:30:00 UTC".to_owned()),
            ("Seen by", "notifier-1".to_owned()),
        ];
        let steps = ["docker compose ps -a prometheus".to_owned(), "deploy/check # <again>".to_owned()];
        alarm(&AlarmMail {
            message_id: "<alarm@register.example.org>",
            from: &from,
            to: "devops@example.org",
            urls: &urls,
            now: "2026-11-04T08:31:02Z".parse().unwrap(),
            demo,
            resolved,
            summary: if resolved { "The monitoring speaks again" } else { "The monitoring is silent" },
            facts: &facts,
            steps: if resolved { &[] } else { &steps },
        })
    }

    #[test]
    fn it_says_what_broke_since_when_and_what_to_do() {
        let mail = made(false, false);
        insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text));
        assert!(mail.html.contains("deploy/check # &#60;again&#62;"), "{}", mail.html);
    }

    #[test]
    fn the_end_is_told_as_such() {
        let mail = made(true, true);
        insta::assert_snapshot!(format!("{}\n\n{}", mail.subject, mail.text));
        assert!(mail.html.contains("DEMO"), "{}", mail.html);
    }
}

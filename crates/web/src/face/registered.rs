//! The page after registering.

use askama::Template;
use presentation::answers::Section;
use presentation::urls;
use presentation::words::Words;
use registration::event::Event;
use registration::stored::Status;

use super::Shell;
use super::shell::{Frame, render};

/// What the page after registering shows.
pub struct RegisteredFace<'a> {
    /// The event.
    pub event: &'a Event,
    /// The reference.
    pub reference: &'a str,
    /// The status now.
    pub status: Status,
    /// What a registration on the waiting list lacks, as a sentence; empty for any other.
    pub lack: &'a str,
    /// The mail address the confirmation goes to.
    pub email: &'a str,
    /// Whether a confirmation goes there: an address gets only so many a day.
    pub mail_comes: bool,
    /// All answers in words.
    pub sections: &'a [Section],
    /// Labels of the answers that did not apply and were dropped.
    pub dropped: &'a [String],
    /// Path of the page where attachments are added or replaced, while that can be done.
    pub attach: Option<String>,
    /// Labels of the files that are to follow.
    pub to_follow: &'a [String],
}

/// The page after registering. To be sent with `no-store` and with `noindex` set in the shell.
pub fn registered_page(shell: &Shell<'_>, face: &RegisteredFace<'_>) -> String {
    let (w, event) = (shell.words, face.event);
    let (title, lead) = standing(face, w);
    let page = RegisteredPage {
        f: shell.frame(&title),
        lead,
        title,
        reference: face.reference,
        dropped: face.dropped,
        once: event.one_per_address.then(|| w.get("registered-next-once")),
        mail: w.fill(
            if face.mail_comes { "registered-next-mail" } else { "registered-next-no-mail" },
            &[("email", face.email.into())],
        ),
        contact: w.fill("registered-next-contact", &[("contact", event.privacy.contact.get(w.language()).into())]),
        alive: face.status.is_alive(),
        days: shell.days(event),
        place: shell.place(event),
        sections: face.sections,
        calendar: urls::in_language(&urls::calendar(&event.slug), w.language()),
        attach: face.attach.as_deref().map(|path| urls::in_language(path, w.language())),
        attach_until: w.fill("attach-until", &[("when", (&shell.until(event.closes_at(), &event.zone)).into())]),
        to_follow: face.to_follow,
        another: shell.register_path(event),
        event: shell.event_path(event),
    };
    render(&page)
}

/// Title and first sentence of a status.
fn standing(face: &RegisteredFace<'_>, w: &'static Words) -> (String, String) {
    match face.status {
        Status::Confirmed => (w.get("registered-confirmed-title"), w.get("registered-confirmed-text")),
        Status::Waiting => {
            (w.get("registered-waiting-title"), w.fill("registered-waiting-text", &[("lack", face.lack.into())]))
        }
        Status::Pending => (w.get("registered-pending-title"), w.get("registered-pending-text")),
        Status::Offered => (w.get("registered-offered-title"), w.get("registered-offered-text")),
        Status::Rejected => (w.get("registered-rejected-title"), w.get("registered-rejected-text")),
        Status::Withdrawn => (w.get("registered-withdrawn-title"), w.get("registered-withdrawn-text")),
        Status::Cancelled => (w.get("registered-cancelled-title"), w.get("registered-cancelled-text")),
    }
}

#[derive(Template)]
#[template(path = "registered.html", whitespace = "minimize")]
struct RegisteredPage<'a> {
    f: Frame<'a>,
    title: String,
    lead: String,
    reference: &'a str,
    dropped: &'a [String],
    mail: String,
    /// Where an address is registered once only: this may be the page of a second one, and must not say whether it is.
    once: Option<String>,
    contact: String,
    /// Whether the person still means to come, so that mail and calendar are worth a word.
    alive: bool,
    days: String,
    place: String,
    sections: &'a [Section],
    calendar: String,
    attach: Option<String>,
    attach_until: String,
    to_follow: &'a [String],
    another: String,
    event: String,
}

//! Pages that say in what state something is: not open, closed, full, gone, broken. Each is friendly and has a way on.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use presentation::answers::size;
use presentation::urls;

use super::Shell;
use super::shell::{Frame, render};

/// What a page of state says. The shell's event, if there is one, is the one it is about, and the way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatePage {
    /// Registration has not opened; it will at this time (200; a POST gets 403).
    NotYetOpen(Timestamp),
    /// Registration closed at this time (410).
    Closed(Timestamp),
    /// No place is left and there is no waiting list (410).
    Full,
    /// There is no event of this name (404).
    UnknownEvent,
    /// There is no such page (404).
    NotFound,
    /// The address is there, but does not take this method (405).
    MethodNotAllowed,
    /// What was sent could not be read as a form (400).
    Unreadable,
    /// More was sent than this many bytes (413).
    TooLarge {
        /// Most bytes that a form may have, files included.
        limit: u64,
    },
    /// What was sent did not come on for a minute (408).
    TooSlow,
    /// Too many requests from this address (429).
    TooMany {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The form was sent from a page of another site (403).
    CrossSite,
    /// Attachments were taken until this time (410).
    AttachmentsClosed(Timestamp),
    /// The registration behind a link is cancelled or erased (410).
    RegistrationGone,
    /// What was asked for cannot be read now: the database is out of reach (503).
    Unavailable,
    /// Our mistake (500).
    ServerError {
        /// Id of the request, to be told to whoever runs the server.
        request_id: String,
    },
    /// A signed link that has ended (410).
    LinkExpired,
    /// A signed link that is not ours, or was cut (404).
    LinkInvalid,
    /// An organiser's link, whose organiser the event does not name any more (404).
    OrganizerGone,
}

/// A page of state.
pub fn state_page(shell: &Shell<'_>, state: &StatePage) -> String {
    let said = said(shell, state);
    let w = shell.words;
    let form = shell.event.map(|event| (w.get("state-to-form"), shell.register_path(event)));
    let event = shell.event.map(|event| (w.get("state-to-event"), shell.event_path(event)));
    let calendar = || {
        let path = shell.event.map(|event| urls::in_language(&urls::calendar(&event.slug), w.language()));
        path.map(|path| (w.get("event-calendar"), path))
    };
    let home = (w.get("page-all-events"), urls::in_language("/", w.language()));
    let (first, second) = match state {
        StatePage::NotYetOpen(_) => (event, calendar()),
        StatePage::Unreadable
        | StatePage::TooLarge { .. }
        | StatePage::TooSlow
        | StatePage::CrossSite
        | StatePage::MethodNotAllowed => (form, None),
        _ => (event, None),
    };
    let mut ways: Vec<(String, String)> = first.into_iter().chain(second).collect();
    if ways.is_empty() {
        ways.push(home);
    }
    render(&State { f: shell.frame(&said.title), title: &said.title, paragraphs: &said.paragraphs, ways: &ways })
}

/// What a page of state says.
struct Said {
    title: String,
    paragraphs: Vec<String>,
}

fn said(shell: &Shell<'_>, state: &StatePage) -> Said {
    let w = shell.words;
    let zone = shell.event.map_or(TimeZone::UTC, |event| event.zone.clone());
    let at = |key, at: &Timestamp| w.fill(key, &[("when", (&shell.when(*at, &zone)).into())]);
    let ended = |key, at: &Timestamp| w.fill(key, &[("when", (&shell.until(*at, &zone)).into())]);
    let contact = shell
        .event
        .map(|event| w.fill("state-contact", &[("contact", event.privacy.contact.get(w.language()).into())]));
    let (title, mut paragraphs) = match state {
        StatePage::NotYetOpen(opens) => (w.get("state-early-title"), vec![at("state-early-text", opens)]),
        StatePage::Closed(closed) => (w.get("state-closed-title"), vec![ended("state-closed-text", closed)]),
        StatePage::Full => (w.get("state-full-title"), vec![w.get("state-full-text")]),
        StatePage::UnknownEvent => (w.get("state-no-event-title"), vec![w.get("state-no-event-text")]),
        StatePage::NotFound => (w.get("state-not-found-title"), vec![w.get("state-not-found-text")]),
        StatePage::MethodNotAllowed => (w.get("state-method-title"), vec![w.get("state-method-text")]),
        StatePage::Unreadable => (w.get("state-unreadable-title"), vec![w.get("state-unreadable-text")]),
        StatePage::TooLarge { limit } => (
            w.get("state-too-large-title"),
            vec![w.fill("state-too-large-text", &[("size", (&size(*limit, w)).into())])],
        ),
        StatePage::TooSlow => (w.get("state-too-slow-title"), vec![w.get("state-too-slow-text")]),
        StatePage::TooMany { retry_after } => {
            (w.get("state-too-many-title"), vec![w.fill("state-too-many-text", &[("n", (*retry_after as i64).into())])])
        }
        StatePage::CrossSite => (w.get("state-cross-site-title"), vec![w.get("state-cross-site-text")]),
        StatePage::AttachmentsClosed(closed) => {
            (w.get("state-attach-closed-title"), vec![ended("state-attach-closed-text", closed)])
        }
        StatePage::RegistrationGone => (w.get("state-gone-title"), vec![w.get("state-gone-text")]),
        StatePage::Unavailable => (w.get("state-unavailable-title"), vec![w.get("state-unavailable-text")]),
        StatePage::ServerError { request_id } => (
            w.get("state-error-title"),
            vec![w.get("state-error-text"), w.fill("state-error-id", &[("id", request_id.into())])],
        ),
        StatePage::LinkExpired => (w.get("state-link-expired-title"), vec![w.get("state-link-expired-text")]),
        StatePage::LinkInvalid => (w.get("state-link-invalid-title"), vec![w.get("state-link-invalid-text")]),
        StatePage::OrganizerGone => (w.get("state-organizer-gone-title"), vec![w.get("state-organizer-gone-text")]),
    };
    let asks = matches!(
        state,
        StatePage::Closed(_)
            | StatePage::Full
            | StatePage::AttachmentsClosed(_)
            | StatePage::RegistrationGone
            | StatePage::ServerError { .. }
    );
    if asks {
        paragraphs.extend(contact);
    }
    Said { title, paragraphs }
}

#[derive(Template)]
#[template(path = "state.html", whitespace = "minimize")]
struct State<'a> {
    f: Frame<'a>,
    title: &'a str,
    paragraphs: &'a [String],
    /// Labels and paths of the ways on; the first one is the best.
    ways: &'a [(String, String)],
}

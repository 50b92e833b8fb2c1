//! The registration form: the page that is kept ready, and the page that comes back with what was typed.

use askama::Template;
use jiff::Timestamp;
use presentation::answers::size;
use presentation::countries;
use presentation::words::Words;
use registration::event::{Event, WhenFull};
use registration::form::Form;
use registration::ids::SubmissionId;
use registration::places::PlaceKey;
use registration::register::OpenForm;
use registration::stored::FileRow;
use registration::validate::{Problem, Typed};

use super::Shell;
use super::field::{Control, PrivacyView, SectionView, Source};
use super::shell::{Frame, render};

/// What the name of the box "remove this file" ends with, after the key of its field. These inputs are the form's own, not
/// answers: they must not reach [`Typed::fields`].
pub const REMOVE_SUFFIX: &str = "__remove";

/// Name of the input that people do not see and robots fill in. Browsers fill in no input of this name by themselves.
pub const TRAP: &str = "website";

/// Name in the query of a form that is only to be shown again, in the language of that query. No part of the body says so:
/// the switch stands before the form, and what it sent would come before the form's own first part.
pub const SHOW: &str = "show";

/// The part of a form that is made for one visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The signed form token.
    pub token: String,
    /// The id that makes submitting idempotent.
    pub submission: SubmissionId,
}

/// A message over a form that came back although nothing is wrong with its answers. Nothing was registered in any of these
/// cases, and the page says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Banner {
    /// The registration could not be stored just now (503): press again.
    Unavailable,
    /// The form was open for too long, or its token is not ours any more: press again, with the fresh token of this page.
    Expired,
    /// The same form was already sent with other answers (409), which are registered under this reference. The button says
    /// "send as a new registration"; the page must carry a fresh submission id.
    OtherContent {
        /// Reference of what is registered.
        reference: String,
    },
    /// All that was sent is larger than this many bytes (413), so that not all of it was read.
    TooLarge {
        /// Most bytes that a form may have, files included.
        limit: u64,
    },
    /// The input that people do not see was filled in (422): press again.
    Trap,
    /// It came back sooner than a person can fill it in (422): press again.
    TooFast,
    /// It came from another site, or the browser does not say where from (403): press again.
    CrossSite,
    /// Too many registrations came from this address (429).
    TooMany {
        /// Seconds to wait.
        wait: u64,
    },
    /// Too many files came from this address (429).
    QuotaOfAddress {
        /// When files are taken again.
        until: Timestamp,
    },
    /// Too many files wait for their forms, from all addresses together (503).
    QuotaOfAll,
}

/// A form that comes back: what was typed and what to say about it.
#[derive(Clone, Debug)]
pub struct FormState<'a> {
    /// What was typed; all of it is shown again.
    pub typed: &'a Typed,
    /// What is wrong, in the form's order.
    pub problems: &'a [Problem],
    /// Files that are kept for this form, so that nothing is sent twice.
    pub kept: &'a [FileRow],
    /// A message over the form.
    pub banner: Option<Banner>,
}

/// What the name of the hidden input ends with that says "this form showed a kept file", after the key of its field. It
/// is the form's own, too: a kept file that is gone by then must be told, not left out in silence.
pub const KEPT_SUFFIX: &str = "__kept";

/// Name of the box that removes the kept file of a field.
pub fn remove_name(key: &str) -> String {
    format!("{key}{REMOVE_SUFFIX}")
}

/// The places that are gone. The form's pieces depend on `open.places` through this alone: pieces that are kept must be
/// made anew when it changes.
pub fn exhausted(open: &OpenForm) -> Vec<PlaceKey> {
    open.places.iter().filter(|count| count.left() == 0).map(|count| count.key.clone()).collect()
}

/// The empty form in two pieces, the same for everybody; [`visitor_part`] goes between them.
pub fn form_pieces(shell: &Shell<'_>, open: &OpenForm) -> (String, String) {
    pieces(shell, open, None)
}

/// The part of the form that is made for one visitor. Its first input is `submission_id`, so that it is the first part of
/// the multipart body; `form_token` follows.
pub fn visitor_part(visitor: &Visitor) -> String {
    render(&VisitorPart { submission: visitor.submission.0, token: &visitor.token })
}

/// The form with what was typed, kept files, problems and a message.
pub fn form_page(shell: &Shell<'_>, open: &OpenForm, state: &FormState<'_>, visitor: &Visitor) -> String {
    let (head, tail) = pieces(shell, open, Some(state));
    [head, visitor_part(visitor), tail].concat()
}

fn pieces(shell: &Shell<'_>, open: &OpenForm, state: Option<&FormState<'_>>) -> (String, String) {
    let (w, event) = (shell.words, open.event.as_ref());
    let exhausted = exhausted(open);
    let (sections, has_consent) = Source { event, form: &open.form, exhausted: &exhausted, words: w, state }.sections();
    let problems = state.map(|state| problems(state, &open.form, w)).unwrap_or_default();
    let banner = state.and_then(|state| state.banner.as_ref());
    let new = matches!(banner, Some(Banner::OtherContent { .. }));
    let heading = w.get("form-title");
    let title = if banner.is_some() || !problems.is_empty() {
        w.fill("form-title-error", &[("title", (&heading).into())])
    } else {
        heading.clone()
    };
    let resend = banner.is_some() || state.is_some_and(|state| !state.typed.fields.is_empty());
    let closes = shell.until(event.closes_at(), &event.zone);
    let view = View {
        name: event.name.get(w.language()),
        heading,
        days: shell.days(event),
        place: shell.place(event),
        closes: w.fill("form-closes", &[("when", (&closes).into())]),
        waiting: event.when_full == WhenFull::Waiting && exhausted.contains(&PlaceKey::event()),
        action: shell.register_path(event),
        banner: banner.map(|banner| BannerView::new(banner, shell, event)),
        problems_title: w.fill("form-errors-title", &[("n", (problems.len() as i64).into())]),
        problems,
        sections,
        countries: countries::all(w.language()),
        privacy: PrivacyView::new(&event.privacy, w.language()),
        privacy_last: !has_consent,
        submit: if new { w.get("form-submit-new") } else { w.get("form-submit") },
    };
    let frame = Frame { script: true, resend, ..shell.frame(&title) };
    (render(&Head { f: &frame, v: &view }), render(&Tail { f: &frame, v: &view }))
}

fn problems<'a>(state: &FormState<'a>, form: &Form, w: &'static Words) -> Vec<ProblemView<'a>> {
    let view = |problem: &'a Problem| {
        let field = form.field(&problem.field);
        let label = field.map(|field| field.label.get(w.language())).unwrap_or_default();
        let said = presentation::problems::sentence(problem, form, w);
        let sentence = if said.contains(label) {
            said
        } else {
            w.fill("form-error-at", &[("label", label.into()), ("sentence", (&said).into())])
        };
        ProblemView { key: &problem.field, link: field.is_some(), sentence }
    };
    state.problems.iter().map(view).collect()
}

/// What both pieces of a form show.
struct View<'a> {
    /// The event's full name: at the top of the page stands the short one.
    name: &'a str,
    heading: String,
    days: String,
    place: String,
    closes: String,
    /// Every place is gone, and whoever registers now waits.
    waiting: bool,
    action: String,
    banner: Option<BannerView>,
    problems_title: String,
    problems: Vec<ProblemView<'a>>,
    sections: Vec<SectionView<'a>>,
    countries: &'static [(&'static str, &'static str)],
    privacy: PrivacyView<'a>,
    /// The form has no consent before which the privacy notice could stand.
    privacy_last: bool,
    submit: String,
}

struct ProblemView<'a> {
    key: &'a str,
    /// The form has the field, so that there is something to go to.
    link: bool,
    sentence: String,
}

struct BannerView {
    title: String,
    text: String,
}

impl BannerView {
    fn new(banner: &Banner, shell: &Shell<'_>, event: &Event) -> Self {
        let w = shell.words;
        let (title, text) = match banner {
            Banner::Unavailable => (w.get("form-unavailable-title"), w.get("form-unavailable-text")),
            Banner::Expired => (w.get("form-expired-title"), w.get("form-expired-text")),
            Banner::OtherContent { reference } => {
                (w.get("form-other-title"), w.fill("form-other-text", &[("reference", reference.into())]))
            }
            Banner::TooLarge { limit } => {
                (w.get("form-too-large-title"), w.fill("form-too-large-text", &[("size", (&size(*limit, w)).into())]))
            }
            Banner::Trap => (w.get("form-again-title"), w.get("form-trap-text")),
            Banner::TooFast => (w.get("form-again-title"), w.get("form-fast-text")),
            Banner::CrossSite => (w.get("form-again-title"), w.get("form-cross-site-text")),
            Banner::TooMany { wait } => {
                (w.get("form-many-title"), w.fill("form-many-text", &[("n", (*wait as i64).into())]))
            }
            Banner::QuotaOfAddress { until } => {
                let when = shell.when(*until, &event.zone);
                (w.get("form-quota-title"), w.fill("form-quota-text", &[("when", (&when).into())]))
            }
            Banner::QuotaOfAll => (w.get("form-quota-title"), w.get("form-quota-all-text")),
        };
        Self { title, text }
    }
}

#[derive(Template)]
#[template(path = "form_head.html", whitespace = "minimize")]
struct Head<'a> {
    f: &'a Frame<'a>,
    v: &'a View<'a>,
}

#[derive(Template)]
#[template(path = "form_tail.html", whitespace = "minimize")]
struct Tail<'a> {
    f: &'a Frame<'a>,
    v: &'a View<'a>,
}

#[derive(Template)]
#[template(path = "visitor.html")]
struct VisitorPart<'a> {
    submission: uuid::Uuid,
    token: &'a str,
}

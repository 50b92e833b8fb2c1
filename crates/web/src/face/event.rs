//! The page of an event and the list of events.

use askama::Template;
use presentation::{countries, urls};
use registration::event::{Event, Phase, WhenFull};
use registration::places::PlaceCount;

use super::Shell;
use super::shell::{Frame, join, render};

/// What the page of an event shows.
pub struct EventFace<'a> {
    /// The event.
    pub event: &'a Event,
    /// Whether registration is open.
    pub phase: Phase,
    /// Limited places as last read.
    pub places: &'a [PlaceCount],
    /// How often the page was viewed, if that is to be shown (the caller asks `event.show_views`).
    pub views: Option<u64>,
}

/// An event in the list of events.
pub struct HomeEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// Whether registration is open.
    pub phase: Phase,
}

/// The page of an event.
pub fn event_page(shell: &Shell<'_>, face: &EventFace<'_>) -> String {
    let (event, w, lang) = (face.event, shell.words, shell.language());
    let left = face.places.iter().find(|count| count.key.is_event()).map(PlaceCount::left);
    let name = event.name.get(lang);
    let page = EventPage {
        // Fetched here, the script is there when the form opens.
        f: Frame { script: true, ..shell.frame(name) },
        name,
        days: shell.days(event),
        venue: venue(shell, event),
        phase: phase_sentence(shell, event, face.phase),
        action: action(shell, event, face.phase, left),
        places: places_sentence(shell, event, face.phase, left),
        paragraphs: event.description.as_ref().map(|text| paragraphs(text.get(lang))).unwrap_or_default(),
        calendar: urls::in_language(&urls::calendar(&event.slug), lang),
        views: face.views.filter(|n| *n > 0).map(|n| w.fill("event-views", &[("n", (n as i64).into())])),
    };
    render(&page)
}

/// The list of events; a friendly sentence if there is none.
pub fn home_page(shell: &Shell<'_>, events: &[HomeEvent<'_>]) -> String {
    let lang = shell.language();
    let entry = |home: &HomeEvent<'_>| HomeEntry {
        href: shell.event_path(home.event),
        name: home.event.name.get(lang).to_owned(),
        days: shell.days(home.event),
        place: shell.place(home.event),
        phase: phase_sentence(shell, home.event, home.phase),
    };
    let f = Frame { script: true, ..shell.frame(&shell.words.get("home-title")) };
    render(&HomePage { f, events: events.iter().map(entry).collect() })
}

/// When registration opens, closes or closed.
pub(super) fn phase_sentence(shell: &Shell<'_>, event: &Event, phase: Phase) -> String {
    let (key, when) = match phase {
        Phase::NotYetOpen(at) => ("event-opens", shell.when(at, &event.zone)),
        Phase::Open(at) => ("event-closes", shell.until(at, &event.zone)),
        Phase::Closed(at) => ("event-closed", shell.until(at, &event.zone)),
    };
    shell.words.fill(key, &[("when", (&when).into())])
}

/// Label and path of the button, if there is something to press.
fn action(shell: &Shell<'_>, event: &Event, phase: Phase, left: Option<u32>) -> Option<(String, String)> {
    let full = left == Some(0);
    let label = match (phase, event.when_full) {
        (Phase::Open(_), WhenFull::Waiting) if full => shell.words.get("event-register-waiting"),
        (Phase::Open(_), _) if !full => shell.words.get("event-register"),
        _ => return None,
    };
    Some((label, shell.register_path(event)))
}

fn places_sentence(shell: &Shell<'_>, event: &Event, phase: Phase, left: Option<u32>) -> Option<String> {
    if matches!(phase, Phase::Closed(_)) {
        return None;
    }
    Some(match (left?, event.when_full) {
        (0, WhenFull::Waiting) => shell.words.get("event-full-waiting"),
        (0, WhenFull::Closed) => shell.words.get("event-full"),
        (left, _) => shell.words.fill("event-places-left", &[("n", i64::from(left).into())]),
    })
}

/// Building, street, city, country.
fn venue(shell: &Shell<'_>, event: &Event) -> Vec<String> {
    let (venue, lang) = (&event.venue, shell.language());
    let text = |text: &Option<registration::language::Text>| text.as_ref().map(|text| text.get(lang).to_owned());
    let country = venue.country.as_deref().and_then(|code| countries::name(code, lang));
    let city = join(&[text(&venue.city).as_deref(), country]);
    [text(&venue.name), text(&venue.address), Some(city)]
        .into_iter()
        .flatten()
        .filter(|line| !line.is_empty())
        .collect()
}

/// Blank lines separate paragraphs.
fn paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).collect()
}

#[derive(Template)]
#[template(path = "event.html", whitespace = "minimize")]
struct EventPage<'a> {
    f: Frame<'a>,
    name: &'a str,
    days: String,
    venue: Vec<String>,
    phase: String,
    action: Option<(String, String)>,
    places: Option<String>,
    paragraphs: Vec<&'a str>,
    calendar: String,
    views: Option<String>,
}

#[derive(Template)]
#[template(path = "home.html", whitespace = "minimize")]
struct HomePage<'a> {
    f: Frame<'a>,
    events: Vec<HomeEntry>,
}

struct HomeEntry {
    href: String,
    name: String,
    days: String,
    place: String,
    phase: String,
}

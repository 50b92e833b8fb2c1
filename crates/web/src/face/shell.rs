//! What stands around every page.

use askama::Template;
use jiff::tz::TimeZone;
use presentation::words::Words;
use presentation::{countries, dates, urls};
use registration::event::Event;
use registration::language::Language;

use super::Assets;

/// What stands around every page: its language, the switch to the others, the event it belongs to.
pub struct Shell<'a> {
    /// The words of the page's language.
    pub words: &'static Words,
    /// The languages this page can be read in: where to (a path with `?lang=`), and whether it is the present one. With
    /// fewer than two no switch is shown.
    pub switch: Vec<(Language, String, bool)>,
    /// The event the page belongs to; its name stands at the top and links to its page.
    pub event: Option<&'a Event>,
    /// Where the browser finds style sheet, script and icon.
    pub assets: &'a Assets,
    /// Whether search engines are told to stay away.
    pub noindex: bool,
    /// Whether it says that this is a demo.
    pub demo: bool,
}

/// A [`Shell`] as the templates read it.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing to the templates, and any of them go together")]
pub(super) struct Frame<'a> {
    pub(super) w: &'static Words,
    pub(super) lang: Language,
    pub(super) title: String,
    pub(super) switch: &'a [(Language, String, bool)],
    pub(super) assets: &'a Assets,
    pub(super) noindex: bool,
    pub(super) demo: bool,
    /// Path and name at the top of the page.
    pub(super) brand: (String, &'a str),
    /// Path of the list of events.
    pub(super) home: String,
    /// Whether the page has a form, and so the script.
    pub(super) script: bool,
    /// Whether the language switch sends the page's form, so that what was typed comes along.
    pub(super) resend: bool,
    /// Whether the page needs more room than a column of text.
    pub(super) wide: bool,
}

impl Shell<'_> {
    pub(super) fn language(&self) -> Language {
        self.words.language()
    }

    /// The frame of a page whose own title is `title`; the event's name follows it.
    pub(super) fn frame(&self, title: &str) -> Frame<'_> {
        let lang = self.language();
        let home = urls::in_language("/", lang);
        let brand = self
            .event
            .map_or_else(|| (home.clone(), "Karibu"), |event| (self.event_path(event), event.short_name.get(lang)));
        let whole = self.event.map_or("Karibu", |event| event.name.get(lang));
        let title = if title == whole { title.to_owned() } else { format!("{title} – {whole}") };
        Frame {
            w: self.words,
            lang,
            title,
            switch: if self.switch.len() > 1 { &self.switch } else { &[] },
            assets: self.assets,
            noindex: self.noindex || self.demo,
            demo: self.demo,
            brand,
            home,
            script: false,
            resend: false,
            wide: false,
        }
    }

    pub(super) fn event_path(&self, event: &Event) -> String {
        urls::in_language(&urls::event(&event.slug), self.language())
    }

    pub(super) fn register_path(&self, event: &Event) -> String {
        urls::in_language(&urls::register(&event.slug), self.language())
    }

    /// The days of an event.
    pub(super) fn days(&self, event: &Event) -> String {
        dates::range(event.starts, event.ends, self.language())
    }

    /// Where an event is: city and country, or what else is known; empty if nothing is.
    pub(super) fn place(&self, event: &Event) -> String {
        let lang = self.language();
        let city = event.venue.city.as_ref().map(|city| city.get(lang));
        let country = event.venue.country.as_deref().and_then(|code| countries::name(code, lang));
        join(&[city, country])
    }

    pub(super) fn when(&self, at: jiff::Timestamp, zone: &TimeZone) -> String {
        dates::date_time(at, zone, self.language())
    }

    /// When something ends.
    pub(super) fn until(&self, at: jiff::Timestamp, zone: &TimeZone) -> String {
        dates::deadline(at, zone, self.language())
    }
}

/// Parts of an address in one line.
pub(super) fn join(parts: &[Option<&str>]) -> String {
    parts.iter().copied().flatten().collect::<Vec<_>>().join(", ")
}

/// A template as a string.
pub(super) fn render(template: &impl Template) -> String {
    template.render().expect("a template writes to a string, which cannot fail")
}

//! `GET /{event}/event.ics`: the days of an event for a calendar (RFC 5545).

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use jiff::civil::Date;
use presentation::countries;
use presentation::urls::{self, Urls};
use registration::language::{Language, Text};

use crate::events::Entry;
use crate::visit::{Params, Visit};

/// Most bytes of a line without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// The calendar file, in the reader's language.
pub(crate) async fn get(Extension(visit): Extension<Arc<Visit>>, Params(slug): Params<String>) -> Response<Body> {
    visit.answer(visit.event(&slug).map(|entry| file(&visit, &entry)))
}

fn file(visit: &Visit, entry: &Entry) -> Response<Body> {
    let urls = Urls::new(visit.web.inner.settings.public_url.clone());
    let mut response = Response::new(Body::from(calendar(entry, &urls, visit.language(Some(&entry.event)))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    // A slug is lower-case letters, digits and hyphens.
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}.ics\"", entry.event.slug)) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn calendar(entry: &Entry, urls: &Urls, language: Language) -> String {
    let event = entry.event.as_ref();
    let page = urls.absolute(&urls::event(&event.slug));
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.get(language).to_owned());
    let country = event.venue.country.as_deref().and_then(|code| countries::name(code, language));
    let place =
        [text(&event.venue.name), text(&event.venue.address), text(&event.venue.city), country.map(str::to_owned)];
    let place: Vec<String> = place.into_iter().flatten().collect();
    let stamp = entry.imported_at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = urls.base().host_str().unwrap_or("localhost");
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Karibu//Karibu//EN".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        // The same for ever, so that a file that is opened again updates what is in the calendar.
        format!("UID:{}@{host}", event.slug),
        format!("DTSTAMP:{stamp}"),
        format!("SEQUENCE:{}", entry.revision),
        format!("DTSTART;VALUE=DATE:{}", day(event.starts)),
        // The end of whole days is the day after.
        format!("DTEND;VALUE=DATE:{}", day(event.ends.tomorrow().unwrap_or(event.ends))),
        format!("SUMMARY;LANGUAGE={language}:{}", escape(event.name.get(language))),
    ];
    if !place.is_empty() {
        lines.push(format!("LOCATION;LANGUAGE={language}:{}", escape(&place.join(", "))));
    }
    lines.extend([
        format!("URL:{page}"),
        "TRANSP:TRANSPARENT".to_owned(),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ]);
    lines.iter().flat_map(|line| [fold(line), "\r\n".to_owned()]).collect()
}

fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// TEXT of RFC 5545, 3.3.11.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Long lines go on in the next one after a space; characters are not cut.
fn fold(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + line.len() / LINE * 3);
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(c);
        length += c.len_utf8();
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lines_are_folded_between_characters() {
        assert_eq!(escape("a,b;c\\d\r\ne\0f"), "a\\,b\\;c\\\\d\\nef");
        let line = "é".repeat(100);
        let folded = fold(&line);
        assert!(folded.split("\r\n").all(|part| part.len() <= LINE));
        assert_eq!(folded.replace("\r\n ", ""), line);
        assert_eq!(fold("short"), "short");
    }
}

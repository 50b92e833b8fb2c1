//! One request, as pages see it: its language, what the browser takes, and how answers are put together.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request};
use presentation::negotiate::accept_language;
use presentation::urls;
use presentation::words::Words;
use registration::event::Event;
use registration::language::Language;
use registration::probe;
use registration::stored::Page;

use crate::client;
use crate::errors::PageError;
use crate::events::Entry;
use crate::face::{SHOW, Shell};
use crate::limits::Client;
use crate::pieces::gzip;
use crate::state::Web;

/// Bodies below this many bytes gain nothing by compression.
const WORTH_GZIP: usize = 600;

/// One request. Made once by the middleware, read by handlers.
pub(crate) struct Visit {
    pub(crate) web: Web,
    pub(crate) request_id: String,
    /// Whom it is counted for.
    pub(crate) client: Client,
    /// Whether the browser takes gzip.
    pub(crate) gzip: bool,
    /// Whether a form is only to be shown again.
    pub(crate) shows: bool,
    /// The query without `lang`, for the language switch.
    query: String,
    /// `?lang=`.
    asked: Option<Language>,
    /// `?lang=`, then `Accept-Language`; best first.
    wanted: Vec<Language>,
    visitor: Visitor,
}

/// Who asks, as far as it matters to what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visitor {
    /// Somebody who looks at the page: a GET that is no prefetch.
    Looks,
    /// A prefetch, or what is no GET.
    Passes,
    /// `karibu check`, which has proved that it is one.
    Checks,
}

impl Visit {
    pub(crate) fn new(web: Web, request_id: String, request: &request::Parts) -> Self {
        let headers = &request.headers;
        let text = |name: &header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let pairs = || request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let asked = pairs().filter_map(|pair| pair.strip_prefix("lang=")).find_map(|tag| tag.parse().ok());
        let mut wanted: Vec<Language> = asked.into_iter().collect();
        wanted.extend(accept_language(text(&header::ACCEPT_LANGUAGE)));
        let own = |pair: &str| matches!(pair.split_once('='), Some(("lang" | SHOW, _)));
        let rest: Vec<&str> = pairs().filter(|pair| !own(pair)).collect();
        let client = client::address(request, &web.inner.settings.trusted_proxies).into();
        let proof = headers.get(probe::PROOF).and_then(|proof| proof.to_str().ok());
        let visitor = match proof {
            Some(proof) if web.inner.signer.read_probe(proof, web.now()).is_ok() => Visitor::Checks,
            _ if request.method == Method::GET && !is_prefetch(headers) => Visitor::Looks,
            _ => Visitor::Passes,
        };
        Self {
            web,
            request_id,
            client,
            gzip: text(&header::ACCEPT_ENCODING).is_some_and(takes_gzip),
            shows: pairs().any(|pair| pair.split_once('=').is_some_and(|(name, _)| name == SHOW)),
            query: rest.join("&"),
            asked,
            wanted,
            visitor,
        }
    }

    /// The language to use on pages of an event, or on pages of none.
    pub(crate) fn language(&self, event: Option<&Event>) -> Language {
        match event {
            Some(event) => event.language_for(&self.wanted),
            None => self.wanted.first().copied().unwrap_or(Language::En),
        }
    }

    /// A path with the language that was asked for by `?lang=`, if any was.
    pub(crate) fn carry_language(&self, path: &str) -> String {
        self.asked.map_or_else(|| path.to_owned(), |language| urls::in_language(path, language))
    }

    /// The values of one name in the query, as they were sent.
    pub(crate) fn query<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.split('&').filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// What stands around a page of this event, or of none.
    pub(crate) fn shell<'a>(&'a self, event: Option<&'a Event>, noindex: bool) -> Shell<'a> {
        self.shell_with(event, noindex, &self.query)
    }

    /// What stands around a page that is kept for everybody: this visitor's query is not in it.
    pub(crate) fn kept_shell<'a>(&'a self, event: &'a Event, noindex: bool) -> Shell<'a> {
        self.shell_with(Some(event), noindex, "")
    }

    fn shell_with<'a>(&'a self, event: Option<&'a Event>, noindex: bool, query: &str) -> Shell<'a> {
        let language = self.language(event);
        let languages = event.map_or(&Language::ALL[..], |event| &event.languages);
        let href = |other: Language| match query {
            "" => format!("?lang={other}"),
            query => format!("?{query}&lang={other}"),
        };
        Shell {
            words: Words::of(language),
            switch: languages.iter().map(|other| (*other, href(*other), *other == language)).collect(),
            event,
            assets: &self.web.inner.statics.paths,
            noindex,
            demo: self.web.inner.settings.demo,
        }
    }

    /// Counts a view of a page that is about to be answered with 200.
    pub(crate) fn count(&self, entry: &Entry, page: Page) {
        let counts = match self.visitor {
            Visitor::Looks => !entry.is_probe(),
            Visitor::Passes => false,
            Visitor::Checks => true,
        };
        if counts {
            self.web.count(entry, page);
        }
    }

    /// Whether it is a check, which alone may register for the hidden event.
    pub(crate) fn checks(&self) -> bool {
        self.visitor == Visitor::Checks
    }

    /// A page, compressed if the browser takes that.
    pub(crate) fn html(&self, status: StatusCode, page: String) -> Response<Body> {
        if self.gzip && page.len() >= WORTH_GZIP {
            html(status, gzip(page.as_bytes(), false), true)
        } else {
            html(status, page.into_bytes(), false)
        }
    }

    /// A handler's result as an answer.
    pub(crate) fn answer(&self, result: Result<Response<Body>, PageError>) -> Response<Body> {
        result.unwrap_or_else(|error| error.answer(self))
    }
}

impl Web {
    /// Counts a view.
    pub(crate) fn count(&self, entry: &Entry, page: Page) {
        self.inner.views.count(entry.id, entry.event.day(self.now()), page);
        self.inner.metrics.page_view(&entry.event.slug, page.as_str());
    }
}

/// A page that nobody keeps.
pub(crate) fn html(status: StatusCode, body: Vec<u8>, is_gzip: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Accept-Language"));
    if is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A redirect to a path of ours.
pub(crate) fn redirect(status: StatusCode, to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether `Accept-Encoding` takes gzip (RFC 9110, 12.5.3).
fn takes_gzip(header: &str) -> bool {
    let weight = |coding: &str| {
        header.split(',').find_map(|item| {
            let (name, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
            let q = parameter.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case(coding).then_some(q.unwrap_or(0.0))
        })
    };
    weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).is_some_and(|q| q > 0.0)
}

/// Whether the browser fetches the page before anybody asked for it.
fn is_prefetch(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let purpose = says(name);
        purpose.contains("prefetch") || purpose.contains("prerender") || purpose == "preview"
    })
}

/// The parts of a path; what is not UTF-8 is no page of ours.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<Web> for Params<T> {
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut request::Parts, web: &Web) -> Result<Self, Self::Rejection> {
        let visit = parts.extensions.get::<Arc<Visit>>().cloned();
        match axum::extract::Path::<T>::from_request_parts(parts, web).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(visit.map_or_else(Response::default, |visit| PageError::not_found().answer(&visit))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_taken() {
        for header in ["gzip", "gzip, deflate, br", "deflate, GZIP;q=0.5", "*", "br, *;q=0.1", "x-gzip", "gzip; q=1.0"]
        {
            assert!(takes_gzip(header), "{header:?}");
        }
        for header in ["", "identity", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzipped", "gzip;q=x"] {
            assert!(!takes_gzip(header), "{header:?}");
        }
    }
}

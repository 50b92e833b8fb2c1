//! `GET /{event}/`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use presentation::urls;
use registration::stored::Page;

use crate::errors::PageError;
use crate::face::{EventFace, event_page};
use crate::visit::{Params, Visit, redirect};

/// The page of an event.
pub(crate) async fn get(Extension(visit): Extension<Arc<Visit>>, Params(slug): Params<String>) -> Response<Body> {
    visit.answer(page(&visit, &slug))
}

/// `GET /{event}` leads to its page.
pub(crate) async fn with_slash(
    Extension(visit): Extension<Arc<Visit>>,
    Params(slug): Params<String>,
) -> Response<Body> {
    let to = visit.event(&slug).map(|entry| visit.carry_language(&urls::event(&entry.event.slug)));
    visit.answer(to.map(|to| redirect(StatusCode::PERMANENT_REDIRECT, &to)))
}

fn page(visit: &Visit, slug: &str) -> Result<Response<Body>, PageError> {
    let entry = visit.event(slug)?;
    let event = entry.event.as_ref();
    let face = EventFace {
        event,
        phase: event.phase(visit.now()),
        places: &entry.places,
        views: event.show_views.then_some(entry.views),
    };
    visit.count(&entry, Page::Event);
    Ok(visit.html(StatusCode::OK, event_page(&visit.shell(Some(event), entry.is_probe()), &face)))
}

//! `GET /`: the events that can be registered for, or the only one.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use presentation::urls;
use registration::event::Phase;

use crate::errors::PageError;
use crate::face::{HomeEvent, home_page};
use crate::visit::{Visit, redirect};

/// Events that are open or will be; when there is none, those that were. With only one, its page.
pub(crate) async fn get(Extension(visit): Extension<Arc<Visit>>) -> Response<Body> {
    visit.answer(page(&visit))
}

fn page(visit: &Visit) -> Result<Response<Body>, PageError> {
    if !visit.web.is_loaded() {
        return Err(PageError::unavailable());
    }
    let now = visit.now();
    let mut entries = visit.web.inner.catalogue.listed();
    let is_over = |phase| matches!(phase, Phase::Closed(_));
    if entries.iter().any(|entry| !is_over(entry.event.phase(now))) {
        entries.retain(|entry| !is_over(entry.event.phase(now)));
    }
    if let [only] = entries.as_slice() {
        let path = urls::event(&only.event.slug);
        // Accept-Language reaches the event's page by itself; only an explicit choice has to be carried.
        return Ok(redirect(StatusCode::FOUND, &visit.carry_language(&path)));
    }
    entries.sort_by_key(|entry| entry.event.starts);
    let events: Vec<HomeEvent<'_>> =
        entries.iter().map(|entry| HomeEvent { event: &entry.event, phase: entry.event.phase(now) }).collect();
    Ok(visit.html(StatusCode::OK, home_page(&visit.shell(None, false), &events)))
}

//! `GET /{event}/register`: the form, from memory.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use registration::stored::Page;
use registration::token::FormToken;

use crate::errors::PageError;
use crate::events::Entry;
use crate::face::{Visitor, form_pieces, visitor_part};
use crate::pieces::Pieces;
use crate::visit::{Params, Visit, html};

/// The empty form. Nothing here asks the database.
pub(crate) async fn get(Extension(visit): Extension<Arc<Visit>>, Params(slug): Params<String>) -> Response<Body> {
    visit.answer(page(&visit, &slug))
}

fn page(visit: &Visit, slug: &str) -> Result<Response<Body>, PageError> {
    let entry = visit.event(slug)?;
    if let Some(closed) = PageError::closed(entry.event.phase(visit.now()), StatusCode::OK) {
        return Err(closed.of(&entry));
    }
    if entry.is_full() {
        return Err(PageError::full().of(&entry));
    }
    let visitor = visitor_part(&visitor(visit, &entry));
    let language = visit.language(Some(&entry.event));
    let make = |open: &_| {
        let (head, tail) = form_pieces(&visit.kept_shell(&entry.event, entry.is_probe()), open);
        Pieces::new(head, tail)
    };
    let pieces = entry.pieces(language, make).ok_or_else(PageError::bug)?;
    visit.count(&entry, Page::Form);
    let body = if visit.gzip { pieces.gzip(&visitor) } else { pieces.plain(&visitor) };
    Ok(html(StatusCode::OK, body, visit.gzip))
}

fn visitor(visit: &Visit, entry: &Entry) -> Visitor {
    let submission = visit.web.fresh_submission();
    let (form_version, opened) = (entry.form_version, visit.now());
    let token = FormToken { event: entry.id, form_version, submission, opened, asked: false };
    Visitor { token: visit.web.inner.signer.form(&token), submission }
}

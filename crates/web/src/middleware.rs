//! What every request goes through: an id, headers, counting, and a page instead of a broken connection when a handler
//! panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;
use futures_util::FutureExt;

use crate::errors::PageError;
use crate::request_id::{self, X_REQUEST_ID};
use crate::state::Web;
use crate::visit::Visit;

/// Said with every answer, unless the answer says something stricter.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    // For browsers that do not know `frame-ancestors`.
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Two years.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

const X_INSTANCE: HeaderName = HeaderName::from_static("x-instance");

pub(crate) async fn around(State(web): State<Web>, request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let visit = Arc::new(Visit::new(web.clone(), request_id::of(&web, &parts), &parts));
    parts.extensions.insert(visit.clone());
    let method = parts.method.clone();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let handled = AssertUnwindSafe(next.run(Request::from_parts(parts, body))).catch_unwind().await;
    let mut response = handled.unwrap_or_else(|_| {
        tracing::error!(route, request_id = visit.request_id, "a handler panicked");
        PageError::bug().answer(&visit)
    });
    let status = response.status().as_u16();
    web.inner.metrics.http_request(method.as_str(), route, status, began.elapsed());
    tracing::debug!(%method, route, status, request_id = visit.request_id, "answered");
    say(response.headers_mut(), &web, &visit.request_id);
    response
}

fn say(headers: &mut HeaderMap, web: &Web, request_id: &str) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if web.inner.settings.hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    for (name, value) in [(X_INSTANCE, web.inner.settings.instance.as_str()), (X_REQUEST_ID, request_id)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

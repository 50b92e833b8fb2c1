//! The id of a request: in the answer, in the log, in the registration it made and in that registration's mails.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::{HeaderName, request};

use crate::state::Web;

/// Carries the id of a request to and from a proxy.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id that a trusted proxy gave, if it looks like one of ours; else a fresh one: 32 lower-case hexadecimal digits.
pub(crate) fn of(web: &Web, request: &request::Parts) -> String {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let trusted =
        peer.is_some_and(|peer| web.inner.settings.trusted_proxies.iter().any(|network| network.contains(peer)));
    let given = request.headers.get(X_REQUEST_ID).filter(|_| trusted).and_then(|id| id.to_str().ok());
    match given.filter(|id| is_id(id)) {
        Some(id) => id.to_owned(),
        None => web.fresh_uuid().simple().to_string(),
    }
}

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

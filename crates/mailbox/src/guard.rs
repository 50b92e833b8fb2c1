//! Who may read mails: a browser on this machine, that asks this machine, without anything in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Decides whether the viewer answers; if not, it is as if there were no viewer (404).
#[derive(Clone)]
pub enum Guard {
    /// Only to this machine. All of these must hold:
    ///
    /// - the peer's address is a loopback address (taken from [`ConnectInfo`]; without one nobody is answered),
    /// - `Host` (`:authority` in HTTP/2) is `localhost` or a loopback address, so that no page of the web reaches it by a name
    ///   that it made resolve to this machine (DNS rebinding),
    /// - the public URL is loopback: the server is not meant to be reached from elsewhere,
    /// - no header of a proxy is there: `Forwarded` (RFC 7239), `X-Forwarded-*`, `X-Real-IP`, `Via` (RFC 9110).
    ThisMachine {
        /// Whether the host of `PUBLIC_URL` is loopback, as [`is_loopback_host`] tells.
        public_url_is_loopback: bool,
    },
    /// Only to the peers that this knows: proxies that ask for a login.
    Behind(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>),
}

impl Guard {
    /// A guard that answers peers whom `trusts` knows.
    pub fn behind(trusts: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self::Behind(Arc::new(trusts))
    }

    /// Whether a request may be answered.
    pub fn admits(&self, request: &Request) -> bool {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        match self {
            Self::Behind(trusts) => peer.is_some_and(|peer| trusts(peer)),
            Self::ThisMachine { public_url_is_loopback } => {
                *public_url_is_loopback
                    && peer.is_some_and(is_loopback)
                    && asks_loopback(request)
                    && !came_through_a_proxy(request.headers())
            }
        }
    }
}

/// Refuses what the guard does not admit, in the words of a path that does not exist.
pub(crate) async fn refuse_others(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.admits(&request) { next.run(request).await } else { StatusCode::NOT_FOUND.into_response() }
}

/// Whether a host, as URLs write it (IPv6 in brackets), is `localhost` or a loopback address.
pub fn is_loopback_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| is_loopback(address.into()));
    }
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| is_loopback(address))
}

/// IPv4 peers of a socket that listens on IPv6 come as `::ffff:127.0.0.1`.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Every place where the request names its host must say loopback, and one must say it.
fn asks_loopback(request: &Request) -> bool {
    let from_headers = request.headers().get_all(header::HOST).iter().map(|host| host.as_bytes().try_into().ok());
    let mut hosts = request.uri().authority().cloned().map(Some).into_iter().chain(from_headers).peekable();
    let loopback = |host: Option<Authority>| {
        // No user name, and a port only if it is a number.
        host.is_some_and(|host| {
            let plain = host.as_str() == host.host() || host.port_u16().is_some();
            plain && !host.as_str().contains('@') && is_loopback_host(host.host())
        })
    };
    hosts.peek().is_some() && hosts.all(loopback)
}

fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded")
    })
}

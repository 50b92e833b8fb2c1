//! Where the world comes in: listeners, certificate, public URL, and the serving of pages.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use jiff::Timestamp;
use registration::ports::Clock;
use rustls::ServerConfig;
use telemetry::ops::About;
use url::Url;
use web::Network;

use crate::cli::COMMIT;
use crate::connections::Doorkeeper;
use crate::folder::DataFolder;
use crate::patience::Limits;
use crate::ports::SystemClock;
use crate::refusal::{Outcome, Refusal};
use crate::settings::values::Tls;
use crate::settings::{ServeSettings, Settings, host_name};
use crate::tls;

/// Most bytes of a request's head.
const HEAD: usize = 64 * 1_024;

/// Requests at once on a connection of HTTP/2. A browser needs few. More would, with bodies in many small frames, use up what
/// h2 grants a connection for them (half its window), and it would end the connection for all of them.
const STREAMS: u32 = 8;

/// Most bytes that a client of HTTP/2 may send before we have read them, in one request and on a connection: so much of a
/// connection may lie in memory. On a line with a round trip of 800 ms a file still comes with 480 kB/s.
const STREAM_WINDOW: u32 = 384 * 1_024;
const CONNECTION_WINDOW: u32 = 512 * 1_024;

/// What the private listener says of this process.
pub(crate) fn about(settings: &Settings, role: &'static str) -> About {
    let (instance, version, now) = (settings.instance.clone(), env!("CARGO_PKG_VERSION"), || SystemClock.now());
    About { role, instance, version, commit: COMMIT, now }
}

/// Listens at the address that the setting `name` gave.
pub(crate) fn bind(settings: &Settings, name: &str, address: SocketAddr) -> Outcome<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    bound.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; stop it, or choose another port".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "this user may not listen there; choose a port above 1023, or give the program CAP_NET_BIND_SERVICE"
                    .to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose one that it has, or 0.0.0.0 for all".to_owned()
            }
            _ => format!("nobody can listen there ({error}); choose another address"),
        };
        settings.wrong(name, &advice).found_while_running()
    })
}

/// The address that a listener has in truth, its port chosen by the system if 0 was asked for.
pub(crate) fn address_of(listener: &TcpListener) -> Outcome<SocketAddr> {
    listener.local_addr().map_err(|error| Refusal::found(format!("a listener has no address ({error}): start again")))
}

/// The base of links: as set, else this machine at the port of the pages.
pub(crate) fn public_url(serve: &ServeSettings, pages: SocketAddr) -> Outcome<Url> {
    if let Some(url) = &serve.public_url {
        return Ok(url.clone());
    }
    let scheme = if serve.tls == Tls::Off { "http" } else { "https" };
    format!("{scheme}://localhost:{}", pages.port())
        .parse()
        .map_err(|error| Refusal::found(format!("no public URL can be made ({error}): set KARIBU_PUBLIC_URL")))
}

/// Where the certificate comes from; it is loaded at start and again when it may have been renewed.
pub(crate) enum Certificate {
    /// Made by us for these hosts.
    Ours(DataFolder, Vec<String>),
    /// Given as certificate chain and key.
    Files(std::path::PathBuf, std::path::PathBuf),
}

impl Certificate {
    /// What the settings say; `None` without TLS.
    pub(crate) fn of(tls: &Tls, folder: Option<&DataFolder>, public_url: &Url) -> Option<Self> {
        match tls {
            Tls::Off => None,
            Tls::Files(certificate, key) => Some(Self::Files(certificate.clone(), key.clone())),
            Tls::SelfSigned => {
                folder.map(|folder| Self::Ours(folder.clone(), tls::hosts(public_url.host_str(), host_name())))
            }
        }
    }

    /// Reads it, and makes it if it is ours to make.
    pub(crate) fn load(&self, now: Timestamp) -> Outcome<Arc<ServerConfig>> {
        match self {
            Self::Ours(folder, hosts) => tls::self_signed(folder, hosts, now),
            Self::Files(certificate, key) => tls::from_files(certificate, key),
        }
    }
}

/// Serves the pages, with TLS if there is a certificate, until the handle says otherwise. A connection of one of `proxies`
/// stands for many people.
pub(crate) fn pages(
    listener: TcpListener,
    certificate: Option<RustlsConfig>,
    router: Router,
    public_url: &Url,
    proxies: &[Network],
    limits: Limits,
    handle: Handle<SocketAddr>,
) -> Outcome<impl Future<Output = ()> + Send + 'static> {
    let server = from(listener)?.handle(handle);
    let secure = certificate.is_some();
    let doorkeeper = Doorkeeper::new(limits, proxies, secure.then(|| public_url.as_str()));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(async move {
        let ended = if let Some(config) = certificate {
            let mut server =
                server.acceptor(RustlsAcceptor::new(config).handshake_timeout(limits.handshake).acceptor(doorkeeper));
            be_patient(&mut server, &limits);
            server.serve(service).await
        } else {
            let mut server = server.acceptor(doorkeeper);
            be_patient(&mut server, &limits);
            server.serve(service).await
        };
        log_failure(ended);
    })
}

/// Serves the private listener until the handle says otherwise.
pub(crate) fn ops(
    listener: TcpListener,
    router: Router,
    handle: Handle<SocketAddr>,
) -> Outcome<impl Future<Output = ()> + Send + 'static> {
    let mut server = from(listener)?.handle(handle);
    be_patient(&mut server, &Limits::SERVER);
    Ok(async move { log_failure(server.serve(router.into_make_service()).await) })
}

fn from(listener: TcpListener) -> Outcome<Server<SocketAddr>> {
    axum_server::from_tcp(listener)
        .map_err(|error| Refusal::found(format!("a listener cannot be used ({error}): start again")))
}

/// Patient, but not for ever: a request's head comes in time and is not endless.
fn be_patient<A>(server: &mut Server<SocketAddr, A>, limits: &Limits) {
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(16 * 1_024)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
}

fn log_failure(ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a listener failed");
    }
}

/// The address to try a listener at from this machine.
pub(crate) fn local_url(listening: SocketAddr) -> String {
    let ip = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, listening.port()))
}

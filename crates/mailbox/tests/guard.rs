//! Each condition of the guard, one at a time, and over a real connection.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use mailbox::{Guard, is_loopback_host};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

const LOOPBACK: Guard = Guard::ThisMachine { public_url_is_loopback: true };

fn request(peer: Option<&str>, host: &str) -> Request<Body> {
    let mut request = Request::get("/mail/").body(Body::empty()).expect("a request");
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    if !host.is_empty() {
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(host).expect("a header"));
    }
    request
}

fn local() -> Request<Body> {
    request(Some("127.0.0.1:50000"), "localhost:8443")
}

#[test]
fn a_browser_on_the_same_machine_is_admitted() {
    assert!(LOOPBACK.admits(&local()));
}

#[test]
fn a_peer_from_elsewhere_is_not() {
    for peer in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(LOOPBACK.admits(&request(Some(peer), "localhost")), "{peer}");
    }
    for peer in ["10.0.0.1:1", "192.168.1.7:1", "128.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "0.0.0.0:1"] {
        assert!(!LOOPBACK.admits(&request(Some(peer), "localhost")), "{peer}");
    }
    assert!(!LOOPBACK.admits(&request(None, "localhost")), "a peer that nobody knows");
}

#[test]
fn another_host_is_not() {
    for host in ["localhost", "LOCALHOST:8443", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:8443"] {
        assert!(LOOPBACK.admits(&request(Some("127.0.0.1:1"), host)), "{host}");
    }
    for host in [
        "",
        "localhost.evil.com",
        "evil.com",
        "evil-localhost",
        "127.0.0.1.evil.com",
        "localhost.",
        "10.0.0.1",
        "::1",
        "[::2]",
        "[::1",
        "localhost@evil.com",
        "evil.com@localhost",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "localhost:x",
        "localhost evil.com",
        "xn--localhost",
        "[::ffff:10.0.0.1]",
    ] {
        assert!(!LOOPBACK.admits(&request(Some("127.0.0.1:1"), host)), "{host:?}");
    }
}

#[test]
fn every_host_that_a_request_names_counts() {
    let mut twice = local();
    twice.headers_mut().append(header::HOST, HeaderValue::from_static("evil.com"));
    assert!(!LOOPBACK.admits(&twice));

    let mut authority = local();
    *authority.uri_mut() = "https://evil.com/mail/".parse().unwrap();
    assert!(!LOOPBACK.admits(&authority));

    let mut http2 = request(Some("[::1]:1"), "");
    *http2.uri_mut() = "https://localhost:8443/mail/".parse().unwrap();
    assert!(LOOPBACK.admits(&http2), "HTTP/2 has no Host header");
}

#[test]
fn a_server_with_a_public_url_shows_no_mails() {
    assert!(!Guard::ThisMachine { public_url_is_loopback: false }.admits(&local()));
}

#[test]
fn behind_a_proxy_only_the_proxy_is_admitted() {
    let guard = Guard::behind(|peer| peer == std::net::IpAddr::from([10, 0, 0, 1]));
    let mut proxied = request(Some("10.0.0.1:1"), "register.example.org");
    proxied.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7"));
    assert!(guard.admits(&proxied));
    assert!(!guard.admits(&local()), "not even this machine");
    assert!(!guard.admits(&request(None, "localhost")), "nor a peer that nobody knows");
}

#[test]
fn what_came_through_a_proxy_is_not_admitted() {
    for name in [
        "forwarded",
        "x-forwarded-for",
        "X-Forwarded-Host",
        "x-forwarded-proto",
        "x-forwarded-anything",
        "x-real-ip",
        "Via",
    ] {
        let mut request = local();
        request.headers_mut().extend(HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("x"))]));
        assert!(!LOOPBACK.admits(&request), "{name}");
    }
}

#[test]
fn hosts_are_told_as_urls_write_them() {
    assert!(is_loopback_host("localhost") && is_loopback_host("[::1]") && is_loopback_host("127.0.0.1"));
    assert!(!is_loopback_host("example.org") && !is_loopback_host("") && !is_loopback_host("[localhost]"));
}

#[tokio::test]
async fn who_is_not_admitted_finds_nothing_under_any_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.eml"), "Subject: secret\r\n\r\nsecret").unwrap();
    let paths = [
        "/mail",
        "/mail/",
        "/mail/style.css",
        "/mail/a.eml",
        "/mail/a.eml/raw",
        "/mail/a.eml/html",
        "/mail/a.eml/attachment/0",
    ];
    for path in paths {
        let router: Router = mailbox::router(folder.path().to_owned(), LOOPBACK);
        let mut request = request(Some("10.0.0.1:1"), "localhost");
        *request.uri_mut() = path.parse().unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert!(body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_real_connection_is_judged_by_its_real_peer() {
    let folder = tempfile::tempdir().unwrap();
    let router = mailbox::router(folder.path().to_owned(), LOOPBACK);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });

    let ask = async |lines: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /mail/ HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask(&format!("Host: {address}\r\n")).await.starts_with("HTTP/1.1 200"));
    assert!(ask("Host: localhost.evil.com\r\n").await.starts_with("HTTP/1.1 404"));
    assert!(ask("Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n").await.starts_with("HTTP/1.1 404"));
    assert!(ask("Host: localhost\r\nHost: evil.com\r\n").await.starts_with("HTTP/1.1 4"));
}

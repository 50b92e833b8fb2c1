//! What is said with every answer.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, StatusCode};

use crate::house::{House, Sent, request, sample};

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_its_ids() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await);
    let mut answers = vec![house.send(&sent.clone().with("email", "")).await, house.send(&sent).await];
    for path in
        ["/", "/connect/", "/connect/register", "/nothing", "/version", "/robots.txt", "/favicon.ico", "/organizer/x"]
    {
        answers.push(house.get(path).await);
    }
    for answer in answers {
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-instance", "test-1"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert_eq!(answer.header("x-request-id").len(), 32);
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
}

#[tokio::test]
async fn https_is_asked_for_only_with_a_certificate_that_browsers_trust() {
    let said = |house: House| async move {
        let mut said = Vec::new();
        for path in ["/", "/connect/register", "/nothing", "/robots.txt", "/connect/event.ics", "/version"] {
            said.push(house.get(path).await.header("strict-transport-security").to_owned());
        }
        said
    };
    let sample = sample(&[]);
    let trusted = House::set_up("https://register.example.org", &[&sample], |settings| settings.hsts = true).await;
    assert_eq!(said(trusted).await, ["max-age=63072000"; 6]);
    assert_eq!(said(House::new().await).await, [""; 6]);
}

#[tokio::test]
async fn a_request_id_is_taken_from_trusted_proxies_only() {
    let house = House::new().await;
    let given = "0123456789abcdef0123456789abcdef";
    let from = async |peer: [u8; 4], id: &str| {
        let mut request = request(Method::GET, "/connect/", &[("x-request-id", id)], Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 4000))));
        house.ask(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(from([10, 1, 2, 3], given).await, given);
    assert_ne!(from([192, 0, 2, 1], given).await, given);
    for wrong in ["short", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef0", "<script>"] {
        assert_ne!(from([10, 1, 2, 3], wrong).await, wrong);
    }
}

#[tokio::test]
async fn requests_are_counted_by_the_pattern_of_their_route() {
    let house = House::new().await;
    house.get("/connect/register").await;
    house.get("/connect/nothing/at/all").await;
    house.get("/someone@example.org/").await;
    let text = house.metrics.render();
    let count = |line: &str| house.metric(&format!("karibu_http_requests_total{{{line}}}"));
    assert_eq!(count("method=\"GET\",route=\"/{event}/register\",status=\"200\""), 1);
    assert_eq!(count("method=\"GET\",route=\"unmatched\",status=\"404\""), 1);
    assert_eq!(count("method=\"GET\",route=\"/{event}/\",status=\"404\""), 1);
    assert!(!text.contains("someone"));
}

#[tokio::test]
async fn a_foreign_host_header_never_gets_into_a_page() {
    let house = House::new().await;
    for path in ["/", "/connect/", "/connect/register", "/connect/event.ics", "/connect"] {
        let answer = house.get_with(path, &[("host", "evil.example"), ("x-forwarded-host", "evil.example")]).await;
        assert!(answer.status == StatusCode::OK || answer.status.is_redirection());
        assert!(!answer.text().contains("evil.example") && !answer.header("location").contains("evil"));
    }
}

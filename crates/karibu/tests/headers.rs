//! What the running binary says about itself in headers, scored as Mozilla's HTTP Observatory does.

use testkit::observatory::{Answer, score, tests};
use testkit::serve::Served;
use testkit::tls::Certificates;

const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

/// The score of a page, with what it is made of printed.
async fn scored(client: &reqwest::Client, url: &str) -> i32 {
    let answer = client.get(url).send().await.expect("it answers");
    let headers: Vec<(String, String)> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let status = answer.status();
    let body = answer.text().await.expect("a page");
    let points = tests(&Answer { headers: &headers, body: &body });
    let score = score(&points);
    println!("{status} {url}: {score}");
    for test in points {
        println!("  {:+4} {}: {}", test.points, test.test, test.found);
    }
    score
}

/// With a certificate of its own at a public address. 135 of 135 are reached where a page has a script; what has none
/// cannot have the 5 points for its integrity.
#[tokio::test]
async fn the_observatory_gives_135_points_with_a_trusted_certificate() {
    let (folder, certificates) = (tempfile::tempdir().unwrap(), Certificates::make());
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, &certificates.certificate).unwrap();
    std::fs::write(&key, &certificates.key).unwrap();
    let tls = format!("{},{}", certificate.display(), key.display());
    let settings = [("TLS", tls.as_str()), ("PUBLIC_URL", "https://register.example.org"), ("MAIL", "file")];
    let served = Served::start(KARIBU, &settings).await;
    let authority = reqwest::Certificate::from_pem(certificates.ca.as_bytes()).unwrap();
    let client = reqwest::Client::builder().add_root_certificate(authority).build().unwrap();
    // The first one follows to the only event.
    for path in ["/", "/connect/", "/connect/register", "/connect/register?lang=fr"] {
        let score = scored(&client, &format!("{}{path}", served.url())).await;
        assert!(score >= 135, "{path}: {score}");
    }
    let assets = client.get(format!("{}/connect/register", served.url())).send().await.unwrap().text().await.unwrap();
    let statics: Vec<&str> = assets.split('"').filter(|piece| piece.starts_with("/static/")).collect();
    assert_eq!(statics.len(), 3);
    let others = ["/nothing", "/organizer/x", "/connect/registered/x", "/connect/event.ics", "/version", "/robots.txt"];
    for path in others.iter().chain(&statics) {
        let score = scored(&client, &format!("{}{path}", served.url())).await;
        assert!(score >= 130, "{path}: {score}");
    }
}

/// With the certificate that it makes itself, https is never forced on a browser that cannot trust it: that costs 20 points,
/// and below 90 there are no extra ones.
#[tokio::test]
async fn the_observatory_gives_80_points_with_a_certificate_that_nobody_trusts() {
    let served = Served::start(KARIBU, &[]).await;
    let client = served.client_builder().redirect(reqwest::redirect::Policy::default()).build().unwrap();
    for path in ["/", "/connect/register", "/nothing"] {
        assert_eq!(scored(&client, &format!("{}{path}", served.url())).await, 80, "{path}");
    }
    let mails = client.get(format!("{}/mail/", served.url())).send().await.unwrap();
    assert_eq!(mails.status(), 200);
    assert_eq!(scored(&client, &format!("{}/mail/", served.url())).await, 80, "the viewer of mails");
}

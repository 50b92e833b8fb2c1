//! Whatever the level, the log tells of nobody.

use reqwest::StatusCode;
use testkit::discretion::{betrayals, keep};
use testkit::registrant::{Attached, Filled, Registrant, location};
use testkit::serve::{Served, wait_for};
use testkit::smtp::{Mode, Options, SmtpServer, Stage, Tls};

use crate::engines::BINARY;

#[tokio::test(flavor = "multi_thread")]
async fn at_level_trace_the_log_tells_of_nobody() {
    let relay = SmtpServer::start(Options { tls: Tls::Starttls, login: Some(("karibu", "s3cret-of-the-relay")) }).await;
    let (url, ca) = (relay.url(), relay.ca_file().display().to_string());
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "register@example.org"),
        ("CA_FILE", &ca),
        ("ORGANIZERS", "thandiwe.phiri@example.org"),
        // Everything that can be asked for, other people's libraries too.
        ("LOG", "trace,sqlx=trace,hyper=trace,hyper_util=trace,h2=trace,rustls=trace,lettre=trace,tower_http=trace"),
    ];
    for secret in ["thandiwe.phiri@example.org", "s3cret-of-the-relay"] {
        keep(secret);
    }
    let served = Served::start(BINARY, &settings).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let filled = Filled::sample("Nakato-Ssewanyana").with("comments", "I bring my daughter Ndagire.");
    let file = Attached::large_pdf("passport of Nakato.pdf", 400_000);

    // With a mistake, then well, then once more; a relay that repeats the address in its refusal; a page that is not there.
    let form = person.open().await;
    let wrong = filled.clone().with("email", "nakato at example.org");
    assert_eq!(person.send(&form, &wrong, Some(&file)).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refusal = format!("450 4.2.1 <{}> is over its limit", filled.get("email"));
    relay.set_mode(Mode::Reply(Stage::Rcpt, &refusal));
    let answer = person.send(&form, &filled, Some(&file)).await;
    let page = location(&answer).expect("it is registered");
    assert_eq!(person.send(&form, &filled, Some(&file)).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    wait_for("a refusal in the log", async || served.log().contains("450 4.2.1").then_some(())).await;

    // Links are keys to what they lead to.
    keep(page.rsplit('/').next().and_then(|token| token.split('?').next()).expect("a token"));
    let log = served.log();
    assert!(log.contains("TRACE"), "{log}");
    assert_eq!(betrayals(&log), [""; 0]);
}

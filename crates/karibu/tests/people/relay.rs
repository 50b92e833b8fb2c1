//! PostgreSQL and a real relay, by settings alone; what the relay does wrong loses nothing.

use std::time::Duration;

use testkit::postgres::database;
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, wait_at_most, wait_for};
use testkit::smtp::{Options, SmtpServer, Tls};

use crate::engines::BINARY;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_a_real_relay_by_settings_alone() {
    let database = database().await;
    let relay = SmtpServer::start(Options { tls: Tls::Starttls, login: Some(("karibu", "s3cret")) }).await;
    let ca = relay.ca_file().display().to_string();
    let url = relay.url();
    let settings = [
        ("DATABASE_URL", database.url()),
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "UbuntuNet-Connect <register@example.org>"),
        ("CA_FILE", ca.as_str()),
        ("ORGANIZERS", "organiser@example.org"),
    ];
    let served = Served::start(BINARY, &settings).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let file = Attached::large_pdf("cv.pdf", 700_000);
    let filled = Filled::sample("Nakato").with("comments", "Ndagire, <b>merci</b> & à bientôt");
    person.register(&filled, Some(&file)).await;
    let mails = relay.wait_for(2).await;
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.tls), "the password and the mails went over TLS");
    let letters: Vec<_> = mails.iter().map(testkit::smtp::ReceivedMail::letter).collect();
    let organizer = letters.iter().find(|letter| letter.to == "organiser@example.org").expect("the named organiser");
    assert!(organizer.text.contains("Ndagire, <b>merci</b> & à bientôt"), "{}", organizer.text);
    assert!(organizer.subject.ends_with("(1/300)"), "{}", organizer.subject);
    assert!(letters.iter().all(|letter| letter.to != "devops@ubuntunet.net"), "sample addresses get no real mail");

    // The viewer of files is not there when mails are real, and the file comes back through the link.
    let client = served.client();
    let viewer = client.get(format!("{}/mail/", served.url())).send().await.expect("an answer");
    assert_eq!(viewer.status(), 404);
    let link = organizer.link(&format!("{}/organizer/", served.url()));
    let view = client.get(&link).send().await.expect("an answer").text().await.expect("a page");
    let path = view.split("href=\"").find_map(|rest| rest.split('"').next().filter(|href| href.contains("/files/")));
    let content = client.get(format!("{}{}", served.url(), path.expect("a link"))).send().await.expect("an answer");
    assert!(content.bytes().await.expect("a file") == file.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_fails_delays_mail_and_loses_none() {
    let mut relay = SmtpServer::start(Options { tls: Tls::None, login: None }).await;
    let url = relay.url();
    let settings = [("SMTP_URL", url.as_str()), ("MAIL_FROM", "register@example.org"), ("ORGANIZERS", "o@example.org")];
    let served = Served::start(BINARY, &settings).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");

    // A refused recipient is parked at once, delays nobody and can be sent again.
    let refused = Filled::sample("Refused").with("email", "rcpt-550-5.1.1@example.org");
    person.register(&refused, None).await;
    relay.wait_for(1).await;
    let parked = wait_for("a parked mail", async || {
        let (_, out, _) = served.command(&["notifications", "list", "--state", "parked", "--json"]).await;
        let rows: serde_json::Value = serde_json::from_str(&out).ok()?;
        (rows.as_array()?.len() == 1).then_some(rows)
    })
    .await;
    assert_eq!(parked[0]["state"], "parked", "{parked}");

    // The relay is gone: registering goes on, `/readyz` says so and stays ready, and the mails follow.
    relay.stop().await;
    person.register(&Filled::sample("Late"), None).await;
    let client = reqwest::Client::new();
    wait_for("the relay's fault on /readyz", async || {
        let answer = client.get(format!("{}/readyz", served.ops_url())).send().await.ok()?;
        assert!(answer.status().is_success(), "mail trouble does not stop registration");
        answer.text().await.ok()?.contains("degraded").then_some(())
    })
    .await;
    relay.start_again().await;
    // A mail that met the fault waits half a minute for its turn; the others go as soon as the relay is back.
    wait_at_most(Duration::from_secs(60), "both mails", async || (relay.mails().len() == 3).then_some(())).await;
    wait_for("a relay that works again on /readyz", async || {
        let answer = client.get(format!("{}/readyz", served.ops_url())).send().await.ok()?;
        (!answer.text().await.ok()?.contains("degraded")).then_some(())
    })
    .await;
}

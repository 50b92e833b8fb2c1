//! A registration's way to a real relay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{DESK, Held, House, NeverTold};
use mail::{SmtpSettings, SmtpTransport, Transport};
use registration::notification::MailState;
use testkit::serve::wait_for;
use testkit::smtp::{Options, SmtpServer, Stage, Tls};

fn transport(server: &SmtpServer, url: &str) -> Arc<dyn Transport> {
    testkit::install_tls_provider();
    let settings = SmtpSettings {
        url: url.parse().expect("a URL"),
        from: "events@example.org".to_owned(),
        connections: 4,
        ca_file: Some(server.ca_file()),
    };
    Arc::new(SmtpTransport::new(&settings).expect("good settings"))
}

async fn relay() -> SmtpServer {
    SmtpServer::start(Options { tls: Tls::None, login: None }).await
}

#[tokio::test]
async fn a_registration_becomes_both_mails_at_once() {
    let (house, server) = (House::open().await, relay().await);
    let notifier = house.notifier(transport(&server, &server.url()));
    let begun = Instant::now();
    notifier.wake(house.register("t.banda@example.org").await);
    let mut mails = server.wait_for(2).await;
    // Milliseconds when the notifier is woken. A tick would be a second; the bound leaves room for a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    mails.sort_by(|a, b| a.rcpt.cmp(&b.rcpt));
    let [desk, person] = [mails[0].letter(), mails[1].letter()];
    assert_eq!((mails[0].rcpt[0].as_str(), mails[1].rcpt[0].as_str()), (DESK, "t.banda@example.org"));
    assert!(desk.subject.starts_with("[UbuntuNet-Connect] Registration KC-") && desk.subject.ends_with("(1/300)"));
    assert_eq!(desk.reply_to.as_deref(), Some("t.banda@example.org"));
    assert!(desk.text.contains("Thoko Banda") && desk.html.contains("Thoko Banda"));
    assert!(desk.raw.contains("X-Karibu-Kind: registered") && desk.raw.contains("X-Karibu-Request: request-1"));
    assert!(person.subject.contains("Votre inscription"), "{}", person.subject);
    assert!(!person.raw.contains("Banda"), "nothing typed is repeated");
    wait_for("both mails are marked", async || {
        house.mails().await.iter().all(|mail| mail.state == MailState::Sent).then_some(())
    })
    .await;
    for (row, letter) in house.mails().await.iter().zip([&desk, &person]) {
        assert_eq!(row.message_id, format!("<{}>", letter.message_id));
        assert_eq!(row.attempts, 1);
    }
    assert_eq!(notifier.metric("karibu_mail_attempts_total{outcome=\"sent\"}").as_deref(), Some("2"));
    assert_eq!(notifier.metric("karibu_notification_delivery_seconds_count").as_deref(), Some("2"));
    notifier.stop().await;
}

#[tokio::test]
async fn a_notifier_that_nobody_wakes_finds_the_mails_itself() {
    let (house, server) = (House::open().await, relay().await);
    let notifier = house.notifier(transport(&server, &server.url()));
    for n in 0..25 {
        house.register(&format!("person{n}@example.org")).await;
    }
    wait_for("all mails are sent", async || {
        let mails = house.mails().await;
        let persons = mails.iter().filter(|mail| mail.recipient != DESK).count();
        (persons == 25 && mails.iter().all(|mail| mail.state == MailState::Sent)).then_some(())
    })
    .await;
    let mut ids: Vec<_> = server.mails().iter().map(|mail| mail.letter().message_id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "every mail once");
    let (most, _) = server.connections();
    assert!(most <= 4, "{most} connections");
    notifier.stop().await;
    assert!(house.mails().await.iter().all(|mail| mail.state == MailState::Sent));
}

#[tokio::test]
async fn mails_wait_for_a_relay_that_is_down_and_go_when_it_is_up() {
    let (house, mut server) = (House::open().await, relay().await);
    let notifier = house.notifier(transport(&server, &server.url()));
    notifier.wake(house.register("first@example.org").await);
    server.wait_for(2).await;
    server.stop().await;
    for n in 0..10 {
        notifier.wake(house.register(&format!("person{n}@example.org")).await);
    }
    let fault = wait_for("the fault is told", async || notifier.relay_fault()).await;
    assert!(fault.starts_with("connect: "), "{fault}");
    let told = wait_for("one was tried", async || {
        house.mails().await.into_iter().find(|mail| mail.state == MailState::Pending && mail.attempts > 0)
    })
    .await;
    assert!(told.last_error.unwrap().starts_with("connect: "));

    server.start_again().await;
    // Those that were tried while it was down go first; what no mail was made of is put together for the organiser.
    wait_for("everything is sent", async || {
        let mails = house.mails().await;
        let persons = mails.iter().filter(|mail| mail.recipient != DESK).count();
        (persons == 11 && mails.iter().all(|mail| mail.state == MailState::Sent)).then_some(())
    })
    .await;
    wait_for("the relay is well again", async || notifier.relay_fault().is_none().then_some(())).await;
    notifier.stop().await;
    assert!(house.mails().await.iter().all(|mail| mail.state != MailState::Parked));
}

#[tokio::test]
async fn an_unknown_recipient_parks_the_mail_and_stops_nobody() {
    let (house, server) = (House::open().await, relay().await);
    let notifier = house.notifier(transport(&server, &server.url()));
    notifier.wake(house.register("rcpt-550-5.1.1@example.org").await);
    let parked = wait_for("the mail is parked", async || {
        house.mail_to("rcpt-550-5.1.1@example.org").await.filter(|mail| mail.state == MailState::Parked)
    })
    .await;
    let reason = parked.last_error.unwrap();
    assert!(reason.starts_with("RCPT: 550 5.1.1 ") && !reason.contains('@'), "{reason}");
    notifier.wake(house.register("t.banda@example.org").await);
    server.wait_for(3).await;
    assert_eq!(notifier.relay_fault(), None);
    assert_eq!(notifier.metric("karibu_mail_attempts_total{outcome=\"parked\"}").as_deref(), Some("1"));
    notifier.stop().await;
}

#[tokio::test]
async fn a_wrong_password_parks_nothing_and_is_told() {
    let house = House::open().await;
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: Some(("events", "secret")) }).await;
    let notifier = house.notifier(transport(&server, &server.url_with("events:wrong@")));
    notifier.wake(house.register("t.banda@example.org").await);
    let fault = wait_for("the fault is told", async || notifier.relay_fault()).await;
    assert!(fault.starts_with("AUTH: 535"), "{fault}");
    notifier.stop().await;
    for mail in house.mails().await {
        assert_eq!(mail.state, MailState::Pending, "{:?}", mail.last_error);
    }

    let mended = house.notifier(transport(&server, &server.url()));
    server.wait_for(2).await;
    mended.stop().await;
}

#[tokio::test]
async fn a_relay_that_refuses_every_recipient_for_policy_is_a_fault_that_a_probe_cannot_see() {
    let (house, server) = (House::open().await, relay().await);
    let notifier = house.notifier(transport(&server, &server.url()));
    server.set_fault(Some((Stage::Rcpt, "554 5.7.1 Relay access denied")));
    notifier.wake(house.register("t.banda@example.org").await);
    let fault = wait_for("the fault is told", async || notifier.relay_fault()).await;
    assert_eq!(fault, "RCPT: 554 5.7.1 Relay access denied");
    server.set_fault(None);
    // Whatever was tried waits for its second attempt; the next mail shows that the relay is well again.
    notifier.wake(house.register("c.mwila@example.org").await);
    server.wait_for(2).await;
    wait_for("the relay is well again", async || notifier.relay_fault().is_none().then_some(())).await;
    notifier.stop().await;
}

#[tokio::test]
async fn a_kill_between_sending_and_marking_repeats_the_mail_under_its_message_id() {
    let (house, server) = (House::open().await, relay().await);
    let notifier = house.notifier(Arc::new(NeverTold(transport(&server, &server.url()))));
    notifier.wake(house.register("t.banda@example.org").await);
    server.wait_for(2).await;
    notifier.kill().await;
    for mail in house.mails().await {
        assert_eq!((mail.state, mail.attempts), (MailState::Pending, 0));
        house.end_of_lease(mail.id).await;
    }

    let next = house.notifier(transport(&server, &server.url()));
    let mails = server.wait_for(4).await;
    next.stop().await;
    let mut sent: Vec<_> = mails.iter().map(|mail| (mail.rcpt[0].clone(), mail.letter().message_id)).collect();
    sent.sort();
    assert_eq!((&sent[0], &sent[2]), (&sent[1], &sent[3]), "each mail twice, each pair alike");
    assert!(house.mails().await.iter().all(|mail| mail.state == MailState::Sent && mail.attempts == 1));
}

#[tokio::test]
async fn a_mail_that_takes_longer_than_a_lease_is_sent_once() {
    let house = House::open().await;
    let held = Arc::new(Held::default());
    let lease = Duration::from_millis(600);
    let first = house.notifier_with_lease(held.clone(), lease);
    house.register("t.banda@example.org").await;
    held.wait_for(2).await;
    // The other one would take them over as soon as their leases end.
    let other = Arc::new(Held::default());
    let second = house.notifier_with_lease(other.clone(), lease);
    let begun = Instant::now();
    wait_for("three leases have passed", async || (begun.elapsed() > 3 * lease).then_some(())).await;
    assert_eq!((held.began(), other.began()), (2, 0));
    held.release();
    wait_for("both are sent", async || {
        house.mails().await.iter().all(|mail| mail.state == MailState::Sent).then_some(())
    })
    .await;
    assert_eq!(other.began(), 0);
    other.release();
    first.stop().await;
    second.stop().await;
}

//! A relay that fails: registering goes on meanwhile, and when the fault is over, every mail comes.

use std::time::Duration;

use testkit::serve::wait_at_most;
use testkit::smtp::{Mode, Options, Stage, Tls};
use tokio::task::{JoinSet, LocalSet};

use crate::books::{Entry, outbox_is_empty, reckon, register, somebody};
use crate::house::{Engine, House};
use crate::report::Counts;

/// How many relays fail beside each other. Most of the time is spent in waiting for the second try of a mail.
const AT_ONCE: usize = 6;

/// What a fault does to a mail while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It waits for its next turn.
    Waits,
    /// It goes, only slowly.
    Slow,
    /// The relay does not know its recipient, so it is parked until somebody sends it again.
    Parked,
}

type Case = (&'static str, Mode<'static>, Effect);

/// The faults of which a short run takes these; a long one takes all.
const SHORT: [Case; 5] = [
    ("connection refused", Mode::Refuse, Effect::Waits),
    ("421 at MAIL", Mode::Reply(Stage::Mail, "421 4.3.2 Service shutting down"), Effect::Waits),
    ("550 at RCPT", Mode::Reply(Stage::Rcpt, "550 5.1.1 User unknown"), Effect::Parked),
    ("connection cut after the dot", Mode::CutAfterDot, Effect::Waits),
    ("wrong password", Mode::WrongPassword, Effect::Waits),
];

const LONG: [Case; 26] = [
    ("421 instead of a greeting", Mode::Reply(Stage::Connect, "421 4.3.2 Too busy"), Effect::Waits),
    ("421 at EHLO", Mode::Reply(Stage::Ehlo, "421 4.3.2 Too busy"), Effect::Waits),
    ("421 at AUTH", Mode::Reply(Stage::Auth, "421 4.3.2 Too busy"), Effect::Waits),
    ("421 at RCPT", Mode::Reply(Stage::Rcpt, "421 4.3.2 Too busy"), Effect::Waits),
    ("421 at DATA", Mode::Reply(Stage::Data, "421 4.3.2 Too busy"), Effect::Waits),
    ("421 after the dot", Mode::Reply(Stage::Content, "421 4.3.2 Too busy"), Effect::Waits),
    ("454 at STARTTLS", Mode::Reply(Stage::Starttls, "454 4.7.0 TLS not available"), Effect::Waits),
    ("454 at AUTH", Mode::Reply(Stage::Auth, "454 4.7.0 Temporary authentication failure"), Effect::Waits),
    ("451 at MAIL", Mode::Reply(Stage::Mail, "451 4.3.0 Try later"), Effect::Waits),
    ("450 at RCPT", Mode::Reply(Stage::Rcpt, "450 4.7.1 Greylisted"), Effect::Waits),
    ("451 at DATA", Mode::Reply(Stage::Data, "451 4.3.5 Try later"), Effect::Waits),
    ("452 after the dot", Mode::Reply(Stage::Content, "452 4.3.1 Insufficient system storage"), Effect::Waits),
    ("354 after the dot", Mode::Reply(Stage::Content, "354 Go on"), Effect::Waits),
    ("554 instead of a greeting", Mode::Reply(Stage::Connect, "554 No SMTP service here"), Effect::Waits),
    ("550 at EHLO", Mode::Reply(Stage::Ehlo, "550 5.7.1 Not you"), Effect::Waits),
    ("550 at MAIL", Mode::Reply(Stage::Mail, "550 5.1.0 Sender rejected"), Effect::Waits),
    ("554 at RCPT", Mode::Reply(Stage::Rcpt, "554 5.7.1 Relay access denied"), Effect::Waits),
    ("554 at DATA", Mode::Reply(Stage::Data, "554 5.5.1 No"), Effect::Waits),
    ("554 after the dot", Mode::Reply(Stage::Content, "554 5.6.0 Corrupt message"), Effect::Waits),
    ("connection cut at the greeting", Mode::Drop(Stage::Connect), Effect::Waits),
    ("connection cut before the dot", Mode::CutBeforeDot, Effect::Waits),
    ("tarpit: an answer after 45 s", Mode::Late(Stage::Rcpt, Duration::from_secs(45)), Effect::Waits),
    ("tarpit: byte by byte", Mode::Trickle(Duration::from_millis(20)), Effect::Slow),
    ("TLS handshake fails", Mode::BrokenTls, Effect::Waits),
    ("certificate for another name", Mode::WrongCertificate, Effect::Waits),
    ("certificate that has ended", Mode::ExpiredCertificate, Effect::Waits),
];

/// Registers before, during and after a fault, and reckons.
async fn fail(engine: Engine, (name, mode, effect): Case) -> (&'static str, Counts, Vec<String>) {
    let options = Options { tls: Tls::Starttls, login: Some(("karibu", "s3cret")) };
    let house = House::with_relay(engine, 300, options).await;
    let person = house.person();
    let mut entries: Vec<Entry> = Vec::new();
    let come = async |entries: &mut Vec<Entry>, people: usize| {
        for _ in 0..people {
            let (filled, file) = somebody(entries.len());
            entries.push(register(&person, filled, file).await);
        }
    };
    come(&mut entries, 2).await;
    // Connections that are open would miss what happens at the beginning of a dialogue: they break first.
    house.relay().set_mode(Mode::Refuse);
    house.relay().set_mode(mode);
    come(&mut entries, 4).await;
    let met = match effect {
        Effect::Waits => "select count(*) as n from mail where state = 'pending' and last_error is not null",
        Effect::Slow => "select count(*) as n from mail where state = 'sent'",
        Effect::Parked => "select count(*) as n from mail where state = 'parked'",
    };
    wait_at_most(Duration::from_secs(90), &format!("a mail that meets: {name}"), async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // A relay that is asked first, and fails already then, is not tried with a mail.
        let told = effect == Effect::Waits && house.ops("/readyz").await.1.contains("degraded");
        (told || house.ledger.number(met).await > 0).then_some(())
    })
    .await;
    come(&mut entries, 2).await;
    let (ready, parts) = house.ops("/readyz").await;
    assert_eq!(ready, 200, "{name}: trouble with mail does not stop registration: {parts}");
    house.relay().set_mode(Mode::Healthy);
    come(&mut entries, 2).await;
    outbox_is_empty(&house).await;
    if effect == Effect::Parked {
        let (exit, _, complaint) = house.served.command(&["notifications", "resend", "--parked"]).await;
        assert_eq!(exit, 0, "{complaint}");
        outbox_is_empty(&house).await;
    }
    let (counts, mut wrong) = reckon(&house, &entries).await;
    if effect == Effect::Parked && counts.mails == 0 {
        wrong.push("no mail was due".to_owned());
    }
    counts.note(&format!("relay: {name}"), engine.name(), 1);
    (name, counts, wrong)
}

/// Lets relays fail, several at the same time.
async fn every_fault(engine: Engine, cases: &[Case]) {
    let mut wrong = Vec::new();
    let all = async {
        let mut waiting = cases.iter().copied();
        let mut failing = JoinSet::new();
        for case in waiting.by_ref().take(AT_ONCE) {
            failing.spawn_local(fail(engine, case));
        }
        while let Some(done) = failing.join_next().await {
            let (name, counts, problems) = done.unwrap();
            println!("{name}: {counts:?}");
            if !problems.is_empty() {
                wrong.push((name, problems));
            }
            if let Some(case) = waiting.next() {
                failing.spawn_local(fail(engine, case));
            }
        }
    };
    LocalSet::new().run_until(all).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_faults_of_a_relay_lose_no_mail() {
    every_fault(Engine::Sqlite, &SHORT).await;
}

mod sqlite {
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "minutes; ci/soak runs it"]
    async fn every_fault_of_a_relay_loses_no_mail() {
        super::every_fault(super::Engine::Sqlite, &[&super::SHORT[..], &super::LONG[..]].concat()).await;
    }
}

mod postgres {
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "minutes; ci/soak runs it"]
    async fn every_fault_of_a_relay_loses_no_mail() {
        super::every_fault(super::Engine::Postgres, &[&super::SHORT[..], &super::LONG[..]].concat()).await;
    }
}

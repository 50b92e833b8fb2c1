//! The way to a relay, against a real SMTP server.

use std::path::PathBuf;
use std::time::Duration;

use mail::{Message, SendError, SmtpSettings, SmtpTransport, Transport, Verdict};
use testkit::smtp::{Mode, Options, SmtpServer, Stage, Tls};

const LOGIN: Option<(&str, &str)> = Some(("events", "secret"));

fn transport(url: &str, connections: usize, ca_file: Option<PathBuf>) -> SmtpTransport {
    testkit::install_tls_provider();
    let url = url.parse().expect("a URL");
    SmtpTransport::new(&SmtpSettings { url, from: "events@example.org".to_owned(), connections, ca_file })
        .expect("good settings")
}

fn to(server: &SmtpServer) -> SmtpTransport {
    transport(&server.url(), 2, Some(server.ca_file()))
}

fn message_to(recipient: &str) -> Message {
    Message { to: recipient.to_owned(), ..mail::samples::message() }
}

async fn plain() -> SmtpServer {
    SmtpServer::start(Options { tls: Tls::None, login: None }).await
}

fn is_relay_fault(result: Result<(), SendError>, about: &str) {
    match result {
        Err(SendError::Relay(text)) => {
            assert!(text.contains(about), "{text:?} should be about {about:?}");
            assert!(!text.contains('@') && text.chars().count() <= 200, "{text:?}");
        }
        other => panic!("a relay fault about {about:?} was wanted, not {other:?}"),
    }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_composed_by_every_way_of_tls() {
    for tls in [Tls::None, Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: LOGIN }).await;
        let transport = to(&server);
        transport.probe().await.unwrap();
        transport.send(&message_to("desk@example.org")).await.unwrap();
        let [mail] = &server.wait_for(1).await[..] else { panic!("one mail") };
        assert_eq!(
            (mail.envelope_from.as_str(), &mail.rcpt[..]),
            ("events@example.org", &["desk@example.org".to_owned()][..])
        );
        assert_eq!(mail.tls, tls != Tls::None);
        let letter = mail.letter();
        assert_eq!(letter.subject, "[Connect] Registration KC-7F3K-2M9Q (42/300)");
        assert_eq!((letter.text.trim(), letter.html.trim()), ("Moni!", "<p>Moni!</p>"));
        assert_eq!(letter.reply_to.as_deref(), Some("z.banda@example.org"));
    }
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_and_long_mails_arrive_whole() {
    let server = plain().await;
    let text = format!(".\n..\n.hidden\n{}\nEnd é\n", "word ".repeat(20_000));
    let message = Message { text: text.clone(), ..mail::samples::message() };
    to(&server).send(&message).await.unwrap();
    let letter = server.wait_for(1).await[0].letter();
    assert_eq!(letter.text.replace("\r\n", "\n").trim_end(), text.trim_end());
}

#[tokio::test]
async fn a_relay_that_nobody_trusts_or_without_starttls_gets_nothing() {
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: None }).await;
    is_relay_fault(transport(&server.url(), 1, None).send(&message_to("a@example.org")).await, "TLS: ");
    let server = plain().await;
    let required = server.url().replace("?tls=none", "");
    is_relay_fault(transport(&required, 1, None).send(&message_to("a@example.org")).await, "STARTTLS");
    assert_eq!(server.mails().len(), 0);
}

#[tokio::test]
async fn opportunistic_tls_takes_what_there_is_but_never_sends_a_password_in_the_clear() {
    let server = plain().await;
    let opportunistic = server.url().replace("none", "opportunistic");
    transport(&opportunistic, 1, None).send(&message_to("a@example.org")).await.unwrap();
    let server = SmtpServer::start(Options { tls: Tls::None, login: LOGIN }).await;
    let opportunistic = server.url().replace("none", "opportunistic");
    is_relay_fault(transport(&opportunistic, 1, None).probe().await, "in the clear");
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: LOGIN }).await;
    let opportunistic = server.url() + "?tls=opportunistic";
    transport(&opportunistic, 1, Some(server.ca_file())).send(&message_to("a@example.org")).await.unwrap();
    assert!(server.wait_for(1).await[0].tls);
}

#[tokio::test]
async fn a_wrong_password_is_a_relay_fault() {
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: LOGIN }).await;
    let transport = transport(&server.url_with("events:wrong@"), 1, Some(server.ca_file()));
    is_relay_fault(transport.send(&message_to("desk@example.org")).await, "AUTH: 535");
    is_relay_fault(transport.probe().await, "AUTH: 535");
}

#[tokio::test]
async fn what_the_relay_answers_is_judged_by_the_command_it_answers() {
    let server = plain().await;
    let transport = to(&server);
    for (recipient, fate) in [
        ("rcpt-550-5.1.1@example.org", "Refused"),
        ("rcpt-550@example.org", "Refused"),
        ("rcpt-552-5.2.2@example.org", "Refused"),
        ("rcpt-554-5.7.1@example.org", "Relay"),
        ("rcpt-530-5.7.0@example.org", "Relay"),
        ("rcpt-450-4.7.1@example.org", "Temporary"),
        ("data-552@example.org", "Refused"),
        ("data-554-5.6.0@example.org", "Temporary"),
        ("data-451-4.3.0@example.org", "Temporary"),
    ] {
        let result = transport.send(&message_to(recipient)).await.unwrap_err();
        let (kind, text) = match &result {
            SendError::Refused(text) => ("Refused", text),
            SendError::Temporary(text) => ("Temporary", text),
            SendError::Relay(text) => ("Relay", text),
        };
        assert_eq!(kind, fate, "{recipient}: {text}");
        assert!(!text.contains("example.org"), "{text}");
    }
    for stage in [Stage::Connect, Stage::Ehlo, Stage::Mail] {
        for reply in ["550 5.1.1 no", "554 no", "421 4.3.2 busy", "451 later", "drop"] {
            server.set_fault(Some((stage, reply)));
            // A connection of its own, so that every stage is passed.
            is_relay_fault(to(&server).send(&message_to("a@example.org")).await, "");
        }
    }
    for reply in ["421 4.3.2 closing", "drop"] {
        for stage in [Stage::Rcpt, Stage::Content] {
            server.set_fault(Some((stage, reply)));
            is_relay_fault(to(&server).send(&message_to("a@example.org")).await, "");
        }
    }
    server.set_fault(None);
    transport.send(&message_to("a@example.org")).await.unwrap();
}

/// What became of a mail: the kind of its error, or "Sent".
async fn fate(server: &SmtpServer, mode: Mode<'_>, patience: Duration) -> (&'static str, String) {
    server.set_mode(mode);
    // A connection of its own, so that every stage is passed.
    let transport = to(server).with_patience(patience);
    match transport.send(&message_to("desk@example.org")).await {
        Ok(()) => ("Sent", String::new()),
        Err(SendError::Refused(text)) => ("Refused", text),
        Err(SendError::Temporary(text)) => ("Temporary", text),
        Err(SendError::Relay(text)) => ("Relay", text),
    }
}

#[tokio::test]
async fn every_fault_of_a_relay_is_judged_and_none_loses_a_mail() {
    let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
    for tls in [Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: LOGIN }).await;
        let mut table = vec![
            (Mode::Refuse, "Relay", "connect: "),
            (Mode::BrokenTls, "Relay", ""),
            (Mode::WrongCertificate, "Relay", "certificate"),
            (Mode::ExpiredCertificate, "Relay", "certificate"),
            (Mode::WrongPassword, "Relay", "AUTH: 535"),
            (Mode::Trickle(Duration::from_secs(1)), "Relay", "no answer"),
            (Mode::CutBeforeDot, "Relay", "message: "),
            (Mode::CutAfterDot, "Relay", "message: "),
            (Mode::Late(Stage::Content, 2 * long), "Relay", "message: no answer"),
            (Mode::Late(Stage::Content, short), "Sent", ""),
            (Mode::Late(Stage::Connect, short), "Sent", ""),
            (Mode::Trickle(Duration::from_millis(1)), "Sent", ""),
            (Mode::Reply(Stage::Rcpt, "451 4.7.1 greylisted"), "Temporary", "RCPT: 451"),
            (Mode::Reply(Stage::Rcpt, "554 5.7.1 relay access denied"), "Relay", "RCPT: 554"),
            (Mode::Reply(Stage::Rcpt, "550 5.1.1 nobody here"), "Refused", "RCPT: 550"),
            (Mode::Reply(Stage::Data, "451 4.3.0 later"), "Temporary", "DATA: 451"),
            (Mode::Reply(Stage::Data, "554 5.5.1 no valid recipients"), "Temporary", "DATA: 554"),
            (Mode::Reply(Stage::Content, "452 4.3.1 no room"), "Temporary", "message: 452"),
            (Mode::Reply(Stage::Content, "554 5.6.0 not liked"), "Temporary", "message: 554"),
            (Mode::Reply(Stage::Content, "354 go on"), "Relay", "message: the answer 354"),
            (Mode::Reply(Stage::Rcpt, "354 go on"), "Relay", "RCPT: the answer 354"),
            (Mode::Reply(Stage::Data, "250 fine"), "Relay", "DATA: the answer 250"),
            (Mode::Reply(Stage::Content, "552 5.3.4 too big"), "Refused", "message: 552"),
        ];
        for stage in Stage::ALL {
            if stage == Stage::Starttls && tls == Tls::Implicit {
                continue;
            }
            table.push((Mode::Drop(stage), "Relay", ""));
            table.push((Mode::Reply(stage, "421 4.3.2 closing"), "Relay", ""));
            if stage != Stage::Content {
                table.push((Mode::Late(stage, long), "Relay", "no answer"));
            }
            if matches!(stage, Stage::Connect | Stage::Ehlo | Stage::Starttls | Stage::Auth | Stage::Mail) {
                for reply in ["451 4.3.0 later", "454 4.7.0 not now", "550 5.1.1 no", "554 5.7.1 never"] {
                    table.push((Mode::Reply(stage, reply), "Relay", ""));
                }
            }
        }
        for (mode, expected, about) in table {
            let before = server.mails().len();
            // The answer to a message is waited for twenty times as long.
            let patience = match about {
                "no answer" => Duration::from_millis(200),
                "message: no answer" => Duration::from_millis(500),
                _ => long,
            };
            let (fate, text) = fate(&server, mode, patience).await;
            assert_eq!(fate, expected, "{tls:?} {mode:?}: {text}");
            assert!(text.contains(about) && !text.contains("desk"), "{tls:?} {mode:?}: {text}");
            let taken = server.mails().len() - before;
            let unanswered = matches!(mode, Mode::CutAfterDot | Mode::Late(Stage::Content, _));
            assert_eq!(taken, usize::from(fate == "Sent" || unanswered), "{mode:?}");
        }
        assert_eq!(server.deliveries().len(), 1, "every repeat has the same Message-ID");
    }
}

#[tokio::test]
async fn an_open_connection_that_breaks_costs_no_mail() {
    let server = plain().await;
    let transport = to(&server);
    transport.send(&message_to("a@example.org")).await.unwrap();
    server.set_mode(Mode::Refuse);
    is_relay_fault(transport.send(&message_to("b@example.org")).await, "connect: ");
    server.set_mode(Mode::Healthy);
    transport.send(&message_to("b@example.org")).await.unwrap();
    server.set_mode(Mode::CutBeforeDot);
    is_relay_fault(transport.send(&message_to("c@example.org")).await, "message: ");
    server.set_mode(Mode::Healthy);
    transport.send(&message_to("c@example.org")).await.unwrap();
    let recipients: Vec<_> = server.mails().into_iter().flat_map(|mail| mail.rcpt).collect();
    assert_eq!(recipients, ["a@example.org", "b@example.org", "c@example.org"]);
}

#[tokio::test]
async fn nobody_there_is_a_relay_fault() {
    let mut server = plain().await;
    let transport = to(&server);
    server.stop().await;
    is_relay_fault(transport.send(&message_to("a@example.org")).await, "connect: ");
    is_relay_fault(transport.probe().await, "connect: ");
    server.start_again().await;
    transport.send(&message_to("a@example.org")).await.unwrap();
}

#[tokio::test]
async fn connections_are_used_again_and_never_more_than_allowed() {
    let server = plain().await;
    let transport = to(&server);
    let messages: Vec<Message> = (0..20).map(|n| message_to(&format!("person{n}@example.org"))).collect();
    let mut sends = tokio::task::JoinSet::new();
    let transport = std::sync::Arc::new(transport);
    for message in messages {
        let transport = transport.clone();
        sends.spawn(async move { transport.send(&message).await });
    }
    while let Some(sent) = sends.join_next().await {
        sent.unwrap().unwrap();
    }
    // A refused recipient does not cost the connection.
    transport.send(&message_to("rcpt-550-5.1.1@example.org")).await.unwrap_err();
    transport.send(&message_to("a@example.org")).await.unwrap();
    assert_eq!(server.mails().len(), 21);
    let (most, all) = server.connections();
    assert!(most <= 2 && all <= 2, "{most} at once, {all} in all");
}

#[tokio::test]
async fn an_idle_connection_that_the_relay_closed_costs_no_mail() {
    let mut server = plain().await;
    let transport = to(&server);
    transport.send(&message_to("a@example.org")).await.unwrap();
    server.stop().await;
    server.start_again().await;
    transport.send(&message_to("b@example.org")).await.unwrap();
    transport.close_idle(Duration::ZERO).await;
    transport.send(&message_to("c@example.org")).await.unwrap();
    assert_eq!(server.mails().len(), 3);
}

#[tokio::test]
async fn an_address_with_letters_of_all_scripts_is_written_where_the_relay_can() {
    let server = plain().await;
    to(&server).send(&message_to("zoë@example.org")).await.unwrap();
    assert_eq!(server.wait_for(1).await[0].rcpt, ["zoë@example.org"]);
}

/// The steps of a dialogue that went as far as it could, and the last one's advice.
async fn told(transport: &SmtpTransport, message: Option<&Message>) -> (Vec<&'static str>, Verdict, String, String) {
    let dialogue = transport.diagnose(message).await;
    let last = dialogue.steps.last().expect("a step").clone();
    let failed = dialogue.steps.iter().filter(|step| step.verdict == Verdict::Failed).count();
    assert_eq!(failed, usize::from(last.verdict == Verdict::Failed), "{dialogue:?}");
    assert_eq!(dialogue.is_fine(), failed == 0);
    for step in &dialogue.steps {
        assert!(!step.told.contains("secret") && !step.told.contains('\n'), "{dialogue:?}");
        assert_eq!(step.advice.is_some(), step.verdict != Verdict::Fine, "{dialogue:?}");
    }
    let names = dialogue.steps.iter().map(|step| step.name).collect();
    (names, last.verdict, last.told, last.advice.unwrap_or_default())
}

#[tokio::test]
async fn a_dialogue_is_told_step_by_step() {
    for tls in [Tls::None, Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: LOGIN }).await;
        let (steps, verdict, ..) = told(&to(&server), None).await;
        assert_eq!(steps, ["connect", "TLS", "EHLO", "AUTH", "MAIL", "DKIM"]);
        assert_ne!(verdict, Verdict::Failed);
        assert_eq!(server.mails().len(), 0, "nothing is sent without a message");
        let message = message_to("desk@example.org");
        let (steps, verdict, reply, _) = told(&to(&server), Some(&message)).await;
        assert_eq!(steps, ["connect", "TLS", "EHLO", "AUTH", "MAIL", "RCPT", "DKIM", "message"]);
        assert_eq!(verdict, Verdict::Fine);
        assert!(reply.ends_with("bytes: 250 2.0.0 OK: queued as 0001"), "{reply}");
        let dialogue = to(&server).diagnose(None).await;
        let step = |name| dialogue.steps.iter().find(|step| step.name == name).unwrap();
        assert!(step("EHLO").told.contains("SMTPUTF8"), "{dialogue:?}");
        assert!(step("AUTH").told.starts_with("PLAIN: "), "{dialogue:?}");
        assert_eq!(step("TLS").verdict == Verdict::Fine, tls != Tls::None);
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn whatever_fails_in_a_dialogue_comes_with_what_to_do() {
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: LOGIN }).await;
    for (mode, step, advice) in [
        (Mode::Refuse, "connect", "nobody listens there"),
        (Mode::Drop(Stage::Connect), "EHLO", "closed or kept silent"),
        (Mode::Reply(Stage::Connect, "554 5.7.1 not you"), "EHLO", "does not serve this machine"),
        (Mode::Reply(Stage::Starttls, "454 4.7.0 no"), "TLS", "does not begin TLS"),
        (Mode::BrokenTls, "TLS", "no TLS could be agreed on"),
        (Mode::WrongCertificate, "TLS", "for another name"),
        (Mode::ExpiredCertificate, "TLS", "has ended"),
        (Mode::WrongPassword, "AUTH", "user or password"),
        (Mode::Reply(Stage::Auth, "454 4.7.0 later"), "AUTH", "cannot check the password now"),
        (Mode::Reply(Stage::Mail, "550 5.7.1 not yours"), "MAIL", "KARIBU_MAIL_FROM"),
        (Mode::Reply(Stage::Mail, "530 5.7.0 sign in"), "MAIL", "user and a password"),
        (Mode::Reply(Stage::Rcpt, "550 5.1.1 nobody"), "RCPT", "no such recipient"),
        (Mode::Reply(Stage::Rcpt, "554 5.7.1 relay access denied"), "RCPT", "does not pass mails on"),
        (Mode::Reply(Stage::Rcpt, "450 4.7.1 greylisted"), "RCPT", "tries again by itself"),
        (Mode::Drop(Stage::Rcpt), "RCPT", "broke the connection"),
        (Mode::Reply(Stage::Data, "451 4.3.0 later"), "message", "tries again by itself"),
        (Mode::Reply(Stage::Content, "550 5.7.1 spam"), "message", "SPF, DKIM and DMARC"),
        (Mode::Reply(Stage::Content, "552 5.3.4 too big"), "message", "too large"),
        (Mode::CutBeforeDot, "message", "broke the connection"),
    ] {
        server.set_mode(mode);
        let (steps, verdict, text, told) = told(&to(&server), Some(&message_to("desk@example.org"))).await;
        assert_eq!((steps.last(), verdict), (Some(&step), Verdict::Failed), "{mode:?}: {text}");
        assert!(told.contains(advice), "{mode:?}: {text}: {told}");
    }
    server.set_mode(Mode::Healthy);
    let (.., advice) = told(&transport(&server.url(), 1, None), None).await;
    assert!(advice.contains("KARIBU_CA_FILE"), "{advice}");
    let wrapped = server.url().replace("smtp://", "smtps://");
    let (.., advice) = told(&transport(&wrapped, 1, None), None).await;
    assert!(advice.contains("write smtp://"), "{advice}");
    let (.., advice) = told(&transport("smtp://no-such-host.invalid", 1, None), None).await;
    assert!(advice.contains("name"), "{advice}");
}

#[tokio::test]
async fn a_relay_whose_line_does_not_end_is_not_listened_to_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}?tls=none", listener.local_addr().unwrap());
    let talks = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut said = 0;
        // Until it is hung up on. What the kernel takes for both sides is some megabytes.
        while said < 64 * 1024 * 1024 && tokio::io::AsyncWriteExt::write_all(&mut stream, &[b'2'; 4096]).await.is_ok() {
            said += 4096;
        }
        said
    };
    let relay = transport(&url, 1, None);
    let (said, sent) = tokio::join!(talks, async { relay.send(&message_to("desk@example.org")).await });
    is_relay_fault(sent, "does not end");
    assert!(said < 16 * 1024 * 1024, "{said} bytes were taken");
}

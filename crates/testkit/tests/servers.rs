//! The throw-away servers do what tests expect of them, and leave nothing behind.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::postgres::{self, Postgres};
use testkit::serve::wait_for;
use testkit::smtp::{Mode, Options, SmtpServer, Stage, Tls};

/// Sends a mail as Python's smtplib does; gives what the relay refused it with, or "sent".
fn send(server: &SmtpServer, to: &str, login: Option<&str>) -> String {
    const SCRIPT: &str = r"
import smtplib, ssl, sys
url, ca, sender, to, login = sys.argv[1:6]
port = int(url.split(':')[-1].split('?')[0])
context = ssl.create_default_context(cafile=ca)
try:
    if url.startswith('smtps'):
        relay = smtplib.SMTP_SSL('localhost', port, context=context)
    else:
        relay = smtplib.SMTP('localhost', port)
        if 'tls=none' not in url:
            relay.starttls(context=context)
    if login:
        relay.login(*login.split(':'))
    relay.sendmail(sender, [to], 'Subject: caf\u00e9\r\n\r\n.dot\r\n'.encode())
    print('sent')
except smtplib.SMTPRecipientsRefused as error:
    print(*error.recipients[to])
except smtplib.SMTPResponseException as error:
    print(error.smtp_code, error.smtp_error)
except (smtplib.SMTPServerDisconnected, OSError) as error:
    print(type(error).__name__)
";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT, &server.url()])
        .arg(server.ca_file())
        .args(["from@example.org", to, login.unwrap_or_default()])
        .stderr(Stdio::inherit())
        .output()
        .expect("Python runs");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn a_relay_takes_mails_by_every_kind_of_tls() {
    for tls in [Tls::None, Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: None }).await;
        assert_eq!(send(&server, "to@example.org", None), "sent", "{tls:?}");
        let mails = server.wait_for(1).await;
        assert_eq!(
            (mails[0].envelope_from.as_str(), mails[0].rcpt.as_slice()),
            ("from@example.org", &["to@example.org".to_owned()][..])
        );
        assert_eq!(mails[0].tls, tls != Tls::None);
        assert_eq!(mails[0].raw, "Subject: café\r\n\r\n.dot\r\n".as_bytes(), "byte for byte");
        assert_eq!(server.connections(), (1, 1));
    }
}

#[tokio::test]
async fn a_relay_wants_its_password() {
    for tls in [Tls::None, Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: Some(("user", "pass")) }).await;
        assert_eq!(send(&server, "to@example.org", Some("user:pass")), "sent", "{tls:?}");
        assert!(send(&server, "to@example.org", Some("user:wrong")).starts_with("535 b'5.7.8"), "{tls:?}");
        assert!(send(&server, "to@example.org", None).starts_with("530"), "{tls:?}");
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_relay_refuses_what_it_is_told_to_and_comes_back_after_an_outage() {
    let mut server = SmtpServer::start(Options::default()).await;
    for (to, reply) in [
        ("rcpt-550-5.1.1@example.org", "550 b'5.1.1 as the test wants it'"),
        ("rcpt-450@example.org", "450 b'as the test wants it'"),
        ("rcpt-551-5.7.1+more@example.org", "551 b'5.7.1 as the test wants it'"),
        ("data-552-5.3.4@example.org", "552 b'5.3.4 as the test wants it'"),
    ] {
        assert_eq!(send(&server, to, None), reply);
    }
    for stage in [Stage::Connect, Stage::Ehlo, Stage::Mail, Stage::Content] {
        server.set_fault(Some((stage, "421 4.3.2 going down")));
        let told = send(&server, "to@example.org", None);
        // smtplib tries HELO after EHLO, but the connection is closed by then.
        let expected = if stage == Stage::Ehlo { "SMTPServerDisconnected" } else { "421 b'4.3.2 going down'" };
        assert_eq!(told, expected, "{stage:?}");
        server.set_fault(Some((stage, "drop")));
        assert_eq!(send(&server, "to@example.org", None), "SMTPServerDisconnected", "{stage:?}");
    }
    server.set_fault(None);
    assert_eq!(send(&server, "to@example.org", None), "sent");
    server.stop().await;
    assert_eq!(send(&server, "to@example.org", None), "ConnectionRefusedError");
    server.start_again().await;
    assert_eq!(send(&server, "to@example.org", None), "sent");
    assert_eq!(server.mails().len(), 2, "those from before are still there");
}

#[tokio::test]
async fn a_relay_fails_in_every_way_that_it_is_told_to() {
    const LOST: &str = "SMTPServerDisconnected";
    let wait = Duration::from_millis(50);
    for tls in [Tls::Starttls, Tls::Implicit] {
        let server = SmtpServer::start(Options { tls, login: Some(("user", "pass")) }).await;
        let told = |mode: Mode<'_>| {
            server.set_mode(mode);
            (send(&server, "to@example.org", Some("user:pass")), server.mails().len())
        };
        let mut taken = 0;
        for (mode, reply) in [
            (Mode::Refuse, "ConnectionRefusedError"),
            (Mode::BrokenTls, "SSLZeroReturnError"),
            (Mode::WrongCertificate, "SSLCertVerificationError"),
            (Mode::ExpiredCertificate, "SSLCertVerificationError"),
            (Mode::WrongPassword, "535 b'5.7.8 Error: authentication failed'"),
            (Mode::CutBeforeDot, LOST),
        ] {
            assert_eq!(told(mode), (reply.to_owned(), taken), "{mode:?}");
        }
        for mode in [Mode::Late(Stage::Mail, wait), Mode::Late(Stage::Content, wait), Mode::Trickle(wait / 50)] {
            taken += 1;
            assert_eq!(told(mode), ("sent".to_owned(), taken), "{mode:?}");
        }
        taken += 1;
        assert_eq!(told(Mode::CutAfterDot), (LOST.to_owned(), taken));
        let answered: Vec<bool> = server.mails().iter().map(|mail| mail.answered).collect();
        assert_eq!(answered, [true, true, true, false]);
        assert_eq!(server.deliveries().into_values().collect::<Vec<_>>(), [4], "they have no Message-ID");
        for stage in Stage::ALL {
            if stage == Stage::Starttls && tls == Tls::Implicit {
                continue;
            }
            assert_eq!(told(Mode::Drop(stage)), (LOST.to_owned(), taken), "{stage:?}");
            // smtplib tries HELO after EHLO, other ways to sign in after AUTH, and says in its own words that there is no TLS.
            let (reply, now) = told(Mode::Reply(stage, "451 4.3.0 later"));
            assert!(reply != "sent" && now == taken, "{stage:?}: {reply}");
        }
        assert_eq!(told(Mode::Healthy), ("sent".to_owned(), taken + 1));
    }
}

#[tokio::test]
async fn databases_of_the_shared_server_are_empty_and_go() {
    let (first, second) = (postgres::database().await, postgres::database().await);
    assert_ne!(first.url(), second.url());
    let create = "create table here (n int)";
    postgres::run(first.url(), create).await;
    postgres::run(second.url(), create).await;
    let url = first.url().to_owned();
    drop(first);
    assert!(postgres::try_run(&url, "select 1").await.is_err(), "it is gone");
    postgres::run(second.url(), "select n from here").await;
}

#[tokio::test]
async fn a_server_of_ones_own_leaves_nothing_behind() {
    let mut server = Postgres::start(postgres::Options::default()).await;
    let url = server.url("postgres");
    let (port, folder) = (server.port(), server.folder().to_owned());
    server.stop().await;
    assert!(postgres::try_run(&url, "select 1").await.is_err());
    server.start_again().await;
    postgres::run(&url, "select 1").await;
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!Path::new(&folder).exists());
}

/// Not a test by itself: [`a_killed_test_leaves_no_server_behind`] runs it as a process of its own.
#[tokio::test]
#[ignore = "a part of another test"]
async fn start_a_server_and_wait_to_be_killed() {
    let server = Postgres::start(postgres::Options::default()).await;
    println!("at {} {}", server.port(), server.folder().display());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_test_leaves_no_server_behind() {
    use std::io::{BufRead, BufReader};
    let mut test = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "start_a_server_and_wait_to_be_killed", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let lines = BufReader::new(test.stdout.take().expect("it was piped")).lines();
    let lines = lines.map(|line| line.expect("text"));
    let line = lines.into_iter().find_map(|line| line.split("at ").nth(1).map(str::to_owned)).expect("it starts");
    let (port, folder) = line.split_once(' ').expect("port and folder");
    let port: u16 = port.parse().expect("a port");
    TcpStream::connect(("127.0.0.1", port)).expect("it runs");
    test.kill().expect("it can be killed");
    test.wait().expect("it ends");
    wait_for("the server's end", async || {
        (TcpStream::connect(("127.0.0.1", port)).is_err() && !Path::new(folder).exists()).then_some(())
    })
    .await;
}

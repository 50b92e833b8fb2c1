//! `karibu mail test` against a real relay and without one.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, its helpers too")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::letters::letters;
use testkit::smtp::{Mode, Options, SmtpServer, Stage, Tls};

fn karibu(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karibu"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    let settings = settings.iter().map(|(name, value)| (format!("KARIBU_{name}"), value));
    command.args(arguments).current_dir(folder).envs(settings).output().unwrap()
}

#[tokio::test]
async fn a_test_mail_leaves_and_each_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: Some(("events", "secret")) }).await;
    let (url, ca) = (server.url(), server.ca_file());
    let settings =
        [("SMTP_URL", url.as_str()), ("MAIL_FROM", "Connect <events@example.org>"), ("CA_FILE", ca.to_str().unwrap())];
    let output = karibu(folder.path(), &["mail", "test", "you@example.org"], &settings);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for step in ["connect", "TLS", "EHLO", "AUTH", "MAIL", "RCPT", "DKIM", "message", "queued as 0001"] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    let letter = server.wait_for(1).await[0].letter();
    assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("you@example.org", "Test mail of localhost"));
    assert!(letter.raw.contains("X-Karibu-Kind: test\r\n") && !letter.raw.contains("X-Karibu-Event"));

    server.set_mode(Mode::Reply(Stage::Rcpt, "550 5.1.1 nobody here"));
    let output = karibu(folder.path(), &["mail", "test", "you@example.org", "--json"], &settings);
    assert_eq!(output.status.code(), Some(1));
    let steps: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let last = steps.last().unwrap();
    assert_eq!((last["step"].as_str(), last["result"].as_str()), (Some("RCPT"), Some("failed")));
    assert_eq!(last["advice"], "there is no such recipient: check the address");
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.starts_with("karibu: the mail did not leave (RCPT: 550 5.1.1 nobody here)"), "{sentence}");
    assert_eq!(sentence.lines().count(), 1);
}

/// A public half of an RSA key alone has some 400 characters.
#[tokio::test]
async fn the_record_to_publish_is_told_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["genpkey", "-quiet", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "dkim.pem"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(made.success());
    let server = SmtpServer::start(Options { tls: Tls::Starttls, login: None }).await;
    let (url, ca) = (server.url(), server.ca_file());
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "events@example.org"),
        ("CA_FILE", ca.to_str().unwrap()),
        ("DKIM_KEY_FILE", "dkim.pem"),
        ("DKIM_SELECTOR", "karibu2026"),
    ];
    let output = karibu(folder.path(), &["mail", "test", "you@example.org", "--json"], &settings);
    let steps: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let signed = steps.iter().find(|step| step["step"] == "DKIM").unwrap()["detail"].as_str().unwrap();
    assert!(signed.len() > 400, "{signed}");
    let output = karibu(folder.path(), &["mail", "test", "you@example.org"], &settings);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(signed) && !text.contains('…'), "{text}");
}

#[test]
fn without_a_relay_the_test_mail_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = karibu(folder.path(), &["mail", "test", "you@example.org"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("leave by no relay") && text.contains("written to ./data/mail/"), "{text}");
    assert!(text.contains(".eml") && !text.contains('…'), "{text}");
    assert_eq!(letters(&folder.path().join("data/mail"))[0].to, "you@example.org");
}

#[test]
fn what_keeps_a_test_mail_from_leaving_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], settings: &[(&str, &str)]| {
        let output = karibu(folder.path(), arguments, settings);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        (output.status.code().unwrap(), sentence)
    };
    let relay = [("SMTP_URL", "smtp://127.0.0.1:1"), ("MAIL_FROM", "events@example.org")];
    let (code, sentence) = refused(&["mail", "test", "you@example.org"], &relay);
    assert!(code == 1 && sentence.contains("nobody listens there"), "{sentence}");
    let (code, sentence) = refused(&["mail", "test", "you"], &relay);
    assert!(code == 2 && sentence.contains("no mail address"), "{sentence}");
    let wrong = [relay[0], relay[1], ("DKIM_KEY", "nonsense"), ("DKIM_SELECTOR", "karibu2026")];
    for command in [&["mail", "test", "you@example.org"][..], &["serve"]] {
        let (code, sentence) = refused(command, &wrong);
        assert!(
            code == 2 && sentence.contains("KARIBU_DKIM_KEY") && sentence.contains("openssl genpkey"),
            "{sentence}"
        );
    }
    let (code, sentence) = refused(&["serve"], &[relay[0], relay[1], ("DKIM_SELECTOR", "karibu2026")]);
    assert!(code == 2 && sentence.contains("KARIBU_DKIM_KEY is not set"), "{sentence}");
}

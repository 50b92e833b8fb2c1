//! `karibu check`.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::postgres::database;
use testkit::serve::Served;
use testkit::smtp::{Options, SmtpServer, Tls};

use crate::{KARIBU, karibu, register};

/// Findings by what was looked at; several of one kind are parted by numbers.
type Findings = BTreeMap<String, Value>;

/// A port where nobody answers: the public address is found missing, which makes every check fail.
const NOWHERE: (&str, &str) = ("LISTEN", "127.0.0.1:1");

fn findings(json: &str) -> Findings {
    let all: Vec<Value> = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let mut findings = Findings::new();
    for finding in all {
        let (state, todo) = (finding["state"].as_str().unwrap(), finding["todo"].as_str());
        assert_eq!(todo.is_some(), ["warn", "fail"].contains(&state), "what is amiss comes with what to do: {finding}");
        let mut name = finding["check"].as_str().unwrap().to_owned();
        while findings.contains_key(&name) {
            name.push('+');
        }
        findings.insert(name, finding);
    }
    findings
}

async fn check(served: &Served, more: &[&str]) -> (i32, Findings, String) {
    let url = served.url();
    let arguments = [&["check", "--json", "--public-url", &url], more].concat();
    let (code, out, complaint) = served.command(&arguments).await;
    (code, findings(&out), complaint)
}

fn checked(output: &Output) -> Findings {
    assert_eq!(output.status.code(), Some(1));
    findings(std::str::from_utf8(&output.stdout).unwrap())
}

fn state<'a>(findings: &'a Findings, check: &str) -> &'a str {
    findings[check]["state"].as_str().unwrap()
}

fn found<'a>(findings: &'a Findings, check: &str) -> &'a str {
    findings[check]["found"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_well_is_found_well_and_one_that_is_down_is_not() {
    let mut served = Served::start(KARIBU, &[("INSTANCE", "here")]).await;
    let (code, all, complaint) = check(&served, &[]).await;
    assert_eq!((code, complaint.as_str()), (0, ""), "{all:?}");
    // How full the disk is is the machine's affair.
    assert_ne!(state(&all, "data folder"), "fail", "{all:?}");
    for name in ["settings", "database", "certificate", "clock", "mail relay", "public address"] {
        assert_eq!(state(&all, name), "ok", "{all:?}");
    }
    assert!(found(&all, "public address").ends_with("is answered by here"), "{all:?}");
    assert_eq!(
        (state(&all, "SPF"), state(&all, "DKIM"), state(&all, "DMARC")),
        ("not checked", "not checked", "not checked")
    );
    let (code, table, _) = served.command(&["check", "--public-url", &served.url()]).await;
    assert!(code == 0 && table.starts_with("RESULT"), "{table}");

    assert_eq!(served.terminate().await, Some(0));
    let (code, all, complaint) = check(&served, &[]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("1 of ") && complaint.lines().count() == 1, "{complaint}");
    assert_eq!(state(&all, "public address"), "fail");
    assert!(found(&all, "public address").contains("nobody answers"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_at_the_public_address_is_told() {
    let served = Served::start(KARIBU, &[]).await;
    let url = served.ops_url();
    let (code, out, _) = served.command(&["check", "--json", "--public-url", &url]).await;
    let all = findings(&out);
    assert_eq!(code, 1);
    assert!(found(&all, "public address").contains("answered by another program (status 404)"), "{all:?}");
}

#[test]
fn every_unknown_name_is_told_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("karibu.toml"), "publik_url = \"x\"\n").unwrap();
    let settings = [("PUBLIC_ULR", "x"), ("SMTP_ULR", "x"), ("LISTEN", "127.0.0.1:9"), ("TLS", "off")];
    let all = checked(&karibu(folder.path(), &["check", "--json"], &settings).output().unwrap());
    for (name, told) in [("settings", "publik_url"), ("settings+", "PUBLIC_ULR"), ("settings++", "SMTP_ULR")] {
        assert!(found(&all, name).contains(told), "{all:?}");
        assert!(all[name]["todo"].as_str().unwrap().contains("did you mean"));
    }
    assert_eq!((state(&all, "data folder"), state(&all, "database")), ("warn", "warn"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "looking makes nothing");
}

#[test]
fn a_wrong_value_and_settings_that_do_not_fit_are_findings() {
    let folder = tempfile::tempdir().unwrap();
    let all = checked(&karibu(folder.path(), &["check", "--json"], &[("LOG_FORMAT", "xml")]).output().unwrap());
    assert!(found(&all, "settings").contains("KARIBU_LOG_FORMAT is `xml`"), "{all:?}");
    let all = checked(&karibu(folder.path(), &["check", "--json"], &[("TLS", "off")]).output().unwrap());
    assert!(all["settings"]["todo"].as_str().unwrap().contains("KARIBU_LISTEN"), "{all:?}");
    assert_eq!(state(&all, "certificate"), "not checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_and_open_doors_are_found() {
    let mut served = Served::start(KARIBU, &[]).await;
    register(&served, 10).await;
    assert_eq!(served.terminate().await, Some(0));
    let database = served.data().join("karibu.db");
    let mut bytes = std::fs::read(&database).unwrap();
    for page in 3..bytes.len() / 4_096 {
        bytes[page * 4_096..page * 4_096 + 100].fill(0xa5);
    }
    std::fs::write(&database, bytes).unwrap();
    let opened = Command::new("chmod").arg("755").arg(served.data()).status().unwrap();
    assert!(opened.success());
    let (code, all, _) = check(&served, &[]).await;
    assert_eq!(code, 1);
    assert_eq!(state(&all, "database"), "fail", "{all:?}");
    assert!(all["data folder"]["todo"].as_str().unwrap().starts_with("chmod 700"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_tried_up_to_the_sender() {
    let relay = SmtpServer::start(Options { tls: Tls::Starttls, login: Some(("karibu", "s3cret")) }).await;
    let folder = tempfile::tempdir().unwrap();
    let (ca, good) = (relay.ca_file().display().to_string(), relay.url());
    let bad = relay.url_with("karibu:wrong-s3cret@");
    for (url, expected) in [(good.as_str(), "ok"), (bad.as_str(), "fail"), ("smtp://127.0.0.1:1", "fail")] {
        let settings = [NOWHERE, ("SMTP_URL", url), ("CA_FILE", ca.as_str()), ("MAIL_FROM", "register@localhost")];
        let output = karibu(folder.path(), &["check", "--json"], &settings).output().unwrap();
        let all = checked(&output);
        assert_eq!(state(&all, "mail relay"), expected, "{all:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
    }
    assert!(relay.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_looked_at_as_it_is() {
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let look = |url: &str| {
        checked(&karibu(folder.path(), &["check", "--json"], &[NOWHERE, ("DATABASE_URL", url)]).output().unwrap())
    };
    let all = look(database.url());
    assert!(found(&all, "database").contains("it is empty"), "{all:?}");
    assert!(found(&all, "clock").contains("0 s from the database's"), "{all:?}");
    let made = karibu(folder.path(), &["migrate"], &[("DATABASE_URL", database.url())]).output().unwrap();
    assert!(made.status.success());
    let all = look(database.url());
    assert_eq!(state(&all, "database"), "ok", "{all:?}");
    database.run("delete from _sqlx_migrations").await;
    assert!(look(database.url())["database"]["todo"].as_str().unwrap().contains("karibu migrate"));
    let all = look("postgres://u:hunter2@127.0.0.1:1/d");
    assert_eq!(state(&all, "database"), "fail");
    assert!(!format!("{all:?}").contains("hunter2"));
}

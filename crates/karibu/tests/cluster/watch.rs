//! Who watches the watchers: the dead-man receiver of the notifiers, and `karibu watch` on another machine.

use std::process::Stdio;
use std::time::Duration;

use reqwest::StatusCode;
use testkit::letters::Letter;
use testkit::redis::Redis;
use testkit::serve::{Served, wait_at_most, wait_for};
use testkit::smtp::SmtpServer;
use tokio::process::{Child, Command};

use crate::house::{BINARY, Cluster};

const ONCALL: &str = "devops@example.org";

/// The silence of 45 s, a look each second, the mail; and some more, for this machine may be busy.
const TOLD: Duration = Duration::from_secs(75);

const PING: &str = r#"{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Watchdog","severity":"none"}}]}"#;

/// Whatever Alertmanager and Prometheus do to a notifier.
async fn speak(notifier: &Served) {
    let client = reqwest::Client::new();
    let ping = client.post(format!("{}/watchdog", notifier.ops_url())).body(PING);
    assert_eq!(ping.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let scrape = client.get(format!("{}/metrics", notifier.ops_url())).header("User-Agent", "Prometheus/2.53.3");
    assert_eq!(scrape.send().await.unwrap().status(), StatusCode::OK);
}

fn alarms(relay: &SmtpServer) -> Vec<Letter> {
    relay.mails().iter().filter(|mail| mail.rcpt[0] == ONCALL).map(testkit::smtp::ReceivedMail::letter).collect()
}

async fn alarm(relay: &SmtpServer, n: usize) -> Letter {
    wait_at_most(TOLD, "an alarm", async || alarms(relay).into_iter().nth(n - 1)).await
}

#[tokio::test]
async fn of_two_notifiers_one_tells_that_the_monitoring_is_silent_and_one_that_it_speaks_again() {
    let mut cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    for n in 0..2 {
        let mut notifier = cluster.stopped("notifier", n);
        for (name, value) in [("WATCHDOG", "on"), ("ONCALL", ONCALL)] {
            notifier.set(name, value);
        }
        notifier.start_again().await;
        cluster.notifiers.push(notifier);
    }
    for notifier in &cluster.notifiers {
        let (_, metrics) = notifier.ops("/metrics").await.unwrap();
        assert!(metrics.contains("karibu_alert_second_relay 0"), "{metrics}");
        assert!(!metrics.contains("karibu_watchdog_last"), "nothing was heard yet: {metrics}");
        speak(notifier).await;
        let (_, report) = notifier.ops("/readyz").await.unwrap();
        assert!(report.contains("KARIBU_ALERT_SMTP_URL is not set"), "{report}");
    }
    // From now on nobody speaks.
    let told = alarm(&cluster.relay, 1).await;
    assert_eq!(told.subject, "[CRITICAL] The monitoring is silent, localhost");
    assert!(told.text.contains("Alertmanager does not ping, Prometheus does not ask."), "{}", told.text);
    assert!(told.raw.contains("List-Id: <watch.localhost>") && told.raw.contains("Karibu watch"), "{}", told.raw);
    for notifier in &cluster.notifiers {
        let silent =
            async || notifier.ops("/readyz").await.filter(|(_, report)| report.contains("monitoring is silent"));
        let (status, _) = wait_for("the silence to be told", silent).await;
        assert_eq!(status, 200, "nobody is turned away for it");
    }
    for notifier in &cluster.notifiers {
        speak(notifier).await;
    }
    let over = alarm(&cluster.relay, 2).await;
    assert_eq!(over.subject, "[RESOLVED] The monitoring speaks again, localhost");
    // Both have seen the silence and its end by now; neither tells it a second time.
    for notifier in &cluster.notifiers {
        let fine = async || notifier.ops("/readyz").await.filter(|(_, report)| !report.contains("silent")).map(drop);
        wait_for("the end of the silence", fine).await;
    }
    assert_eq!(alarms(&cluster.relay).len(), 2);
}

#[tokio::test]
async fn a_watchdog_without_anybody_on_call_says_so() {
    let cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    let mut notifier = cluster.stopped("notifier", 0);
    notifier.set("WATCHDOG", "on");
    notifier.start_again().await;
    let (status, report) = notifier.ops("/readyz").await.unwrap();
    assert!(status == 200 && report.contains("KARIBU_ONCALL is not set"), "{report}");
}

/// The binary, without what the tests themselves were told.
fn karibu() -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    command
}

/// `karibu watch` with a relay of its own; it ends with this.
fn watch(host: &Served, relay: &SmtpServer, trusted: &std::path::Path) -> Child {
    let mut command = karibu();
    command
        .args(["watch", &host.url()])
        .env("KARIBU_ONCALL", ONCALL)
        .env("KARIBU_SMTP_URL", relay.url())
        .env("KARIBU_MAIL_FROM", "watch@example.net")
        .env("KARIBU_CA_FILE", trusted)
        .env("KARIBU_INSTANCE", "elsewhere")
        .current_dir(host.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command.spawn().expect("the binary starts")
}

#[tokio::test]
async fn whoever_watches_from_outside_tells_that_a_host_is_gone_and_that_it_is_back() {
    let login = testkit::smtp::Options { login: Some(("karibu", "relay-test-password")), ..Default::default() };
    let relay = SmtpServer::start(login).await;
    let mut host = Served::start(BINARY, &[]).await;
    let trusted = host.data().join("both.pem");
    let certificates = [host.data().join("tls/cert.pem"), relay.ca_file()].map(|file| std::fs::read(file).unwrap());
    std::fs::write(&trusted, certificates.concat()).unwrap();
    let _watch = watch(&host, &relay, &trusted);
    // It is seen there that it is watched.
    let watched =
        async || host.ops("/metrics").await.filter(|(_, text)| text.contains("karibu_host_watched 1")).map(drop);
    wait_at_most(Duration::from_secs(40), "the host to know it", watched).await;

    host.kill().await;
    let gone = alarm(&relay, 1).await;
    assert_eq!(gone.subject, "[CRITICAL] localhost does not do its work, localhost");
    assert!(gone.text.contains("The form does not open: no connection"), "{}", gone.text);
    assert!(gone.text.contains("karibu watch on elsewhere"), "{}", gone.text);

    host.start_again().await;
    let back = alarm(&relay, 2).await;
    assert_eq!(back.subject, "[RESOLVED] localhost does its work again, localhost");
    assert_eq!(alarms(&relay).len(), 2);
}

#[tokio::test]
async fn a_watch_needs_somebody_to_tell_and_a_relay_of_its_own() {
    for (settings, told) in [
        (&[][..], "KARIBU_ONCALL"),
        (&[("KARIBU_ONCALL", ONCALL)][..], "KARIBU_SMTP_URL"),
        (&[("KARIBU_ONCALL", "nobody")][..], "KARIBU_ONCALL"),
    ] {
        // What it keeps, it keeps in the working folder.
        let folder = tempfile::tempdir().unwrap();
        let mut command = karibu();
        command.current_dir(folder.path()).kill_on_drop(true);
        command.args(["watch", "https://localhost"]).envs(settings.iter().copied()).stdin(Stdio::null());
        let output = command.output().await.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complaint.contains(told), "{complaint}");
        assert_eq!(complaint.trim().lines().count(), 1, "{complaint}");
    }
}

#[tokio::test]
async fn the_form_for_probes_opens_for_everybody_and_registers_nobody() {
    let host = Served::start(BINARY, &[]).await;
    let client = host.client();
    let form = async || {
        let answer = client.get(format!("{}/_check/register", host.url())).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(answer)
    };
    wait_for("the form", form).await;
    let body = reqwest::multipart::Form::new().text("submission_id", "x").text("email", "victim@example.org");
    let answer = client.post(format!("{}/_check/register", host.url())).multipart(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let (_, told, _) = host.command(&["event", "stats", "_check"]).await;
    assert!(told.contains("opened 0") || told.contains("opened: 0"), "nobody was counted: {told}");
    let beat = async || {
        let answer = client.get(format!("{}/_check/heartbeat", host.url())).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(answer.text().await.ok()?)
    };
    let beat = wait_for("a heartbeat", beat).await;
    assert!(beat.contains("\"monitoring_seconds\":null") && beat.contains("\"wrong\":[]"), "{beat}");
}

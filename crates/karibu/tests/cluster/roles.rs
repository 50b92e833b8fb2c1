//! Each role by itself: what it needs, what it waits for, how it ends.

use std::time::Duration;

use testkit::postgres::{Options, Postgres};
use testkit::redis::Redis;
use testkit::serve::{Served, wait_for};

use crate::house::Cluster;

async fn says(process: &Served, text: &str) {
    wait_for(text, async || process.log().contains(text).then_some(())).await;
}

#[tokio::test]
async fn a_web_has_no_mails_and_a_notifier_no_pages() {
    let cluster = Cluster::start(1, 1).await;
    let parts = async |process: &Served| {
        let (_, report) = process.ops("/readyz").await.unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let mut names: Vec<String> = report["parts"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(parts(&cluster.webs[0]).await, ["database", "redis"]);
    assert_eq!(parts(&cluster.notifiers[0]).await, ["database", "mail", "redis"]);
    assert!(cluster.notifiers[0].client().get(cluster.notifiers[0].url()).send().await.is_err());
    assert!(!cluster.webs[0].data().exists(), "a web keeps nothing");
    for process in [&cluster.webs[0], &cluster.notifiers[0]] {
        let (code, told, complaint) = process.command(&["healthcheck"]).await;
        assert_eq!((code, complaint.as_str()), (0, ""));
        assert!(told.starts_with("Ready; "), "{told}");
    }
}

#[tokio::test]
async fn whoever_shares_waits_for_the_database_and_never_migrates_it() {
    let cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    let mut postgres = Postgres::start(Options::default()).await;
    let url = postgres.url("postgres");
    postgres.stop().await;
    let mut processes = [cluster.stopped("web", 0), cluster.stopped("notifier", 0)];
    for process in &mut processes {
        process.set("DATABASE_URL", &url);
        process.spawn();
    }
    for process in &processes {
        let (status, told) = wait_for("the private listener", async || process.ops("/readyz").await).await;
        assert_eq!(status, 503, "{told}");
        says(process, "The database is waited for").await;
    }
    postgres.start_again().await;
    for process in &mut processes {
        assert_eq!(process.ends().await, Some(1));
        let log = process.log();
        assert!(log.contains("run `karibu migrate`"), "{log}");
    }
    let (code, _, complaint) = processes[0].command(&["migrate"]).await;
    assert_eq!(code, 0, "{complaint}");
    for process in &mut processes {
        process.start_again().await;
        assert_eq!(process.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn what_waiting_does_not_heal_is_refused_at_once() {
    let cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    let locked = Postgres::start(Options { password: Some("right"), ..Options::default() }).await;
    for (name, value, told) in [
        ("DATABASE_URL", locked.url_with("postgres", Some("wrong")), "refuses the user or the password"),
        ("DATABASE_URL", "sqlite:x.db".to_owned(), "several processes share a PostgreSQL"),
        ("SECRET_KEY", String::new(), "the same 32 characters"),
        ("PUBLIC_URL", String::new(), "KARIBU_PUBLIC_URL is not set"),
        ("REDIS_URL", "redis:6379".to_owned(), "KARIBU_REDIS_URL cannot be used"),
        ("DEMO", "perhaps".to_owned(), "say on or off"),
        ("DEMOO", "on".to_owned(), "did you mean KARIBU_DEMO?"),
    ] {
        for role in ["web", "notifier"] {
            let mut process = cluster.stopped(role, 0);
            process.set(name, &value);
            process.spawn();
            assert_ne!(process.ends().await, Some(0), "{role} {name}");
            let log = process.log();
            assert!(log.contains(told) && log.trim().lines().count() == 1, "{role} {name}: {log}");
            assert!(!log.contains("wrong@"), "{log}");
        }
    }
}

#[tokio::test]
async fn a_database_that_goes_and_comes_again_ends_nobody() {
    let mut postgres = Postgres::start(Options::default()).await;
    let mut cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    let url = postgres.url("postgres");
    let mut processes = [cluster.stopped("web", 0), cluster.stopped("notifier", 0)];
    for process in &mut processes {
        process.set("DATABASE_URL", &url);
        process.set("MIGRATE", "auto");
        process.start_again().await;
    }
    postgres.stop().await;
    for process in &processes {
        let gone = async || process.ops("/readyz").await.filter(|(status, _)| *status == 503).map(drop);
        wait_for("it to be told", gone).await;
        let (code, _, complaint) = process.command(&["healthcheck"]).await;
        assert!(code == 1 && complaint.contains("No registration can be stored"), "{complaint}");
    }
    postgres.start_again().await;
    let [web, notifier] = processes;
    for process in [&web, &notifier] {
        let here = async || process.ops("/readyz").await.filter(|(status, _)| *status == 200).map(drop);
        wait_for("it to heal", here).await;
    }
    cluster.webs.push(web);
    cluster.notifiers.push(notifier);
    let person = cluster.person(0);
    wait_for("the event", async || person.try_open().await).await;
    let address = cluster.register(0, "Wafula").await;
    cluster.mail_to(&address, Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_demo_says_so_on_every_page_and_in_every_mail() {
    let mut cluster = Cluster::start_with(Redis::stopped(&[]), 0, 0).await;
    for role in ["notifier", "web"] {
        let mut process = cluster.stopped(role, 0);
        process.set("DEMO", "on");
        process.start_again().await;
        if role == "web" { cluster.webs.push(process) } else { cluster.notifiers.push(process) }
    }
    let person = cluster.person(0);
    wait_for("the event", async || person.try_open().await).await;
    for path in ["/connect/", "/connect/register?lang=fr", "/nowhere"] {
        let page = person.get(path).await.text().await.unwrap();
        assert!(page.contains("class=\"demo\"") && page.contains("DEMO"), "{path}");
    }
    let address = cluster.register(0, "Achieng").await;
    cluster.mail_to(&address, Duration::from_secs(10)).await;
    wait_for("the organisers' mails", async || (cluster.relay.mails().len() > 1).then_some(())).await;
    for mail in cluster.relay.mails() {
        let letter = mail.letter();
        assert!(letter.subject.starts_with("[DEMO] "), "{}", letter.subject);
        assert!(letter.text.starts_with("DEMO: ") && letter.html.contains("DEMO: "));
    }
    // Nobody real is in the sample, and in a demo its mails stay here: so its organisers are told.
    assert!(cluster.relay.mails().iter().any(|mail| !mail.rcpt[0].starts_with("person-")));

    let mut public = cluster.stopped("web", 1);
    public.set("DEMO", "on");
    public.set("PUBLIC_URL", "https://register.example.org");
    public.spawn();
    assert_eq!(public.ends().await, Some(2));
    assert!(public.log().contains("people must not register for a demo"), "{}", public.log());
}

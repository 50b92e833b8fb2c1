//! Mails leave whatever Redis does: it saves the notifiers a wait and nothing else.

use std::time::Duration;

use testkit::redis::Redis;
use testkit::serve::wait_for;

use crate::house::Cluster;

/// A mail leaves within 2 s; this machine may be busy, so that a test gives it some more.
const SOON: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_registration_at_any_web_is_mailed_by_any_notifier() {
    let cluster = Cluster::start(2, 2).await;
    for web in [0, 1, 0, 1] {
        let address = cluster.register(web, "Otieno").await;
        cluster.mail_to(&address, SOON).await;
    }
    // Each notification once, whoever sent it: a confirmation each and one mail or more to the organiser.
    let confirmations = cluster.relay.mails().iter().filter(|mail| mail.rcpt[0].starts_with("person-")).count();
    assert_eq!(confirmations, 4);
    // The way of a mail can be followed by its request.
    let mail = cluster.relay.mails().into_iter().find(|mail| mail.rcpt[0].starts_with("person-")).unwrap();
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    let request = raw.lines().find_map(|line| line.strip_prefix("X-Karibu-Request: ")).unwrap().trim().to_owned();
    let told = |log: String| log.lines().any(|line| line.contains("sent") && line.contains(&request));
    assert!(cluster.notifiers.iter().any(|notifier| told(notifier.log())), "{request}");
    assert!(cluster.webs.iter().any(|web| web.log().contains(&request)), "{request}");
}

#[tokio::test]
async fn mails_leave_while_redis_is_away_killed_emptied_full_and_paused() {
    let redis = Redis::stopped(&["maxmemory 64mb", "maxmemory-policy noeviction"]);
    let mut cluster = Cluster::start_with(redis, 1, 2).await;
    let absent = cluster.register(0, "Absent").await;
    cluster.mail_to(&absent, SOON).await;
    for process in [&cluster.webs[0], &cluster.notifiers[0]] {
        let (status, told) = process.ops("/readyz").await.unwrap();
        assert_eq!(status, 200, "nobody is turned away for Redis: {told}");
        assert!(told.contains("out of reach"), "{told}");
    }

    cluster.redis.start_again().await;
    redis_works(&cluster).await;
    let here = cluster.register(0, "Here").await;
    cluster.mail_to(&here, SOON).await;

    cluster.redis.kill().await;
    let killed = cluster.register(0, "Killed").await;
    cluster.mail_to(&killed, SOON).await;
    cluster.redis.start_again().await;
    redis_works(&cluster).await;

    cluster.redis.ask(&["FLUSHALL"]).await;
    let emptied = cluster.register(0, "Emptied").await;
    cluster.mail_to(&emptied, SOON).await;

    cluster.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let full = cluster.register(0, "Full").await;
    cluster.mail_to(&full, SOON).await;
    cluster.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    redis_works(&cluster).await;

    cluster.redis.freeze();
    let paused = cluster.register(0, "Paused").await;
    cluster.mail_to(&paused, SOON).await;
    cluster.redis.thaw();
    redis_works(&cluster).await;
}

/// Waits until every process says that Redis works.
async fn redis_works(cluster: &Cluster) {
    for process in cluster.webs.iter().chain(&cluster.notifiers) {
        let works = async || {
            let (_, report) = process.ops("/readyz").await?;
            let report: serde_json::Value = serde_json::from_str(&report).ok()?;
            (report["parts"]["redis"]["state"] == "ok").then_some(())
        };
        wait_for("Redis to work", works).await;
    }
}

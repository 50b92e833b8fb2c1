//! Notifiers that die, and relays that fail.

use std::time::Duration;

use testkit::drill::Allowed;
use testkit::smtp::{Mode, SmtpServer, Stage as At};
use tokio::time::{Instant, sleep};

use super::compose::Compose;
use super::{Stage, endure};

/// Both.
const NOTIFIERS: [&str; 2] = ["notifier-1", "notifier-2"];

pub(super) async fn notifiers(stage: &mut Stage, cluster: &Compose, relay: &SmtpServer) {
    for (name, signal) in [("kill -9", "KILL"), ("SIGTERM", "TERM")] {
        for (which, parts) in [("one", &NOTIFIERS[..1]), ("both at the same moment", &NOTIFIERS)] {
            stage
                .run(&format!("notifier: {name} of {which}"), Allowed::Nothing, async |_| {
                    let now = Instant::now();
                    cluster.end(parts, signal).await?;
                    Ok(now)
                })
                .await;
        }
    }
    stage
        .run("notifier: kill -9 of both in mid SMTP DATA", Allowed::Nothing, async |_| {
            // The relay has the mails, and its answers are under way.
            relay.set_mode(Mode::Late(At::Content, Duration::from_secs(20)));
            sleep(Duration::from_secs(5)).await;
            let now = Instant::now();
            cluster.signal(&NOTIFIERS, "KILL").await?;
            relay.set_mode(Mode::Healthy);
            cluster.are_healthy(&NOTIFIERS).await?;
            Ok(now)
        })
        .await;
}

pub(super) async fn relays(stage: &mut Stage, cluster: &Compose, relay: &SmtpServer) {
    for (name, mode, seconds) in [
        ("SMTP: down for 5 min", Mode::Refuse, 300),
        ("SMTP: 4xx for everything", Mode::Reply(At::Mail, "451 4.3.0 not now"), 20),
        ("SMTP: tarpit, 20 s for each answer", Mode::Late(At::Rcpt, Duration::from_secs(20)), 45),
        ("SMTP: closes in mid DATA", Mode::CutBeforeDot, 20),
        ("SMTP: takes the mail and closes without an answer", Mode::CutAfterDot, 20),
        ("SMTP: wrong certificate", Mode::WrongCertificate, 20),
    ] {
        let time = stage.long(seconds);
        stage
            .run(name, Allowed::Nothing, async |crowd| {
                relay.set_mode(mode);
                endure(crowd, time).await;
                relay.set_mode(Mode::Healthy);
                Ok(Instant::now())
            })
            .await;
    }
    let time = stage.long(20);
    stage
        .run("SMTP: wrong password for an hour", Allowed::Nothing, async |crowd| {
            relay.set_mode(Mode::WrongPassword);
            endure(crowd, time).await;
            // The clock that counts is the database's; what waits there is an hour older now.
            let older = "update mail set created_at = created_at - interval '1 hour', next_attempt_at = next_attempt_at - interval '1 hour'
                    where state = 'pending';
                update notification set created_at = created_at - interval '1 hour' where mail_id is null;";
            cluster.sql(older).await?;
            endure(crowd, time).await;
            relay.set_mode(Mode::Healthy);
            Ok(Instant::now())
        })
        .await;
    let url = stage.drill.site.url.clone();
    stage
        .run("SMTP: 5xx for one address in some", Allowed::Nothing, async |crowd| {
            for _ in 0..5 {
                crowd.one_more(&url, 20_000, "rcpt-550-5.1.1").await?;
            }
            Ok(Instant::now())
        })
        .await;
}

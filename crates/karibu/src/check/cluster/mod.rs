//! `karibu check` of a cluster: every part by itself, what they share, and the whole as visitors meet it.

mod front;
mod parts;
mod probe;
mod shared;
mod watched;

use std::time::Duration;

use registration::ports::Clock;
use registration::token::Signer;
use store_postgres::PostgresStore;
use tokio::time::Instant;

use self::probe::Probe;
use super::client::Door;
use super::{Finding, State, data, found, relay, within};
use crate::ports::SystemClock;
use crate::settings::values::Database;
use crate::settings::{ClusterSettings, Place, ServeSettings, Settings};

/// How long one part may take to answer; less than a look may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it may take until what was tried is taken back.
const UNTIL: Duration = Duration::from_secs(34);

/// How many connections it uses, beside those of its own looks.
const CONNECTIONS: u32 = 2;

/// Host and port as people write them.
fn shown((host, port): &Place) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Looks at everything; without settings that fit together at the parts alone.
pub(super) async fn look(
    settings: &Settings,
    cluster: &ClusterSettings,
    serve: Option<&ServeSettings>,
) -> Vec<Finding> {
    let Some(serve) = serve else { return parts::ask(&cluster.parts).await.iter().map(parts::finding).collect() };
    let until = Instant::now() + UNTIL;
    let mut findings = Vec::new();
    if serve.demo {
        findings.push(found("demo").warn(
            "this is a demo: every page and mail says so, and no mail leaves this machine",
            "set KARIBU_PUBLIC_URL and KARIBU_SMTP_URL to go live (README)",
        ));
    }
    let (Database::Postgres(url), Some(public_url)) = (&settings.database, &serve.public_url) else { return findings };
    let Some(door) = Door::new(settings, serve, public_url, cluster.address.as_ref()) else { return findings };
    let connect = PostgresStore::connect(url, CONNECTIONS, settings.ca_file.as_deref());
    let (parts, store) = tokio::join!(parts::ask(&cluster.parts), connect);
    let database = async {
        match &store {
            Ok(store) => shared::database(store, settings, url).await,
            Err(error) => shared::unreachable(error),
        }
    };
    let outbox = async {
        match &store {
            Ok(store) => shared::outbox(store).await,
            Err(_) => found("outbox").skipped("the database comes first"),
        }
    };
    let now = SystemClock.now();
    let (database, redis, outbox, clock, relay, certificate, public, redirect) = tokio::join!(
        within("database", database),
        within("redis", shared::redis(serve.redis.as_ref())),
        within("outbox", outbox),
        within("clock", shared::clocks(store.as_ref().ok(), &parts)),
        within("mail relay", relay(settings, Some(serve))),
        within("certificate", front::certificate(&door, now)),
        within("public address", front::headers(&door)),
        within("redirect", front::redirect(&door, cluster.plain.as_ref())),
    );
    let reachable = public.state != State::Fail;
    let storable = database.state != State::Fail;
    findings.extend(parts.iter().map(parts::finding));
    findings.extend([parts::versions(&parts), clock, database, redis, outbox, relay]);
    findings.extend([certificate, public, redirect]);
    let reports = || parts.iter().filter_map(|part| part.answer.as_ref().ok());
    let webs: Vec<String> =
        reports().filter(|report| report.is_ready_web()).map(|report| report.instance.clone()).collect();
    let known: Vec<String> =
        reports().filter(|report| report.role == "web").map(|report| report.instance.clone()).collect();
    findings.push(if reachable {
        within("web replicas", front::replicas(&door, &webs, &known)).await
    } else {
        found("web replicas").skipped("the public address comes first")
    });
    findings.extend(match &store {
        Ok(store) if reachable && storable => try_it(store, &door, serve, cluster, &webs, until).await,
        _ => ["page views", "registration"].map(|name| found(name).skipped("database and public address come first")),
    });
    findings.extend(watched::findings(&parts, serve.demo));
    findings.push(shared::backups(settings, &parts, serve.demo, now));
    findings.push(data::disk(settings));
    if let Ok(store) = store {
        // What still works for it is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(1), store.close()).await;
    }
    findings
}

async fn try_it(
    store: &PostgresStore,
    door: &Door,
    serve: &ServeSettings,
    cluster: &ClusterSettings,
    webs: &[String],
    until: Instant,
) -> [Finding; 2] {
    let sender = serve.mail_from.as_ref().map(|from| from.address.as_str());
    let Some(recipient) = cluster.oncall.as_deref().or(sender) else {
        return ["page views", "registration"]
            .map(|name| found(name).skipped("nobody is there to get its mail: set KARIBU_ONCALL"));
    };
    let signer = Signer::new(serve.secret_keys.clone().unwrap_or_default());
    Probe::new(door, store, webs, recipient, serve.limits.min_fill, &signer).run(until).await
}

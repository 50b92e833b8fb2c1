//! A whole cluster of processes, to be broken: nginx, two webs, two notifiers, PostgreSQL, Redis and a relay.

use std::path::PathBuf;

use testkit::drill::{Drill, Site};
use testkit::ledger::Ledger;
use testkit::nginx::Nginx;
use testkit::postgres::Postgres;
use testkit::redis::Redis;
use testkit::serve::{Served, root, wait_for};
use testkit::smtp::{Options, SmtpServer};
use testkit::throttle::{Line, Throttle};
use tokio::time::Duration;

use crate::house::BINARY;

/// The event that people register for.
const EVENT: &str = "drill";

/// Who gets a mail about every registration.
const ORGANIZER: &str = "organizer@example.org";

/// A line that is no hindrance until it is cut.
const OPEN: Line = Line { rate: u32::MAX, delay: Duration::ZERO, shared: false };

/// Everything that runs.
pub(crate) struct Ground {
    pub(crate) nginx: Nginx,
    pub(crate) webs: Vec<Served>,
    pub(crate) notifiers: Vec<Served>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) relay: SmtpServer,
    /// Between web-1 and PostgreSQL.
    pub(crate) database_line: Throttle,
    /// Between notifier-1 and Redis.
    pub(crate) redis_line: Throttle,
    pub(crate) drill: Drill,
}

impl Ground {
    /// A cluster that is well.
    pub(crate) async fn open() -> Self {
        Self::on(Postgres::start(testkit::postgres::Options::default()).await).await
    }

    /// The same on this database server.
    pub(crate) async fn on(postgres: Postgres) -> Self {
        let relay =
            SmtpServer::start(Options { login: Some(("karibu", "relay-password")), ..Options::default() }).await;
        let redis = Redis::start(&["maxmemory 64mb", "maxmemory-policy noeviction"]).await;
        let (database_line, redis_line) = (Throttle::start(postgres.port(), OPEN), Throttle::start(redis.port(), OPEN));
        let nginx = Nginx::prepare();
        let (public_url, smtp_url, ca_file) = (nginx.url(), relay.url(), relay.ca_file().display().to_string());
        let (database_url, redis_url) = (postgres.url("postgres"), redis.url());
        let by = |url: &str, own: u16, line: &Throttle| url.replace(&format!(":{own}"), &format!(":{}", line.port()));
        let (cut_database, cut_redis) =
            (by(&database_url, postgres.port(), &database_line), by(&redis_url, redis.port(), &redis_line));
        let process = |role, n: usize| {
            let first = n == 1;
            let (database_url, redis_url) = (
                if first && role == "web" { &cut_database } else { &database_url },
                if first && role == "notifier" { &cut_redis } else { &redis_url },
            );
            let settings = [
                ("TLS", "off"),
                ("TRUSTED_PROXIES", "127.0.0.1/32"),
                ("DATABASE_URL", database_url.as_str()),
                ("REDIS_URL", redis_url.as_str()),
                ("PUBLIC_URL", &public_url),
                ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
                ("SMTP_URL", &smtp_url),
                ("SMTP_RATE", "off"),
                ("CA_FILE", &ca_file),
                ("MAIL_FROM", "register@example.org"),
                ("UPLOAD_QUOTA", "100GiB,100GiB"),
                ("INSTANCE", &format!("{role}-{n}")),
            ];
            Served::stopped(BINARY, role, &settings)
        };
        let mut notifiers = vec![process("notifier", 1), process("notifier", 2)];
        let mut webs = vec![process("web", 1), process("web", 2)];
        let (code, _, complaint) = notifiers[0].command(&["migrate"]).await;
        assert_eq!(code, 0, "{complaint}");
        for process in notifiers.iter_mut().chain(&mut webs) {
            process.start_again().await;
        }
        let file = event_file(&notifiers[0]);
        let (code, _, complaint) = notifiers[0].command(&["event", "import", &file.display().to_string()]).await;
        assert_eq!(code, 0, "{complaint}");
        let nginx = nginx.in_front_of(&[webs[0].port(), webs[1].port()]).await;
        let site = Site { url: nginx.url(), slug: EVENT.to_owned(), authority: nginx.certificates().ca.clone() };
        let mut drill = Drill::new(site, Ledger::Postgres(database_url), relay.folder(), &[ORGANIZER]);
        // This machine has other tests to run, and one web has eight connections to the database.
        (drill.rate, drill.clients) = (12.0, 6);
        drill.form_is_served().await;
        Self { nginx, webs, notifiers, postgres, redis, relay, database_line, redis_line, drill }
    }
}

/// Waits until a part says that it is ready.
pub(crate) async fn is_ready(process: &Served) {
    wait_for("a part", async || process.ops("/readyz").await.filter(|(status, _)| *status == 200)).await;
}

/// The sample event under another name, with places for everybody and one organiser who is told of each.
fn event_file(process: &Served) -> PathBuf {
    let text = std::fs::read_to_string(root().join("events/connect.toml")).unwrap();
    let text = testkit::drill::event_file(&text, EVENT, ORGANIZER);
    let file = process.data().with_file_name("drill.toml");
    std::fs::write(&file, text).unwrap();
    file
}

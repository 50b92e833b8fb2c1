//! A cluster of processes on this machine, each started as in production.

use std::time::Duration;

use reqwest::StatusCode;
use testkit::postgres::{Database, database};
use testkit::redis::Redis;
use testkit::registrant::{Filled, Registrant};
use testkit::serve::{Served, wait_at_most, wait_for};
use testkit::smtp::SmtpServer;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_karibu");

/// The event: the sample.
pub(crate) const EVENT: &str = "connect";

/// The key that links and proofs are signed with.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Webs and notifiers, and what they share.
pub(crate) struct Cluster {
    pub(crate) webs: Vec<Served>,
    pub(crate) notifiers: Vec<Served>,
    pub(crate) redis: Redis,
    pub(crate) relay: SmtpServer,
    pub(crate) database: Database,
}

impl Cluster {
    /// So many of each, with a Redis that runs.
    pub(crate) async fn start(webs: usize, notifiers: usize) -> Self {
        Self::start_with(Redis::start(&["maxmemory 64mb", "maxmemory-policy noeviction"]).await, webs, notifiers).await
    }

    /// So many of each with this Redis.
    pub(crate) async fn start_with(redis: Redis, webs: usize, notifiers: usize) -> Self {
        let relay = testkit::smtp::Options { login: Some(("karibu", "relay-test-password")), ..Default::default() };
        let (database, relay) = (database().await, SmtpServer::start(relay).await);
        let mut cluster = Self { webs: Vec::new(), notifiers: Vec::new(), redis, relay, database };
        cluster.migrate().await;
        for n in 0..notifiers {
            cluster.notifiers.push(cluster.start_as("notifier", n).await);
        }
        for n in 0..webs {
            cluster.webs.push(cluster.start_as("web", n).await);
        }
        for web in &cluster.webs {
            let person = Registrant::new(web.client(), &web.url(), EVENT);
            wait_for("the event", async || person.try_open().await).await;
        }
        cluster
    }

    /// What every process of it is told.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.database.url().to_owned()),
            ("REDIS_URL", self.redis.url()),
            ("SECRET_KEY", KEY.to_owned()),
            ("PUBLIC_URL", "https://localhost".to_owned()),
            ("TLS", "off".to_owned()),
            ("TRUSTED_PROXIES", "127.0.0.1/32".to_owned()),
            ("SMTP_URL", self.relay.url()),
            ("CA_FILE", self.relay.ca_file().display().to_string()),
            ("MAIL_FROM", "register@example.org".to_owned()),
            ("ORGANIZERS", "organizer@example.org".to_owned()),
        ]
    }

    /// One more process that does not run yet.
    pub(crate) fn stopped(&self, role: &'static str, n: usize) -> Served {
        let mut settings = self.settings();
        settings.push(("INSTANCE", format!("{role}-{}", n + 1)));
        let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Served::stopped(BINARY, role, &settings)
    }

    async fn start_as(&self, role: &'static str, n: usize) -> Served {
        let mut process = self.stopped(role, n);
        process.start_again().await;
        process
    }

    /// `karibu migrate`.
    pub(crate) async fn migrate(&self) {
        let (code, _, complaint) = self.stopped("web", 0).command(&["migrate"]).await;
        assert_eq!(code, 0, "{complaint}");
    }

    /// Somebody in front of a web.
    pub(crate) fn person(&self, web: usize) -> Registrant {
        Registrant::new(self.webs[web].client(), &self.webs[web].url(), EVENT)
    }

    /// Registers somebody through a web and gives the address.
    pub(crate) async fn register(&self, web: usize, name: &str) -> String {
        let (person, filled) = (self.person(web), Filled::sample(name));
        let form = person.open().await;
        let answer = person.send(&form, &filled, None).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        filled.get("email").to_owned()
    }

    /// Waits until an address got its mail.
    pub(crate) async fn mail_to(&self, address: &str, patience: Duration) {
        let here = async || self.relay.mails().iter().any(|mail| mail.rcpt[0] == address).then_some(());
        wait_at_most(patience, "a mail", here).await;
    }
}

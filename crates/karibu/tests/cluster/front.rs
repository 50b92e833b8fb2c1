//! Webs behind an nginx, with a notifier and a relay for their mails.

use testkit::ledger::Ledger;
use testkit::letters::Letter;
use testkit::nginx::Nginx;
use testkit::postgres::{Database, database};
use testkit::redis::Redis;
use testkit::registrant::Registrant;
use testkit::serve::{Served, free_port, wait_for};
use testkit::smtp::{Options, ReceivedMail, SmtpServer};

use crate::house::{BINARY, EVENT};

/// Who gets a mail about every registration.
pub(crate) const ORGANIZER: &str = "organizer@example.org";

/// Everything that runs.
pub(crate) struct Front {
    pub(crate) nginx: Nginx,
    pub(crate) webs: Vec<Served>,
    _notifier: Served,
    relay: SmtpServer,
    database: Option<Database>,
}

impl Front {
    /// Two webs.
    pub(crate) async fn open() -> Self {
        Self::with(Nginx::prepare(), 2, &[]).await
    }

    /// So many webs with more settings behind this nginx.
    pub(crate) async fn with(nginx: Nginx, webs: usize, settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let mut front = Self::on(nginx, webs, database.url(), settings).await;
        front.database = Some(database);
        front
    }

    /// The same on a database that the test has.
    pub(crate) async fn on(nginx: Nginx, webs: usize, database: &str, settings: &[(&str, &str)]) -> Self {
        let relay = SmtpServer::start(Options::default()).await;
        let (public_url, smtp_url, ca_file) = (nginx.url(), relay.url(), relay.ca_file().display().to_string());
        // Without a Redis mails are a second late, which is all the same here.
        let redis = Redis::stopped(&[]).url();
        let all = [
            ("TLS", "off"),
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("DATABASE_URL", database),
            ("REDIS_URL", &redis),
            ("PUBLIC_URL", &public_url),
            ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("SMTP_URL", &smtp_url),
            ("CA_FILE", &ca_file),
            ("MAIL_FROM", "register@example.org"),
            ("ORGANIZERS", ORGANIZER),
        ];
        let process = |role, name: &str| {
            let its = [("INSTANCE", name)];
            let its: Vec<_> = all.iter().chain(settings).chain(&its).copied().collect();
            Served::stopped(BINARY, role, &its)
        };
        let mut notifier = process("notifier", "notifier-1");
        let (code, _, complaint) = notifier.command(&["migrate"]).await;
        assert_eq!(code, 0, "{complaint}");
        notifier.start_again().await;
        let ledger = Ledger::Postgres(database.to_owned());
        let sample = async || (ledger.number("select count(*) as n from event").await > 0).then_some(());
        wait_for("the sample event", sample).await;
        let mut served = Vec::new();
        for number in 1..=webs {
            served.push(process("web", &format!("web-{number}")));
        }
        for web in &mut served {
            web.start_again().await;
        }
        let mut ports: Vec<u16> = served.iter().map(Served::port).collect();
        if ports.is_empty() {
            // Where nobody listens.
            ports.push(free_port());
        }
        Self { nginx: nginx.in_front_of(&ports).await, webs: served, _notifier: notifier, relay, database: None }
    }

    /// Somebody who registers for the sample event.
    pub(crate) fn person(&self) -> Registrant {
        self.person_by(self.nginx.client_builder())
    }

    /// The same with a client of their own.
    pub(crate) fn person_by(&self, client: reqwest::ClientBuilder) -> Registrant {
        Registrant::new(client.build().unwrap(), &self.nginx.url(), EVENT)
    }

    /// Waits until there are at least so many mails.
    pub(crate) async fn wait_for_letters(&self, n: usize) -> Vec<Letter> {
        self.relay.wait_for(n).await.iter().map(ReceivedMail::letter).collect()
    }

    /// The mail about a registration that the organiser got.
    pub(crate) async fn organizers_letter(&self) -> Letter {
        let got = async || {
            let mails = self.relay.mails();
            mails.iter().find(|mail| mail.rcpt[0] == ORGANIZER).map(ReceivedMail::letter)
        };
        wait_for("the organiser's mail", got).await
    }

    /// What a query of one number gives.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        self.database.as_ref().unwrap().number(query).await
    }

    /// How many registrations there are.
    pub(crate) async fn registrations(&self) -> i64 {
        self.number("select count(*) from registration").await
    }
}

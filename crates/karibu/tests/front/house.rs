//! Two webs behind an nginx.

use testkit::letters::{Letter, letters};
use testkit::nginx::Nginx;
use testkit::postgres::{Database, database};
use testkit::registrant::Registrant;
use testkit::serve::{Served, free_port, wait_for};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_karibu");

/// Signs links, the same on all webs.
const KEY: &str = "a key of the tests longer than 32 characters";

/// Everything that runs.
pub(crate) struct House {
    pub(crate) nginx: Nginx,
    pub(crate) webs: Vec<Served>,
    pub(crate) database: Option<Database>,
}

impl House {
    /// Two webs on one database, behind an nginx.
    pub(crate) async fn open() -> Self {
        Self::with(Nginx::prepare(), 2, &[]).await
    }

    /// So many webs with more settings behind this nginx.
    pub(crate) async fn with(nginx: Nginx, webs: usize, settings: &[(&str, &str)]) -> Self {
        let database = database().await;
        let mut house = Self::on(nginx, webs, database.url(), settings).await;
        house.database = Some(database);
        house
    }

    /// The same on a database that the test has.
    pub(crate) async fn on(nginx: Nginx, webs: usize, database: &str, settings: &[(&str, &str)]) -> Self {
        let mut served = Vec::new();
        for number in 1..=webs {
            let (instance, url) = (format!("web-{number}"), nginx.url());
            let mut all = vec![
                ("TLS", "off"),
                ("TRUSTED_PROXIES", "127.0.0.1"),
                ("DATABASE_URL", database),
                ("PUBLIC_URL", &url),
                ("SECRET_KEY", KEY),
                ("INSTANCE", &instance),
            ];
            all.extend(settings);
            served.push(Served::start(BINARY, &all).await);
        }
        let mut ports: Vec<u16> = served.iter().map(Served::port).collect();
        if ports.is_empty() {
            // Where nobody listens.
            ports.push(free_port());
        }
        Self { nginx: nginx.in_front_of(&ports).await, webs: served, database: None }
    }

    /// Somebody who registers for the sample event.
    pub(crate) fn person(&self) -> Registrant {
        Registrant::new(self.nginx.client(), &self.nginx.url(), "connect")
    }

    /// All mails so far.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.webs.iter().flat_map(|web| letters(&web.mails())).collect()
    }

    /// Waits until there are at least so many mails.
    pub(crate) async fn wait_for_letters(&self, n: usize) -> Vec<Letter> {
        wait_for(&format!("{n} mails"), async || {
            let found = self.letters();
            (found.len() >= n).then_some(found)
        })
        .await
    }

    /// How many registrations there are.
    pub(crate) async fn registrations(&self) -> i64 {
        self.database.as_ref().unwrap().number("select count(*) from registration").await
    }
}

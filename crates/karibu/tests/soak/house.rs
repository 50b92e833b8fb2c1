//! A running Karibu with everything around it: a database of either engine, a real relay and an event of its own.

use std::time::Duration;

use testkit::ledger::Ledger;
use testkit::letters::{Letter, letters};
use testkit::postgres::{Database, database};
use testkit::registrant::Registrant;
use testkit::serve::{Served, root};
use testkit::smtp::{Options, ReceivedMail, SmtpServer, Tls};

const BINARY: &str = env!("CARGO_BIN_EXE_karibu");

/// The event that everybody registers for.
pub(crate) const EVENT: &str = "soak";

/// Who gets a mail about every registration.
pub(crate) const ORGANIZERS: [&str; 2] = ["organiser@example.org", "second@example.org"];

/// Where registrations are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Where mails go.
pub(crate) enum Post {
    /// A relay.
    Relay(Box<SmtpServer>),
    /// The folder of mails as files.
    Folder,
}

/// Everything that runs.
pub(crate) struct House {
    pub(crate) served: Served,
    pub(crate) post: Post,
    pub(crate) ledger: Ledger,
    pub(crate) capacity: u32,
    /// Goes with the house.
    _database: Option<Database>,
}

impl House {
    /// Starts a relay and `karibu serve` on this engine, with an event of so many places.
    pub(crate) async fn open(engine: Engine, capacity: u32) -> Self {
        Self::with_relay(engine, capacity, Options { tls: Tls::None, login: None }).await
    }

    /// The same with a relay that is set up so.
    pub(crate) async fn with_relay(engine: Engine, capacity: u32, options: Options) -> Self {
        let relay = SmtpServer::start(options).await;
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(database().await),
        };
        let (url, ca) = (relay.url(), relay.ca_file().display().to_string());
        let mut settings = vec![("SMTP_URL", url.as_str()), ("MAIL_FROM", "register@example.org"), ("CA_FILE", &ca)];
        settings.extend(database.as_ref().map(|database| ("DATABASE_URL", database.url())));
        let house = Self::with_settings(&settings, capacity).await;
        Self { post: Post::Relay(Box::new(relay)), _database: database, ..house }
    }

    /// Starts `karibu serve` by these settings, with mails as files unless they say otherwise.
    pub(crate) async fn with_settings(settings: &[(&str, &str)], capacity: u32) -> Self {
        let served = Served::start(BINARY, settings).await;
        let url = settings.iter().find(|(name, _)| *name == "DATABASE_URL");
        let ledger = match url {
            None => Ledger::Sqlite(served.data().join("karibu.db")),
            Some((_, url)) => Ledger::Postgres((*url).to_owned()),
        };
        import(&served, capacity).await;
        Self { served, post: Post::Folder, ledger, capacity, _database: None }
    }

    /// Somebody who registers for the event.
    pub(crate) fn person(&self) -> Registrant {
        // A machine that drills a dozen houses at once may stall for longer than other tests would wait.
        let client = self.served.client_builder().timeout(Duration::from_secs(120)).build().unwrap();
        Registrant::new(client, &self.served.url(), EVENT)
    }

    /// The relay.
    ///
    /// # Panics
    /// When mails are files.
    pub(crate) fn relay(&self) -> &SmtpServer {
        match &self.post {
            Post::Relay(relay) => relay,
            Post::Folder => panic!("mails are files"),
        }
    }

    /// All mails that came, again and again where they came again.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        match &self.post {
            Post::Relay(relay) => relay.mails().iter().map(ReceivedMail::letter).collect(),
            Post::Folder => letters(&self.served.mails()),
        }
    }

    /// What the private listener says at this path.
    pub(crate) async fn ops(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("{}{path}", self.served.ops_url())).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// Imports the event, and waits until it is served.
pub(crate) async fn import(served: &Served, capacity: u32) {
    let file = served.data().join("..").join("soak.toml");
    std::fs::write(&file, event_file(capacity)).unwrap();
    let (code, _, complaint) = served.command(&["event", "import", &file.display().to_string()]).await;
    assert_eq!(code, 0, "{complaint}");
    let person = Registrant::new(served.client(), &served.url(), EVENT);
    testkit::serve::wait_for("the event", async || person.try_open().await).await;
}

/// The sample event under another name, with organisers of its own.
fn event_file(capacity: u32) -> String {
    let sample = std::fs::read_to_string(root().join("events/connect.toml")).unwrap();
    let mut lines = Vec::new();
    let mut in_organizers = false;
    for line in sample.lines() {
        if line.starts_with('[') {
            in_organizers = line == "[[organizers]]";
        }
        match line.split(" = ").next() {
            _ if in_organizers => {}
            Some("slug") => lines.push(format!("slug = \"{EVENT}\"")),
            Some("capacity") => lines.push(format!("capacity = {capacity}")),
            _ => lines.push(line.to_owned()),
        }
    }
    for email in ORGANIZERS {
        lines.push(format!("\n[[organizers]]\nemail = \"{email}\"\ndelivery = \"each\"\nlanguage = \"en\""));
    }
    lines.join("\n")
}

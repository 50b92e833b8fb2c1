//! A running Karibu with everything around it: a database of either engine, a real relay and an event of its own.

use testkit::ledger::Ledger;
use testkit::postgres::{Database, database};
use testkit::registrant::Registrant;
use testkit::serve::{Served, root};
use testkit::smtp::{Options, SmtpServer, Tls};

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

/// Everything that runs.
pub(crate) struct House {
    pub(crate) served: Served,
    pub(crate) relay: SmtpServer,
    pub(crate) ledger: Ledger,
    _database: Option<Database>,
}

impl House {
    /// Starts a relay and `karibu serve` on this engine, with an event of so many places.
    pub(crate) async fn open(engine: Engine, capacity: u32) -> Self {
        let relay = SmtpServer::start(Options { tls: Tls::None, login: None }).await;
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(database().await),
        };
        let url = relay.url();
        let mut settings = vec![("SMTP_URL", url.as_str()), ("MAIL_FROM", "register@example.org")];
        settings.extend(database.as_ref().map(|database| ("DATABASE_URL", database.url())));
        let served = Served::start(BINARY, &settings).await;
        let ledger = match &database {
            None => Ledger::Sqlite(served.data().join("karibu.db")),
            Some(database) => Ledger::Postgres(database.url().to_owned()),
        };
        import(&served, capacity).await;
        Self { served, relay, ledger, _database: database }
    }

    /// Somebody who registers for the event.
    pub(crate) fn person(&self) -> Registrant {
        Registrant::new(self.served.client(), &self.served.url(), EVENT)
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

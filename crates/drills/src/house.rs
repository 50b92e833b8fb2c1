//! A Karibu under load: started with the settings that loads need, with events of its own.

use std::io::{Error, Result};
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::serve::{PATIENCE, Served, root};

use crate::http::{Client, Trust};

/// The event without a limit of places.
pub(crate) const FREE: &str = "free";

/// The event with more places than anybody takes, so that its counter is a row that every registration changes.
pub(crate) const LIMITED: &str = "limited";

/// Places of [`LIMITED`].
pub(crate) const PLACES: u32 = 10_000_000;

/// Guards against floods are a matter of their own: a load comes from one address, without pauses. Those that the binary does
/// not know are not set.
pub(crate) const WIDE_OPEN: [(&str, &str); 4] =
    [("RATE_LIMIT", "off"), ("MIN_FILL", "0s"), ("SMTP_RATE", "off"), ("UPLOAD_QUOTA", "1000GiB,1000GiB")];

/// A running `karibu serve`.
pub(crate) struct House {
    /// The process.
    pub(crate) served: Served,
    /// Trusts its certificate.
    pub(crate) trust: Trust,
    /// Port of its pages.
    pub(crate) port: u16,
}

impl House {
    /// Starts `binary` on a PostgreSQL database or on a new SQLite file, with mails going to `smtp`, and with both events.
    pub(crate) async fn start(binary: &str, database: Option<&str>, smtp: &str) -> Result<Self> {
        let mut settings = vec![
            ("SMTP_URL", smtp),
            ("MAIL_FROM", "bench@example.org"),
            ("ORGANIZERS", "desk@example.org"),
            ("INSTANCE", "bench"),
            ("LOG", "info"),
        ];
        settings.extend(wide_open(binary)?);
        settings.extend(database.map(|url| ("DATABASE_URL", url)));
        let served = Served::start(binary, &settings).await;
        let trust = Trust::file(&served.data().join("tls/cert.pem"))?;
        let port = served.url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        let house = Self { served, trust, port };
        house.import(FREE, None).await?;
        house.import(LIMITED, Some(PLACES)).await?;
        Ok(house)
    }

    /// Processor time of the process so far.
    pub(crate) fn cpu(&self) -> Duration {
        crate::machine::cpu(self.served.pid()).total()
    }

    /// Imports the sample under another name and waits until its form is served.
    async fn import(&self, slug: &str, capacity: Option<u32>) -> Result<()> {
        let file = self.served.data().join(format!("{slug}.toml"));
        std::fs::write(&file, event_file(slug, capacity)?)?;
        let (code, _, told) = self.served.command(&["event", "import", &file.display().to_string()]).await;
        if code != 0 {
            return Err(Error::other(told));
        }
        let (began, mut client) = (Instant::now(), Client::connect(self.port, &self.trust).await?);
        while client.get(&format!("/{slug}/register"), false).await?.status != 200 {
            if began.elapsed() > PATIENCE {
                return Err(Error::other(format!("the form of {slug} is not served: {}", self.served.log())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// The sample event under another name, with other places, for organisers of nobody.
pub(crate) fn event_file(slug: &str, capacity: Option<u32>) -> Result<String> {
    let sample = std::fs::read_to_string(root().join("events/connect.toml"))?;
    let mut text = String::with_capacity(sample.len());
    for line in sample.lines() {
        let line = match line.split_once(" = ").map(|(key, _)| key) {
            Some("slug") => format!("slug = \"{slug}\""),
            Some("capacity") => capacity.map(|places| format!("capacity = {places}")).unwrap_or_default(),
            Some("email") => line.replace("devops@", "desk@").replace("@ubuntunet.net", "@example.org"),
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

fn wide_open(binary: &str) -> Result<Vec<(&'static str, &'static str)>> {
    let help = help(binary)?;
    let known = |name: &str| help.contains(&format!("--{} ", name.to_lowercase().replace('_', "-")));
    Ok(WIDE_OPEN.into_iter().filter(|(name, _)| known(name)).collect())
}

/// All that `karibu serve --help` says.
pub(crate) fn help(binary: &str) -> Result<String> {
    let all = Command::new(binary).arg("--help").output()?;
    let serve = Command::new(binary).args(["serve", "--help"]).output()?;
    Ok(format!("{}\n{}", String::from_utf8_lossy(&all.stdout), String::from_utf8_lossy(&serve.stdout)))
}

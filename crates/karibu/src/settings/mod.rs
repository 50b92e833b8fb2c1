//! Settings: where they come from ([`gather`]), what they are called ([`table`]), what their values look like ([`values`]),
//! and the rules between them ([`run`]).

mod cluster;
mod gather;
mod run;
pub(crate) mod table;
pub(crate) mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mail::{Dkim, DkimError};
use telemetry::logging::{self, Filter, LogFormat};
use url::Url;

pub(crate) use self::cluster::{ClusterSettings, PartAddress, Place, WatchSettings};
pub(crate) use self::gather::Origin;
use self::gather::Values;
pub(crate) use self::run::{MailWay, Role, ServeSettings};
use self::table::Setting;
use self::values::Database;
use crate::refusal::{Outcome, Refusal};

/// The settings of a command, each checked by itself. [`ServeSettings`] are those of a process that serves, checked together.
#[derive(Debug)]
pub(crate) struct Settings {
    values: Values,
    /// Where data is.
    pub(crate) data_dir: PathBuf,
    /// Where everything is kept.
    pub(crate) database: Database,
    /// Connections to it.
    pub(crate) db_connections: u32,
    /// Whether pending migrations are applied; `None` leaves it to the command.
    pub(crate) migrate: Option<bool>,
    /// Extra root certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// What is logged.
    pub(crate) log: Filter,
    /// How.
    pub(crate) log_format: LogFormat,
    /// Name of this process.
    pub(crate) instance: String,
}

impl Settings {
    /// From the flags, the process's environment and `karibu.toml` in the working folder.
    pub(crate) fn read(flags: Vec<(&'static str, String)>) -> Outcome<Self> {
        let file = Values::file_in(Path::new("."))?;
        Self::from_sources(flags, std::env::vars_os(), file.as_deref())
    }

    /// The same, for whoever wants to tell all that is wrong: names that are no setting do not keep the others back.
    pub(crate) fn read_with_unknown(flags: Vec<(&'static str, String)>) -> (Outcome<Self>, Vec<Refusal>) {
        let gathered = Values::file_in(Path::new("."))
            .and_then(|file| Values::gather(flags, std::env::vars_os(), file.as_deref()));
        match gathered {
            Ok(values) => {
                let unknown = values.unknown().to_vec();
                (Self::from_values(values), unknown)
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        }
    }

    /// From these and no others.
    pub(crate) fn from_sources(
        flags: Vec<(&'static str, String)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&str>,
    ) -> Outcome<Self> {
        let values = Values::gather(flags, environment, file)?;
        match values.unknown().first() {
            Some(refusal) => Err(refusal.clone()),
            None => Self::from_values(values),
        }
    }

    fn from_values(values: Values) -> Outcome<Self> {
        let data_dir = values.path("DATA_DIR").unwrap_or_default();
        let database = values.read("DATABASE_URL", values::database)?;
        Ok(Self {
            database: database.unwrap_or_else(|| Database::Sqlite(data_dir.join("karibu.db"))),
            db_connections: values.read("DB_CONNECTIONS", values::connections)?.unwrap_or_default(),
            migrate: values.read("MIGRATE", values::auto_or_off)?,
            ca_file: values.path("CA_FILE"),
            log: values
                .read("LOG", |text| {
                    logging::filter(text).map_err(|error| format!("give such as info, or info,web=debug ({error})"))
                })?
                .unwrap_or_default(),
            log_format: values
                .read("LOG_FORMAT", |text| match text {
                    "text" => Ok(LogFormat::Text),
                    "json" => Ok(LogFormat::Json),
                    _ => Err("say text or json".to_owned()),
                })?
                .unwrap_or(LogFormat::Text),
            instance: values.read("INSTANCE", values::instance)?.unwrap_or_else(host_name),
            data_dir,
            values,
        })
    }

    /// Where a setting's value comes from, if it has one.
    pub(crate) fn origin(&self, name: &str) -> Option<&Origin> {
        self.values.given(name).map(|(_, origin)| origin)
    }

    /// A setting's value as it was given.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.values.given(name).map(|(text, _)| text)
    }

    /// The value of a setting as people may see it, and where it comes from. What no one set is told as what holds then.
    pub(crate) fn shown(&self, setting: &Setting) -> (String, Origin) {
        let Some((text, origin)) = self.values.given(setting.name) else {
            return (self.unset(setting.name), Origin::Default);
        };
        let text = match setting.name {
            _ if !setting.secret => text.to_owned(),
            "DATABASE_URL" if text.starts_with("sqlite:") => text.to_owned(),
            // Whoever knows it can pretend that this host lives.
            "HEARTBEAT_URL" => "(hidden)".to_owned(),
            name if name.ends_with("_URL") => shown_url(text),
            "SECRET_KEY" => match text.split(',').filter(|key| !key.trim().is_empty()).count() {
                1 => "(hidden)".to_owned(),
                keys => format!("(hidden, {keys} keys)"),
            },
            _ => "(hidden)".to_owned(),
        };
        (text, origin.clone())
    }

    /// What holds when nobody sets it.
    fn unset(&self, name: &str) -> String {
        match name {
            "PUBLIC_URL" => {
                let port =
                    self.values.read("LISTEN", values::address).ok().flatten().map_or(8443, |listen| listen.port());
                let scheme =
                    if self.values.given("TLS").is_some_and(|(tls, _)| tls == "off") { "http" } else { "https" };
                format!("{scheme}://localhost:{port}")
            }
            "DATABASE_URL" => format!("sqlite:{}", self.data_dir.join("karibu.db").display()),
            "MIGRATE" => "auto for serve, off else".to_owned(),
            "SECRET_KEY" => format!("(in {})", self.data_dir.join("secret.key").display()),
            "INSTANCE" => self.instance.clone(),
            _ => String::new(),
        }
    }

    /// The refusal that a setting's value is of no use.
    pub(crate) fn wrong(&self, name: &str, advice: &str) -> Refusal {
        self.values.wrong(name, advice)
    }

    /// The key that signs mails, if there is one.
    pub(crate) fn dkim(&self) -> Outcome<Option<Dkim>> {
        let text = |text: &str| Ok(text.to_owned());
        match (self.values.read("DKIM_KEY", text)?, self.values.read("DKIM_SELECTOR", text)?) {
            (None, None) => Ok(None),
            (Some(key), Some(selector)) => Dkim::new(&key, &selector).map(Some).map_err(|error| {
                let name = match error {
                    DkimError::Key => "DKIM_KEY",
                    DkimError::Selector => "DKIM_SELECTOR",
                };
                self.wrong(name, &error.to_string())
            }),
            (None, Some(_)) => {
                Err(self.wrong("DKIM_KEY", "KARIBU_DKIM_SELECTOR names a key to sign mails with: set it too"))
            }
            (Some(_), None) => Err(self.wrong(
                "DKIM_SELECTOR",
                "KARIBU_DKIM_KEY needs the name under which its public half is published, such as karibu2026",
            )),
        }
    }
}

/// A URL as people may see it: without its password.
pub(crate) fn shown_url(text: &str) -> String {
    let Ok(mut url) = text.parse::<Url>() else { return "(hidden)".to_owned() };
    if url.password().is_some() {
        // The only URLs that cannot have one are those that have none.
        let _ = url.set_password(Some("***"));
    }
    // libpq takes passwords there, too.
    let keeps = |name: &str| !name.to_ascii_lowercase().contains("password");
    if url.query_pairs().any(|(name, _)| !keeps(&name)) {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if keeps(&name) { value.into_owned() } else { "***".to_owned() };
                (name.into_owned(), value)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    url.into()
}

/// Host and database of a PostgreSQL URL: `db.example.org:5432/karibu`. Who signs in, and how, is nobody's business.
pub(crate) fn server_of(text: &str) -> String {
    let Ok(url) = text.parse::<Url>() else { return "(hidden)".to_owned() };
    // libpq takes the host there, too: of a socket it is a folder.
    let named = url.query_pairs().find(|(name, _)| name == "host").map(|(_, host)| host.into_owned());
    let host = named.or_else(|| url.host_str().filter(|host| !host.is_empty()).map(str::to_owned));
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", host.unwrap_or_else(|| "localhost".to_owned()), url.path())
}

/// This machine's name, reduced to what an instance may be called.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    values::instance(name.trim()).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "karibu".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_secret() {
        for (name, value, expected) in [
            (
                "SMTP_URL",
                "smtp://u%40x:hunter2@relay.example.org:587?tls=required",
                "smtp://u%40x:***@relay.example.org:587?tls=required",
            ),
            ("DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("DATABASE_URL", "postgres://u@h/d?password=hunter2", "postgres://u@h/d?password=***"),
            ("DATABASE_URL", "sqlite:/a/b.db", "sqlite:/a/b.db"),
            ("SECRET_KEY", "hunter2hunter2hunter2hunter2hunter2", "(hidden)"),
            ("LISTEN", "127.0.0.1:80", "127.0.0.1:80"),
        ] {
            let environment = [(format!("KARIBU_{name}").into(), value.into())];
            let settings = Settings::from_sources(Vec::new(), environment, None).unwrap();
            let setting = table::TABLE.iter().find(|setting| setting.name == name).unwrap();
            assert_eq!(settings.shown(setting), (expected.to_owned(), Origin::Environment));
        }
    }

    #[test]
    fn a_server_is_named_by_host_and_database_only() {
        for (url, expected) in [
            ("postgres://karibu:hunter2@db.example.org/karibu", "db.example.org/karibu"),
            ("postgres://karibu@db.example.org:5433/karibu?password=hunter2", "db.example.org:5433/karibu"),
            ("postgres:///karibu?host=/run/postgresql&user=hunter2", "/run/postgresql/karibu"),
            ("postgres:///karibu", "localhost/karibu"),
        ] {
            assert_eq!(server_of(url), expected);
        }
    }

    #[test]
    fn a_key_for_mails_comes_with_its_selector() {
        let dkim = |pairs: &[(&str, &str)]| {
            let environment = pairs.iter().map(|(name, text)| (format!("KARIBU_{name}").into(), (*text).into()));
            Settings::from_sources(Vec::new(), environment, None).unwrap().dkim()
        };
        assert!(dkim(&[]).unwrap().is_none());
        let refused = |pairs: &[(&str, &str)]| dkim(pairs).unwrap_err().to_string();
        assert!(refused(&[("DKIM_SELECTOR", "a")]).starts_with("KARIBU_DKIM_KEY is not set: "));
        assert!(refused(&[("DKIM_KEY", "secret")]).starts_with("KARIBU_DKIM_SELECTOR is not set: "));
        let told = refused(&[("DKIM_KEY", "secret"), ("DKIM_SELECTOR", "a")]);
        assert!(told.contains("no private key") && !told.contains("secret"), "{told}");
    }
}

//! Settings: where they come from ([`gather`]), what they are called ([`table`]), what their values look like ([`values`]),
//! and the rules between them.

mod gather;
pub(crate) mod table;
pub(crate) mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::{Dkim, DkimError, Person};
use registration::register::SampleOrganizers;
use telemetry::logging::{self, Filter, LogFormat};
use url::Url;
use web::{Limits, Network, RateLimit, UploadQuota};

pub(crate) use self::gather::Origin;
use self::gather::Values;
use self::table::Setting;
use self::values::{Database, Mail, Tls};
use crate::refusal::{Outcome, Refusal};

/// The settings of a command, each checked by itself. [`ServeSettings`] are those of `serve`, checked together.
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

/// How mails leave, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MailWay {
    /// As files in this folder.
    Folder(PathBuf),
    /// By SMTP.
    Smtp {
        /// Where to.
        url: Url,
        /// From whom.
        from: Person,
    },
}

/// The settings of `serve`.
#[derive(Debug)]
pub(crate) struct ServeSettings {
    /// Where the pages are served.
    pub(crate) listen: SocketAddr,
    /// How.
    pub(crate) tls: Tls,
    /// The private listener.
    pub(crate) ops_listen: SocketAddr,
    /// The base of links; `None` follows `listen`.
    pub(crate) public_url: Option<Url>,
    /// How mails leave.
    pub(crate) mail: MailWay,
    /// Sender if one is set, in file mode too.
    pub(crate) mail_from: Option<Person>,
    /// Connections to the relay.
    pub(crate) mail_connections: u32,
    /// Time between two mails after an outage of the relay.
    pub(crate) smtp_rate: Option<Duration>,
    /// Whom the sample event's organiser mails go to.
    pub(crate) organizers: Vec<String>,
    /// Keys that sign; `None` makes one.
    pub(crate) secret_keys: Option<Vec<Vec<u8>>>,
    /// Whose X-Forwarded-For counts.
    pub(crate) trusted_proxies: Vec<Network>,
    /// What one address may do.
    pub(crate) limits: Limits,
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

    /// What `serve` needs beside, checked together.
    pub(crate) fn serve(&self) -> Outcome<ServeSettings> {
        let values = &self.values;
        let listen = values.read("LISTEN", values::address)?.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8443)));
        let tls = values.read("TLS", values::tls)?.unwrap_or(Tls::SelfSigned);
        let ops_listen =
            values.read("OPS_LISTEN", values::address)?.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9600)));
        let public_url = values.read("PUBLIC_URL", values::public_url)?;
        let trusted_proxies = values.read("TRUSTED_PROXIES", values::networks)?.unwrap_or_default();
        if tls == Tls::Off && !listen.ip().to_canonical().is_loopback() && trusted_proxies.is_empty() {
            return Err(self.wrong(
                "TLS",
                "without TLS anybody on the way can read registrations, so listen on 127.0.0.1 only (KARIBU_LISTEN), or name \
                 the proxy that does TLS (KARIBU_TRUSTED_PROXIES)",
            ));
        }
        let mail_from = values.read("MAIL_FROM", values::mail_from)?;
        let production = public_url.as_ref().and_then(Url::host).is_some_and(|host| !values::is_loopback(&host));
        Ok(ServeSettings {
            mail: self.mail_way(production, mail_from.as_ref())?,
            listen,
            tls,
            ops_listen,
            public_url,
            mail_from,
            mail_connections: values.read("MAIL_CONNECTIONS", values::connections)?.unwrap_or_default(),
            smtp_rate: values.read("SMTP_RATE", values::rate)?.flatten(),
            organizers: values.read("ORGANIZERS", values::addresses)?.unwrap_or_default(),
            secret_keys: values.read("SECRET_KEY", values::secret_keys)?,
            trusted_proxies,
            limits: self.limits()?,
        })
    }

    fn limits(&self) -> Outcome<Limits> {
        let values = &self.values;
        let burst = values.read("RATE_BURST", values::burst)?.unwrap_or(1);
        let rate = values.read("RATE_LIMIT", values::rate)?.flatten();
        let none = UploadQuota { per_address_and_day: 0, unclaimed: 0 };
        Ok(Limits {
            min_fill: values.read("MIN_FILL", values::duration)?.unwrap_or_default(),
            rate: rate.map(|each| RateLimit { each, burst }),
            uploads: values.read("UPLOAD_QUOTA", values::upload_quota)?.unwrap_or(none),
        })
    }

    /// Where mails are kept as files.
    pub(crate) fn mail_folder(&self) -> PathBuf {
        self.data_dir.join("mail")
    }

    /// Whom a command beside the server writes to for the sample event. Real people are left in peace: its own organisers
    /// are told only where the server keeps mails as files, which it shows by the folder it made for them.
    pub(crate) fn sample_organizers(&self) -> Outcome<SampleOrganizers> {
        let from = self.values.read("MAIL_FROM", values::mail_from)?;
        Ok(match self.mail_way(false, from.as_ref())? {
            MailWay::Folder(folder) if folder.is_dir() => SampleOrganizers::AsWritten,
            _ => SampleOrganizers::Only(self.values.read("ORGANIZERS", values::addresses)?.unwrap_or_default()),
        })
    }

    fn mail_way(&self, production: bool, from: Option<&Person>) -> Outcome<MailWay> {
        let way = self.values.read("MAIL", values::mail)?.unwrap_or(Mail::Auto);
        let url = self.values.read("SMTP_URL", values::smtp_url)?;
        match (way, url) {
            (Mail::File, _) => Ok(MailWay::Folder(self.mail_folder())),
            (Mail::Auto, None) if !production => Ok(MailWay::Folder(self.mail_folder())),
            (Mail::Auto, None) => Err(self.wrong(
                "SMTP_URL",
                "KARIBU_PUBLIC_URL is not this machine, so mails must leave: set a mail relay (smtp://user:password@host:587), or \
                 say KARIBU_MAIL=file if mails shall only be kept as files",
            )),
            (Mail::Smtp, None) => {
                Err(self.wrong("SMTP_URL", "KARIBU_MAIL=smtp needs a mail relay, such as smtp://user:password@host:587"))
            }
            (Mail::Auto | Mail::Smtp, Some(url)) => {
                let from = from.ok_or_else(|| {
                    self.wrong("MAIL_FROM", "KARIBU_SMTP_URL needs a sender, such as Connect <register@example.org>")
                })?;
                Ok(MailWay::Smtp { url, from: from.clone() })
            }
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

    fn serve(pairs: &[(&str, &str)]) -> Outcome<ServeSettings> {
        let environment = pairs.iter().map(|(name, text)| (format!("KARIBU_{name}").into(), (*text).into()));
        Settings::from_sources(Vec::new(), environment, None)?.serve()
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        serve(pairs).unwrap_err().to_string()
    }

    const PUBLIC: (&str, &str) = ("PUBLIC_URL", "https://register.example.org");
    const RELAY: (&str, &str) = ("SMTP_URL", "smtp://relay.example.org");
    const FROM: (&str, &str) = ("MAIL_FROM", "register@example.org");

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
    fn every_default_is_valid() {
        let settings = serve(&[]).unwrap();
        assert_eq!(settings.mail, MailWay::Folder("./data/mail".into()));
        assert_eq!(settings.public_url, None);
        assert_eq!(settings.mail_connections, 8);
        let rate = RateLimit { each: Duration::from_secs(1), burst: 120 };
        let uploads = UploadQuota { per_address_and_day: 2 << 30, unclaimed: 5 << 30 };
        assert_eq!(settings.limits, Limits { min_fill: Duration::from_secs(3), rate: Some(rate), uploads });
    }

    #[test]
    fn mail_goes_to_files_until_a_relay_is_set() {
        let MailWay::Smtp { from, .. } = serve(&[RELAY, FROM]).unwrap().mail else { panic!("mails are files") };
        assert_eq!(from.address, FROM.1);
        assert!(matches!(serve(&[RELAY, ("MAIL", "file")]).unwrap().mail, MailWay::Folder(_)));
        assert!(refused(&[RELAY]).starts_with("KARIBU_MAIL_FROM is not set: "));
        assert!(refused(&[("MAIL", "smtp")]).starts_with("KARIBU_SMTP_URL is not set: "));
    }

    #[test]
    fn in_production_mail_as_files_must_be_said_on_purpose() {
        assert!(refused(&[PUBLIC]).contains("KARIBU_MAIL=file"));
        assert!(serve(&[PUBLIC, ("MAIL", "file")]).is_ok());
        assert!(serve(&[PUBLIC, RELAY, FROM]).is_ok());
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

    #[test]
    fn tls_may_be_off_only_where_nobody_listens_in() {
        assert!(refused(&[("TLS", "off")]).contains("KARIBU_LISTEN"));
        assert!(serve(&[("TLS", "off"), ("LISTEN", "127.0.0.1:80")]).is_ok());
        assert!(serve(&[("TLS", "off"), ("TRUSTED_PROXIES", "10.0.0.0/8")]).is_ok());
    }
}

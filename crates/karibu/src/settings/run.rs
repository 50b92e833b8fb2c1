//! The settings of a process that serves, which depend on its role and on each other.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use conveyor::redis::Address;
use mail::Person;
use registration::register::SampleOrganizers;
use url::Url;
use web::{Limits, Network, RateLimit, UploadQuota};

use super::values::{self, Database, Mail, Tls};
use super::{Settings, WatchSettings};
use crate::refusal::Outcome;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything, with a data folder of its own.
    Serve,
    /// The pages; one of any number, which share PostgreSQL.
    Web,
    /// The mails; one of any number.
    Notifier,
}

impl Role {
    /// The command that starts it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Web => "web",
            Self::Notifier => "notifier",
        }
    }

    /// Whether it serves pages.
    pub(crate) const fn has_pages(self) -> bool {
        matches!(self, Self::Serve | Self::Web)
    }

    /// Whether it sends mails.
    pub(crate) const fn has_mails(self) -> bool {
        matches!(self, Self::Serve | Self::Notifier)
    }
}

/// How mails leave, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MailWay {
    /// As files in this folder.
    Folder(PathBuf),
    /// Another process sends them.
    Elsewhere,
    /// By SMTP.
    Smtp {
        /// Where to.
        url: Url,
        /// From whom.
        from: Person,
    },
}

/// The settings of a process that serves.
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
    /// Where wake-ups go from process to process.
    pub(crate) redis: Option<Address>,
    /// Whether every page and mail says that this is a demo.
    pub(crate) demo: bool,
    /// Who watches, and whom it tells.
    pub(crate) watch: WatchSettings,
}

/// The settings of the viewer of a demo's mails.
#[derive(Debug)]
pub(crate) struct ViewerSettings {
    /// Where it is served.
    pub(crate) listen: SocketAddr,
    /// The private listener.
    pub(crate) ops_listen: SocketAddr,
    /// The address at which people see it.
    pub(crate) public_url: Url,
    /// Who may ask.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Whether there is anything to be shown.
    pub(crate) demo: bool,
}

impl Settings {
    /// Where the private listener is.
    pub(crate) fn ops_listen(&self) -> Outcome<SocketAddr> {
        let given = self.values.read("OPS_LISTEN", values::address)?;
        Ok(given.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 9600))))
    }

    fn listen(&self) -> Outcome<SocketAddr> {
        let given = self.values.read("LISTEN", values::address)?;
        Ok(given.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8443))))
    }

    /// What the viewer of a demo's mails needs.
    pub(crate) fn viewer(&self) -> Outcome<ViewerSettings> {
        let public_url = self.values.read("PUBLIC_URL", values::public_url)?.ok_or_else(|| {
            self.wrong("PUBLIC_URL", "it tells whether this is a demo on this machine, such as https://localhost")
        })?;
        let trusted_proxies = self.values.read("TRUSTED_PROXIES", values::networks)?.unwrap_or_default();
        if trusted_proxies.is_empty() {
            return Err(self.wrong("TRUSTED_PROXIES", "name the proxy that asks for a login; nobody else is answered"));
        }
        let production = public_url.host().is_some_and(|host| !values::is_loopback(&host));
        let (listen, ops_listen) = (self.listen()?, self.ops_listen()?);
        Ok(ViewerSettings { listen, ops_listen, trusted_proxies, demo: self.demo(production)?, public_url })
    }

    /// What a process needs beside, checked together.
    pub(crate) fn of(&self, role: Role) -> Outcome<ServeSettings> {
        let values = &self.values;
        let listen = self.listen()?;
        let tls = values.read("TLS", values::tls)?.unwrap_or(Tls::SelfSigned);
        let public_url = values.read("PUBLIC_URL", values::public_url)?;
        let trusted_proxies = values.read("TRUSTED_PROXIES", values::networks)?.unwrap_or_default();
        let open = role.has_pages() && !listen.ip().to_canonical().is_loopback();
        if tls == Tls::Off && open && trusted_proxies.is_empty() {
            return Err(self.wrong(
                "TLS",
                "without TLS anybody on the way can read registrations, so listen on 127.0.0.1 only (KARIBU_LISTEN), or name \
                 the proxy that does TLS (KARIBU_TRUSTED_PROXIES)",
            ));
        }
        let mail_from = values.read("MAIL_FROM", values::mail_from)?;
        let production = public_url.as_ref().and_then(Url::host).is_some_and(|host| !values::is_loopback(&host));
        let secret_keys = values.read("SECRET_KEY", values::secret_keys)?;
        if role != Role::Serve {
            self.fit_for_many(public_url.is_some(), secret_keys.is_some())?;
        }
        let demo = self.demo(production)?;
        Ok(ServeSettings {
            mail: if role.has_mails() { self.mail_way(production, mail_from.as_ref())? } else { MailWay::Elsewhere },
            listen,
            tls,
            ops_listen: self.ops_listen()?,
            public_url,
            mail_from,
            mail_connections: values.read("MAIL_CONNECTIONS", values::connections)?.unwrap_or_default(),
            smtp_rate: values.read("SMTP_RATE", values::rate)?.flatten(),
            organizers: values.read("ORGANIZERS", values::addresses)?.unwrap_or_default(),
            secret_keys,
            trusted_proxies,
            limits: self.limits()?,
            redis: self.redis()?,
            demo,
            watch: self.watch(demo)?,
        })
    }

    /// What processes that share the work have to have in common.
    fn fit_for_many(&self, has_public_url: bool, has_keys: bool) -> Outcome {
        if let Database::Sqlite(_) = self.database {
            return Err(self.wrong(
                "DATABASE_URL",
                "several processes share a PostgreSQL (postgres://user:password@host:5432/database); on SQLite there is \
                 `karibu serve` alone",
            ));
        }
        if !has_public_url {
            return Err(self
                .wrong("PUBLIC_URL", "links in pages and mails begin with it, such as https://register.example.org"));
        }
        if !has_keys {
            return Err(self.wrong(
                "SECRET_KEY",
                "all web and notifier processes sign links by the same key: give each of them the same 32 characters or more",
            ));
        }
        Ok(())
    }

    /// Where Redis is, if there is one.
    pub(crate) fn redis(&self) -> Outcome<Option<Address>> {
        let ca = match &self.ca_file {
            None => None,
            Some(file) => Some(std::fs::read(file).map_err(|error| {
                self.wrong("CA_FILE", &format!("it cannot be read ({error}): name a readable file of certificates"))
            })?),
        };
        self.values.read("REDIS_URL", |text| Address::parse(text, ca.clone()).map_err(|error| error.to_string()))
    }

    fn demo(&self, production: bool) -> Outcome<bool> {
        let demo = self.values.read("DEMO", values::on_or_off)?.unwrap_or_default();
        if demo && production {
            return Err(self.wrong(
                "DEMO",
                "KARIBU_PUBLIC_URL is not this machine, and people must not register for a demo: set a mail relay and KARIBU_DEMO=off",
            ));
        }
        Ok(demo)
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
        if self.values.read("DEMO", values::on_or_off)? == Some(true) {
            return Ok(SampleOrganizers::AsWritten);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(role: Role, pairs: &[(&str, &str)]) -> Outcome<ServeSettings> {
        let environment = pairs.iter().map(|(name, text)| (format!("KARIBU_{name}").into(), (*text).into()));
        Settings::from_sources(Vec::new(), environment, None)?.of(role)
    }

    fn serve(pairs: &[(&str, &str)]) -> Outcome<ServeSettings> {
        of(Role::Serve, pairs)
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        serve(pairs).unwrap_err().to_string()
    }

    const PUBLIC: (&str, &str) = ("PUBLIC_URL", "https://register.example.org");
    const RELAY: (&str, &str) = ("SMTP_URL", "smtp://relay.example.org");
    const FROM: (&str, &str) = ("MAIL_FROM", "register@example.org");

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
    fn tls_may_be_off_only_where_nobody_listens_in() {
        assert!(refused(&[("TLS", "off")]).contains("KARIBU_LISTEN"));
        assert!(serve(&[("TLS", "off"), ("LISTEN", "127.0.0.1:80")]).is_ok());
        assert!(serve(&[("TLS", "off"), ("TRUSTED_PROXIES", "10.0.0.0/8")]).is_ok());
    }

    #[test]
    fn processes_that_share_the_work_share_database_key_and_links() {
        let shared = [
            PUBLIC,
            ("DATABASE_URL", "postgres://db/karibu"),
            ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
            ("TLS", "off"),
        ];
        let web = of(Role::Web, &shared).unwrap();
        assert_eq!(web.mail, MailWay::Elsewhere, "it needs no relay");
        assert!(of(Role::Notifier, &shared).unwrap_err().to_string().contains("KARIBU_SMTP_URL"));
        for (without, told) in [(0, "KARIBU_PUBLIC_URL is not set: "), (1, "several processes"), (2, "the same key")] {
            let mut less = shared.to_vec();
            less.remove(without);
            let refusal = of(Role::Web, &less).unwrap_err().to_string();
            assert!(refusal.contains(told), "{refusal}");
        }
    }

    #[test]
    fn a_demo_is_for_this_machine_only() {
        assert!(!serve(&[]).unwrap().demo);
        assert!(serve(&[("DEMO", "on"), ("PUBLIC_URL", "https://localhost")]).unwrap().demo);
        assert!(refused(&[("DEMO", "on"), PUBLIC, RELAY, FROM]).starts_with("KARIBU_DEMO is `on`: "));
        assert!(serve(&[("DEMO", "off"), PUBLIC, RELAY, FROM]).is_ok());
    }

    #[test]
    fn redis_is_named_without_its_password() {
        let redis = serve(&[("REDIS_URL", "redis://:hunter2@redis:6379")]).unwrap().redis.unwrap();
        assert_eq!(redis.shown(), "redis://redis:6379");
        let told = refused(&[("REDIS_URL", "http://:hunter2@redis")]);
        assert!(told.starts_with("KARIBU_REDIS_URL cannot be used: ") && !told.contains("hunter2"), "{told}");
    }
}

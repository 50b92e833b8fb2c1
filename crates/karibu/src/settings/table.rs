//! The table of settings: from it come the flags, the environment variables, the keys of `karibu.toml` and the help.

/// A setting's name everywhere: `PUBLIC_URL` is `--public-url`, `KARIBU_PUBLIC_URL`, `KARIBU_PUBLIC_URL_FILE` and `public_url`.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Name in capitals.
    pub(crate) name: &'static str,
    /// What stands for the value in the help.
    pub(crate) value: &'static str,
    /// The value when nobody sets one; `None` when the help says what happens then.
    pub(crate) default: Option<&'static str>,
    /// Whether its value is never shown.
    pub(crate) secret: bool,
    /// What it means, for the help.
    pub(crate) help: &'static str,
}

const fn setting(
    name: &'static str,
    value: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { name, value, default, secret: false, help }
}

const fn secret(name: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { name, value, default: None, secret: true, help }
}

/// Where data is when nobody says otherwise.
pub(crate) const DEFAULT_DATA_DIR: &str = "./data";

/// All settings, in the order of the help.
pub(crate) const TABLE: [Setting; 34] = [
    setting("LISTEN", "ADDRESS:PORT", Some("0.0.0.0:8443"), "Where the pages are served"),
    setting(
        "TLS",
        "WAY",
        Some("self-signed"),
        "`self-signed`, `CERTIFICATE.pem,KEY.pem`, or `off` (on a loopback LISTEN, or behind TRUSTED_PROXIES)",
    ),
    setting("OPS_LISTEN", "ADDRESS:PORT", Some("127.0.0.1:9600"), "Private listener: /healthz, /readyz, /metrics"),
    setting("PUBLIC_URL", "URL", None, "The only base of links [default: https://localhost with the port of LISTEN]"),
    setting("DATA_DIR", "FOLDER", Some(DEFAULT_DATA_DIR), "SQLite database, mails as files, generated keys"),
    secret("DATABASE_URL", "URL", "`sqlite:FILE` or `postgres://…` [default: SQLite in DATA_DIR]"),
    setting("DB_CONNECTIONS", "N", Some("8"), "Database connections of this process"),
    setting(
        "MIGRATE",
        "WHEN",
        None,
        "Changes of PostgreSQL tables: `auto` or `off` [default: auto for serve, off else]; SQLite always follows",
    ),
    secret(
        "REDIS_URL",
        "URL",
        "Wakes notifiers of other processes: `redis://:password@host`, `rediss://…`, `redis+sentinel://…/master`",
    ),
    setting(
        "MAIL",
        "WAY",
        Some("auto"),
        "`smtp`, `file` (into DATA_DIR/mail, read at /mail/), or `auto`: smtp if SMTP_URL is set",
    ),
    secret("SMTP_URL", "URL", "`smtp://user:password@host:587`, `smtps://…`; `?tls=required|opportunistic|none`"),
    setting(
        "MAIL_FROM",
        "ADDRESS",
        None,
        "Sender of mails, e.g. `Connect <register@example.org>`; needed with SMTP_URL",
    ),
    setting("MAIL_CONNECTIONS", "N", Some("8"), "Connections to the mail relay"),
    secret("DKIM_KEY", "PEM", "Private key that signs mails (Ed25519, or RSA of 2048 bits or more)"),
    setting(
        "DKIM_SELECTOR",
        "NAME",
        None,
        "Where its public half is published: NAME._domainkey before the sender's domain",
    ),
    setting(
        "SMTP_RATE",
        "RATE",
        Some("600/min"),
        "How fast mails go that an outage of the mail relay held up, or `off`",
    ),
    setting(
        "ORGANIZERS",
        "ADDRESSES",
        None,
        "Whom the sample event's organiser mails go to with a real SMTP, by commas",
    ),
    secret(
        "SECRET_KEY",
        "KEY[,OLD]",
        "Signs links; 32 characters or more, by commas when rotated [default: made in DATA_DIR]",
    ),
    setting("CA_FILE", "FILE", None, "Extra root certificates (PEM) for connections to database and mail relay"),
    setting("TRUSTED_PROXIES", "NETWORKS", None, "Networks of the proxies in front of Karibu, e.g. `10.0.0.0/8,::1`"),
    setting(
        "RATE_LIMIT",
        "RATE",
        Some("60/min"),
        "Registrations of one address (IPv6: of one /64) beyond RATE_BURST: such as `60/min`, or `off`",
    ),
    setting("RATE_BURST", "N", Some("120"), "Registrations of one address at once"),
    setting(
        "MIN_FILL",
        "TIME",
        Some("3s"),
        "A form that comes back sooner is shown again to be sent once more; `0s` asks nobody",
    ),
    setting(
        "UPLOAD_QUOTA",
        "SIZE,SIZE",
        Some("2GiB,5GiB"),
        "Files taken: from one address in a day, and of all that wait for their form",
    ),
    setting(
        "DEMO",
        "on|off",
        Some("off"),
        "Whether every page and mail says that this is a demo; on this machine only",
    ),
    setting(
        "ONCALL",
        "ADDRESSES",
        None,
        "Who is written to when something breaks, by commas; the mail of `karibu check` goes to the first",
    ),
    setting(
        "WATCHDOG",
        "on|off",
        Some("off"),
        "Whether a monitoring asks and pings this notifier; it mails ONCALL when that stops",
    ),
    secret("ALERT_SMTP_URL", "URL", "A second mail relay for alarms, for when the first one is down; like SMTP_URL"),
    secret("HEARTBEAT_URL", "URL", "Asked for each minute, so that somebody outside notices when this host is gone"),
    setting(
        "PARTS",
        "NAME=URL,…",
        None,
        "Private listeners of all parts of a cluster, for `karibu check`: `web-1=http://web-1:9600,…`",
    ),
    setting(
        "CHECK_ADDRESS",
        "HOST:PORT[,HOST:PORT]",
        None,
        "Where `karibu check` connects instead of the host of PUBLIC_URL, and where plain HTTP is",
    ),
    setting("INSTANCE", "NAME", None, "Name of this process in headers and logs [default: host name]"),
    setting("LOG", "FILTER", Some("info"), "`error`, `warn`, `info`, `debug`, or `info,web=debug`"),
    setting("LOG_FORMAT", "FORMAT", Some("text"), "`text` or `json`"),
];

/// The environment variable of a setting.
pub(crate) fn variable(name: &str) -> String {
    format!("KARIBU_{name}")
}

/// The flag of a setting, without dashes in front.
pub(crate) fn flag(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// The key of a setting in `karibu.toml`.
pub(crate) fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Of some known names the one nearest to a wrong one.
pub(crate) fn nearest(wrong: &str, known: impl Iterator<Item = String>) -> String {
    known.min_by_key(|name| strsim::damerau_levenshtein(wrong, name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_no_name_is_anothers_file() {
        let names: BTreeSet<_> = TABLE.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for name in &names {
            assert!(!names.contains(format!("{name}_FILE").as_str()));
            assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
        }
    }
}

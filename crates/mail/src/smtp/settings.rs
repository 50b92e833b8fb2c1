//! Where the relay is and how to talk to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use url::Url;

use crate::message::address;

/// Longest wait for the answer to a command.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of the way to a relay.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// `smtp://[user:password@]host[:port][?tls=required|opportunistic|none]` (port 587 by default, 25 without TLS), or
    /// `smtps://…` (port 465). User and password percent-encoded. TLS is required by default.
    pub url: Url,
    /// The sender's address; only [`crate::Transport::probe`] uses it, messages have their own.
    pub from: String,
    /// Most connections at once.
    pub connections: usize,
    /// PEM file of certificates to trust besides the usual roots.
    pub ca_file: Option<PathBuf>,
}

/// What is wrong with the settings, and what would be right. Never tells the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpSettingsError {
    /// The URL.
    #[error("the SMTP URL {0}; it looks like smtp://user:password@relay.example.org:587")]
    Url(&'static str),
    /// The sender's address.
    #[error("the sender {0:?} is no mail address; it looks like events@example.org")]
    From(String),
    /// The file of certificates.
    #[error("the certificates in {path} cannot be used: {reason}")]
    CaFile {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// How the connection is encrypted.
#[derive(Clone)]
pub(super) enum Encryption {
    /// From the first byte on (RFC 8314).
    Wrapped(TlsParameters),
    /// By STARTTLS (RFC 3207), or not at all.
    Required(TlsParameters),
    /// By STARTTLS if the relay offers it.
    Opportunistic(TlsParameters),
    /// None, as said on purpose.
    None,
}

/// A relay, ready to be connected to.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) credentials: Option<Credentials>,
    pub(super) hello: ClientId,
    pub(super) from: Address,
    /// Longest wait for an answer.
    pub(super) patience: Duration,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Relay {
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, SmtpSettingsError> {
        let url = &settings.url;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(SmtpSettingsError::Url("names no host"))?;
        // An IPv6 address stands in brackets in a URL only.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(SmtpSettingsError::Url("has something after host and port"));
        }
        let mut mode = None;
        for (key, value) in url.query_pairs() {
            match (key.as_ref(), value.as_ref()) {
                ("tls", "required" | "opportunistic" | "none") if mode.is_none() => mode = Some(value.into_owned()),
                ("tls", _) => {
                    return Err(SmtpSettingsError::Url("has a tls= that is not required, opportunistic or none"));
                }
                _ => return Err(SmtpSettingsError::Url("has a parameter other than tls=")),
            }
        }
        let tls = || tls_parameters(&host, settings);
        let (port, encryption) = match (url.scheme(), mode.as_deref()) {
            ("smtps", None | Some("required")) => (465, Encryption::Wrapped(tls()?)),
            ("smtps", Some(_)) => return Err(SmtpSettingsError::Url("says smtps and no TLS at once")),
            ("smtp", None | Some("required")) => (587, Encryption::Required(tls()?)),
            ("smtp", Some("opportunistic")) => (587, Encryption::Opportunistic(tls()?)),
            ("smtp", Some(_)) => (25, Encryption::None),
            _ => return Err(SmtpSettingsError::Url("begins with neither smtp:// nor smtps://")),
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                Some(Credentials::new(percent_decode(user)?, percent_decode(password)?))
            }
            _ => return Err(SmtpSettingsError::Url("has a user without a password, or a password without a user")),
        };
        let from = address(&settings.from).ok_or_else(|| SmtpSettingsError::From(settings.from.clone()))?;
        let port = url.port().unwrap_or(port);
        Ok(Self { host, port, encryption, credentials, hello: ClientId::default(), from, patience: PATIENCE })
    }
}

fn tls_parameters(host: &str, settings: &SmtpSettings) -> Result<TlsParameters, SmtpSettingsError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    let told = |reason: String| SmtpSettingsError::CaFile {
        path: settings.ca_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default(),
        reason,
    };
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path).map_err(|error| told(error.to_string()))?;
        if !pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
            return Err(told("it holds no PEM certificate".to_owned()));
        }
        let certificate = Certificate::from_pem(&pem).map_err(|error| told(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| told(error.to_string()))
}

fn percent_decode(text: &str) -> Result<String, SmtpSettingsError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(SmtpSettingsError::Url("has a % in user or password that stands for nothing (write %25)"));
            };
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| SmtpSettingsError::Url("has a user or password that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(url: &str) -> Result<Relay, SmtpSettingsError> {
        let url = url.parse().unwrap();
        Relay::new(&SmtpSettings { url, from: "desk@example.org".to_owned(), connections: 1, ca_file: None })
    }

    #[test]
    fn tls_is_required_unless_said_otherwise() {
        let is = |url: &str| {
            let relay = relay(url).unwrap();
            let encryption = match relay.encryption {
                Encryption::Wrapped(_) => "wrapped",
                Encryption::Required(_) => "required",
                Encryption::Opportunistic(_) => "opportunistic",
                Encryption::None => "none",
            };
            (relay.host, relay.port, encryption)
        };
        let example = || "relay.example.org".to_owned();
        assert_eq!(is("smtp://relay.example.org"), (example(), 587, "required"));
        assert_eq!(is("smtp://relay.example.org:25/?tls=required"), (example(), 25, "required"));
        assert_eq!(is("smtp://relay.example.org?tls=opportunistic"), (example(), 587, "opportunistic"));
        assert_eq!(is("smtp://[::1]:1025?tls=none"), ("::1".to_owned(), 1025, "none"));
        assert_eq!(is("smtps://relay.example.org"), (example(), 465, "wrapped"));
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        let relay = relay("smtp://events%40example.org:p%25%3A%2Fw%C3%A9@relay.example.org").unwrap();
        let expected = Credentials::new("events@example.org".to_owned(), "p%:/wé".to_owned());
        assert_eq!(relay.credentials, Some(expected));
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in [
            "http://secret:secret@relay.example.org",
            "smtp://relay.example.org?tls=maybe",
            "smtp://relay.example.org?ssl=yes",
            "smtps://relay.example.org?tls=none",
            "smtp://user@relay.example.org",
            "smtp://:secret@relay.example.org",
            "smtp://user:secret%@relay.example.org",
            "smtp://relay.example.org/inbox",
            "smtp:relay.example.org",
        ] {
            let told = relay(url).unwrap_err().to_string();
            assert!(told.contains("smtp://user:password@") && !told.contains("secret"), "{url}: {told}");
        }
    }

    #[test]
    fn a_certificate_file_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let settings = |ca_file| SmtpSettings {
            url: "smtps://relay.example.org".parse().unwrap(),
            from: "desk@example.org".to_owned(),
            connections: 1,
            ca_file: Some(ca_file),
        };
        assert!(matches!(Relay::new(&settings(path.clone())), Err(SmtpSettingsError::CaFile { .. })));
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(Relay::new(&settings(path)), Err(SmtpSettingsError::CaFile { .. })));
    }
}

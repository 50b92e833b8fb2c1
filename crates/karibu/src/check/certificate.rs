//! The certificate that visitors are shown.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Host;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Finding, found};
use crate::settings::values::{Tls, is_loopback};
use crate::settings::{ServeSettings, Settings};
use crate::tls;

/// A certificate that ends within this time should have been renewed by now.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Looks at it.
pub(super) fn look(settings: &Settings, serve: Option<&ServeSettings>, now: Timestamp) -> Finding {
    let finding = found("certificate");
    let Some(serve) = serve else { return finding.skipped("the settings come first") };
    let (path, key, ours) = match &serve.tls {
        Tls::Off => return finding.ok("none: the proxy in front does TLS (KARIBU_TLS=off)"),
        Tls::Files(certificate, key) => (certificate.clone(), key.clone(), false),
        Tls::SelfSigned => (settings.data_dir.join("tls/cert.pem"), settings.data_dir.join("tls/key.pem"), true),
    };
    let host = serve.public_url.as_ref().and_then(|url| url.host().map(|host| host.to_owned()));
    let host = host.unwrap_or_else(|| Host::Domain("localhost".to_owned()));
    if ours && !path.exists() {
        return finding.warn("self-signed, not made yet", "`karibu serve` makes it");
    }
    if let Err(refusal) = tls::from_files(&path, &key) {
        return finding.refusal(&refusal);
    }
    let der = match CertificateDer::from_pem_file(&path) {
        Ok(der) => der,
        Err(error) => {
            return finding.fail(format!("{} cannot be read ({error})", path.display()), "put it there again");
        }
    };
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
        return finding.fail(format!("{} is no certificate", path.display()), "put one there that browsers know");
    };
    let renew = if ours {
        "start Karibu again, which renews it"
    } else {
        "renew it, and see why that did not happen by itself"
    };
    let ends = certificate.validity().not_after.timestamp();
    let ends = Timestamp::from_second(ends).unwrap_or(Timestamp::MAX);
    let begins = Timestamp::from_second(certificate.validity().not_before.timestamp()).unwrap_or(Timestamp::MIN);
    if now > ends {
        return finding.fail(format!("it ended at {ends:.0}"), renew);
    }
    if now < begins {
        return finding.fail(format!("it only begins at {begins:.0}"), "see that the clock is right");
    }
    if !is_for(&certificate, &host) {
        return finding.fail(
            format!("it is not for {host}, the host of KARIBU_PUBLIC_URL"),
            if ours { "start Karibu again, which makes it anew" } else { "get one for that host" },
        );
    }
    if ends.duration_since(now) < SOON {
        return finding.warn(format!("it ends at {ends:.0}"), renew);
    }
    if ours && !is_loopback(&borrowed(&host)) {
        return finding.warn(
            format!("it is self-signed: every browser warns everybody who comes to {host}"),
            "get one from a certificate authority such as Let's Encrypt and set KARIBU_TLS=/path/cert.pem,/path/key.pem",
        );
    }
    finding.ok(format!("for {host} until {ends:.0}{}", if ours { ", self-signed" } else { "" }))
}

fn borrowed(host: &Host<String>) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(address) => Host::Ipv4(*address),
        Host::Ipv6(address) => Host::Ipv6(*address),
    }
}

/// Whether one of its names is this host, wildcards for one label included (RFC 6125).
fn is_for(certificate: &X509Certificate<'_>, host: &Host<String>) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| match (name, host) {
        (GeneralName::DNSName(name), Host::Domain(host)) => {
            let parent = host.split_once('.').map(|(_, parent)| parent);
            name.eq_ignore_ascii_case(host)
                || name
                    .strip_prefix("*.")
                    .is_some_and(|rest| parent.is_some_and(|parent| rest.eq_ignore_ascii_case(parent)))
        }
        (GeneralName::IPAddress(bytes), Host::Ipv4(address)) => *bytes == address.octets(),
        (GeneralName::IPAddress(bytes), Host::Ipv6(address)) => *bytes == address.octets(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};
    use time::OffsetDateTime;

    use super::super::State;
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn certificate(folder: &Path, names: &[&str], days: i64) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let second = |days: i64| OffsetDateTime::from_unix_timestamp(NOW.as_second() + days * 86_400).unwrap();
        (params.not_before, params.not_after) = (second(-100), second(days));
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    }

    fn finding(folder: &Path, url: &str) -> Finding {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let files = format!("{},{}", folder.join("cert.pem").display(), folder.join("key.pem").display());
        let environment = [
            ("KARIBU_TLS".into(), files.into()),
            ("KARIBU_PUBLIC_URL".into(), url.into()),
            ("KARIBU_MAIL".into(), "file".into()),
        ];
        let settings = Settings::from_sources(Vec::new(), environment, None).unwrap();
        look(&settings, Some(&settings.of(crate::settings::Role::Serve).unwrap()), NOW)
    }

    #[test]
    fn names_and_times_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        for (names, days, url, state) in [
            (&["register.example.org"][..], 60, "https://register.example.org", State::Ok),
            (&["*.example.org"], 60, "https://register.example.org", State::Ok),
            (&["*.example.org"], 60, "https://a.b.example.org", State::Fail),
            (&["*.example.org"], 60, "https://example.org", State::Fail),
            (&["192.0.2.1"], 60, "https://192.0.2.1", State::Ok),
            (&["other.org"], 60, "https://register.example.org", State::Fail),
            (&["register.example.org"], 10, "https://register.example.org", State::Warn),
            (&["register.example.org"], -1, "https://register.example.org", State::Fail),
        ] {
            certificate(folder.path(), names, days);
            let finding = finding(folder.path(), url);
            assert_eq!(finding.state, state, "{names:?} {days} {url}: {finding:?}");
            assert!(finding.todo.is_some() || state == State::Ok);
        }
        std::fs::write(folder.path().join("key.pem"), "").unwrap();
        assert_eq!(finding(folder.path(), "https://register.example.org").state, State::Fail);
    }
}

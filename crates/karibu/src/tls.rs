//! The certificate: made by ourselves at first start, or given as files. And whom we trust where we are the client.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::folder::{DataFolder, private_folder, write_private};
use crate::refusal::{Outcome, Refusal};

/// How long a certificate of ours is valid; browsers take none for longer than 398 days.
const VALID_HOURS: i64 = 365 * 24;

/// A certificate of ours that ends within this time is made again at start.
const RENEW_HOURS: i64 = 30 * 24;

/// What our certificate was made for, so that nobody has to parse it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    hosts: Vec<String>,
    until: Timestamp,
}

/// Whom browsers trust.
pub(crate) fn known_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// A certificate for these hosts from the data folder, made when there is none, when it is for other hosts, when it is
/// about to end, and when it cannot be read.
pub(crate) fn self_signed(folder: &DataFolder, hosts: &[String], now: Timestamp) -> Outcome<Arc<ServerConfig>> {
    let (certificate, key) = (folder.join("tls/cert.pem"), folder.join("tls/key.pem"));
    let made: Option<Made> =
        std::fs::read(folder.join("tls/made.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let good = made.is_some_and(|made| {
        made.hosts == hosts && made.until.duration_since(now) > SignedDuration::from_hours(RENEW_HOURS)
    });
    if good && let Ok(config) = load(&certificate, &key) {
        return Ok(config);
    }
    make(folder, hosts, now).map_err(|error| {
        Refusal::found(format!(
            "no certificate could be made in {} ({error}): make that folder writable for this user",
            folder.join("tls").display()
        ))
    })?;
    load(&certificate, &key).map_err(|what| Refusal::found(format!("{what}: delete it, and it is made again")))
}

/// A certificate chain and its key from PEM files.
pub(crate) fn from_files(certificate: &Path, key: &Path) -> Outcome<Arc<ServerConfig>> {
    load(certificate, key).map_err(|what| {
        Refusal::found(format!(
            "{what}: name a PEM certificate chain and its key as KARIBU_TLS=/path/cert.pem,/path/key.pem"
        ))
    })
}

/// All hosts that our certificate is for.
pub(crate) fn hosts(public_host: Option<&str>, machine: String) -> Vec<String> {
    let mut hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let public = public_host.map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned());
    for host in public.into_iter().chain([machine]) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn make(folder: &DataFolder, hosts: &[String], now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
    let until = now + SignedDuration::from_hours(VALID_HOURS);
    let mut params = CertificateParams::new(hosts)?;
    // A clock that is a little behind must not find the certificate not yet valid.
    params.not_before = OffsetDateTime::from_unix_timestamp(now.as_second() - 24 * 3_600)?;
    params.not_after = OffsetDateTime::from_unix_timestamp(until.as_second())?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name.push(DnType::CommonName, "Karibu, self-signed");
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    private_folder(&folder.join("tls"))?;
    write_private(&folder.join("tls/key.pem"), key.serialize_pem().as_bytes())?;
    write_private(&folder.join("tls/cert.pem"), certificate.pem().as_bytes())?;
    // Last, so that it never speaks of a pair that is only half there.
    let made = Made { hosts: hosts.to_owned(), until };
    write_private(&folder.join("tls/made.json"), &serde_json::to_vec(&made)?)?;
    Ok(())
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("certificate", certificate, &error))?;
    if chain.is_empty() {
        return Err(unreadable("certificate", certificate, &pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("key", key, &error))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private).map_err(|error| {
            let what = match error {
                rustls::Error::InconsistentKeys(_) => "do not belong together".to_owned(),
                other => format!("cannot be used ({other})"),
            };
            format!("the certificate {} and the key {} {what}", certificate.display(), key.display())
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn unreadable(what: &str, path: &Path, error: &pem::Error) -> String {
    let why = match error {
        pem::Error::NoItemsFound => format!("holds no {what} in PEM"),
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => "is not there".to_owned(),
        pem::Error::Io(error) => format!("cannot be read ({error})"),
        _ => "is not valid PEM".to_owned(),
    };
    format!("the {what} {} {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(&parent.path().join("data")).unwrap();
        (parent, folder)
    }

    fn certificate(folder: &DataFolder) -> Vec<u8> {
        std::fs::read(folder.join("tls/cert.pem")).unwrap()
    }

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn our_certificate_is_kept_until_it_is_about_to_end_or_the_hosts_change() {
        let (_parent, folder) = folder();
        let hosts = hosts(Some("localhost"), "here".to_owned());
        assert_eq!(hosts, ["localhost", "127.0.0.1", "::1", "here"]);
        self_signed(&folder, &hosts, NOW).unwrap();
        let first = certificate(&folder);
        self_signed(&folder, &hosts, NOW + SignedDuration::from_hours(330 * 24)).unwrap();
        assert_eq!(certificate(&folder), first);
        self_signed(&folder, &hosts, NOW + SignedDuration::from_hours(336 * 24)).unwrap();
        let second = certificate(&folder);
        assert_ne!(second, first);
        self_signed(&folder, &super::hosts(Some("[fe80::1]"), "here".to_owned()), NOW).unwrap();
        assert_ne!(certificate(&folder), second);
    }

    #[test]
    fn a_damaged_certificate_of_ours_is_made_again() {
        let (_parent, folder) = folder();
        let hosts = hosts(None, "here".to_owned());
        self_signed(&folder, &hosts, NOW).unwrap();
        std::fs::write(folder.join("tls/key.pem"), "").unwrap();
        self_signed(&folder, &hosts, NOW).unwrap();
    }

    #[test]
    fn files_that_are_missing_empty_or_of_another_pair_are_refused_in_a_sentence() {
        let (_first, one) = folder();
        let (_second, other) = folder();
        let hosts = hosts(None, "here".to_owned());
        self_signed(&one, &hosts, NOW).unwrap();
        self_signed(&other, &hosts, NOW).unwrap();
        let told = |certificate: &Path, key: &Path| from_files(certificate, key).unwrap_err().to_string();
        let (certificate, key) = (one.join("tls/cert.pem"), one.join("tls/key.pem"));
        from_files(&certificate, &key).unwrap();
        assert!(told(&certificate, &other.join("tls/key.pem")).contains("do not belong together"));
        assert!(told(&certificate, &one.join("tls/none.pem")).contains("none.pem is not there"));
        assert!(told(&key, &key).contains("holds no certificate in PEM"));
        assert!(told(&certificate, &certificate).contains("holds no key in PEM"));
    }
}

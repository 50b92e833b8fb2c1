//! The cluster as visitors meet it: certificate, headers, the way from plain HTTP, and which webs answer.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use tokio::net::lookup_host;
use tokio::time::timeout;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::client::{Answer, Door, plain};
use super::super::public::version;
use super::super::{Finding, found};
use super::shown;
use crate::settings::Place;
use crate::settings::values::is_loopback;
use crate::tls::known_roots;

/// A certificate that ends within this time should have been renewed by now.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a name may take to be found.
const NAMES: Duration = Duration::from_secs(4);

/// How often it is asked until every web has answered.
const ASKED: u32 = 40;

/// Said with every page, with what stands in it.
const HEADERS: [(&str, &str); 4] = [
    ("Content-Security-Policy", "default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", ""),
];

const RENEW: &str = "renew it, and see why that did not happen by itself (KARIBU_CERTIFICATE)";

fn is_local(door: &Door) -> bool {
    door.url.host().is_some_and(|host| is_loopback(&host))
}

/// The certificate that is served, and how.
pub(super) async fn certificate(door: &Door, now: Timestamp) -> Finding {
    let finding = found("certificate");
    if door.url.scheme() == "http" {
        return finding.skipped("KARIBU_PUBLIC_URL is plain HTTP");
    }
    let at = shown(&door.place);
    let stream = match door.greet(None).await {
        Ok(stream) => stream,
        Err(error) => return refused(finding, door, &error),
    };
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
    let version = version.unwrap_or_default().replace("TLSv1_", "TLS 1.");
    let http2 = if session.alpn_protocol() == Some(b"h2") { "HTTP/2" } else { "HTTP/1.1 only" };
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let Some(ends) = leaf.and_then(end_of) else {
        return finding.fail(format!("{at} shows none that can be read"), RENEW);
    };
    if ends.duration_since(now) < SOON {
        return finding.warn(format!("for {} until {ends:.0} only", door.host), RENEW);
    }
    if !is_local(door) && door.greet(Some(known_roots())).await.is_err() {
        return finding.warn(
            format!(
                "for {} until {ends:.0}, but only KARIBU_CA_FILE knows who signed it: browsers warn everybody",
                door.host
            ),
            "set KARIBU_CERTIFICATE=acme, or to a folder with a certificate that browsers know",
        );
    }
    finding.ok(format!("for {} until {ends:.0}, {version}, {http2}", door.host))
}

/// When a certificate ends.
pub(super) fn end_of(leaf: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    Timestamp::from_second(leaf.validity().not_after.timestamp()).ok()
}

fn refused(finding: Finding, door: &Door, error: &rustls::Error) -> Finding {
    use CertificateError as Wrong;
    let rustls::Error::InvalidCertificate(wrong) = error else {
        return finding.fail(
            format!("no TLS at {} ({error})", shown(&door.place)),
            "see that nginx runs, and that KARIBU_PUBLIC_URL and KARIBU_CHECK_ADDRESS lead to it",
        );
    };
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => finding.fail("it has expired: browsers let nobody in", RENEW),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            finding.fail("it only begins later", "see that the clock is right")
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => finding.fail(
            format!("it is not for {}, the host of KARIBU_PUBLIC_URL", door.host),
            "get one for that host (KARIBU_CERTIFICATE)",
        ),
        Wrong::UnknownIssuer => finding.fail(
            "nobody knows who signed it",
            "put the whole chain into fullchain.pem (KARIBU_CERTIFICATE), or name its authority in KARIBU_CA_FILE",
        ),
        other => finding.fail(format!("it is refused ({other})"), RENEW),
    }
}

/// Whether Karibu answers at the public address, and with the headers that keep browsers safe.
pub(super) async fn headers(door: &Door) -> Finding {
    let finding = found("public address");
    let url = &door.url;
    let answer = match door.get("/version").await {
        Ok(answer) => answer,
        Err(why) => {
            return finding.fail(
                format!("{url}: {why}"),
                "see that nginx runs and finds a web, and that KARIBU_PUBLIC_URL and KARIBU_CHECK_ADDRESS lead to it",
            );
        }
    };
    if version(&answer).is_none_or(|version| !version["commit"].is_string()) {
        let todo = if answer.status >= 500 {
            "nginx finds no web that is ready: see web-1 and the others above"
        } else {
            "see that KARIBU_PUBLIC_URL names this site, and what the proxy in front does"
        };
        return finding.fail(format!("{url}version is not answered by Karibu (status {})", answer.status), todo);
    }
    let mut missing: Vec<&str> = HEADERS
        .iter()
        .filter(|(name, wanted)| answer.header(name).is_none_or(|value| !value.contains(wanted)))
        .map(|(name, _)| *name)
        .collect();
    // Nobody wants it for their own machine.
    if url.scheme() == "https" && !is_local(door) && answer.header("Strict-Transport-Security").is_none() {
        missing.push("Strict-Transport-Security");
    }
    if !missing.is_empty() {
        return finding.fail(
            format!("{url} answers without the header {}", missing.join(", ")),
            "see what the proxy in front takes away",
        );
    }
    let told = format!("{url} is answered by {}, with all headers", instance(&answer));
    if is_local(door) || door.place.0 == door.host {
        return finding.ok(told);
    }
    // It was asked from within the cluster, so names and firewalls are still to be seen.
    let port = url.port_or_known_default().unwrap_or(443);
    match timeout(NAMES, lookup_host((door.host.as_str(), port))).await {
        Ok(Ok(_)) => finding.ok(format!("{told}; seen from inside only: open it from elsewhere, too")),
        _ => finding.warn(
            format!("{told}, from inside; but {} has no address that this machine can find", door.host),
            "publish an A record of it that names this machine, or correct KARIBU_PUBLIC_URL",
        ),
    }
}

/// Whether plain HTTP leads to HTTPS.
pub(super) async fn redirect(door: &Door, given: Option<&Place>) -> Finding {
    let finding = found("redirect");
    if door.url.scheme() == "http" {
        return finding.skipped("KARIBU_PUBLIC_URL is plain HTTP");
    }
    let place = given.cloned().unwrap_or_else(|| (door.place.0.clone(), 80));
    let at = shown(&place);
    let answer = match plain(&place, &door.host, "/").await {
        Ok(answer) => answer,
        // Where nobody was named, a firewall may be what does not answer.
        Err(why) if given.is_none() => {
            return finding.skipped(format!("{why}; its place may be named second in KARIBU_CHECK_ADDRESS"));
        }
        Err(why) => return finding.fail(why, "see that nginx runs and listens there, or correct KARIBU_CHECK_ADDRESS"),
    };
    let to = answer.header("Location").unwrap_or_default();
    let good = matches!(answer.status, 301 | 308)
        && to.starts_with(&format!("https://{}", door.url.host_str().unwrap_or_default()));
    if good {
        finding.ok(format!("http at {at} leads to {to}"))
    } else {
        finding.fail(
            format!("http at {at} is answered by {} {to}", answer.status),
            "let nothing but nginx listen on port 80; it leads everybody to HTTPS",
        )
    }
}

/// Who gave an answer.
pub(super) fn instance(answer: &Answer) -> String {
    answer.instance().unwrap_or("an unnamed instance").to_owned()
}

/// How many answers came from whom, in words.
pub(super) fn by_whom(counts: &BTreeMap<String, u32>) -> String {
    counts.iter().map(|(name, n)| format!("{name} ({n})")).collect::<Vec<_>>().join(", ")
}

/// Whether each of the webs that are ready answers visitors.
pub(super) async fn replicas(door: &Door, webs: &[String], known: &[String]) -> Finding {
    let finding = found("web replicas");
    if webs.is_empty() {
        return finding.fail("no web of KARIBU_PARTS is ready", "start one; see the parts above");
    }
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..ASKED {
        match door.get("/version").await {
            Ok(answer) if answer.status == 200 => *counts.entry(instance(&answer)).or_default() += 1,
            Ok(answer) => {
                return finding.fail(
                    format!("a request through {} is answered by status {}", door.url, answer.status),
                    "see the log of nginx, and which of the webs are ready",
                );
            }
            Err(why) => return finding.fail(format!("{}: {why}", door.url), "see the log of nginx"),
        }
        if webs.iter().all(|web| counts.get(web).is_some_and(|n| *n > 1)) {
            break;
        }
    }
    let unseen: Vec<&str> = webs.iter().filter(|web| !counts.contains_key(*web)).map(String::as_str).collect();
    if !unseen.is_empty() {
        return finding.fail(
            format!("{} is ready and answered none of {ASKED} requests through {}", unseen.join(" and "), door.url),
            "see that nginx knows its address (NGINX_WEB), and its KARIBU_INSTANCE",
        );
    }
    let strangers: Vec<&str> = counts.keys().filter(|name| !known.contains(name)).map(String::as_str).collect();
    if !strangers.is_empty() {
        return finding.warn(
            format!("{} answers visitors, too, and is no part of this cluster", strangers.join(" and ")),
            "add it to KARIBU_PARTS, or take it out of nginx",
        );
    }
    finding.ok(format!("answers through {} came from {}", door.url, by_whom(&counts)))
}

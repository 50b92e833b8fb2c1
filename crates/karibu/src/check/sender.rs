//! Whether the world may believe that mails of the sender's domain come from it: SPF (RFC 7208), DKIM (RFC 6376) and DMARC
//! (RFC 7489).

use std::net::SocketAddr;

use registration::ports::Random;
use url::Host;

use super::dns::{Answer, txt};
use super::{Finding, found};

/// Looks at the records of the domain of `address`; `selector` names its DKIM key. Without a resolver nothing is found.
pub(super) async fn records(
    address: Option<&str>,
    selector: Option<&str>,
    resolver: Option<SocketAddr>,
    random: &dyn Random,
) -> Vec<Finding> {
    let skip = |why: &str| ["SPF", "DKIM", "DMARC"].map(|name| found(name).skipped(why)).to_vec();
    let Some(address) = address else { return skip("no sender is set (KARIBU_MAIL_FROM)") };
    let domain = address.rsplit_once('@').and_then(|(_, domain)| Host::parse(domain).ok());
    let Some(Host::Domain(domain)) = domain.filter(|host| matches!(host, Host::Domain(name) if name.contains('.')))
    else {
        return skip("the sender's domain is not one of the world's");
    };
    let Some(resolver) = resolver else { return skip("this machine names no resolver in /etc/resolv.conf") };
    let dkim = async {
        match selector {
            Some(selector) => Some(txt(resolver, &format!("{selector}._domainkey.{domain}"), random).await),
            None => None,
        }
    };
    let dmarc_name = format!("_dmarc.{domain}");
    let (own, dkim, dmarc) = tokio::join!(txt(resolver, &domain, random), dkim, txt(resolver, &dmarc_name, random));
    let dmarc = match dmarc {
        // Its organisation may speak for it.
        Ok(answer) if starting(&answer, "v=dmarc1").is_empty() => match domain.split_once('.') {
            Some((_, parent)) if parent.contains('.') => txt(resolver, &format!("_dmarc.{parent}"), random).await,
            _ => Ok(answer),
        },
        other => other,
    };
    vec![spf(&domain, own), dkim_of(&domain, selector, dkim), dmarc_of(&domain, &dmarc)]
}

fn spf(domain: &str, answer: Result<Answer, String>) -> Finding {
    let finding = found("SPF");
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return finding.skipped(why),
    };
    if answer == Answer::NoName {
        return finding.fail(
            format!("the sender's domain {domain} does not exist"),
            "set KARIBU_MAIL_FROM to an address of a domain of yours, or others refuse the mails",
        );
    }
    match &starting(&answer, "v=spf1")[..] {
        [] => finding.warn(
            format!("{domain} has no SPF record"),
            format!("publish a TXT record at {domain} that names your relay, such as `v=spf1 include:RELAY -all`"),
        ),
        [record] if record.split_whitespace().any(|term| ["all", "+all"].contains(&term)) => {
            finding.warn(format!("{domain}: {record}"), "it lets everybody send in your name: end it with -all or ~all")
        }
        [record] => finding.ok(format!("{domain}: {record}")),
        more => finding
            .fail(format!("{domain} has {} SPF records, which counts as none", more.len()), "merge them into one"),
    }
}

fn dkim_of(domain: &str, selector: Option<&str>, answer: Option<Result<Answer, String>>) -> Finding {
    let finding = found("DKIM");
    let (Some(selector), Some(answer)) = (selector, answer) else {
        return finding.skipped("Karibu does not sign (KARIBU_DKIM_KEY is not set): see that your relay does");
    };
    let name = format!("{selector}._domainkey.{domain}");
    let publish = format!("publish the public key of KARIBU_DKIM_KEY as a TXT record at {name}: `v=DKIM1; k=…; p=…`");
    match answer {
        Err(why) => finding.skipped(why),
        Ok(Answer::Records(records)) => {
            let key = records.iter().find_map(|record| {
                record.split(';').find_map(|tag| tag.trim().strip_prefix("p=")).map(|key| key.trim().to_owned())
            });
            match key {
                Some(key) if !key.is_empty() => finding.ok(format!("{name} has a key")),
                Some(_) => finding.fail(format!("the key at {name} is revoked"), publish),
                None => finding.fail(format!("{name} has no key"), publish),
            }
        }
        Ok(Answer::NoName) => finding.fail(format!("{name} does not exist"), publish),
    }
}

fn dmarc_of(domain: &str, answer: &Result<Answer, String>) -> Finding {
    let finding = found("DMARC");
    let records = match answer {
        Ok(answer) => starting(answer, "v=dmarc1"),
        Err(why) => return finding.skipped(why.clone()),
    };
    match &records[..] {
        [] => finding.warn(
            format!("{domain} has no DMARC record"),
            format!("publish a TXT record at _dmarc.{domain}, such as `v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}`"),
        ),
        [record] => finding.ok(format!("{domain}: {record}")),
        more => finding.fail(format!("{domain} has {} DMARC records, which counts as none", more.len()), "keep one"),
    }
}

/// The records that begin with a version, in any case.
fn starting<'a>(answer: &'a Answer, version: &str) -> Vec<&'a str> {
    let Answer::Records(records) = answer else { return Vec::new() };
    let starts = |record: &&str| {
        let first = record.split([' ', ';']).next().unwrap_or_default();
        first.eq_ignore_ascii_case(version)
    };
    records.iter().map(String::as_str).filter(starts).collect()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::dns::tests::serve;
    use super::*;
    use crate::ports::SystemRandom;

    async fn states(address: &str, selector: Option<&str>, server: Option<SocketAddr>) -> [State; 3] {
        let findings = records(Some(address), selector, server, &SystemRandom).await;
        assert!(
            findings
                .iter()
                .all(|finding| finding.state == State::Ok || finding.state == State::Skipped || finding.todo.is_some()),
            "{findings:?}"
        );
        let states: Vec<_> = findings.iter().map(|finding| finding.state).collect();
        states.try_into().unwrap()
    }

    #[tokio::test]
    async fn records_are_judged_with_what_to_do() {
        let server = serve(&[
            ("good.org", &["google-site-verification=x", "v=spf1 include:relay.org -all"]),
            ("k1._domainkey.good.org", &["v=DKIM1; k=rsa; p=MIIB"]),
            ("_dmarc.good.org", &["v=DMARC1; p=reject"]),
            ("mail.good.org", &["v=spf1 +all"]),
            ("k1._domainkey.mail.good.org", &["v=DKIM1; p="]),
            ("bad.org", &["v=spf1 -all", "v=spf1 ~all"]),
            ("_dmarc.bad.org", &["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
            ("bare.org", &[]),
        ])
        .await;
        let (ok, warn, fail, skipped) = (State::Ok, State::Warn, State::Fail, State::Skipped);
        for (address, selector, expected) in [
            ("a@good.org", Some("k1"), [ok, ok, ok]),
            ("a@good.org", None, [ok, skipped, ok]),
            ("a@GOOD.org", Some("k2"), [ok, fail, ok]),
            // The organisation's DMARC speaks for its subdomain.
            ("a@mail.good.org", Some("k1"), [warn, fail, ok]),
            ("a@bad.org", None, [fail, skipped, fail]),
            ("a@bare.org", None, [warn, skipped, warn]),
            ("a@nowhere.org", None, [fail, skipped, warn]),
            ("a@localhost", Some("k1"), [skipped; 3]),
            ("a@[127.0.0.1]", Some("k1"), [skipped; 3]),
        ] {
            assert_eq!(states(address, selector, Some(server)).await, expected, "{address} {selector:?}");
        }
        assert_eq!(states("a@good.org", None, None).await, [skipped; 3]);
    }

    #[tokio::test]
    async fn a_resolver_that_is_not_there_fails_nothing() {
        // Bound and silent.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let states = states("a@good.org", Some("k1"), silent.local_addr().ok()).await;
        assert_eq!(states, [State::Skipped; 3]);
    }
}

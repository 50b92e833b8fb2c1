//! What the values of settings look like. Each parser's error is advice: what a good value is.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mail::Person;
use url::{Host, Url};
use web::{Network, UploadQuota};

/// How the pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// By a certificate that is made in the data folder.
    SelfSigned,
    /// By this certificate chain and key, both PEM.
    Files(PathBuf, PathBuf),
    /// Without TLS.
    Off,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// In the PostgreSQL database of this URL.
    Postgres(String),
}

/// How mails leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    /// By SMTP if there is a relay, else as files.
    Auto,
    /// As files.
    File,
    /// By SMTP.
    Smtp,
}

pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:8443 or [::]:8443".to_owned())
}

pub(crate) fn tls(text: &str) -> Result<Tls, String> {
    match (text, text.split_once(',')) {
        ("self-signed", _) => Ok(Tls::SelfSigned),
        ("off", _) => Ok(Tls::Off),
        (_, Some((certificate, key))) if !certificate.trim().is_empty() && !key.trim().is_empty() => {
            Ok(Tls::Files(certificate.trim().into(), key.trim().into()))
        }
        _ => Err("say self-signed, off, or two PEM files as /path/certificate.pem,/path/key.pem".to_owned()),
    }
}

pub(crate) fn public_url(text: &str) -> Result<Url, String> {
    let example = "such as https://register.example.org";
    let url: Url = text.parse().map_err(|error| format!("give an https URL, {example} ({error})"))?;
    let (Some(host), "https" | "http") = (url.host(), url.scheme()) else {
        return Err(format!("give an https URL, {example}"));
    };
    if url.scheme() == "http" && !is_loopback(&host) {
        return Err(format!("links must be safe: give an https URL, {example}"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("give only scheme, host and port: Karibu has the whole host for itself".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave user name and password out".to_owned());
    }
    Ok(url)
}

pub(crate) fn database(text: &str) -> Result<Database, String> {
    let advice = "give sqlite:/path/karibu.db or postgres://user:password@host/database";
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') || path.contains(":memory:") {
            return Err(advice.to_owned());
        }
        return Ok(Database::Sqlite(path.into()));
    }
    let url: Url = text.parse().map_err(|error| format!("{advice} ({error})"))?;
    match url.scheme() {
        "postgres" | "postgresql" => Ok(Database::Postgres(text.to_owned())),
        other => Err(format!("databases of the kind `{other}` are not known: {advice}")),
    }
}

pub(crate) fn connections(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=500).contains(number));
    number.ok_or_else(|| "give a number from 1 to 500".to_owned())
}

pub(crate) fn auto_or_off(text: &str) -> Result<bool, String> {
    match text {
        "auto" => Ok(true),
        "off" => Ok(false),
        _ => Err("say auto or off".to_owned()),
    }
}

pub(crate) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say on or off".to_owned()),
    }
}

pub(crate) fn mail(text: &str) -> Result<Mail, String> {
    match text {
        "auto" => Ok(Mail::Auto),
        "file" => Ok(Mail::File),
        "smtp" => Ok(Mail::Smtp),
        _ => Err("say auto, file or smtp".to_owned()),
    }
}

pub(crate) fn smtp_url(text: &str) -> Result<Url, String> {
    let advice = "give smtp://user:password@host:587 or smtps://user:password@host";
    let url: Url = text.parse().map_err(|error| {
        format!("{advice}, with @ : / and % in user name and password written as %40 %3A %2F and %25 ({error})")
    })?;
    match (url.scheme(), url.host_str()) {
        ("smtp" | "smtps", Some(host)) if !host.is_empty() => Ok(url),
        _ => Err(advice.to_owned()),
    }
}

/// A mail address with or without a name. The mail crate has the last word; this is what saves somebody a mail that
/// nobody gets.
pub(crate) fn mail_from(text: &str) -> Result<Person, String> {
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name.trim().trim_matches('"').trim(), rest.strip_suffix('>').unwrap_or_default()),
        None => ("", text),
    };
    if is_address(address) && !text.contains(char::is_control) {
        Ok(Person { name: Some(name.to_owned()).filter(|name| !name.is_empty()), address: address.to_owned() })
    } else {
        Err("give a mail address, such as Connect <register@example.org>".to_owned())
    }
}

pub(crate) fn addresses(text: &str) -> Result<Vec<String>, String> {
    let addresses: Vec<_> = items(text).map(str::to_owned).collect();
    match addresses.iter().find(|address| !is_address(address)) {
        None => Ok(addresses),
        Some(wrong) => Err(format!("`{wrong}` is no mail address; give one or more, with commas between")),
    }
}

fn is_address(text: &str) -> bool {
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c));
    plain && text.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}

pub(crate) fn secret_keys(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let keys: Vec<_> = items(text).map(|key| key.as_bytes().to_vec()).collect();
    if keys.is_empty() || keys.iter().any(|key| key.len() < 32) {
        return Err("each key needs 32 characters or more; `openssl rand -base64 32` makes one".to_owned());
    }
    Ok(keys)
}

pub(crate) fn networks(text: &str) -> Result<Vec<Network>, String> {
    let network = |item: &str| {
        let (address, prefix) = item.split_once('/').map_or((item, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok()).filter(|prefix| *prefix <= most)?;
        Some(Network { address, prefix })
    };
    items(text)
        .map(|item| network(item).ok_or_else(|| format!("`{item}` is no network; give such as 10.0.0.0/8 or ::1")))
        .collect()
}

pub(crate) fn instance(text: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.len() <= 64 && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("give at most 64 letters, digits, dots, hyphens and underscores".to_owned())
    }
}

/// A time such as `3s`, `30m`, `48h` or `500ms`, a day at most.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let milliseconds =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)].into_iter().find_map(|(unit, worth)| {
            let number: u64 = digits(text.strip_suffix(unit)?)?;
            number.checked_mul(worth).filter(|all| *all <= 86_400_000)
        });
    milliseconds.map(Duration::from_millis).ok_or_else(|| "give such as 3s, 500ms or 30m, a day at most".to_owned())
}

/// A rate such as `60/min`: the time between two. `off` is no limit.
pub(crate) fn rate(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let each = text.split_once('/').and_then(|(number, unit)| {
        let seconds = [("s", 1), ("min", 60), ("h", 3_600)].into_iter().find(|(name, _)| *name == unit.trim())?.1;
        let number = digits(number.trim()).filter(|number| (1..=100_000).contains(number))?;
        Some(Duration::from_secs(seconds) / number as u32)
    });
    each.map(Some).ok_or_else(|| "give such as 60/min, 2/s or 500/h, or off".to_owned())
}

/// How many registrations at once.
pub(crate) fn burst(text: &str) -> Result<u32, String> {
    digits(text)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| (1..=100_000).contains(number))
        .ok_or_else(|| "give a number from 1 to 100000".to_owned())
}

/// Bytes of files: per address and day, and of all that wait for their form, such as `2GiB,5GiB`.
pub(crate) fn upload_quota(text: &str) -> Result<UploadQuota, String> {
    let advice = "give two sizes such as 2GiB,5GiB: per address and day, and of all files that wait for their form";
    let sizes: Option<Vec<u64>> = text.split(',').map(|size| bytes(size.trim())).collect();
    match sizes.as_deref() {
        Some([per_address_and_day, unclaimed]) => {
            Ok(UploadQuota { per_address_and_day: *per_address_and_day, unclaimed: *unclaimed })
        }
        _ => Err(advice.to_owned()),
    }
}

fn bytes(text: &str) -> Option<u64> {
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1_u64 << 40)]
        .into_iter()
        .find_map(|(unit, worth)| digits(text.strip_suffix(unit)?.trim())?.checked_mul(worth))
}

/// A number of digits alone: no sign, no space.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Whether a URL's host is this machine only.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::from(*address).to_canonical().is_loopback(),
    }
}

pub(crate) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_url_is_https_without_a_path_or_loopback() {
        for good in
            ["https://register.example.org", "https://localhost:8443/", "http://127.0.0.1:80", "http://[::1]:8080"]
        {
            assert!(public_url(good).is_ok(), "{good}");
        }
        for bad in [
            "register.example.org",
            "http://register.example.org",
            "ftp://localhost",
            "https://example.org/register",
            "https://example.org/?x",
            "https://user@example.org",
            "https://",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn databases_are_files_or_postgres() {
        assert_eq!(database("sqlite:/a/b.db"), Ok(Database::Sqlite("/a/b.db".into())));
        assert_eq!(database("sqlite:///a/b.db"), Ok(Database::Sqlite("/a/b.db".into())));
        assert_eq!(database("sqlite://b.db"), Ok(Database::Sqlite("b.db".into())));
        assert!(matches!(database("postgresql://u:p@h/d"), Ok(Database::Postgres(_))));
        for bad in ["mysql://h/d", "karibu.db", "sqlite:", "sqlite::memory:", "postgres//h"] {
            assert!(database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn senders_and_organisers_are_mail_addresses() {
        let person = mail_from("\"Connect\" <register@example.org>").unwrap();
        assert_eq!((person.name.as_deref(), person.address.as_str()), (Some("Connect"), "register@example.org"));
        assert!(mail_from("register@example.org").is_ok());
        for bad in ["Connect", "Connect <register>", "a@b\nBcc: c@d", "Connect <a@b", "@b", "a b@c"] {
            assert!(mail_from(bad).is_err(), "{bad}");
        }
        assert_eq!(addresses("a@b.org, c@d.org,").unwrap().len(), 2);
        assert!(addresses("a@b.org c@d.org").is_err());
    }

    #[test]
    fn keys_are_long_and_may_be_several() {
        let key = "k".repeat(32);
        assert_eq!(secret_keys(&format!("{key},{key}x")).unwrap().len(), 2);
        assert!(secret_keys(&format!("{key},short")).is_err());
    }

    #[test]
    fn networks_have_a_prefix_that_fits() {
        let networks = networks("10.0.0.0/8, ::1").unwrap();
        assert_eq!(networks[0], Network { address: [10, 0, 0, 0].into(), prefix: 8 });
        assert_eq!(networks[1].prefix, 128);
        assert!(super::networks("10.0.0.0/33").is_err());
        assert!(super::networks("example.org").is_err());
    }

    #[test]
    fn times_rates_and_sizes_carry_their_unit() {
        assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["3", "s", "-3s", "3 s", "+3s", "25h", "99999999999999999999s", "3d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(rate("60/min"), Ok(Some(Duration::from_secs(1))));
        assert_eq!(rate("2 / s"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(rate("off"), Ok(None));
        for bad in ["60", "0/min", "/min", "60/day", "1e3/s", "-1/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert_eq!(burst("120"), Ok(120));
        assert!(burst("0").is_err());
        let quota = UploadQuota { per_address_and_day: 2 << 30, unclaimed: 5 << 30 };
        assert_eq!(upload_quota("2GiB, 5 GiB"), Ok(quota));
        for bad in ["2GiB", "2GiB,5GiB,1GiB", "2,5", "2GB,5GB", "99999999999GiB,1GiB"] {
            assert!(upload_quota(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tls_is_a_word_or_two_files() {
        assert_eq!(tls("self-signed"), Ok(Tls::SelfSigned));
        assert_eq!(tls("/a.pem, /b.pem"), Ok(Tls::Files("/a.pem".into(), "/b.pem".into())));
        assert!(tls("on").is_err());
        assert!(tls("/a.pem,").is_err());
    }
}

//! Settings of `karibu check` in a cluster: which parts there are, and where it knocks.

use url::Url;

use super::{Settings, values};
use crate::refusal::Outcome;

/// Host and port.
pub(crate) type Place = (String, u16);

/// A part of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartAddress {
    /// What it is called.
    pub(crate) name: String,
    /// Host and port of its private listener.
    pub(crate) place: Place,
}

/// What is known of the cluster.
#[derive(Debug)]
pub(crate) struct ClusterSettings {
    /// All parts that are processes of Karibu.
    pub(crate) parts: Vec<PartAddress>,
    /// Where the pages are, if not at the host of the public URL.
    pub(crate) address: Option<Place>,
    /// Where plain HTTP leads to the pages, if not at port 80 of the same host.
    pub(crate) plain: Option<Place>,
    /// Who is written to when something breaks.
    pub(crate) oncall: Option<String>,
}

/// Who watches, and whom it tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchSettings {
    /// Whom alarms go to.
    pub(crate) oncall: Vec<String>,
    /// Whether a monitoring asks and pings this process.
    pub(crate) watchdog: bool,
    /// A second relay for alarms.
    pub(crate) second_relay: Option<Url>,
    /// What is asked for each minute.
    pub(crate) heartbeat: Option<Url>,
}

/// Whom the alarms of a demo go to: they stay on this machine.
const SAMPLE_ONCALL: &str = "devops@ubuntunet.net";

impl Settings {
    /// What is known of the cluster, if this is one.
    pub(crate) fn cluster(&self) -> Outcome<Option<ClusterSettings>> {
        let oncall = self.values.read("ONCALL", values::addresses)?.and_then(|all| all.into_iter().next());
        let mut places = self.values.read("CHECK_ADDRESS", places)?.unwrap_or_default().into_iter();
        let (address, plain) = (places.next(), places.next());
        let parts = self.values.read("PARTS", parts)?;
        Ok(parts.map(|parts| ClusterSettings { parts, address, plain, oncall }))
    }

    /// Who watches, and whom it tells.
    pub(crate) fn watch(&self, demo: bool) -> Outcome<WatchSettings> {
        let mut oncall = self.values.read("ONCALL", values::addresses)?.unwrap_or_default();
        if demo && oncall.is_empty() {
            oncall.push(SAMPLE_ONCALL.to_owned());
        }
        Ok(WatchSettings {
            oncall,
            watchdog: self.values.read("WATCHDOG", values::on_or_off)?.unwrap_or_default(),
            second_relay: self.values.read("ALERT_SMTP_URL", values::smtp_url)?,
            heartbeat: self.values.read("HEARTBEAT_URL", heartbeat)?,
        })
    }
}

fn heartbeat(text: &str) -> Result<Url, String> {
    let url: Option<Url> = text.parse().ok();
    url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .ok_or_else(|| "give a URL, such as https://watcher.example.org/ping/…".to_owned())
}

fn parts(text: &str) -> Result<Vec<PartAddress>, String> {
    let part = |item: &str| {
        let (name, url) = item.split_once('=')?;
        let name = values::instance(name.trim()).ok().filter(|name| !name.is_empty())?;
        let url: Url = url.trim().parse().ok().filter(|url: &Url| url.scheme() == "http" && url.path() == "/")?;
        let place = (bare(url.host_str()?), url.port_or_known_default()?);
        Some(PartAddress { name, place })
    };
    let parts = values::items(text).map(|item| {
        part(item)
            .ok_or_else(|| format!("`{item}` is no part; give such as web-1=http://web-1:9600, with commas between"))
    });
    let parts: Vec<PartAddress> = parts.collect::<Result<_, _>>()?;
    let twice = parts.iter().enumerate().find(|(n, part)| parts[..*n].iter().any(|other| other.name == part.name));
    match twice {
        Some((_, part)) => Err(format!("`{}` is there twice; name each part once", part.name)),
        None => Ok(parts),
    }
}

fn places(text: &str) -> Result<Vec<Place>, String> {
    let place = |item: &str| {
        let (host, port) = item.rsplit_once(':')?;
        let host = bare(host);
        let plain = !host.is_empty() && !host.contains(['/', '@', ' ']);
        Some((host, port.parse().ok()?)).filter(|_| plain)
    };
    let places: Option<Vec<Place>> = values::items(text).map(place).collect();
    places.filter(|places| places.len() <= 2).ok_or_else(|| {
        "give host and port of the pages, and of plain HTTP if you like: nginx:8443,nginx:8080".to_owned()
    })
}

/// A host without the brackets of IPv6.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_a_name_and_a_private_listener() {
        let parts = parts("web-1=http://web-1:9600, notifier-1=http://[::1]:9601/").unwrap();
        assert_eq!(parts[0], PartAddress { name: "web-1".to_owned(), place: ("web-1".to_owned(), 9600) });
        assert_eq!(parts[1].place, ("::1".to_owned(), 9601));
        for bad in
            ["web-1", "=http://a:1", "a=https://a:1", "a=http://a:1/x", "a=http://a:1,a=http://b:1", "a b=http://a:1"]
        {
            assert!(super::parts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_address_is_one_or_two_places() {
        assert_eq!(places("nginx:8443").unwrap(), [("nginx".to_owned(), 8443)]);
        assert_eq!(places("[::1]:443,nginx:8080").unwrap()[0], ("::1".to_owned(), 443));
        for bad in ["nginx", "nginx:x", ":443", "https://nginx:443", "a:1,b:2,c:3"] {
            assert!(places(bad).is_err(), "{bad}");
        }
    }
}

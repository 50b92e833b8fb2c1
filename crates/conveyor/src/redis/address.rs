//! Where Redis is: `redis://`, `rediss://`, `redis+sentinel://`, `rediss+sentinel://`.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// Port of a sentinel when none is given.
const SENTINEL: u16 = 26_379;

/// Why a URL names no Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give redis://:password@host:6379, rediss:// with TLS, or redis+sentinel://:password@host1,host2,host3/master")]
pub struct AddressError;

/// Where Redis is, and whom it has to trust. Its password is in no text that this type gives.
#[derive(Clone)]
pub struct Address {
    pub(super) place: Place,
    pub(super) ca: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(super) enum Place {
    /// A server.
    One(Box<ConnectionInfo>),
    /// Sentinels who know which server is `master`.
    Sentinels {
        sentinels: Vec<(String, u16)>,
        master: String,
        user: Option<String>,
        password: Option<String>,
        database: i64,
        tls: bool,
    },
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Address {
    /// Reads a URL: `redis://[user]:password@host:6379/0`, `rediss://…` with TLS, or
    /// `redis+sentinel://[user]:password@host1:26379,host2,host3/master[/0]` (`rediss+sentinel` with TLS; user and password are
    /// those of the servers). Special characters are %-escaped. `ca` (PEM) is trusted for TLS in place of the usual roots.
    pub fn parse(url: &str, ca: Option<Vec<u8>>) -> Result<Self, AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(AddressError)?;
        let place = match scheme {
            "redis" | "rediss" => {
                // Its own reader takes a missing host for this machine.
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                if host.is_empty() || host.starts_with(['/', ':']) {
                    return Err(AddressError);
                }
                Place::One(Box::new(url.into_connection_info().map_err(|_| AddressError)?))
            }
            "redis+sentinel" | "rediss+sentinel" => {
                sentinels(rest, scheme.starts_with("rediss")).ok_or(AddressError)?
            }
            _ => return Err(AddressError),
        };
        Ok(Self { place, ca })
    }

    /// Where it is, without user and password.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::One(info) => match info.addr() {
                ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
                ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
                _ => "redis".to_owned(),
            },
            Place::Sentinels { sentinels, master, tls, .. } => {
                let hosts: Vec<_> = sentinels.iter().map(|(host, port)| format!("{host}:{port}")).collect();
                format!("redis{}+sentinel://{}/{master}", if *tls { "s" } else { "" }, hosts.join(","))
            }
        }
    }
}

fn sentinels(rest: &str, tls: bool) -> Option<Place> {
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (hosts, path) = rest.split_once('/')?;
    let (master, database) = match path.split_once('/') {
        Some((master, database)) => (master, database.parse().ok()?),
        None => (path, 0),
    };
    let plain = |name: &str| !name.is_empty() && !name.contains(['/', '?', '#', ' ']);
    if !plain(master) {
        return None;
    }
    let sentinel = |host: &str| match host.rsplit_once(':') {
        Some((host, port)) if plain(host) => Some((host.to_owned(), port.parse().ok()?)),
        None if plain(host) => Some((host.to_owned(), SENTINEL)),
        _ => None,
    };
    let sentinels = hosts.split(',').map(sentinel).collect::<Option<Vec<_>>>()?;
    let (user, password) = match login {
        None => (None, None),
        Some(login) => {
            let (user, password) = login.split_once(':')?;
            (Some(unescape(user)?).filter(|user| !user.is_empty()), Some(unescape(password)?))
        }
    };
    Some(Place::Sentinels { sentinels, master: master.to_owned(), user, password, database, tls })
}

fn unescape(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_their_secrets() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://:hunter2@redis:6380/3", "redis://redis:6380"),
            ("rediss://web:hunter2@redis.example.org", "rediss://redis.example.org:6379"),
            ("redis+sentinel://a,b:26380,c/main", "redis+sentinel://a:26379,b:26380,c:26379/main"),
            ("rediss+sentinel://web:hunter%402@a/main/2", "rediss+sentinel://a:26379/main"),
        ] {
            let address = Address::parse(url, None).unwrap();
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("hunter"));
        }
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for url in [
            "",
            "redis",
            "redis://",
            "redis://:6379",
            "http://redis",
            "redis://:pw@",
            "redis+sentinel://a,b",
            "redis+sentinel://a,,b/main",
            "redis+sentinel://a:x/main",
            "redis+sentinel:///main",
            "redis+sentinel://a/",
            "redis+sentinel://a/main/x",
        ] {
            assert!(Address::parse(url, None).is_err(), "{url}");
        }
    }

    #[test]
    fn passwords_of_sentinels_servers_are_unescaped() {
        let Place::Sentinels { user, password, database, .. } =
            Address::parse("redis+sentinel://web:a%40b@x/main/2", None).unwrap().place
        else {
            panic!("no sentinels")
        };
        assert_eq!((user.as_deref(), password.as_deref(), database), (Some("web"), Some("a@b"), 2));
    }
}

//! The address that a request comes from, through the proxies that are trusted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request;

use crate::state::Network;

/// Says by which addresses a request came, one more at each proxy.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address to count a request for: the peer's; when that is a trusted proxy, the rightmost address of
/// `X-Forwarded-For` that is none. What a client writes there itself stands further left and never counts. A hop that is no
/// address ends the search: the proxy that passed it on is counted.
pub(crate) fn address(request: &request::Parts, trusted: &[Network]) -> IpAddr {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    let mut address = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip().to_canonical());
    let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
    let lines = request.headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while is_trusted(address) {
        let Some(hop) = hops.next().and_then(hop) else { break };
        address = hop;
    }
    address
}

/// An address with or without a port, IPv6 with or without brackets.
fn hop(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    /// The address of a request from `peer` with these lines of X-Forwarded-For; `10.0.0.0/8` and `fd00::/8` are proxies.
    fn from(peer: &str, lines: &[&str]) -> String {
        let mut request = Request::builder();
        for line in lines {
            request = request.header(X_FORWARDED_FOR, *line);
        }
        let (mut parts, _) = request.body(Body::empty()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4000)));
        let network = |address: &str| Network { address: address.parse().unwrap(), prefix: 8 };
        address(&parts, &[network("10.0.0.0"), network("fd00::")]).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(from("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(from("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_counts() {
        assert_eq!(from("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.9"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["1.1.1.1", "198.51.100.7", "fd00::2, 10.0.0.9"]), "198.51.100.7");
        // A chain of proxies alone: the first of them.
        assert_eq!(from("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        for (hop, address) in [
            ("198.51.100.7:49152", "198.51.100.7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("  198.51.100.7  ", "198.51.100.7"),
        ] {
            assert_eq!(from("10.0.0.1", &[hop]), address, "{hop:?}");
        }
    }

    #[test]
    fn garbage_counts_for_the_proxy_that_passed_it_on() {
        for hop in ["", "unknown", "_hidden", "198.51.100", "198.51.100.7 x", "\"198.51.100.7\"", "é"] {
            assert_eq!(from("10.0.0.1", &[&format!("1.1.1.1, {hop}")]), "10.0.0.1", "{hop:?}");
            assert_eq!(from("10.0.0.1", &[&format!("1.1.1.1, {hop}, 10.0.0.9")]), "10.0.0.9", "{hop:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_client_writes_its_own_address_is_counted(forged in "[ -~]{0,60}", client in any::<[u8; 4]>()) {
            let client = Ipv4Addr::from(client);
            prop_assume!(client.octets()[0] != 10);
            prop_assert_eq!(from("10.0.0.1", &[&forged, &client.to_string()]), client.to_string());
            prop_assert_eq!(from("10.0.0.1", &[&format!("{forged}, {client}")]), client.to_string());
        }
    }
}

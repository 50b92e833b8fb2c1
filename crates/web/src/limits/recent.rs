//! A map of addresses that does not grow for ever.

use std::collections::HashMap;
use std::mem::take;
use std::net::IpAddr;

/// Addresses that are remembered for sure; up to twice as many may be.
const REMEMBERED: usize = 50_000;

/// Whom something is counted for: an IPv4 address, or the /64 that one customer of an IPv6 network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

/// What is remembered of the latest addresses. When there are too many, those that were not seen for longest go, half of
/// them at a time, so that nothing has to be searched or swept.
#[derive(Debug)]
pub(super) struct Recent<V> {
    most: usize,
    young: HashMap<Client, V>,
    old: HashMap<Client, V>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { most: REMEMBERED, young: HashMap::new(), old: HashMap::new() }
    }
}

impl<V> Recent<V> {
    /// What is remembered of a client, or `fresh`.
    pub(super) fn of(&mut self, client: Client, fresh: V) -> &mut V {
        if !self.young.contains_key(&client) && self.young.len() >= self.most {
            self.old = take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(client).or_insert_with(|| old.remove(&client).unwrap_or(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let client = |address: &str| Client::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn the_latest_are_remembered_and_never_more_than_twice_as_many() {
        let mut recent = Recent { most: 10, ..Recent::default() };
        for number in 0..100 {
            // One that is seen again and again is not forgotten.
            *recent.of(Client::V4(0), 0) += 1;
            *recent.of(Client::V4(1000 + number), 0) += 1;
            assert!(recent.young.len() + recent.old.len() <= 20);
        }
        assert_eq!(*recent.of(Client::V4(0), 0), 100);
        assert_eq!(*recent.of(Client::V4(1099), 0), 1);
        assert_eq!(*recent.of(Client::V4(1000), 0), 0);
    }
}

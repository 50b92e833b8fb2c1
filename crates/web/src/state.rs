//! What all handlers share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use registration::ids::SubmissionId;
use registration::ports::{StoreError, StoreResult};
use registration::register::Desk;
use registration::stored::uuid_v7;
use registration::token::Signer;
use telemetry::Metrics;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::events::Catalogue;
use crate::limits::{Limits, Registrations, Texts, Uploads};
use crate::pages::assets::Statics;
use crate::pages::heartbeat::LastAnswer;
use crate::views::ViewCounter;

/// How often events are re-read and views are written.
const PULSE: Duration = Duration::from_secs(1);

/// How often the last views are tried to be written at the end.
const LAST_TRIES: u32 = 3;

/// What the composition root decides.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// The only base of links; with a loopback host, forms may come from whatever host they were opened at.
    pub public_url: Url,
    /// Name of this process among its like, told in `X-Instance`.
    pub instance: String,
    /// Version of the binary.
    pub version: &'static str,
    /// Commit it was built from.
    pub commit: &'static str,
    /// Networks of proxies whose `X-Request-Id` and `X-Forwarded-For` count.
    pub trusted_proxies: Vec<Network>,
    /// Whether browsers are told to come by https only for two years: not with a certificate that they do not trust.
    pub hsts: bool,
    /// What one address may do.
    pub limits: Limits,
    /// Whether every page says that this is a demo.
    pub demo: bool,
}

/// An IP network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address of the network.
    pub address: IpAddr,
    /// Leading bits that count: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

impl Network {
    /// Whether an address belongs to it. IPv4 peers of a socket that listens on IPv6 (`::ffff:10.0.0.1`) count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address.to_canonical() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (v6.to_bits(), 128_u8),
        };
        let ((own, own_length), (other, other_length)) = (bits(self.address), bits(address));
        let rest = 128 - u32::from(self.prefix.min(own_length));
        // A shift by the whole width is no shift at all, so the empty prefix is asked first.
        own_length == other_length && (self.prefix == 0 || own >> rest == other >> rest)
    }
}

/// The web role: hand it to a server by [`Web::router`] and run [`Web::run_background`] beside it. Cheap to clone; clones
/// share everything.
#[derive(Clone)]
pub struct Web {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) desk: Desk,
    pub(crate) signer: Arc<Signer>,
    pub(crate) settings: WebSettings,
    pub(crate) metrics: Metrics,
    pub(crate) catalogue: Catalogue,
    pub(crate) views: ViewCounter,
    pub(crate) statics: Statics,
    pub(crate) registrations: Registrations,
    pub(crate) uploads: Uploads,
    pub(crate) texts: Texts,
    pub(crate) heartbeat: LastAnswer,
}

/// The web role over a desk. It knows no event before the first [`Web::refresh`] that succeeds and answers 503 until then.
pub fn web(desk: Desk, signer: Arc<Signer>, settings: WebSettings, metrics: Metrics) -> Web {
    Web {
        inner: Arc::new(Inner {
            desk,
            signer,
            registrations: Registrations::new(settings.limits.rate),
            uploads: Uploads::new(settings.limits.uploads),
            texts: Texts::default(),
            heartbeat: LastAnswer::default(),
            settings,
            metrics,
            catalogue: Catalogue::default(),
            views: ViewCounter::default(),
            statics: Statics::new(),
        }),
    }
}

impl Web {
    /// Re-reads what changed of the events: one cheap read when nothing did. What was read before stays when it fails.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.inner.catalogue.refresh(self.inner.desk.store.as_ref()).await
    }

    /// Whether events were read at least once, so that pages can be served.
    pub fn is_loaded(&self) -> bool {
        self.inner.catalogue.is_loaded()
    }

    /// Writes the page views that were counted since the last time. What cannot be written is kept for the next time.
    pub async fn flush_views(&self) -> Result<(), StoreError> {
        self.inner.views.flush(self.inner.desk.store.as_ref()).await
    }

    /// Re-reads events and writes page views every second, until `shutdown`; then writes the last views. Cancel it only
    /// when the server has answered its last request.
    pub async fn run_background(&self, shutdown: CancellationToken) {
        let mut tick = interval(PULSE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut works = true;
        while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
            // Not raced against the shutdown: a write that was cut off may or may not have counted.
            let done = async { self.refresh().await.and(self.flush_views().await) }.await;
            works = said_once(works, &done);
        }
        for _ in 0..LAST_TRIES {
            match self.flush_views().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the last page views cannot be written"),
            }
            sleep(PULSE / 2).await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.desk.clock.now()
    }

    pub(crate) fn fresh_uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.inner.desk.random.fill(&mut random);
        uuid_v7(self.now(), random)
    }

    pub(crate) fn fresh_submission(&self) -> SubmissionId {
        SubmissionId(self.fresh_uuid())
    }
}

/// Logs a change from working to failing and back, not every second of it.
fn said_once(worked: bool, done: &StoreResult<()>) -> bool {
    match done {
        Err(error) if worked => tracing::warn!(%error, "events cannot be re-read; pages are served from memory"),
        Ok(()) if !worked => tracing::info!("events are re-read again"),
        _ => {}
    }
    done.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_of_its_prefix() {
        let network = |address: &str, prefix| Network { address: address.parse().unwrap(), prefix };
        let holds = |network: Network, address: &str| network.contains(address.parse().unwrap());
        assert!(holds(network("10.0.0.0", 8), "10.255.1.2"));
        assert!(!holds(network("10.0.0.0", 8), "11.0.0.1"));
        assert!(holds(network("10.0.0.0", 8), "::ffff:10.1.1.1"));
        assert!(holds(network("127.0.0.1", 32), "127.0.0.1"));
        assert!(!holds(network("127.0.0.1", 32), "127.0.0.2"));
        assert!(holds(network("0.0.0.0", 0), "8.8.8.8"));
        assert!(!holds(network("0.0.0.0", 0), "2001:db8::1"));
        assert!(holds(network("2001:db8::", 32), "2001:db8:1::1"));
        assert!(!holds(network("::1", 128), "::2"));
    }
}

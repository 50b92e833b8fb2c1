//! Connections are counted and must do something: a silent or stalled one ends, too many are not taken, and somebody who
//! speaks plain HTTP to the TLS port is shown the way.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};
use web::Network;

use crate::patience::{Activity, Limits, Patient, Phase};

/// Connections at most.
const MOST: usize = 4_096;

/// Files that are kept free for the database, certificates and mails when connections are limited by open files.
const OTHER_FILES: usize = 256;

/// The part of all connections that one address may have: one in so many. A campus behind one address has enough with it,
/// and one hostile address cannot shut out all others.
const SHARE: usize = 4;

/// A connection that was not taken is logged at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Takes connections while there are not too many.
#[derive(Clone)]
pub(crate) struct Doorkeeper {
    limits: Limits,
    house: Arc<House>,
    /// Where somebody is sent who speaks HTTP to the TLS port; `None` on a port without TLS.
    secure_url: Option<Arc<str>>,
}

/// Who is in.
struct House {
    places: usize,
    per_address: usize,
    /// Proxies, whose one address stands for many people.
    proxies: Vec<Network>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    told: Option<Instant>,
}

impl Doorkeeper {
    /// For as many connections as the process may have open. Those of `proxies` and of this machine are counted together
    /// only.
    pub(crate) fn new(limits: Limits, proxies: &[Network], secure_url: Option<&str>) -> Self {
        let places = open_files().map_or(MOST, |files| files.saturating_sub(OTHER_FILES).clamp(64, MOST));
        let this_machine = [(Ipv6Addr::LOCALHOST.into(), 128), (IpAddr::from([127, 0, 0, 0]), 8)];
        let this_machine = this_machine.map(|(address, prefix)| Network { address, prefix });
        let proxies = [proxies, &this_machine].concat();
        Self::with_places(limits, places, places / SHARE, proxies, secure_url)
    }

    fn with_places(
        limits: Limits,
        places: usize,
        per_address: usize,
        proxies: Vec<Network>,
        secure_url: Option<&str>,
    ) -> Self {
        let house = Arc::new(House { places, per_address, proxies, inside: Mutex::default() });
        Self { limits, house, secure_url: secure_url.map(Into::into) }
    }
}

/// The soft limit of open files.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What counts as one address: a network of IPv6, of which one line has a whole /64, counts as one.
fn one_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A place in the house, given back when it is dropped.
struct Place {
    house: Arc<House>,
    /// `None` for a proxy.
    address: Option<IpAddr>,
}

impl Place {
    fn take(house: &Arc<House>, peer: IpAddr) -> io::Result<Self> {
        let is_proxy = house.proxies.iter().any(|network| network.contains(peer));
        let address = (!is_proxy).then(|| one_address(peer));
        let mut inside = house.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = address.and_then(|address| inside.by_address.get(&address)).copied().unwrap_or_default();
        let full = inside.all >= house.places;
        if full || theirs >= house.per_address {
            if inside.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
                inside.told = Some(Instant::now());
                let why = if full { "all places are taken" } else { "one address has its share" };
                tracing::warn!(connections = inside.all, why, "a connection was not taken");
            }
            return Err(io::Error::other("too many connections"));
        }
        inside.all += 1;
        if let Some(address) = address {
            *inside.by_address.entry(address).or_default() += 1;
        }
        Ok(Self { house: house.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.house.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        if let Some(address) = self.address
            && let Some(theirs) = inside.by_address.get_mut(&address)
        {
            *theirs -= 1;
            if *theirs == 0 {
                inside.by_address.remove(&address);
            }
        }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Guarded;
    type Service = Patient<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Guarded, Patient<S>)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().and_then(|peer| Place::take(&self.house, peer.ip()));
        let (limits, secure_url) = (self.limits, self.secure_url.clone());
        Box::pin(async move {
            let place = place?;
            stream.set_nodelay(true)?;
            if let Some(url) = secure_url {
                let mut first = [0];
                timeout(limits.first_word, stream.peek(&mut first)).await??;
                // TLS begins with the byte 22, HTTP with the letter of a method.
                if first[0].is_ascii_alphabetic() {
                    let _ = timeout(limits.head, show_the_way(&mut stream, &url)).await;
                    return Err(io::Error::other("plain HTTP on the TLS port"));
                }
            }
            let activity = Arc::new(Activity::default());
            let guarded = Guarded::new(stream, place, activity.clone(), limits);
            Ok((guarded, Patient::new(service, activity, limits)))
        })
    }
}

/// Answers a plain HTTP request with a redirection. What was asked is read first, else the answer may be lost when the
/// connection is closed with unread bytes.
async fn show_the_way(stream: &mut TcpStream, url: &str) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1_024 {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let answer =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// A connection that ends when nothing happens on it: no first word, no request, or an answer that nobody reads. Requests
/// that do not come on are ended by [`Patient`]. It gives its place back when it ends.
pub(crate) struct Guarded {
    stream: TcpStream,
    activity: Arc<Activity>,
    limits: Limits,
    phase: Phase,
    /// Whether anything was ever read.
    spoke: bool,
    /// Bytes that the client's side took since the timer was set.
    written: u64,
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

impl Guarded {
    fn new(stream: TcpStream, place: Place, activity: Arc<Activity>, limits: Limits) -> Self {
        let (phase, timer) = (activity.phase(), Box::pin(tokio::time::sleep(limits.first_word)));
        Self { stream, activity, limits, phase, spoke: false, written: 0, timer, _place: place }
    }

    fn set_timer(&mut self) {
        let patience = match self.phase {
            Phase::Quiet(_) if !self.spoke => self.limits.first_word,
            Phase::Quiet(_) => self.limits.quiet,
            Phase::Busy | Phase::Answering => self.limits.window,
        };
        self.written = 0;
        self.timer.as_mut().reset(Instant::now() + patience);
    }

    /// Passes a result on; while nothing moves, waits for the end of patience.
    fn watch<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let phase = self.activity.phase();
        if phase != self.phase {
            self.phase = phase;
            self.set_timer();
        }
        if result.is_ready() {
            return result;
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            // What is left of an answer may still go out when its last byte was handed over.
            if self.phase != Phase::Busy && self.written < self.limits.least {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.set_timer();
        }
    }

    fn wrote(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.written += bytes as u64;
        }
        self.watch(cx, result)
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !self.spoke && buffer.filled().len() > before {
            self.spoke = true;
            self.set_timer();
        }
        self.watch(cx, result)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

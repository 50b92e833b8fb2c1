//! A thin line: a TCP proxy that carries few bytes a second, late, and stands still when a test wants it to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// What the system may keep of a connection before and behind the line: little, so that a sender feels the line's rate.
const BUFFER: u32 = 32 * 1_024;

/// Bytes of a packet: as on a real line; loopback has 64 kB, more than the buffers here take.
const PACKET: u32 = 1_400;

/// The line carries what it gets in pieces of this time.
const PIECE: Duration = Duration::from_millis(50);

/// How a line is.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bytes per second, each way.
    pub rate: u32,
    /// How long a byte is under way, each way.
    pub delay: Duration,
    /// Whether all connections share the rate, as on a real line, or have it each.
    pub shared: bool,
}

impl Default for Line {
    /// What a user in Madagascar reported: 30 kB/s, and 400 ms until something arrives.
    fn default() -> Self {
        Self { rate: 30_000, delay: Duration::from_millis(400), shared: true }
    }
}

/// A way that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// A running proxy on a free port of 127.0.0.1. It ends with this, and all its connections with it.
pub struct Throttle {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    line: Line,
    target: SocketAddr,
    up: Lane,
    down: Lane,
    /// Whether the last bytes went up.
    was_up: AtomicBool,
    rounds: AtomicU32,
    is_cut: AtomicBool,
    cut: Notify,
}

/// One way of the line.
#[derive(Default)]
struct Lane {
    carried: AtomicU64,
    pace: Pace,
    /// After so many bytes of this way, so long.
    stall: Mutex<Option<(u64, Duration)>>,
}

/// When the next byte may be carried.
#[derive(Default)]
struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits until `bytes` are through.
    async fn pass(&self, bytes: usize, rate: u32) {
        let bytes = f64::from(bytes as u32);
        let until = {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let start = free.unwrap_or_else(Instant::now).max(Instant::now());
            *free.insert(start + Duration::from_secs_f64(bytes / f64::from(rate)))
        };
        tokio::time::sleep_until(until).await;
    }
}

impl Throttle {
    /// Starts a line to a port of this machine. Call it within a runtime.
    pub fn start(target: u16, line: Line) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        // Sockets that are accepted have it from the one that listens.
        socket.set_recv_buffer_size(BUFFER).expect("a buffer can be small");
        SockRef::from(&socket).set_tcp_mss(PACKET).expect("packets can be small");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let listener = socket.listen(1_024).expect("it can be listened at");
        let port = listener.local_addr().expect("it has an address").port();
        let state = State {
            line,
            target: (Ipv4Addr::LOCALHOST, target).into(),
            up: Lane::default(),
            down: Lane::default(),
            was_up: AtomicBool::new(false),
            rounds: AtomicU32::new(0),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
        };
        let state = Arc::new(state);
        let task = tokio::spawn(accept(listener, state.clone()));
        Self { port, state, task }
    }

    /// The port to come to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Once, when `after` bytes have gone this way from the beginning of the line, the connection that they were of stands
    /// still this way for `pause`.
    pub fn stall(&self, way: Way, after: u64, pause: Duration) {
        *self.state.lane(way).stall.lock().unwrap_or_else(PoisonError::into_inner) = Some((after, pause));
    }

    /// Breaks every connection, and each new one (browsers try again by themselves), until [`Self::mend`].
    pub fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Release);
        self.state.cut.notify_one();
    }

    /// Carries again after [`Self::cut`].
    pub fn mend(&self) {
        self.state.is_cut.store(false, Ordering::Release);
    }

    /// Whether a stall was asked for and has not begun.
    pub fn will_stall(&self, way: Way) -> bool {
        self.state.lane(way).stall.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Bytes that have gone this way.
    pub fn carried(&self, way: Way) -> u64 {
        self.state.lane(way).carried.load(Ordering::Relaxed)
    }

    /// How often something went up after nothing or after something that went down: round trips, while there is one
    /// connection.
    pub fn rounds(&self) -> u32 {
        self.state.rounds.load(Ordering::Relaxed)
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn lane(&self, way: Way) -> &Lane {
        if way == Way::Up { &self.up } else { &self.down }
    }

    fn count(&self, way: Way, bytes: usize) {
        self.lane(way).carried.fetch_add(bytes as u64, Ordering::Relaxed);
        let is_up = way == Way::Up;
        if self.was_up.swap(is_up, Ordering::Relaxed) != is_up && is_up {
            self.rounds.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The pause that is due after what was carried, once.
    fn due_stall(&self, way: Way) -> Option<Duration> {
        let lane = self.lane(way);
        let mut stall = lane.stall.lock().unwrap_or_else(PoisonError::into_inner);
        stall.take_if(|(after, _)| lane.carried.load(Ordering::Relaxed) >= *after).map(|(_, pause)| pause)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted
                    && !state.is_cut.load(Ordering::Acquire)
                {
                    connections.spawn(connection(client, state.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            () = state.cut.notified() => connections.abort_all(),
        }
    }
}

async fn connection(client: TcpStream, state: Arc<State>) {
    // TCP's own handshake needs a round trip, which the client had from us for nothing.
    tokio::time::sleep(2 * state.line.delay).await;
    let Ok(socket) = TcpSocket::new_v4() else { return };
    let _ = (socket.set_recv_buffer_size(BUFFER), SockRef::from(&socket).set_tcp_mss(PACKET));
    let Ok(server) = socket.connect(state.target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((client_reads, client_writes), (server_reads, server_writes)) = (client.into_split(), server.into_split());
    tokio::join!(
        carry(client_reads, server_writes, Way::Up, &state),
        carry(server_reads, client_writes, Way::Down, &state),
    );
}

/// Carries one way until its end.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: Way, state: &State) {
    let Line { rate, delay, shared } = state.line;
    let size = (f64::from(rate) * PIECE.as_secs_f64()).clamp(64.0, 65_536.0) as usize;
    // As much as is under way at a time, and a little.
    let (send, mut receive) = mpsc::channel::<(Instant, Vec<u8>)>(delay.div_duration_f64(PIECE) as usize + 8);
    let own = Pace::default();
    let pace = if shared { &state.lane(way).pace } else { &own };
    let read = async move {
        let mut buffer = vec![0; size];
        while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
            pace.pass(bytes, rate).await;
            state.count(way, bytes);
            if let Some(pause) = state.due_stall(way) {
                tokio::time::sleep(pause).await;
            }
            if send.send((Instant::now() + delay, buffer[..bytes].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async {
        while let Some((at, bytes)) = receive.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        receive.close();
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

//! Connections are counted and must do something: a silent or stalled one ends, too many are not taken, and somebody who
//! speaks plain HTTP to the TLS port is shown the way.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, timeout};

/// How long a new connection may be silent, and a request's head may take.
pub(crate) const FIRST_WORDS: Duration = Duration::from_secs(10);

/// How long a connection may move no byte in either direction.
const IDLE: Duration = Duration::from_secs(75);

/// Connections at most.
const MOST: usize = 4_096;

/// Files that are kept free for the database, certificates and mails when connections are limited by open files.
const OTHER_FILES: usize = 256;

/// Takes connections while there are not too many.
#[derive(Clone)]
pub(crate) struct Doorkeeper {
    free: Arc<Semaphore>,
    /// Where somebody is sent who speaks HTTP to the TLS port; `None` on a port without TLS.
    secure_url: Option<Arc<str>>,
}

impl Doorkeeper {
    /// For as many connections as the process may have open.
    pub(crate) fn new(secure_url: Option<&str>) -> Self {
        let limit = open_files().map_or(MOST, |files| files.saturating_sub(OTHER_FILES).clamp(64, MOST));
        Self { free: Arc::new(Semaphore::new(limit)), secure_url: secure_url.map(Into::into) }
    }
}

/// The soft limit of open files.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl<S: Send + 'static> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Guarded;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Guarded, S)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let permit = self.free.clone().try_acquire_owned();
        let secure_url = self.secure_url.clone();
        Box::pin(async move {
            let permit = permit.map_err(|_| io::Error::other("too many connections"))?;
            stream.set_nodelay(true)?;
            if let Some(url) = secure_url {
                let mut first = [0];
                timeout(FIRST_WORDS, stream.peek(&mut first)).await??;
                // TLS begins with the byte 22, HTTP with the letter of a method.
                if first[0].is_ascii_alphabetic() {
                    let _ = timeout(FIRST_WORDS, show_the_way(&mut stream, &url)).await;
                    return Err(io::Error::other("plain HTTP on the TLS port"));
                }
            }
            Ok((Guarded::new(stream, permit), service))
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

/// A connection that ends when it is idle, and gives its place back when it ends.
pub(crate) struct Guarded {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Guarded {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Self {
        Self { stream, idle: Box::pin(tokio::time::sleep(FIRST_WORDS)), _permit: permit }
    }

    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE);
    }

    /// Passes a result on; while nothing moves, waits for the end of patience.
    fn watch<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_pending() {
            ready!(self.idle.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.moved();
        result
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(cx, result)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watch(cx, result)
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
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A client's end of a connection, and the server's.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, server) = tokio::join!(client, listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    fn doorkeeper(places: usize, secure_url: Option<&str>) -> Doorkeeper {
        Doorkeeper { free: Arc::new(Semaphore::new(places)), secure_url: secure_url.map(Into::into) }
    }

    #[tokio::test]
    async fn a_connection_too_many_is_not_taken_and_a_place_comes_back() {
        let keeper = doorkeeper(1, None);
        let (_one, first) = pair().await;
        let (_two, second) = pair().await;
        let (_three, third) = pair().await;
        let (taken, ()) = keeper.accept(first, ()).await.unwrap();
        assert!(keeper.accept(second, ()).await.is_err());
        drop(taken);
        assert!(keeper.accept(third, ()).await.is_ok());
    }

    #[tokio::test]
    async fn a_silent_connection_ends() {
        let (_client, server) = pair().await;
        let (mut guarded, ()) = doorkeeper(1, None).accept(server, ()).await.unwrap();
        // The clock is stopped after connecting: from here on waiting costs nothing.
        tokio::time::pause();
        let before = Instant::now();
        let error = guarded.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(before.elapsed() <= FIRST_WORDS + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn plain_http_on_the_tls_port_is_shown_the_way() {
        let (mut client, server) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(doorkeeper(1, Some("https://localhost:8443/")).accept(server, ()).await.is_err());
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
        assert!(answer.contains("\r\nLocation: https://localhost:8443/\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn tls_passes_the_door_untouched() {
        let (mut client, server) = pair().await;
        client.write_all(&[22, 3, 1]).await.unwrap();
        let (mut guarded, ()) = doorkeeper(1, Some("https://localhost/")).accept(server, ()).await.unwrap();
        assert_eq!(guarded.read_u8().await.unwrap(), 22);
    }
}

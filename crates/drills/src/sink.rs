//! A mail relay that takes everything at once and remembers when, quick enough not to be what is measured.

use std::io::Result;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail that was answered 250.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// When its 250 was written.
    pub(crate) at: Instant,
    /// `X-Karibu-Request`: the request that caused it.
    pub(crate) request: Option<String>,
}

/// A relay on a free port of this machine, without TLS. It ends with the runtime.
#[derive(Clone)]
pub(crate) struct Sink {
    port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Sink {
    /// Listens.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Self { port: listener.local_addr()?.port(), taken: Arc::default() };
        let taken = sink.taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                // Whoever goes away in the middle has sent nothing.
                tokio::spawn(async move { drop(session(stream, &taken).await) });
            }
        });
        Ok(sink)
    }

    /// The value of `KARIBU_SMTP_URL`.
    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// How many mails were taken.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// All mails taken so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.lock().clone()
    }

    /// Waits until so many mails were taken or the time is over; gives how many.
    pub(crate) async fn wait_for(&self, many: usize, limit: Duration) -> usize {
        let began = Instant::now();
        while self.count() < many && began.elapsed() < limit {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.count()
    }

    /// Waits until no mail has come for some time.
    pub(crate) async fn quiet(&self) {
        let mut seen = self.count();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.count() == seen {
                return;
            }
            seen = self.count();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection (RFC 5321).
async fn session(stream: TcpStream, taken: &Mutex<Vec<Taken>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(32 * 1_024, read);
    write.write_all(b"220 sink ESMTP\r\n").await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if read.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        match line.get(..4).map(<[u8]>::to_ascii_uppercase).as_deref() {
            Some(b"EHLO") => write.write_all(b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n").await?,
            Some(b"DATA") => {
                write.write_all(b"354 go on\r\n").await?;
                let request = content(&mut read, &mut line).await?;
                write.write_all(b"250 2.0.0 taken\r\n").await?;
                let mail = Taken { at: Instant::now(), request };
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            }
            Some(b"QUIT") => return write.write_all(b"221 bye\r\n").await,
            _ => write.write_all(b"250 2.0.0 fine\r\n").await?,
        }
    }
}

/// Reads a mail to its end; gives its `X-Karibu-Request`.
async fn content(read: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> Result<Option<String>> {
    let mut request = None;
    loop {
        line.clear();
        if read.read_until(b'\n', line).await? == 0 || line == b".\r\n" {
            return Ok(request);
        }
        if request.is_none() && line.starts_with(b"X-Karibu-Request:") {
            request = String::from_utf8_lossy(line).split_once(':').map(|(_, value)| value.trim().to_owned());
        }
    }
}

//! A GET, as small as can be.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

/// Most bytes of an answer.
const ANSWER: u64 = 1 << 20;

/// Asks for pages; over TLS it trusts whom its configuration trusts.
#[derive(Clone)]
pub struct Fetch {
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// How long an answer may take.
    pub patience: Duration,
}

impl Fetch {
    /// The status and body of `url`, by a connection of its own and HTTP/1.0, so that the answer ends with it. `http` and
    /// `https` only; redirections are not followed.
    ///
    /// # Errors
    /// Why there is no answer, in a sentence without the URL.
    pub async fn get(&self, url: &Url) -> Result<(u16, String), String> {
        let asked = timeout(self.patience, self.ask(url)).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} s", self.patience.as_secs())))
    }

    async fn ask(&self, url: &Url) -> Result<(u16, String), String> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("the URL names no host".to_owned());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let stream = TcpStream::connect((host.as_str(), port)).await;
        let stream = stream.map_err(|error| format!("no connection ({error})"))?;
        let request = format!(
            "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: karibu-watch/{}\r\nAccept: */*\r\n\r\n",
            &url[Position::BeforePath..Position::AfterQuery],
            &url[Position::BeforeHost..Position::AfterPort],
            env!("CARGO_PKG_VERSION"),
        );
        if url.scheme() != "https" {
            return exchange(stream, &request).await;
        }
        let name = ServerName::try_from(host).map_err(|_| "the host's name is none for TLS".to_owned())?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        exchange(stream.map_err(|error| format!("TLS failed ({error})"))?, &request).await
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<(u16, String), String> {
    let mut answer = Vec::new();
    let done = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        (&mut stream).take(ANSWER).read_to_end(&mut answer).await
    };
    // Some end a connection without a word; what came until then counts.
    if let Err(error) = done.await
        && answer.is_empty()
    {
        return Err(format!("the connection broke ({error})"));
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| "the answer is not HTTP".to_owned())?, body.to_owned()))
}

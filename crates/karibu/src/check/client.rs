//! A visitor for `check`: asks the pages over connections of its own, one for each request.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::settings::values::Tls;
use crate::settings::{Place, ServeSettings, Settings};
use crate::tls::known_roots;

/// Most bytes of an answer.
const ANSWER: u64 = 1 << 20;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer over HTTP.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value, the first one of several.
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }

    /// The web that gave it.
    pub(super) fn instance(&self) -> Option<&str> {
        self.header("x-instance")
    }
}

/// The way to the pages.
pub(super) struct Door {
    /// The public URL.
    pub(super) url: Url,
    /// Its host, without the brackets of IPv6.
    pub(super) host: String,
    /// Where it connects.
    pub(super) place: Place,
    tls: Arc<ClientConfig>,
}

impl Door {
    /// To the host of a URL, or to another place. `None` for a URL without a host.
    pub(super) fn new(settings: &Settings, serve: &ServeSettings, url: &Url, place: Option<&Place>) -> Option<Self> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let place = place.cloned().or_else(|| Some((host.clone(), url.port_or_known_default()?)))?;
        Some(Self { tls: Arc::new(client(settings, serve)), url: url.clone(), host, place })
    }

    /// Host and port as URLs and the header `Host` have them.
    pub(super) fn authority(&self) -> &str {
        &self.url[url::Position::BeforeHost..url::Position::AfterPort]
    }

    /// A GET.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask("GET", path, "", &[]).await
    }

    /// A request over HTTP/1.0, so that the answer ends with the connection and comes in one piece. `headers` are lines.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer, String> {
        let asked = async {
            let stream = self.connect().await?;
            let request = request(method, path, self.authority(), headers, body);
            if self.url.scheme() == "http" {
                return exchange(stream, &request).await;
            }
            let stream = self.shake_hands(stream, self.tls.clone()).await;
            exchange(stream.map_err(|error| format!("TLS: {error}"))?, &request).await
        };
        within(asked).await
    }

    /// A connection.
    pub(super) async fn connect(&self) -> Result<TcpStream, String> {
        let (host, port) = &self.place;
        let connected = TcpStream::connect((host.as_str(), *port)).await;
        connected.map_err(|error| format!("nobody answers at {host}:{port} ({error})"))
    }

    /// Greets over TLS as browsers do, offering HTTP/2, and trusting only `roots` if given.
    pub(super) async fn greet(&self, roots: Option<RootCertStore>) -> Result<TlsStream<TcpStream>, rustls::Error> {
        let mut tls = match roots {
            Some(roots) => ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
            None => (*self.tls).clone(),
        };
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let greeted = async {
            let stream = self.connect().await.map_err(rustls::Error::General)?;
            self.shake_hands(stream, Arc::new(tls)).await.map_err(|error| {
                let told = error.to_string();
                error
                    .into_inner()
                    .and_then(|inner| inner.downcast::<rustls::Error>().ok())
                    .map_or(rustls::Error::General(told), |inner| *inner)
            })
        };
        timeout(PATIENCE, greeted).await.unwrap_or_else(|_| Err(rustls::Error::General("no answer in time".to_owned())))
    }

    async fn shake_hands(&self, stream: TcpStream, tls: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| std::io::Error::other(format!("{} is no name for TLS", self.host)))?;
        TlsConnector::from(tls).connect(name, stream).await
    }
}

/// A GET without TLS, for `authority`.
pub(super) async fn plain(place: &Place, authority: &str, path: &str) -> Result<Answer, String> {
    let asked = async {
        let (host, port) = place;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let stream = stream.map_err(|error| format!("nobody answers at {host}:{port} ({error})"))?;
        exchange(stream, &request("GET", path, authority, "", &[])).await
    };
    within(asked).await
}

fn request(method: &str, path: &str, authority: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {authority}\r\nUser-Agent: karibu-check\r\nAccept: */*\r\n{headers}{length}\r\n"
    );
    [head.as_bytes(), body].concat()
}

async fn within<T>(asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// Trusts whom browsers trust, the extra roots of the settings, and the certificate that we made ourselves.
fn client(settings: &Settings, serve: &ServeSettings) -> ClientConfig {
    let mut roots = known_roots();
    let own = (serve.tls == Tls::SelfSigned).then(|| settings.data_dir.join("tls/cert.pem"));
    for file in own.iter().chain(&settings.ca_file) {
        let Ok(certificates) = CertificateDer::pem_file_iter(file) else { continue };
        roots.add_parsable_certificates(certificates.flatten());
    }
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Result<Answer, String> {
    let done = async {
        stream.write_all(request).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        // Some end the connection without a word; what came until then counts.
        match (&mut stream).take(ANSWER).read_to_end(&mut answer).await {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(answer),
        }
    };
    let answer = done.await.map_err(|error: std::io::Error| format!("the connection broke ({error})"))?;
    Ok(Answer::parse(&String::from_utf8_lossy(&answer)))
}

//! A client that costs as little as possible, because it shares the processors with what it measures: HTTP/1.1 over TLS on
//! a kept connection, requests written as bytes.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Trusts one certificate.
#[derive(Clone)]
pub(crate) struct Trust(TlsConnector);

impl Trust {
    /// The certificate in this PEM file.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(path).map_err(Error::other)?;
        roots.add(certificate).map_err(Error::other)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// One connection, and the next one when the server says that it ends.
pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    trust: Trust,
    /// Whether the last answer said that nothing more comes on this connection (RFC 9112, 9.6).
    ends: bool,
    /// What was read and belongs to no answer yet.
    buffer: Vec<u8>,
    port: u16,
}

/// An answer.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    /// Body as it came.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Bytes of head and body.
    pub(crate) fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

async fn dial(port: u16, trust: &Trust) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").map_err(Error::other)?;
    trust.0.connect(name, stream).await
}

impl Client {
    /// Connects to this machine's `port`.
    pub(crate) async fn connect(port: u16, trust: &Trust) -> Result<Self> {
        let (trust, stream) = (trust.clone(), dial(port, trust).await?);
        Ok(Self { stream, trust, ends: false, buffer: Vec::with_capacity(64 * 1_024), port })
    }

    /// Gets a path, compressed if that is wanted.
    pub(crate) async fn get(&mut self, path: &str, gzip: bool) -> Result<Answer> {
        let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n{encoding}\r\n", self.port);
        self.send(request.as_bytes()).await
    }

    /// Posts a form.
    pub(crate) async fn post(&mut self, path: &str, boundary: &str, body: &[u8]) -> Result<Answer> {
        let (port, length) = (self.port, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: https://localhost:{port}\r\n\
             Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut request = Vec::with_capacity(head.len() + length);
        request.extend(head.as_bytes());
        request.extend(body);
        self.send(&request).await
    }

    async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        if self.ends {
            self.stream = dial(self.port, &self.trust).await?;
            self.buffer.clear();
        }
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                break String::from_utf8_lossy(&head).into_owned();
            }
            self.read().await?;
        };
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        let mut answer = Answer { status, head, body: Vec::new() };
        self.ends = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        while self.buffer.len() < length {
            self.read().await?;
        }
        answer.body = self.buffer.drain(..length).collect();
        Ok(answer)
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

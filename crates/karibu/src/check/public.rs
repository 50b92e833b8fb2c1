//! Whether visitors reach us: `GET /version` through the public URL.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{Finding, found};
use crate::cli::COMMIT;
use crate::doors;
use crate::settings::values::Tls;
use crate::settings::{ServeSettings, Settings};

/// Most bytes of an answer.
const ANSWER: u64 = 64 * 1_024;

/// Looks at it.
pub(super) async fn look(settings: &Settings, serve: Option<&ServeSettings>) -> Finding {
    let finding = found("public address");
    let Some(serve) = serve else { return finding.skipped("the settings come first") };
    let url = match doors::public_url(serve, serve.listen) {
        Ok(url) => url,
        Err(refusal) => return finding.refusal(&refusal),
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return finding.skipped("it has no host");
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host((bare.clone(), port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return finding.fail(
                format!("{host} has no address ({error})"),
                "publish an A or AAAA record for it, or correct KARIBU_PUBLIC_URL",
            );
        }
    };
    let mut last = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                return match ask(settings, serve, &url, &bare, stream).await {
                    Ok(answer) => judge(finding, &url, &answer, settings),
                    Err(why) => finding.fail(
                        format!("{url} answers, but not as it should: {why}"),
                        "see the certificate, and the proxy in front if there is one",
                    ),
                };
            }
            Err(error) => last = format!("nobody answers at {address} ({error})"),
        }
    }
    finding.fail(
        format!("{url}: {last}"),
        "start `karibu serve`, and let port and address through the firewall and the proxy in front",
    )
}

fn judge(finding: Finding, url: &Url, answer: &str, settings: &Settings) -> Finding {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    let version: Option<serde_json::Value> = serde_json::from_str(body.trim()).ok().filter(|_| status == "200");
    let Some(commit) = version.as_ref().and_then(|version| version["commit"].as_str()) else {
        return finding.fail(
            format!("{url}version is answered by another program (status {status})"),
            "see that KARIBU_PUBLIC_URL names this site, and what the proxy in front does",
        );
    };
    let instance = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-instance").then(|| value.trim().to_owned())
    });
    let instance = instance.unwrap_or_else(|| "an unnamed instance".to_owned());
    if commit != COMMIT {
        let version = version.as_ref().and_then(|version| version["version"].as_str()).unwrap_or("?");
        return finding.warn(
            format!("{url} is answered by {instance} of another build, {version} ({commit})"),
            "if no upgrade is under way, see that the name leads to this machine",
        );
    }
    let other = if instance == settings.instance { "" } else { ", another than this one" };
    finding.ok(format!("{url} is answered by {instance}{other}"))
}

/// Asks over HTTP/1.0, so that the answer ends with the connection and comes in one piece.
async fn ask(
    settings: &Settings,
    serve: &ServeSettings,
    url: &Url,
    host: &str,
    stream: TcpStream,
) -> Result<String, String> {
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = format!(
        "GET /version HTTP/1.0\r\nHost: {authority}\r\nUser-Agent: karibu-check\r\nAccept: application/json\r\n\r\n"
    );
    if url.scheme() == "http" {
        return exchange(stream, &request).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is no name for TLS"))?;
    let stream = TlsConnector::from(Arc::new(client(settings, serve))).connect(name, stream).await;
    exchange(stream.map_err(|error| format!("TLS: {error}"))?, &request).await
}

/// Trusts whom browsers trust, the extra roots of the settings, and the certificate that we made ourselves.
fn client(settings: &Settings, serve: &ServeSettings) -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let own = (serve.tls == Tls::SelfSigned).then(|| settings.data_dir.join("tls/cert.pem"));
    for file in own.iter().chain(&settings.ca_file) {
        let Ok(certificates) = CertificateDer::pem_file_iter(file) else { continue };
        roots.add_parsable_certificates(certificates.flatten());
    }
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<String, String> {
    let done = async {
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // Some end the connection without a word; what came until then counts.
        match (&mut stream).take(ANSWER).read_to_end(&mut answer).await {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(answer),
        }
    };
    let answer = done.await.map_err(|error: std::io::Error| format!("the connection broke ({error})"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! `karibu healthcheck`: asks the process that runs beside it with the same settings, by its private listener.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::columns::say;
use crate::doors;
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Most bytes of an answer.
const ANSWER: u64 = 256 * 1_024;

/// Asks `/readyz`, and tells which parts are not as they should be.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let listening = settings.ops_listen()?;
    let url = doors::local_url(listening);
    let address = url.trim_start_matches("http://").to_owned();
    let answer = timeout(PATIENCE, get(&address, "/readyz")).await;
    let (status, body) = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(nobody(listening, &error.to_string())),
        Err(_) => return Err(nobody(listening, "no answer in time")),
    };
    let report: Value = serde_json::from_str(&body).unwrap_or_default();
    let parts = report["parts"].as_object().into_iter().flatten();
    let wrong: Vec<String> = parts
        .filter(|(_, part)| part["state"] != "ok")
        .map(|(name, part)| format!("{name}: {}", part["what"].as_str().or(part["state"].as_str()).unwrap_or("?")))
        .collect();
    let told = if wrong.is_empty() { "all parts are well".to_owned() } else { wrong.join("; ") };
    match status {
        200 => {
            say(format_args!("Ready; {told}."));
            Ok(())
        }
        _ if report["draining"] == true => Err(Refusal::found("not ready: it is ending")),
        _ => Err(Refusal::found(format!("not ready; {told}"))),
    }
}

fn nobody(listening: SocketAddr, why: &str) -> Refusal {
    Refusal::found(format!(
        "nobody answers at {listening} ({why}): see that Karibu runs there, and that KARIBU_OPS_LISTEN is the same"
    ))
}

/// A GET over HTTP/1.0, so that the answer ends with the connection and comes in one piece: its status and its body.
pub(crate) async fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, body.to_owned()))
}

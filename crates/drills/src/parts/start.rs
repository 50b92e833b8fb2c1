//! From starting the program to the first form, its memory, and the bytes of a first visit.

use std::io::{Error, Result};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::serve::free_port;

use super::{Run, ms};
use crate::house::{FREE, House};
use crate::http::{Client, Trust};
use crate::load;
use crate::machine;
use crate::people;
use crate::report::{Section, Want, median, verdict};
use crate::sink::Sink;

/// Measures.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let mut section = Section::new("start", &["what", "value", "target"]);
    let sink = Sink::start().await?;
    let mut house = House::start(&run.binary, None, &sink.url()).await?;

    let mut bytes = 0;
    let mut client = Client::connect(house.port, &house.trust).await?;
    let page = client.get(&format!("/{FREE}/register?lang=en"), true).await?;
    let plain = client.get(&format!("/{FREE}/register?lang=en"), false).await?;
    let text = String::from_utf8_lossy(&plain.body).into_owned();
    let assets: Vec<&str> =
        text.split('"').filter(|part| part.starts_with("/static/") && !part.contains(".svg")).collect();
    let mut told = vec![format!("form {}", page.size())];
    bytes += page.size();
    for path in assets {
        let asset = client.get(path, true).await?;
        bytes += asset.size();
        told.push(format!("{} {}", path.rsplit('.').next().unwrap_or_default(), asset.size()));
    }
    section.row([
        "first visit, bytes of all answers with heads".to_owned(),
        format!("{bytes} ({})", told.join(", ")),
        verdict(bytes as f64, Want::AtMost, 14_336.0, None),
    ]);

    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = machine::rss_mb(house.served.pid());
    section.row([
        "memory (RSS) at rest".to_owned(),
        format!("{idle:.1} MB"),
        verdict(idle, Want::AtMost, 40.0, Some(35.0)),
    ]);
    let seconds = run.scale(8, 3);
    let people = people::open(house.port, &house.trust, FREE, 2_000 * seconds).await?;
    let load = load::run(house.port, &house.trust, 32, people, Duration::from_secs(seconds as u64)).await?;
    sink.wait_for(load.accepted, Duration::from_secs(60)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = machine::rss_mb(house.served.pid());
    section.row([
        format!("memory (RSS) after {} registrations by 32 clients and their mails", load.accepted),
        format!("{after:.1} MB"),
        verdict(after, Want::AtMost, 40.0, Some(35.0)),
    ]);

    house.served.terminate().await;
    let (data, trust) = (house.served.data(), house.trust.clone());
    let mut times = Vec::new();
    for _ in 0..run.scale(15, 5) {
        times.push(start(&run.binary, &data, Some(&trust)).await?.as_secs_f64());
    }
    let again = median(times);
    section.row([
        format!("start → first form, with {} registrations", load.accepted),
        ms(Duration::from_secs_f64(again)),
        verdict(again * 1e3, Want::AtMost, 200.0, None),
    ]);
    let mut times = Vec::new();
    for _ in 0..run.scale(5, 3) {
        let folder = tempfile::tempdir()?;
        times.push(start(&run.binary, &folder.path().join("data"), None).await?.as_secs_f64());
    }
    let first = median(times);
    section.row([
        "very first start → first form: makes folder, key, certificate, database, sample".to_owned(),
        ms(Duration::from_secs_f64(first)),
        verdict(first * 1e3, Want::AtMost, 200.0, None),
    ]);
    Ok(section)
}

/// How long it takes from starting the program to the first form that is answered. With a fresh folder the certificate to
/// trust is there only when the port is open.
async fn start(binary: &str, data: &std::path::Path, trust: Option<&Trust>) -> Result<Duration> {
    let (port, ops) = (free_port(), free_port());
    let slug = if trust.is_some() { FREE } else { "connect" };
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    command
        .arg("serve")
        .env("KARIBU_LISTEN", format!("127.0.0.1:{port}"))
        .env("KARIBU_OPS_LISTEN", format!("127.0.0.1:{ops}"))
        .env("KARIBU_DATA_DIR", data)
        .env("KARIBU_MAIL", "file")
        .current_dir(data.parent().unwrap_or(data))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let answered = loop {
        if began.elapsed() > Duration::from_secs(10) {
            break Err(Error::other("it does not start"));
        }
        let trust = trust.cloned().map_or_else(|| Trust::file(&data.join("tls/cert.pem")), Ok);
        if let Ok(trust) = trust
            && let Ok(mut client) = Client::connect(port, &trust).await
        {
            let answer = client.get(&format!("/{slug}/register"), true).await?;
            if answer.status == 200 {
                break Ok(began.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    child.wait()?;
    answered
}

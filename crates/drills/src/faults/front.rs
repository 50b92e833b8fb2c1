//! Webs and nginx that die, end and start; slow clients; thin lines.

use std::io::Result;
use std::time::Duration;

use testkit::drill::Allowed;
use testkit::throttle::{Line, Throttle};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::Stage;
use super::compose::Compose;

/// Both.
const WEBS: [&str; 2] = ["web-1", "web-2"];

pub(super) async fn webs(stage: &mut Stage, cluster: &Compose) {
    for (name, signal) in [("kill -9", "KILL"), ("SIGTERM", "TERM")] {
        stage
            .run(&format!("web: {name} of one"), Allowed::Nothing, async |_| {
                let now = Instant::now();
                cluster.end(&WEBS[..1], signal).await?;
                Ok(now)
            })
            .await;
        stage
            .run(&format!("web: {name} of both, one after the other"), Allowed::Nothing, async |_| {
                let now = Instant::now();
                for web in WEBS {
                    cluster.end(&[web], signal).await?;
                }
                Ok(now)
            })
            .await;
        stage
            .run(&format!("web: {name} of both at the same moment"), Allowed::Pages, async |_| {
                let now = Instant::now();
                cluster.end(&WEBS, signal).await?;
                Ok(now)
            })
            .await;
    }
}

pub(super) async fn nginx(stage: &mut Stage, cluster: &Compose) {
    stage
        .run("nginx: reload", Allowed::Nothing, async |_| {
            for _ in 0..2 {
                cluster.signal(&["nginx"], "HUP").await?;
                sleep(Duration::from_secs(3)).await;
            }
            Ok(Instant::now())
        })
        .await;
    stage
        .run("nginx: restart", Allowed::Silence, async |_| {
            cluster.tell("restart", &["nginx"]).await?;
            Ok(Instant::now())
        })
        .await;
    stage
        .run("nginx: start with one web", Allowed::Silence, async |_| {
            cluster.tell("stop", &["nginx", "web-1"]).await?;
            cluster.tell("start", &["nginx"]).await?;
            cluster.are_healthy(&["nginx"]).await?;
            let now = Instant::now();
            cluster.tell("start", &["web-1"]).await?;
            cluster.are_healthy(&WEBS).await?;
            Ok(now)
        })
        .await;
    stage
        .run("nginx: start with no web", Allowed::Silence, async |_| {
            cluster.tell("stop", &["nginx", "web-1", "web-2"]).await?;
            cluster.tell("start", &["nginx"]).await?;
            cluster.are_healthy(&["nginx"]).await?;
            sleep(Duration::from_secs(3)).await;
            cluster.tell("start", &WEBS).await?;
            let now = Instant::now();
            cluster.are_healthy(&WEBS).await?;
            Ok(now)
        })
        .await;
}

pub(super) async fn slow(stage: &mut Stage, cluster: &Compose) {
    let port = port(&stage.drill.site.url);
    let time = stage.long(30);
    stage
        .run("slow-client flood: 800 connections, a byte a second each", Allowed::Nothing, async |_| {
            let mut streams = Vec::new();
            for _ in 0..800 {
                streams.push(TcpStream::connect(("127.0.0.1", port)).await?);
            }
            // Half a TLS record each, byte by byte: nginx ends those that have been silent or slow for too long.
            let (ends, record) = (Instant::now() + time, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
            for byte in record.into_iter().cycle() {
                if Instant::now() > ends {
                    break;
                }
                for stream in &mut streams {
                    // One that nginx has ended is written to in vain.
                    let _ = stream.write_all(&[byte]).await;
                }
                sleep(Duration::from_secs(1)).await;
            }
            Ok(Instant::now())
        })
        .await;

    let rate = if stage.quick { 100_000 } else { 30_000 };
    let name = format!("10 MiB uploads at {} kB/s during a rolling restart of everything", rate / 1_000);
    stage
        .run(&name, Allowed::Pages, async |crowd| {
            let line = Throttle::start(port, Line { rate, delay: Duration::from_millis(200), shared: false });
            let url = format!("https://localhost:{}", line.port());
            // The file's form field takes 10 MB.
            let uploads: Vec<_> = (0..6).map(|_| crowd.one_more(&url, 10 << 20, "")).collect();
            sleep(super::RUSH).await;
            crowd.set_rate(super::RATE_OF_LONG_FAULTS);
            let healed = rolling_restart(cluster).await;
            for upload in uploads {
                upload.await?;
            }
            crowd.set_rate(super::RATE);
            healed
        })
        .await;
}

/// Everything is started again, one part after the other; nginx reads its configuration again, as it does for a new certificate.
async fn rolling_restart(cluster: &Compose) -> Result<Instant> {
    for part in ["web-1", "web-2", "notifier-1", "notifier-2", "redis", "postgres"] {
        cluster.tell("restart", &[part]).await?;
        cluster.are_healthy(&[part]).await?;
        sleep(Duration::from_secs(2)).await;
    }
    cluster.signal(&["nginx"], "HUP").await?;
    Ok(Instant::now())
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(443)
}

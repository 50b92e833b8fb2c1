//! Relays that fail, clients that are slow, and uploads on thin lines while everything is started again.

use testkit::drill::Allowed;
use testkit::smtp::{Mode, Stage};
use testkit::throttle::{Line, Throttle};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};

use super::ground::Ground;

/// So long a relay fails.
const FAILS: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_fails_gets_every_mail_once_it_is_well() {
    let ground = &mut Ground::open().await;
    let Ground { relay, drill, nginx: _nginx, webs: _webs, notifiers: _notifiers, postgres: _postgres, .. } = ground;
    for (name, mode) in [
        ("SMTP down", Mode::Refuse),
        ("SMTP 4xx", Mode::Reply(Stage::Mail, "451 4.3.0 not now")),
        ("SMTP wrong password", Mode::WrongPassword),
        ("SMTP tarpit", Mode::Late(Stage::Rcpt, Duration::from_secs(4))),
        ("SMTP closes in mid DATA", Mode::CutBeforeDot),
        ("SMTP wrong certificate", Mode::WrongCertificate),
    ] {
        let fault = drill.run(name, Allowed::Nothing, async |_| {
            relay.set_mode(mode);
            sleep(FAILS).await;
            relay.set_mode(Mode::Healthy);
            Instant::now()
        });
        fault.await.is_well();
    }
    let refused = drill.run("SMTP 5xx for one address", Allowed::Nothing, async |crowd| {
        let url = &ground.nginx.url();
        for _ in 0..2 {
            crowd.one_more(url, 20_000, "rcpt-550-5.1.1").await.unwrap();
        }
        Instant::now()
    });
    let refused = refused.await;
    refused.is_well();
    assert_eq!(refused.parked, 2, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_and_thin_lines_hold_nobody_up_while_everything_starts_again() {
    let ground = &mut Ground::open().await;
    let Ground { nginx, webs, notifiers, redis, postgres, drill, .. } = ground;
    let flood = drill.run("slow-client flood: 400 connections", Allowed::Nothing, async |_| {
        let mut slow = Vec::new();
        for _ in 0..400 {
            slow.push(TcpStream::connect(("127.0.0.1", nginx.port())).await.unwrap());
        }
        for byte in [0x16, 3, 1] {
            for stream in &mut slow {
                stream.write_all(&[byte]).await.unwrap();
            }
            sleep(Duration::from_millis(500)).await;
        }
        Instant::now()
    });
    flood.await.is_well();
    let rolling = drill.run("3 MiB uploads at 100 kB/s during a rolling restart", Allowed::Pages, async |crowd| {
        let line =
            Throttle::start(nginx.port(), Line { rate: 100_000, delay: Duration::from_millis(50), shared: false });
        let url = format!("https://localhost:{}", line.port());
        let uploads: Vec<_> = (0..4).map(|_| crowd.one_more(&url, 3 << 20, "")).collect();
        for process in webs.iter_mut().chain(notifiers.iter_mut()) {
            assert_eq!(process.terminate().await, Some(0));
            process.start_again().await;
            sleep(Duration::from_millis(500)).await;
        }
        redis.kill().await;
        redis.start_again().await;
        postgres.stop().await;
        postgres.start_again().await;
        nginx.reload();
        for upload in uploads {
            upload.await.unwrap();
        }
        Instant::now()
    });
    rolling.await.is_well();
}

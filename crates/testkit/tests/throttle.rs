//! The thin line is as thin as it says, loses nothing, and ends with its handle. That something takes longer on a busy machine
//! is no fault, so times are only held from below.

use std::time::Duration;

use testkit::serve::wait_for;
use testkit::throttle::{Line, Throttle, Way};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A server that sends back what it gets; its port.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    port
}

/// Sends bytes and takes them back; gives how long that took.
async fn there_and_back(line: &Throttle, bytes: Vec<u8>) -> Duration {
    let began = Instant::now();
    let stream = TcpStream::connect(("127.0.0.1", line.port())).await.expect("the line is there");
    let (mut reads, mut writes) = stream.into_split();
    let sent = bytes.clone();
    let sending = tokio::spawn(async move {
        writes.write_all(&sent).await.expect("it can be sent");
        writes.shutdown().await.expect("it can be ended");
    });
    let mut back = Vec::new();
    reads.read_to_end(&mut back).await.expect("it comes back");
    sending.await.expect("it was sent");
    assert!(back == bytes, "it comes back as it was");
    began.elapsed()
}

fn some(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n * 7 % 251) as u8).collect()
}

const NO_DELAY: Line = Line { rate: 100_000, delay: Duration::ZERO, shared: true };

#[tokio::test]
async fn it_carries_so_many_bytes_a_second_and_all_of_them() {
    let line = Throttle::start(echo().await, NO_DELAY);
    let took = there_and_back(&line, some(150_000)).await;
    assert!(took >= Duration::from_millis(1_500), "{took:?}");
    assert_eq!((line.carried(Way::Up), line.carried(Way::Down)), (150_000, 150_000));
}

#[tokio::test]
async fn connections_share_it_or_have_each_their_own() {
    let both = async |shared| {
        let line = Throttle::start(echo().await, Line { shared, ..NO_DELAY });
        let (one, other) = tokio::join!(there_and_back(&line, some(80_000)), there_and_back(&line, some(80_000)));
        one.max(other)
    };
    let shared = both(true).await;
    assert!(shared >= Duration::from_millis(1_600), "{shared:?}");
    let each = both(false).await;
    assert!(each >= Duration::from_millis(800), "{each:?}");
}

#[tokio::test]
async fn it_is_late_each_way_and_once_more_for_a_new_connection() {
    let delay = Duration::from_millis(300);
    let line = Throttle::start(echo().await, Line { delay, ..NO_DELAY });
    let mut stream = TcpStream::connect(("127.0.0.1", line.port())).await.expect("the line is there");
    let began = Instant::now();
    for round in 1..=2 {
        stream.write_all(b"ping").await.expect("it can be sent");
        stream.read_exact(&mut [0; 4]).await.expect("it comes back");
        let (took, least) = (began.elapsed(), 2 * delay * (round + 1));
        assert!(took >= least, "{took:?} and not {least:?}");
        assert_eq!(line.rounds(), round);
    }
}

#[tokio::test]
async fn it_stalls_once_where_it_was_asked_to() {
    for way in [Way::Up, Way::Down] {
        let line = Throttle::start(echo().await, Line { rate: 1_000_000, ..NO_DELAY });
        line.stall(way, 40_000, Duration::from_secs(1));
        assert!(line.will_stall(way));
        let took = there_and_back(&line, some(60_000)).await;
        assert!(took >= Duration::from_secs(1), "{took:?}");
        assert!(!line.will_stall(way));
    }
}

#[tokio::test]
async fn it_ends_with_its_handle() {
    let line = Throttle::start(echo().await, NO_DELAY);
    let port = line.port();
    let mut open = TcpStream::connect(("127.0.0.1", port)).await.expect("the line is there");
    open.write_all(b"ping").await.expect("it can be sent");
    open.read_exact(&mut [0; 4]).await.expect("it comes back");
    drop(line);
    assert!(matches!(open.read(&mut [0; 4]).await, Ok(0) | Err(_)), "an open connection ends");
    wait_for("the end of the line", async || TcpStream::connect(("127.0.0.1", port)).await.is_err().then_some(()))
        .await;
}

#[tokio::test]
async fn it_can_be_cut_and_mended() {
    let line = Throttle::start(echo().await, NO_DELAY);
    let mut open = TcpStream::connect(("127.0.0.1", line.port())).await.expect("the line is there");
    open.write_all(b"ping").await.expect("it can be sent");
    open.read_exact(&mut [0; 4]).await.expect("it comes back");
    line.cut();
    assert!(matches!(open.read(&mut [0; 4]).await, Ok(0) | Err(_)), "an open connection ends");
    let mut refused = TcpStream::connect(("127.0.0.1", line.port())).await.expect("somebody is there");
    assert!(matches!(refused.read(&mut [0; 4]).await, Ok(0) | Err(_)), "a new one ends, too");
    line.mend();
    there_and_back(&line, some(1_000)).await;
}

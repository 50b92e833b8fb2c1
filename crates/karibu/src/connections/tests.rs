//! Clients that are slow, silent or many, on real sockets, with limits of a second where the server has minutes.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, Version};
use axum::routing::{get, post};
use axum_server::Handle;
use futures_util::stream;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;

use super::*;
use crate::doors;

/// A client's end of a connection, and the server's.
async fn pair() -> (TcpStream, TcpStream) {
    pair_from([127, 0, 0, 1]).await
}

async fn pair_from(address: [u8; 4]) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((address, 0))).unwrap();
    let client = socket.connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

fn doorkeeper(places: usize, per_address: usize, secure_url: Option<&str>) -> Doorkeeper {
    Doorkeeper::with_places(Limits::SERVER, places, per_address, Vec::new(), secure_url)
}

#[tokio::test]
async fn a_connection_too_many_is_not_taken_and_a_place_comes_back() {
    let keeper = doorkeeper(1, 9, None);
    let (_one, first) = pair().await;
    let (_two, second) = pair().await;
    let (_three, third) = pair().await;
    let (taken, _) = keeper.accept(first, ()).await.unwrap();
    assert!(keeper.accept(second, ()).await.is_err());
    drop(taken);
    assert!(keeper.accept(third, ()).await.is_ok());
}

#[tokio::test]
async fn one_address_has_its_share_and_others_still_come_in() {
    let keeper = doorkeeper(9, 1, None);
    let (_one, first) = pair().await;
    let (_two, second) = pair().await;
    let (_three, third) = pair().await;
    let (_other, other) = pair_from([127, 0, 0, 2]).await;
    let (taken, _) = keeper.accept(first, ()).await.unwrap();
    assert!(keeper.accept(second, ()).await.is_err());
    assert!(keeper.accept(other, ()).await.is_ok());
    drop(taken);
    assert!(keeper.accept(third, ()).await.is_ok());
    assert!(keeper.house.inside.lock().unwrap().by_address.is_empty(), "nobody is remembered");
}

#[tokio::test]
async fn a_proxy_stands_for_many() {
    let proxies = vec![Network { address: [127, 0, 0, 0].into(), prefix: 8 }];
    let keeper = Doorkeeper::with_places(Limits::SERVER, 9, 1, proxies, None);
    let (_one, first) = pair().await;
    let (_two, second) = pair().await;
    let _first = keeper.accept(first, ()).await.unwrap();
    assert!(keeper.accept(second, ()).await.is_ok());
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let of = |address: &str| one_address(address.parse().unwrap());
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
}

#[tokio::test]
async fn a_silent_connection_ends() {
    let (_client, server) = pair().await;
    let (mut guarded, _) = doorkeeper(1, 1, None).accept(server, ()).await.unwrap();
    // The clock is stopped after connecting: from here on waiting costs nothing.
    tokio::time::pause();
    let before = Instant::now();
    let error = guarded.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(before.elapsed() <= Limits::SERVER.first_word + Duration::from_secs(1));
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_shown_the_way() {
    let (mut client, server) = pair().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(doorkeeper(1, 1, Some("https://localhost:8443/")).accept(server, ()).await.is_err());
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
    assert!(answer.contains("\r\nLocation: https://localhost:8443/\r\n"), "{answer}");
}

#[tokio::test]
async fn tls_passes_the_door_untouched() {
    let (mut client, server) = pair().await;
    client.write_all(&[22, 3, 1]).await.unwrap();
    let (mut guarded, _) = doorkeeper(1, 1, Some("https://localhost/")).accept(server, ()).await.unwrap();
    assert_eq!(guarded.read_u8().await.unwrap(), 22);
}

/// Long enough for what must not happen on a busy machine, short enough for a test.
const SHORT: Limits = Limits {
    first_word: Duration::from_secs(2),
    handshake: Duration::from_secs(2),
    head: Duration::from_secs(2),
    quiet: Duration::from_secs(2),
    window: Duration::from_secs(3),
    least: 3_000,
};

/// A server with these limits: `/count` tells how many bytes it got, `/endless` answers for ever.
struct House {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    /// Says something whenever an endless answer is given up.
    given_up: mpsc::UnboundedReceiver<()>,
}

impl House {
    fn open(limits: Limits) -> Self {
        let (tell, given_up) = mpsc::unbounded_channel();
        let count = async |body: Body| match to_bytes(body, usize::MAX).await {
            Ok(bytes) => (StatusCode::OK, bytes.len().to_string()),
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "too slow".to_owned()),
        };
        let endless = async move || {
            let told = Told(tell);
            Body::from_stream(stream::repeat_with(move || {
                let Told(_alive) = &told;
                Ok::<_, Infallible>(Bytes::from_static(&[b'.'; 8_192]))
            }))
        };
        let router = Router::new().route("/count", post(count)).route("/endless", get(endless));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Handle::new();
        let url = "http://localhost/".parse().unwrap();
        tokio::spawn(doors::pages(listener, None, router, &url, &[], limits, handle.clone()).unwrap());
        Self { address, handle, given_up }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// Tells when it is dropped.
struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A body of `pieces` pieces of `size` bytes, one each `pause`.
fn trickle(pieces: usize, size: usize, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(0, move |n| async move {
        if n == pieces {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; size])), n + 1))
    }))
}

fn client(version: Version) -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).http2_only(version == Version::HTTP_2).build_http()
}

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

#[tokio::test]
async fn a_body_may_take_as_long_as_it_takes_when_it_moves() {
    let house = House::open(SHORT);
    let bodies = VERSIONS.map(|version| {
        // Longer than two windows, four times as fast as it must be.
        let request = Request::post(house.url("/count")).version(version);
        let request = request.body(trickle(70, 400, Duration::from_millis(100))).unwrap();
        tokio::spawn(client(version).request(request))
    });
    for answer in bodies {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(to_bytes(Body::new(answer.into_body()), 100).await.unwrap(), "28000");
    }
}

#[tokio::test]
async fn a_stall_shorter_than_the_window_ends_nothing() {
    let house = House::open(SHORT);
    let mut client = house.connect().await;
    client
        .write_all(b"POST /count HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 8\r\n\r\n1234")
        .await
        .unwrap();
    tokio::time::sleep(SHORT.window / 2).await;
    client.write_all(b"5678").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n8"), "{answer}");
}

#[tokio::test]
async fn a_body_that_only_trickles_is_answered_408_and_the_connection_ends() {
    let house = House::open(SHORT);
    let (mut reader, mut writer) = house.connect().await.into_split();
    writer.write_all(b"POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = Vec::new();
    // What was sent after the end may turn the end into a reset.
    let _ = reader.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 408 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    trickle.await.unwrap();

    let request = Request::post(house.url("/count")).body(self::trickle(1_000, 1, Duration::from_millis(100))).unwrap();
    let answer = client(Version::HTTP_2).request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let mut house = House::open(SHORT);
    for version in VERSIONS {
        let request = Request::get(house.url("/endless")).body(Body::empty()).unwrap();
        let client = client(version);
        let answer = client.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        // Its body is held and not read.
        house.given_up.recv().await.unwrap();
        drop(answer);
    }
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_goes_on() {
    let mut house = House::open(SHORT);
    let request = Request::get(house.url("/endless")).body(Body::empty()).unwrap();
    let client = client(Version::HTTP_2);
    let mut answer = Body::new(client.request(request).await.unwrap().into_body());
    let until = Instant::now() + 2 * SHORT.window;
    while Instant::now() < until {
        let mut body = Pin::new(&mut answer);
        let frame = std::future::poll_fn(|cx| axum::body::HttpBody::poll_frame(body.as_mut(), cx)).await;
        assert!(frame.is_some_and(|frame| frame.is_ok()), "it goes on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(house.given_up.try_recv().is_err());
}

/// Sends a beginning and then a byte now and then; gives what came back before the connection ended.
async fn drip(house: &House, beginning: &[u8], bytes: &'static [u8]) -> Vec<u8> {
    let (mut reader, mut writer) = house.connect().await.into_split();
    writer.write_all(beginning).await.unwrap();
    let dripping = tokio::spawn(async move {
        while writer.write_all(bytes).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    dripping.await.unwrap();
    answer
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection() {
    let house = House::open(SHORT);
    drip(&house, b"GET /count HTTP/1.1\r\nHost: h\r\nX-Long: ", b"x").await;
}

#[tokio::test]
async fn http2_without_a_request_ends_whatever_else_it_says() {
    let house = House::open(SHORT);
    // The preface and empty settings; then a ping each time (RFC 9113, 3.4 and 6.7).
    let ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678";
    drip(&house, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", ping).await;
    // The same with a head that says that more of it follows (6.2, 6.10): it is never whole.
    let beginning =
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82";
    drip(&house, beginning, b"\x00\x00\x01\x09\x00\x00\x00\x00\x01\x84").await;
}

#[tokio::test]
async fn a_connection_that_is_kept_for_nothing_ends() {
    let house = House::open(SHORT);
    let mut client = house.connect().await;
    client.write_all(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[tokio::test]
async fn little_of_http2_lies_unread_in_memory() {
    let house = House::open(SHORT);
    let mut client = house.connect().await;
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    let (mut streams, mut stream_window, mut connection_window) = (u32::MAX, u32::MAX, 65_535);
    // Settings, and what the connection's window has more than it begins with (RFC 9113, 6.5 and 6.9).
    while connection_window == 65_535 {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let mut frame = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        client.read_exact(&mut frame).await.unwrap();
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        match head[3] {
            4 => {
                for setting in frame.chunks(6) {
                    match setting[1] {
                        3 => streams = number(&setting[2..]),
                        4 => stream_window = number(&setting[2..]),
                        _ => {}
                    }
                }
            }
            8 => connection_window += number(&frame),
            _ => {}
        }
    }
    assert_eq!((streams, stream_window, connection_window), (8, 384 * 1_024, 512 * 1_024));
}

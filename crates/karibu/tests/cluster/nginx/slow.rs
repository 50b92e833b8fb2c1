//! Slow clients, and too many of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use testkit::nginx::Nginx;
use testkit::registrant::{Attached, Filled};
use testkit::serve::wait_for;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::front::Front;

/// Speaks TLS with nginx, as HTTP/1.1.
pub(super) fn connector(nginx: &Nginx) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(nginx.certificates().ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A connection from this address of the machine.
async fn from(address: &str, port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap()
}

pub(super) async fn secured(connector: &TlsConnector, stream: TcpStream) -> TlsStream<TcpStream> {
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_slow_clients_hold_up_nobody() {
    let front = Front::open().await;
    let (connector, port) = (connector(&front.nginx), front.nginx.port());
    let mut slow = tokio::task::JoinSet::new();
    for n in 0..200 {
        let connector = connector.clone();
        slow.spawn(async move {
            let stream = from("127.0.0.2", port).await;
            if n % 4 == 0 {
                // Says nothing at all.
                sleep(Duration::from_secs(60)).await;
                return drop(stream);
            }
            let mut stream = secured(&connector, stream).await;
            let head: &[u8] = match n % 4 {
                1 => b"GET /connect/register HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
                2 => {
                    b"POST /connect/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; \
                      boundary=slow\r\nContent-Length: 10000000\r\n\r\n"
                }
                // Asks for pages and reads none.
                _ => b"GET /connect/register HTTP/1.1\r\nHost: localhost\r\n\r\n",
            };
            let _ = stream.write_all(head).await;
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
    }
    sleep(Duration::from_secs(2)).await;
    let person = front.person();
    let mut longest = Duration::ZERO;
    for n in 0..20 {
        let began = Instant::now();
        person.register(&Filled::sample(&format!("Quick {n}")), Some(&Attached::pdf("cv.pdf", "x"))).await;
        longest = longest.max(began.elapsed());
        sleep(Duration::from_millis(200)).await;
    }
    // A machine that does much else at once takes its time; whoever is held up waits for a minute.
    assert!(longest < Duration::from_secs(10), "a registration took {longest:?}");
    println!("the slowest registration beside 200 slow clients took {longest:?}");
    assert_eq!(front.registrations().await, 20);
    slow.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_head_is_given_ten_seconds_in_all() {
    let nginx = Nginx::prepare().in_front_of(&[testkit::serve::free_port()]).await;
    let mut stream = secured(&connector(&nginx), from("127.0.0.2", nginx.port()).await).await;
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let drip = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() && write.flush().await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let mut rest = Vec::new();
    let _ = read.read_to_end(&mut rest).await;
    assert!((8..16).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    drip.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_may_ask_for_so_many_things_at_once_and_no_more() {
    let nginx = Nginx::prepare().with("PER_ADDRESS", "30").in_front_of(&[testkit::serve::free_port()]).await;
    let (connector, port) = (connector(&nginx), nginx.port());
    let mut held = Vec::new();
    for n in 0..40 {
        let mut stream = secured(&connector, from("127.0.0.3", port).await).await;
        let request = b"POST /connect/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx";
        stream.write_all(request).await.unwrap();
        if n >= 30 {
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).await.unwrap();
            assert_eq!(&begin, b"HTTP/1.1 429", "number {n}");
        } else {
            // So that nginx has it before the next one comes.
            wait_for("the request", async || (writing(&nginx).await > n).then_some(())).await;
        }
        held.push(stream);
    }
    let answer = nginx.client().get(nginx.url()).send().await.unwrap();
    assert_eq!(
        answer.status(),
        StatusCode::SERVICE_UNAVAILABLE,
        "another address gets the page for when no web is left"
    );
}

/// How many requests nginx has, without the one that asks.
async fn writing(nginx: &Nginx) -> usize {
    let status = reqwest::get(format!("{}/status", nginx.status_url())).await.unwrap().text().await.unwrap();
    let number = status.split("Writing: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    number.parse::<usize>().unwrap() - 1
}

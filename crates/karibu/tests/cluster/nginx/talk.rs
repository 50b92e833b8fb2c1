//! What is said between browser, nginx and web: bodies that are too large, and requests with two readings.

use reqwest::StatusCode;
use testkit::nginx::Nginx;
use testkit::registrant::{Attached, Filled};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::slow::{connector, secured};
use crate::front::Front;

/// Sends these bytes and gives all that comes back.
async fn say(front: &Front, words: &[u8]) -> String {
    let stream = TcpStream::connect(("127.0.0.1", front.nginx.port())).await.unwrap();
    let mut stream = secured(&connector(&front.nginx), stream).await;
    stream.write_all(words).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_with_two_readings_are_refused() {
    let front = Front::with(Nginx::prepare(), 1, &[]).await;
    let inner = "GET /organizer/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let chunked = format!("0\r\n\r\n{inner}");
    let post = "POST /connect/register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for (headers, body) in [
        ("Content-Length: 4\r\nContent-Length: 60\r\n", inner.to_owned()),
        ("Content-Length: 60\r\nTransfer-Encoding: chunked\r\n", chunked.clone()),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked.clone()),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked.clone()),
        ("Transfer-Encoding: xchunked\r\n", chunked.clone()),
        ("Transfer-Encoding : chunked\r\n", chunked.clone()),
        ("Content-Length: +4\r\n", "abcd".to_owned()),
        ("Content-Length: 0x4\r\n", "abcd".to_owned()),
        ("Host: evil.example\r\n", String::new()),
    ] {
        let answer = say(&front, format!("{post}{headers}\r\n{body}").as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "501"].contains(&status), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
    for line in ["GET /connect/\r\n", "GET  HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let answer = say(&front, line.as_bytes()).await;
        assert!(answer.is_empty() || answer.contains(" 400 ") || answer.starts_with('<'), "{line}: {answer}");
    }
    assert!(front.nginx.access_log().iter().all(|line| line["path"] != "/organizer/*"));
    assert!(!front.webs[0].log().contains("/organizer/"), "{}", front.webs[0].log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_above_the_forms_limit_comes_back_from_web_and_one_above_all_limits_from_nginx() {
    let front = Front::open().await;
    let person = front.person();
    let form = person.open().await;
    let filled = Filled::sample("Wafula");
    let answer = person.send(&form, &filled, Some(&Attached::large_pdf("cv.pdf", 12 << 20))).await;
    assert!(answer.headers().contains_key("x-instance"), "web says it");
    let page = answer.text().await.unwrap();
    assert!(page.contains("value=\"Wafula\""), "the answers are kept");

    let answer = person.try_send(&form, &filled, Some(&Attached::large_pdf("cv.pdf", 81 << 20))).await;
    // A client that goes on sending may find the connection closed before it reads the answer.
    if let Ok(answer) = answer {
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let page = answer.text().await.unwrap();
        assert!(page.contains("choose smaller files"), "{page}");
    }
    let head = "POST /connect/register HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n\r\n";
    let answer = say(&front, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("choose smaller files"), "{answer}");
    assert!(answer.to_lowercase().contains("content-security-policy"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_on_disk_only_as_long_as_it_is_needed() {
    let front = Front::open().await;
    let file = Attached::large_pdf("cv.pdf", 3 << 20);
    front.person().register(&Filled::sample("Njeri").with("category", "student"), Some(&file)).await;
    let mut folders = vec![front.nginx.temp()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.is_dir(), "{} is left", path.display());
            folders.push(path);
        }
    }
}

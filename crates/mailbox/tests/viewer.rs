//! Real files in a real folder, hostile ones too, as a browser on the machine gets them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use mailbox::Guard;
use tempfile::TempDir;
use tower::ServiceExt as _;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of text"))
    }
}

async fn get(folder: &Path, path: &str) -> Answer {
    let mut request = Request::get(path).header("host", "localhost:8443").body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
    let router = mailbox::router(folder.to_owned(), Guard::ThisMachine { public_url_is_loopback: true });
    let response = router.oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 64 << 20).await.expect("a body");
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Writes a mail that is `age` seconds older than the start of the year 2026.
fn write(folder: &TempDir, name: &str, age: u64, mail: impl AsRef<[u8]>) {
    let path = folder.path().join(name);
    fs::write(&path, mail).expect("a file");
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 - age);
    let file = fs::File::options().write(true).open(path).expect("the file");
    file.set_modified(at).expect("its time");
}

const GOOD: &str = "From: Karibu <karibu@example.org>\r\n\
    To: =?utf-8?q?Ren=C3=A9e?= <renee@example.org>\r\n\
    Reply-To: Mutale <m@example.org>\r\n\
    Subject: =?utf-8?q?[Connect]_Inscription_re=C3=A7ue?=\r\n\
    Date: Wed, 4 Nov 2026 17:00:05 +0200\r\n\
    Message-ID: <1@example.org>\r\n\
    X-Karibu-Kind: confirmation\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=m\r\n\r\n\
    --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBonjour <Renée>\r\n\
    --a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<!doctype html><html><head><title>x</title></head><body><a href=\"https://localhost:8443/\">Bonjour</a></body></html>\r\n\
    --a--\r\n\
    --m\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment; filename=\"<b>&.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n\
    --m--\r\n";

#[tokio::test]
async fn an_empty_or_missing_folder_says_when_mails_appear() {
    let folder = folder();
    for path in [folder.path().to_owned(), folder.path().join("not-made-yet")] {
        let answer = get(&path, "/mail/").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("No mail has been written yet."));
    }
}

#[tokio::test]
async fn the_list_has_the_newest_mail_first() {
    let folder = folder();
    write(&folder, "old.eml", 60, "Subject: The old one\r\n\r\nx");
    write(&folder, "good.eml", 0, GOOD);
    write(&folder, "older.eml", 90, "Subject: The oldest one\r\n\r\nx");
    let body = get(folder.path(), "/mail/").await.body;
    let places =
        ["[Connect] Inscription reçue", "The old one", "The oldest one"].map(|subject| body.find(subject).unwrap());
    assert!(places.is_sorted());
    assert!(body.contains("href=\"/mail/good.eml\""));
    for text in [
        "Renée &#60;renee@example.org&#62;",
        "Karibu &#60;karibu@example.org&#62;",
        "2026-11-04 17:00 +02:00",
        "confirmation",
        "3 mails",
    ] {
        assert!(body.contains(text), "{text} is not in {body}");
    }
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let folder = folder();
    for n in 0..120 {
        write(&folder, &format!("{n}.eml"), n, format!("Subject: Mail no. {n}.\r\n\r\nx"));
    }
    let first = get(folder.path(), "/mail/").await.body;
    assert!(first.contains("Mail no. 49.") && !first.contains("Mail no. 50.") && first.contains("?page=2"));
    let last = get(folder.path(), "/mail/?page=3").await.body;
    assert!(last.contains("Mail no. 119.") && !last.contains("?page=4") && last.contains("Page 3 of 3"));
    for page in ["4", "0", "-1", "x", "18446744073709551615"] {
        assert_eq!(get(folder.path(), &format!("/mail/?page={page}")).await.status, StatusCode::OK, "{page}");
    }
}

#[tokio::test]
async fn only_complete_files_are_mails() {
    let folder = folder();
    write(&folder, "a.eml.tmp", 0, GOOD);
    write(&folder, ".b.eml", 0, GOOD);
    write(&folder, "notes.txt", 0, "x");
    fs::create_dir(folder.path().join("c.eml")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("d.eml")).unwrap();
    assert!(get(folder.path(), "/mail/").await.body.contains("No mail has been written yet."));
    for name in ["a.eml.tmp", ".b.eml", "notes.txt", "c.eml", "d.eml", "gone.eml"] {
        assert_eq!(get(folder.path(), &format!("/mail/{name}/raw")).await.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn a_mail_is_shown_with_its_headers_and_both_parts() {
    let folder = folder();
    write(&folder, "good.eml", 0, GOOD);
    let answer = get(folder.path(), "/mail/good.eml").await;
    assert_eq!(answer.status, StatusCode::OK);
    for text in [
        "[Connect] Inscription reçue",
        "Mutale &#60;m@example.org&#62;",
        "&#60;1@example.org&#62;",
        "Bonjour &#60;Renée&#62;",
        "sandbox=\"allow-popups allow-popups-to-escape-sandbox\" src=\"/mail/good.eml/html\"",
        "/mail/good.eml/raw",
        "&#60;b&#62;&#38;.pdf</bdi></a> (5 bytes)",
    ] {
        assert!(answer.body.contains(text), "{text} is not in {}", answer.body);
    }
    assert!(!answer.body.contains("allow-scripts") && !answer.body.contains("allow-same-origin"));
}

#[tokio::test]
async fn the_html_part_comes_with_a_policy_that_lets_nothing_run() {
    let folder = folder();
    write(&folder, "good.eml", 0, GOOD);
    let answer = get(folder.path(), "/mail/good.eml/html").await;
    assert!(answer.body.starts_with("<!doctype html><html><head><base target=\"_blank\"><title>"), "{}", answer.body);
    let policy = answer.header("content-security-policy");
    for part in
        ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "frame-ancestors 'self'", "; sandbox "]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("allow-scripts") && !policy.contains("allow-same-origin") && !policy.contains("script-src")
    );
}

#[tokio::test]
async fn an_html_part_without_a_head_is_left_as_it_is() {
    let folder = folder();
    write(&folder, "a.eml", 0, "Content-Type: text/html\r\n\r\n<p>İ<b>Hi</b>");
    assert_eq!(get(folder.path(), "/mail/a.eml/html").await.body, "<p>İ<b>Hi</b>");
    assert!(!get(folder.path(), "/mail/a.eml").await.body.contains("<h2>Text part</h2>"));
    write(&folder, "b.eml", 0, "Subject: text only\r\n\r\nHello");
    assert_eq!(get(folder.path(), "/mail/b.eml/html").await.status, StatusCode::NOT_FOUND);
    assert!(!get(folder.path(), "/mail/b.eml").await.body.contains("<iframe"));
}

#[tokio::test]
async fn source_and_attachments_come_byte_for_byte_and_are_never_shown_as_pages() {
    let folder = folder();
    write(&folder, "good.eml", 0, GOOD);
    let raw = get(folder.path(), "/mail/good.eml/raw").await;
    assert_eq!((raw.body.as_str(), raw.header("content-type")), (GOOD, "text/plain; charset=utf-8"));
    let file = get(folder.path(), "/mail/good.eml/attachment/0").await;
    assert_eq!(file.body, "%PDF-");
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert!(file.header("content-disposition").starts_with("attachment;"));
    for number in ["1", "-1", "x", "4294967296"] {
        let path = format!("/mail/good.eml/attachment/{number}");
        assert_eq!(get(folder.path(), &path).await.status, StatusCode::NOT_FOUND, "{number}");
    }
}

#[tokio::test]
async fn every_answer_is_kept_by_nobody() {
    let folder = folder();
    write(&folder, "good.eml", 0, GOOD);
    for path in ["", "style.css", "good.eml", "good.eml/html", "good.eml/raw", "good.eml/attachment/0", "gone.eml"] {
        let answer = get(folder.path(), &format!("/mail/{path}")).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-robots-tag"), "noindex, nofollow", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors"), "{path}: {policy}");
    }
    let answer = get(folder.path(), "/mail").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, "/mail/"));
}

#[tokio::test]
async fn scripts_in_headers_and_text_are_only_text() {
    let folder = folder();
    let evil = "<script>alert(1)</script>";
    let mail = format!(
        "Subject: {evil}\r\nFrom: \"{evil}\" <a@example.org>\r\nTo: {evil}\r\nDate: {evil}\r\nX-Karibu-Kind: {evil}\r\n\
         X-{evil}: {evil}\r\n\r\n</pre>{evil}"
    );
    write(&folder, "evil.eml", 0, mail);
    for path in ["/mail/", "/mail/evil.eml"] {
        let body = get(folder.path(), path).await.body;
        assert!(!body.contains("<script") && body.contains("&#60;script&#62;alert(1)"), "{body}");
    }
}

#[tokio::test]
async fn an_html_part_with_a_script_stays_in_its_sandbox() {
    let folder = folder();
    write(&folder, "evil.eml", 0, "Subject: x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script></iframe>");
    let page = get(folder.path(), "/mail/evil.eml").await.body;
    assert!(!page.contains("alert(1)"), "the page itself has nothing of it");
    let part = get(folder.path(), "/mail/evil.eml/html").await;
    assert!(part.header("content-security-policy").contains("; sandbox allow-popups"));
}

#[tokio::test]
async fn broken_mails_are_shown_as_far_as_they_can_be_read() {
    let folder = folder();
    let broken: [(&str, Vec<u8>); 8] = [
        ("empty.eml", vec![]),
        ("zeros.eml", vec![0; 10_000]),
        ("noise.eml", (0..=255_u8).cycle().take(100_000).collect()),
        ("nobody.eml", b"Subject: only a header".to_vec()),
        (
            "boundary.eml",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\nContent-Type: text/html".to_vec(),
        ),
        ("noboundary.eml", b"Content-Type: multipart/mixed\r\n\r\nx".to_vec()),
        ("nested.eml", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(5_000)),
        (
            "encoding.eml",
            b"Subject: =?utf-8?b?!!?= =?x?q?=FF?=\r\nDate: Fri, 99 Zzz 9999 99:99:99 +9999\r\n\r\n\xff\xfe".to_vec(),
        ),
    ];
    for (name, mail) in &broken {
        write(&folder, name, 0, mail);
        let page = get(folder.path(), &format!("/mail/{name}")).await;
        assert_eq!(page.status, StatusCode::OK, "{name}");
        assert!(page.body.ends_with("</html>\n") || page.body.ends_with("</html>"), "{name}");
    }
    let list = get(folder.path(), "/mail/").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains("8 mails") && list.body.contains("Without a subject"));
}

#[tokio::test]
async fn a_huge_header_does_not_make_a_huge_page() {
    let folder = folder();
    let long = "x".repeat(5_000_000);
    let many = "X-Many: y\r\n".repeat(100_000);
    write(&folder, "huge.eml", 0, format!("Subject: {long}\r\nTo: {long}\r\n{many}\r\nHello"));
    for path in ["/mail/", "/mail/huge.eml"] {
        let answer = get(folder.path(), path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.len() < 100_000, "{path}: {}", answer.body.len());
    }
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let outer = folder();
    fs::write(outer.path().join("secret.eml"), "Subject: secret\r\n\r\nsecret").unwrap();
    let inner = outer.path().join("mail");
    fs::create_dir(&inner).unwrap();
    for name in [
        "..%2Fsecret.eml",
        "%2e%2e%2fsecret.eml",
        "..%5Csecret.eml",
        "../secret.eml",
        "..%2F..%2Fetc%2Fpasswd",
        "../../etc/passwd",
        "%2Fetc%2Fpasswd",
        "secret.eml%00",
        "%ff.eml",
        "..",
        ".",
        "%2e%2e",
        "mail%2F..%2F..%2Fsecret.eml",
    ] {
        for part in ["", "/raw", "/html", "/attachment/0"] {
            let answer = get(&inner, &format!("/mail/{name}{part}")).await;
            assert!(answer.status.is_client_error(), "{name}{part}: {}", answer.status);
            assert!(!answer.body.contains("secret") && !answer.body.contains("root:"), "{name}{part}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_said_without_its_path() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let answer = get(&file, "/mail/").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.contains("could not be read") && !answer.body.contains(file.to_str().unwrap()));
}

//! Bodies that no browser sends, and texts that nobody should have to see unescaped.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use registration::ports::Registrations;
use tokio::task::JoinHandle;

use crate::house::{Answer, BOUNDARY, Held, House, Opened, Sent, ask, request};

async fn post(house: &House, content_type: &str, body: &[u8]) -> StatusCode {
    let headers = [("content-type", content_type)];
    house.ask(request(Method::POST, "/connect/register", &headers, Body::from(body.to_vec()))).await.status
}

#[tokio::test]
async fn bodies_that_are_no_form_are_unreadable() {
    let house = House::new().await;
    let form = house.open().await;
    let good = Sent::sample(&form).body();
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", &b"submission_id=1"[..]),
        ("application/json", b"{}"),
        ("multipart/form-data", &good),
        ("multipart/form-data; boundary=other", &good),
        (&multipart, b""),
        (&multipart, &good[..good.len() / 2]),
        (&multipart, &good[..good.len() - 10]),
        (&multipart, &Sent { parts: Vec::new() }.body()),
        (&multipart, &Sent::sample(&form).with("submission_id", "not a uuid").body()),
        (&multipart, &Sent::sample(&form).and("submission_id", &form.submission_id).body()),
        (&multipart, &Sent::sample(&form).and("form_token", &form.form_token).body()),
        (&multipart, &(0..600).fold(Sent::sample(&form), |sent, n| sent.and(&format!("f{n}"), "")).body()),
    ] {
        assert_eq!(post(&house, content_type, body).await, StatusCode::BAD_REQUEST, "{content_type} {}", body.len());
    }
    let mut late = Sent::sample(&form);
    late.parts.rotate_left(1);
    assert_eq!(house.send(&late).await.status, StatusCode::BAD_REQUEST, "the submission id comes first");
    assert!(house.registrations().await.is_empty());
    assert_eq!(post(&house, &multipart, &good).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn hostile_texts_are_refused_or_stored_as_they_are_and_shown_escaped() {
    let house = House::new().await;
    for refused in
        ["a\0b", "a\r\nBcc: x", "\u{202e}evil", "http://evil.example", &"n".repeat(10_000), &"n".repeat(100_000)]
    {
        let sent = Sent::sample(&house.open().await).with("last_name", refused);
        let answer = house.send(&sent).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{:?}", &refused[..refused.len().min(20)]);
        assert!(answer.text().contains("id=\"last_name-e\""));
    }
    for stored in ["<script>alert(1)</script>", "{x} {{ 7*7 }}", "=cmd()", "𝔘𝔫𝔦 😀", "O’Neil \"Q\" & sons", "-->"]
    {
        let sent = Sent::sample(&house.open().await).with("organization", stored);
        let to = house.register(&sent).await;
        let row = house.registrations().await.remove(0);
        assert_eq!(row.organization.as_deref(), Some(stored));
        let link = house.organizer_link(Some(row.id)).await;
        let list = house.organizer_link(None).await;
        for path in [&to, &link, &list] {
            let page = house.get(path).await.text();
            assert!(!page.contains("<script>alert"), "{path}");
            let shown = page.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
            assert!(shown.replace("&#38;", "&").contains(stored), "{stored} at {path}");
        }
    }
}

#[tokio::test]
async fn a_text_too_long_to_be_kept_is_never_registered_in_part() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).with("comments", &"é".repeat(50_000));
    let answer = house.send(&sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("id=\"comments-e\""));
    assert!(!answer.text().contains('\u{fffd}'), "it is cut between characters");
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn what_was_typed_comes_back_escaped() {
    let house = House::new().await;
    let hostile = "\"><script>alert(1)</script>";
    let mut sent = Sent::sample(&house.open().await).with("email", "nobody");
    for name in
        ["title", "first_name", "last_name", "phone", "organization", "country", "category", "comments", "consent"]
    {
        sent = sent.with(name, hostile);
    }
    let page = house.send(&sent.and(hostile, hostile).file("attachment", hostile, b"MZ")).await.text();
    assert!(!page.contains("<script>alert"));
}

#[tokio::test]
async fn what_is_registered_is_what_was_typed() {
    let house = House::new().await;
    house.register(&Sent::sample(&house.open().await).with("comments", "one\r\ntwo\r\n\r\nthree")).await;
    let row = house.only_registration().await;
    let record = house.store.get(row.id).await.unwrap().unwrap();
    assert_eq!(record.answers["comments"], "one\ntwo\n\nthree");
    assert_eq!(record.answers["phone"], "+254712345678");
}

/// Nearly as much text as a form may have.
fn large(form: &Opened) -> Sent {
    (0..15).fold(Sent::sample(form), |sent, _| sent.and("comments", &"x".repeat(60_000)))
}

/// Sends a form up to its last bytes; it is read so far when this is over.
async fn begin(house: &House, sent: &Sent) -> (JoinHandle<Answer>, Held) {
    let (request, mut held) = sent.held("/connect/register?lang=en", 4);
    let router = house.router.clone();
    let answer = tokio::spawn(async move { ask(&router, request).await });
    (&mut held.read).await.unwrap();
    (answer, held)
}

fn from_elsewhere(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 2], 4000))));
    request
}

#[tokio::test]
async fn forms_full_of_texts_are_bounded_in_all_and_those_of_people_pass() {
    let house = House::new().await;
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(begin(&house, &large(&house.open().await)).await);
    }
    let one_more = large(&house.open().await);
    let refused = house.send(&one_more).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(refused.header("retry-after"), "");
    let page = refused.text();
    assert!(page.contains("value=\"Kamau\""), "what found room comes back");
    assert!(page.contains("id=\"comments-e\""), "what did not is asked for again");
    house.register(&Sent::sample(&house.open().await)).await;
    let elsewhere = house.ask(from_elsewhere(one_more.request("/connect/register?lang=en", &[]))).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY, "another address has room");
    for (answer, held) in begun {
        held.go.send(()).unwrap();
        assert_eq!(answer.await.unwrap().status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(house.send(&one_more).await.status, StatusCode::UNPROCESSABLE_ENTITY, "they are gone");
}

#[tokio::test]
async fn an_answer_holds_its_texts_until_it_is_sent() {
    let house = House::new().await;
    let sent = large(&house.open().await);
    let mut answers = Vec::new();
    for _ in 0..6 {
        let request = sent.request("/connect/register?lang=en", &[]);
        answers.push(tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap());
    }
    assert_eq!(house.send(&sent).await.status, StatusCode::SERVICE_UNAVAILABLE);
    answers.clear();
    assert_eq!(house.send(&sent).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn little_is_kept_of_texts_without_a_good_token() {
    let house = House::new().await;
    let mut begun = Vec::new();
    for _ in 0..16 {
        begun.push(begin(&house, &large(&house.open().await).with("form_token", "forged")).await);
    }
    for (answer, held) in begun {
        held.go.send(()).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = answer.text();
        assert!(page.contains("value=\"Kamau\"") && page.len() < 256 * 1024, "{}", page.len());
    }
    // What people type comes back whole.
    let comments = "é".repeat(20_000);
    let sent = Sent::sample(&house.open().await).with("form_token", "forged").with("comments", &comments);
    let page = house.send(&sent).await.text();
    assert!(page.contains(&comments) && !page.contains("id=\"comments-e\""));
    // What does not is asked for again.
    let sent = sent.and("comments", &"y".repeat(60_000)).with("organization", &"z".repeat(10_000));
    assert!(house.send(&sent).await.text().contains("id=\"comments-e\""));
}

#[tokio::test]
async fn bytes_that_are_no_text_have_no_more_room_than_texts() {
    let house = House::new().await;
    let mut sent = Sent::sample(&house.open().await).without("organization");
    sent.parts.push(("organization".to_owned(), None, b"Caf\xe9".to_vec()));
    house.register(&sent).await;
    assert_eq!(house.only_registration().await.organization.as_deref(), Some("Caf\u{fffd}"));
    let mut sent = Sent::sample(&house.open().await);
    for _ in 0..15 {
        // Each of them is shown as three.
        sent.parts.push(("comments".to_owned(), None, vec![0xff; 60_000]));
    }
    assert_eq!(house.send(&sent).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

//! Bodies that no browser sends, and texts that nobody should have to see unescaped.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use registration::ports::Registrations;

use crate::house::{BOUNDARY, House, Sent, request};

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

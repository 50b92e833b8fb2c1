//! The form as it is opened.

use axum::body::Body;
use axum::http::{Method, StatusCode};

use crate::house::{House, Sent, ask, request, sample};

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip, deflate, br")];

/// A page without what is different at every visit.
fn same_for_all(page: &str, form: &crate::house::Opened) -> String {
    page.replace(&form.submission_id, "ID").replace(&form.form_token, "TOKEN")
}

#[tokio::test]
async fn the_compressed_form_is_the_plain_form_in_every_language() {
    let house = House::new().await;
    for language in ["en", "fr"] {
        let path = format!("/connect/register?lang={language}");
        let (plain, packed) = (house.get(&path).await, house.get_with(&path, &GZIP).await);
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(same_for_all(&plain.text(), &plain.opened()), same_for_all(&packed.text(), &packed.opened()));
        for answer in [&plain, &packed] {
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("vary"), "Accept-Encoding, Accept-Language");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        assert!(packed.body.len() < 9_000, "{} bytes", packed.body.len());
        assert!(plain.text().contains(&format!("<html lang=\"{language}\"")));
        // One member and nothing behind it: browsers stop after the first.
        let mut decoder = flate2::bufread::GzDecoder::new(&packed.body[..]);
        std::io::copy(&mut decoder, &mut std::io::sink()).unwrap();
        assert!(decoder.into_inner().is_empty());
    }
}

#[tokio::test]
async fn every_visit_gets_a_token_of_its_own() {
    let house = House::new().await;
    let (first, second) = (house.open().await, house.open().await);
    assert_ne!(first.submission_id, second.submission_id);
    let token = house.signer.read_form(&first.form_token, house.now()).unwrap();
    assert_eq!(token.submission.0.to_string(), first.submission_id);
    assert_eq!((token.event, token.form_version, token.opened), (house.event().await, 1, house.now()));
}

#[tokio::test]
async fn the_submission_id_is_the_first_input_of_the_form() {
    let house = House::new().await;
    let page = house.get("/connect/register").await.text();
    let form = page.split("<form").nth(1).unwrap();
    let first = form.split("<input").nth(1).unwrap();
    assert!(first.contains("name=\"submission_id\""), "{first}");
}

#[tokio::test]
async fn the_language_is_that_of_the_link_then_that_of_the_browser() {
    let house = House::new().await;
    for (path, header, language) in [
        ("/connect/register", "fr-CM,fr;q=0.9,en;q=0.8", "fr"),
        ("/connect/register?lang=en", "fr", "en"),
        ("/connect/register?lang=fr", "en", "fr"),
        ("/connect/register?lang=fr-CM", "en", "fr"),
        ("/connect/register?lang=sw", "fr", "fr"),
        ("/connect/register?lang=%22%3E", "sw, de", "en"),
        ("/connect/?lang=fr", "en", "fr"),
        ("/nothing/?lang=fr", "en", "fr"),
        ("/nothing/", "fr", "fr"),
    ] {
        let page = house.get_with(path, &[("accept-language", header)]).await.text();
        assert!(page.contains(&format!("<html lang=\"{language}\"")), "{path} {header}");
    }
}

#[tokio::test]
async fn the_kept_form_holds_nothing_of_another_visitors_query() {
    let house = House::new().await;
    house.get("/connect/register?lang=en&utm=%3Cscript%3Emine&dropped=x").await;
    let page = house.get("/connect/register?lang=en").await.text();
    assert!(!page.contains("utm") && !page.contains("mine"));
}

#[tokio::test]
async fn forms_are_served_from_memory_when_the_database_is_gone() {
    let house = House::new().await;
    house.store.close().await;
    for (path, status) in [
        ("/connect/register", StatusCode::OK),
        ("/connect/", StatusCode::OK),
        ("/", StatusCode::FOUND),
        ("/connect/event.ics", StatusCode::OK),
        ("/nothing/", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(house.get(path).await.status, status, "{path}");
    }
    assert!(house.web.refresh().await.is_err());
    assert_eq!(house.get("/connect/register?lang=fr").await.status, StatusCode::OK, "what was read stays");
}

#[tokio::test]
async fn before_anything_was_read_pages_say_that_they_are_not_there_yet() {
    let house = House::with(&[]).await;
    assert_eq!(house.get("/connect/register").await.status, StatusCode::NOT_FOUND);
    let web = house.fresh_web();
    assert!(!web.is_loaded());
    let answer = ask(&web.router(), request(Method::GET, "/connect/register", &[], Body::empty())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn an_event_that_is_imported_again_shows_at_the_next_refresh() {
    let house = House::new().await;
    assert!(house.get("/connect/register").await.text().contains("Position"));
    house.import(&sample(&[("label = { en = \"Position\", fr", "label = { en = \"Your role\", fr")])).await;
    assert!(house.get("/connect/register").await.text().contains("Position"));
    house.web.refresh().await.unwrap();
    let page = house.get("/connect/register").await.text();
    assert!(page.contains("Your role") && !page.contains("Position"));
}

#[tokio::test]
async fn an_option_without_places_is_shown_as_full_at_the_next_refresh() {
    let few = sample(&[(
        "{ value = \"onsite\", label = { en = \"In Lusaka\", fr = \"À Lusaka\" } }",
        "{ value = \"onsite\", label = { en = \"In Lusaka\", fr = \"À Lusaka\" }, places = 1 }",
    )]);
    let house = House::with(&[&few]).await;
    let full = "In Lusaka <i>(full";
    assert!(!house.get("/connect/register?lang=en").await.text().contains(full));
    house.register(&Sent::sample(&house.open().await).with("attendance", "onsite").with("visa_letter", "no")).await;
    house.web.refresh().await.unwrap();
    assert!(house.get("/connect/register?lang=en").await.text().contains(full));
}

#[tokio::test]
async fn head_says_what_get_says_without_a_body() {
    let house = House::new().await;
    for path in ["/connect/register", "/connect/", "/robots.txt", "/nothing"] {
        let (get, head) = (house.get(path).await, house.ask(request(Method::HEAD, path, &[], Body::empty())).await);
        assert_eq!(get.status, head.status, "{path}");
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"));
    }
}

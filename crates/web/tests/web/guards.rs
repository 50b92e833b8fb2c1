//! Guards against robots, floods and other sites: the form comes back as it was typed, and pressing again registers.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::SignedDuration;
use registration::ports::{Registrations, Uploads};
use web::RateLimit;

use crate::house::{Answer, House, Sent, pdf};

const REFUSED: &str = "karibu_registrations_total{event=\"connect\",outcome=\"refused\"}";

/// Wants the form back with everything in it, its file kept, and nothing registered.
async fn came_back(house: &House, answer: &Answer, status: StatusCode) {
    let page = answer.text();
    assert_eq!(answer.status, status, "{page}");
    for kept in ["value=\"Wanjiru\"", "value=\"+254 712 345 678\"", "<b>cv.pdf</b>", "id=\"error-summary\""] {
        assert!(page.contains(kept), "{kept} in {page}");
    }
    assert!(!page.contains("name=\"website\" value"), "the trap comes back empty");
    assert!(house.registrations().await.is_empty());
}

/// Presses again, without sending the file again.
async fn presses_again(house: &House, answer: &Answer) {
    house.register(&Sent::sample(&answer.opened()).and("attachment__kept", "yes").file("attachment", "", b"")).await;
    let row = house.only_registration().await;
    assert_eq!(house.store.files(row.id).await.unwrap()[0].name, "cv.pdf");
}

#[tokio::test]
async fn a_filled_trap_is_asked_about_once_and_locks_nobody_out() {
    for file in [pdf(1000), pdf(400_000)] {
        let house = House::new().await;
        let sent = Sent::sample(&house.open().await).file("attachment", "cv.pdf", &file);
        let answer = house.send(&sent.and("website", "https://spam.example")).await;
        came_back(&house, &answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(house.metric(REFUSED), 1);
        // An extension that fills it in again does not stop a person who presses again.
        let again = Sent::sample(&answer.opened()).and("website", "Wanjiru").file("attachment", "", b"");
        house.register(&again).await;
        let row = house.only_registration().await;
        assert_eq!(house.store.files(row.id).await.unwrap()[0].name, "cv.pdf");
    }
}

#[tokio::test]
async fn a_form_that_came_back_for_the_trap_registers_without_it() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).file("attachment", "cv.pdf", &pdf(300_000));
    let answer = house.send(&sent.and("website", "x")).await;
    presses_again(&house, &answer).await;
    // Blanks fill nothing.
    house.register(&Sent::sample(&house.open().await).with("last_name", "Other").and("website", "  ")).await;
}

#[tokio::test]
async fn problems_are_told_before_anything_is_asked_again() {
    let house = House::limited(|limits| limits.min_fill = Duration::from_secs(3)).await;
    let wrong = Sent::sample(&house.open().await).with("email", "nobody").and("website", "x");
    let answer = house.send(&wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("href=\"#email\""));
    assert_eq!(house.metric(REFUSED), 0);
}

#[tokio::test]
async fn a_form_that_comes_back_too_fast_is_taken_when_the_button_is_pressed_again() {
    let house = House::limited(|limits| limits.min_fill = Duration::from_secs(3)).await;
    let form = house.open().await;
    house.clock.forward(SignedDuration::from_secs(2));
    let sent = Sent::sample(&form).file("attachment", "cv.pdf", &pdf(300_000));
    let answer = house.send(&sent).await;
    came_back(&house, &answer, StatusCode::UNPROCESSABLE_ENTITY).await;
    // The time counts from the first opening, so that a second is enough now.
    house.clock.forward(SignedDuration::from_secs(1));
    presses_again(&house, &answer).await;
    // The same form again is what was registered, however fast.
    house.clock.forward(SignedDuration::from_secs(-1));
    assert_eq!(house.send(&sent).await.status, StatusCode::SEE_OTHER);
    // A form that another machine, whose clock is ahead, gave out is no robot's.
    house.clock.forward(SignedDuration::from_secs(3600));
    let ahead = house.open().await;
    house.clock.forward(SignedDuration::from_secs(-3600));
    house.register(&Sent::sample(&ahead).with("last_name", "Ahead")).await;
}

#[tokio::test]
async fn a_flood_from_one_address_is_told_to_wait_and_keeps_its_answers() {
    let limit = RateLimit { each: Duration::from_secs(30), burst: 2 };
    let house = House::limited(|limits| limits.rate = Some(limit)).await;
    let first = Sent::sample(&house.open().await);
    house.register(&first).await;
    // What is refused, and what is a repetition, counts nothing.
    for _ in 0..5 {
        let wrong = Sent::sample(&house.open().await).with("email", "nobody");
        assert_eq!(house.send(&wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(house.send(&first).await.status, StatusCode::SEE_OTHER);
    }
    house.register(&Sent::sample(&house.open().await).with("last_name", "Second")).await;
    let third =
        Sent::sample(&house.open().await).with("last_name", "Third").file("attachment", "cv.pdf", &pdf(300_000));
    let answer = house.send(&third).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "30");
    let page = answer.text();
    for said in ["in 30 seconds", "value=\"Third\"", "<b>cv.pdf</b>"] {
        assert!(page.contains(said), "{said} in {page}");
    }
    let french = house.ask(third.request("/connect/register?lang=fr", &[])).await;
    assert_eq!(french.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(french.text().contains("dans 30 secondes"));
    // Mistakes are told all the same, and what is registered is shown.
    assert_eq!(house.send(&third.clone().with("email", "x")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for _ in 0..3 {
        assert_eq!(house.send(&first).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(house.send(&third).await.status, StatusCode::TOO_MANY_REQUESTS, "repeating earns nothing");
    house.clock.forward(SignedDuration::from_secs(30));
    house.register(&Sent::sample(&answer.opened()).with("last_name", "Third").file("attachment", "", b"")).await;
    assert_eq!(house.registrations().await.len(), 3);
}

#[tokio::test]
async fn addresses_behind_a_trusted_proxy_are_counted_one_by_one() {
    let limit = RateLimit { each: Duration::from_secs(30), burst: 1 };
    let house = House::limited(|limits| limits.rate = Some(limit)).await;
    let status = async |peer: [u8; 4], forwarded: &str, name: &str| {
        let sent = Sent::sample(&house.open().await).with("last_name", name);
        let mut request = sent.request("/connect/register?lang=en", &[("x-forwarded-for", forwarded)]);
        request.extensions_mut().insert(axum::extract::ConnectInfo(std::net::SocketAddr::from((peer, 4000))));
        house.ask(request).await.status
    };
    assert_eq!(status([10, 0, 0, 1], "198.51.100.1", "A").await, StatusCode::SEE_OTHER);
    assert_eq!(status([10, 0, 0, 1], "198.51.100.2", "B").await, StatusCode::SEE_OTHER);
    assert_eq!(status([10, 0, 0, 1], "198.51.100.9, 198.51.100.2", "C").await, StatusCode::TOO_MANY_REQUESTS);
    // Who is no trusted proxy is counted by its own address whatever it says.
    assert_eq!(status([192, 0, 2, 9], "198.51.100.3", "D").await, StatusCode::SEE_OTHER);
    assert_eq!(status([192, 0, 2, 9], "198.51.100.4", "E").await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_form_from_another_site_comes_back_and_registers_from_our_own_page() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).file("attachment", "cv.pdf", &pdf(1000));
    for (number, headers) in
        [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]].iter().enumerate()
    {
        let answer = house.send_with(&sent, headers).await;
        came_back(&house, &answer, StatusCode::FORBIDDEN).await;
        assert_eq!(house.metric(REFUSED), 2 * number as u64 + 1);
        // Again from the other site: again asked.
        let again = Sent::sample(&answer.opened());
        assert_eq!(house.send_with(&again, headers).await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.metric(REFUSED), 2 * number as u64 + 2);
    }
    let answer = house.send_with(&sent, &[("origin", "https://evil.example")]).await;
    let own = [("origin", "https://192.168.1.7:8443"), ("host", "192.168.1.7:8443"), ("sec-fetch-site", "same-origin")];
    let pressed = house.send_with(&Sent::sample(&answer.opened()), &own).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
    assert_eq!(house.registrations().await.len(), 1);
}

#[tokio::test]
async fn a_browser_that_hides_where_a_form_comes_from_is_asked_once() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).file("attachment", "cv.pdf", &pdf(1000));
    let hidden = [("origin", "null")];
    let answer = house.send_with(&sent, &hidden).await;
    came_back(&house, &answer, StatusCode::FORBIDDEN).await;
    let pressed = house.send_with(&Sent::sample(&answer.opened()), &hidden).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_never_was_on_a_page_of_ours_is_not_shown_on_one() {
    let house = House::new().await;
    let forged = Sent::sample(&house.open().await).with("form_token", "forged");
    let answer = house.send_with(&forged, &[("origin", "https://evil.example")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text().contains("Kamau") && !answer.text().contains("form_token"));
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn an_address_over_its_quota_is_told_until_when_and_may_register_without_the_file() {
    let house = House::limited(|limits| limits.uploads.per_address_and_day = 700_000).await;
    let first = Sent::sample(&house.open().await).file("attachment", "cv.pdf", &pdf(400_000));
    house.register(&first).await;
    for size in [400_000, 300_001] {
        let sent = Sent::sample(&house.open().await).with("last_name", "Second");
        let answer = house.send(&sent.file("attachment", "cv.pdf", &pdf(size))).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        // The story begins at 10:00 of UTC.
        let wait: i64 = answer.header("retry-after").parse().unwrap();
        assert_eq!(house.now().as_second().rem_euclid(86_400) + wait, 86_400);
        let page = answer.text();
        assert!(page.contains("value=\"Second\"") && page.contains("none is taken from it until"), "{page}");
        assert!(!page.contains("<b>cv.pdf</b>"), "it is asked for again");
        assert_eq!(house.store.unclaimed().await.unwrap(), 0, "nothing of it is stored");
    }
    // The same again is what was registered.
    assert_eq!(house.send(&first).await.status, StatusCode::SEE_OTHER);
    let sent = Sent::sample(&house.open().await).with("last_name", "Second");
    house.register(&sent.file("attachment", "", b"")).await;
    // The next day it is taken.
    house.clock.forward(SignedDuration::from_hours(24));
    house
        .register(&Sent::sample(&house.open().await).with("last_name", "C").file("attachment", "c.pdf", &pdf(600_000)))
        .await;
}

#[tokio::test]
async fn files_that_wait_for_their_forms_are_bounded_in_all() {
    let house = House::limited(|limits| limits.uploads.unclaimed = 1_000_000).await;
    let waits = |name: &str| format!("{name}.pdf");
    for name in ["a", "b"] {
        let wrong = Sent::sample(&house.open().await).with("email", "nobody");
        let answer = house.send(&wrong.file("attachment", &waits(name), &pdf(400_000))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(&waits(name)));
    }
    let sent = Sent::sample(&house.open().await).file("attachment", "c.pdf", &pdf(400_000));
    let answer = house.send(&sent).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(answer.header("retry-after"), "");
    assert!(answer.text().contains("value=\"Kamau\"") && !answer.text().contains("<b>c.pdf</b>"));
    assert!(house.store.unclaimed().await.unwrap() <= 1_000_000);
    // When what was left behind is thrown away, there is room again.
    house.store.reap(house.now() + SignedDuration::from_hours(1)).await.unwrap();
    house.clock.forward(SignedDuration::from_secs(10));
    house.register(&sent).await;
}

#[tokio::test]
async fn the_language_of_a_form_that_came_back_is_switched_with_everything_in_it() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).with("email", "nobody").file("attachment", "cv.pdf", &pdf(300_000));
    let back = house.send(&sent).await;
    let page = back.text();
    assert!(page.contains("form=\"the-form\" formaction=\"?lang=fr&amp;show=yes\""), "{page}");
    // The first button of the form is what Enter presses: it registers.
    let first = page.split("<button").nth(1).unwrap().split('>').next().unwrap();
    assert!(first.contains("form=\"the-form\"") && !first.contains("formaction"), "{first}");
    let show = Sent::sample(&back.opened()).with("email", "nobody").file("attachment", "", b"");
    let french = house.ask(show.request("/connect/register?lang=fr&show=yes", &[])).await;
    assert_eq!(french.status, StatusCode::OK);
    let page = french.text();
    for said in ["lang=\"fr\"", "value=\"nobody\"", "<b>cv.pdf</b>", "href=\"#email\""] {
        assert!(page.contains(said), "{said} in {page}");
    }
    // Showing registers nothing, though every answer is right.
    let right = Sent::sample(&french.opened());
    assert_eq!(house.ask(right.request("/connect/register?lang=fr&show=yes", &[])).await.status, StatusCode::OK);
    assert!(page.contains("action=\"/connect/register?lang=fr\""), "the button of the form registers");
    assert!(house.registrations().await.is_empty());
    presses_again(&house, &french).await;
    // An empty form has links, as every other page.
    assert!(house.get("/connect/register?lang=en").await.text().contains("<a href=\"?lang=fr\""));
}

//! Page views are exact.

use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use jiff::SignedDuration;
use registration::ports::Views;
use registration::stored::ViewTotals;
use tokio_util::sync::CancellationToken;

use crate::house::{House, Sent, request, sample};

#[tokio::test]
async fn views_are_counted_when_somebody_looks_and_only_then() {
    let house = House::new().await;
    for _ in 0..3 {
        house.get("/connect/").await;
    }
    let form = house.open().await;
    house.get_with("/connect/register", &[("accept-encoding", "gzip")]).await;
    for (method, headers) in [
        (Method::HEAD, vec![]),
        (Method::GET, vec![("sec-purpose", "prefetch;prerender")]),
        (Method::GET, vec![("purpose", "prefetch")]),
    ] {
        for path in ["/connect/", "/connect/register"] {
            house.ask(request(method.clone(), path, &headers, Body::empty())).await;
        }
    }
    house.get("/connect/event.ics").await;
    house.send(&Sent::sample(&form).with("email", "")).await;
    house.register(&Sent::sample(&form)).await;
    house.register(&Sent::sample(&form)).await;
    assert_eq!(house.views().await, ViewTotals { views: 3, opened: 2, submitted: 1 });
    assert_eq!(house.metric("karibu_page_views_total{event=\"connect\",page=\"event\"}"), 3);
    assert_eq!(house.metric("karibu_page_views_total{event=\"connect\",page=\"form\"}"), 2);
    // A form that is not shown is not counted.
    house.clock.forward(SignedDuration::from_hours(24 * 50));
    house.get("/connect/register").await;
    assert_eq!(house.views().await.opened, 2);
}

#[tokio::test]
async fn views_that_cannot_be_written_are_written_later() {
    let house = House::new().await;
    house.get("/connect/").await;
    let file = house.folder.path().join("karibu.sqlite");
    let away = house.folder.path().join("away");
    std::fs::rename(&file, &away).unwrap();
    assert!(house.web.flush_views().await.is_err());
    house.get("/connect/").await;
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(house.views().await.views, 2);
    assert_eq!(house.views().await.views, 2, "once");
}

#[tokio::test]
async fn the_last_views_are_written_at_the_end_and_the_page_shows_how_many_there_were() {
    let house = House::with(&[&sample(&[])]).await;
    let shutdown = CancellationToken::new();
    let background = tokio::spawn({
        let (web, shutdown) = (house.web.clone(), shutdown.clone());
        async move { web.run_background(shutdown).await }
    });
    for _ in 0..5 {
        house.get("/connect/").await;
    }
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), background).await.unwrap().unwrap();
    assert_eq!(house.store.totals(house.event().await).await.unwrap().views, 5);
    house.web.refresh().await.unwrap();
    assert!(house.get("/connect/?lang=en").await.text().contains("5 times"));
}

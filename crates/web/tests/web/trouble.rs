//! The database is away: nothing is lost and it heals by itself.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, StatusCode};

use crate::house::{House, Sent, pdf, request};

/// Takes the database's file away and brings it back.
struct Away<'a>(&'a House);

impl<'a> Away<'a> {
    fn take(house: &'a House) -> Self {
        let folder = house.folder.path();
        std::fs::rename(folder.join("karibu.sqlite"), folder.join("away")).unwrap();
        Self(house)
    }

    fn bring_back(self) {
        let folder = self.0.folder.path();
        std::fs::rename(folder.join("away"), folder.join("karibu.sqlite")).unwrap();
    }
}

#[tokio::test]
async fn a_registration_that_cannot_be_stored_comes_back_and_is_stored_once_it_can() {
    let house = House::new().await;
    let form = house.open().await;
    for file in [pdf(1000), pdf(600_000)] {
        let away = Away::take(&house);
        let answer = house.send(&Sent::sample(&form).file("attachment", "cv.pdf", &file)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_ne!(answer.header("retry-after"), "");
        assert!(answer.text().contains("value=\"Kamau\""));
        assert_eq!(answer.opened().submission_id, form.submission_id);
        away.bring_back();
    }
    assert!(house.registrations().await.is_empty());
    house.register(&Sent::sample(&form)).await;
    assert_eq!(house.metric("karibu_registrations_total{event=\"connect\",outcome=\"unavailable\"}"), 2);
}

#[tokio::test]
async fn pages_that_need_the_database_say_that_it_is_away() {
    let house = House::new().await;
    let to = house.register(&Sent::sample(&house.open().await)).await;
    let row = house.only_registration().await;
    let link = house.organizer_link(Some(row.id)).await;
    let list = house.organizer_link(None).await;
    let form = house.open().await;
    house.store.close().await;
    for path in [&to, &link, &list, &format!("{link}/files/{}", uuid::Uuid::nil())] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_ne!(answer.header("retry-after"), "");
        assert!(answer.text().contains("<h1>"));
    }
    let answer = house.send(&Sent::sample(&form)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("value=\"Kamau\""));
}

#[tokio::test]
async fn a_handler_that_panics_is_a_page_and_not_a_broken_connection() {
    let house = House::new().await;
    // A clock beyond the end of time is the one thing that makes a handler panic here.
    house.clock.break_down();
    let id = "0123456789abcdef0123456789abcdef";
    let mut request = request(Method::GET, "/connect/", &[("x-request-id", id)], Body::empty());
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4000))));
    let answer = house.ask(request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().contains(id), "to be told to whoever runs the server");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(house.metric("karibu_http_requests_total{method=\"GET\",route=\"/{event}/\",status=\"500\"}"), 1);
}

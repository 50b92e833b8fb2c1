//! Pages beside the form.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use jiff::SignedDuration;

use crate::house::{House, Sent, request, sample};

fn event(slug: &str) -> String {
    sample(&[
        ("slug = \"connect\"", &format!("slug = \"{slug}\"")),
        ("name = \"UbuntuNet-Connect\"", &format!("name = \"Event {slug}\"")),
    ])
}

#[tokio::test]
async fn the_home_page_is_the_only_event_or_the_list() {
    let house = House::new().await;
    let home = house.get("/").await;
    assert_eq!((home.status, home.header("location")), (StatusCode::FOUND, "/connect/"));
    assert_eq!(house.get("/?lang=fr").await.header("location"), "/connect/?lang=fr");
    house.import(&event("second")).await;
    house.web.refresh().await.unwrap();
    let home = house.get("/").await;
    assert_eq!(home.status, StatusCode::OK);
    assert!(home.text().contains("/connect/?lang=en") && home.text().contains("/second/?lang=en"));
    let nothing = House::with(&[]).await;
    assert_eq!(nothing.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_closed_event_leaves_the_list_when_another_is_open() {
    let house = House::with(&[&sample(&[])]).await;
    house.clock.forward(SignedDuration::from_hours(24 * 50));
    assert_eq!(house.get("/").await.header("location"), "/connect/", "it is the only one");
    house.import(&event("next")).await;
    house.web.refresh().await.unwrap();
    assert_eq!(house.get("/").await.header("location"), "/next/");
    assert_eq!(house.get("/connect/").await.status, StatusCode::OK);
    assert_eq!(house.get("/connect/register").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn an_event_without_slash_leads_to_its_page() {
    let house = House::new().await;
    let answer = house.get("/connect?lang=fr").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, "/connect/?lang=fr"));
    assert_eq!(house.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("//evil.example").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_is_a_friendly_page() {
    let house = House::new().await;
    for path in [
        "/nothing/",
        "/nothing/register",
        "/connect/nothing",
        "/connect/registered/x.y",
        "/organizer/x.y",
        "/static/nothing.css",
        "/static/karibu.css",
        "/static/../Cargo.toml",
        "/static/..%2f..%2fCargo.toml",
        "/%ff%fe/",
        "/connect/%00",
        "/connect/registered/%ff",
        "/organizer/",
        "/static/",
        "/version/",
    ] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().contains("<h1>"), "{path}");
    }
    let answer = house.ask(request(Method::DELETE, "/connect/register", &[], Body::empty())).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.text().contains("<h1>") && answer.header("allow").contains("POST"));
}

#[tokio::test]
async fn static_files_are_kept_for_ever_and_found_by_old_pages() {
    let house = House::new().await;
    let page = house.get("/connect/register").await.text();
    let paths: Vec<&str> = page.split('"').filter(|text| text.starts_with("/static/")).collect();
    assert_eq!(paths.len(), 3, "style sheet, icon, script");
    for path in paths {
        let plain = house.get(path).await;
        let packed = house.get_with(path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(plain.status, StatusCode::OK);
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.text(), packed.text());
        assert!(packed.body.len() < plain.body.len());
    }
    let other = house.get("/static/karibu.0123456789ab.css").await;
    assert_eq!((other.status, other.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(house.get("/static/karibu.nothing.css").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/favicon.ico").await.header("content-type"), "image/svg+xml");
    assert!(house.get("/robots.txt").await.text().contains("Disallow: /organizer/"));
    let version: serde_json::Value = serde_json::from_str(&house.get("/version").await.text()).unwrap();
    assert_eq!(version, serde_json::json!({ "version": "1.2.3", "commit": "abcdef0" }));
}

#[tokio::test]
async fn the_calendar_file_holds_the_days_of_the_event() {
    let house = House::at("https://register.example.org", &[&sample(&[])]).await;
    let answer = house.get("/connect/event.ics?lang=fr").await;
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"connect.ics\"");
    let text = answer.text();
    assert!(text.split_terminator("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')));
    let unfolded = text.replace("\r\n ", "");
    for line in [
        "UID:connect@register.example.org",
        "DTSTART;VALUE=DATE:20261031",
        "DTEND;VALUE=DATE:20261103",
        "SUMMARY;LANGUAGE=fr:UbuntuNet-Connect",
        "LOCATION;LANGUAGE=fr:Centre de conférences international Mulungushi\\, Great East Road\\, Lusaka\\, Zambie",
        "URL:https://register.example.org/connect/",
        "DTSTAMP:20260901T100000Z",
    ] {
        assert!(unfolded.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
    assert_eq!(text, house.get("/connect/event.ics?lang=fr").await.text());
}

#[tokio::test]
async fn the_list_of_an_organizer_goes_page_by_page() {
    let house = House::new().await;
    for n in 0..103 {
        house.register(&Sent::sample(&house.open().await).with("last_name", &format!("Person{n:03}"))).await;
    }
    let link = house.organizer_link(None).await;
    let page = house.get(&link).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!((page.header("cache-control"), page.text().contains("noindex")), ("no-store", true));
    let text = page.text();
    assert!(text.contains("Person102") && text.contains("Person003") && !text.contains("Person002"));
    let older = text.split("href=\"").find(|href| href.contains("?before=")).unwrap().split('"').next().unwrap();
    let text = house.get(&older.replace("&#38;", "&").replace("&amp;", "&")).await.text();
    assert!(text.contains("Person002") && text.contains("Person000") && !text.contains("Person003"));
    assert!(!text.contains(&format!("{link}?before=")), "there is none after the last");
    // Each row leads to its registration.
    let row = text.split("href=\"").find(|href| href.starts_with("/organizer/")).unwrap().split('"').next().unwrap();
    assert!(house.get(row).await.text().contains("wanjiru@example.org"));
}

#[tokio::test]
async fn links_that_ended_or_were_changed_say_so() {
    let house = House::new().await;
    let to = house.register(&Sent::sample(&house.open().await)).await;
    let row = house.only_registration().await;
    let link = house.organizer_link(Some(row.id)).await;
    let page = house.get(&link).await.text();
    assert!(page.contains("Kamau") && page.contains(row.reference.as_str()));
    // A link to one registration does not open the list.
    assert!(!page.contains("organizer-to-list") && !page.contains("?before="));
    assert_eq!(house.get(&link[..link.len() - 1]).await.status, StatusCode::NOT_FOUND);
    let path = to.split('?').next().unwrap();
    assert_eq!(
        house.get(&format!("/organizer/{}", path.rsplit('/').next().unwrap())).await.status,
        StatusCode::NOT_FOUND
    );
    // Who is taken off the list of organisers is told so, and not that the link was cut.
    house.import(&sample(&[("email = \"devops@ubuntunet.net\"", "email = \"desk@ubuntunet.net\"")])).await;
    house.web.refresh().await.unwrap();
    let gone = house.get(&link).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.text().contains("no longer among the organisers of this event"), "{}", gone.text());
    house.import(&sample(&[])).await;
    house.import(&event("second")).await;
    house.web.refresh().await.unwrap();
    assert_eq!(house.get(&path.replace("/connect/", "/second/")).await.status, StatusCode::NOT_FOUND);
    house.clock.forward(SignedDuration::from_hours(24 * 31));
    assert_eq!(house.get(&link).await.status, StatusCode::GONE);
    assert_eq!(house.get(path).await.status, StatusCode::OK, "the registrant's page does not end");
}

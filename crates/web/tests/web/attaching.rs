//! "Send now, attach later": the private link by which a registrant adds or replaces attachments.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use jiff::SignedDuration;
use registration::ports::{Registrations, Uploads};
use web::RateLimit;

use crate::house::{Answer, House, Sent, pdf, sample};

/// Registers somebody who attaches later; gives the path of the page of attachments.
async fn registered(house: &House, sent: Sent) -> String {
    let to = house.register(&sent).await;
    let page = house.get(&to).await.text();
    let path =
        page.split("href=\"").find(|rest| rest.starts_with("/connect/attachments/")).expect("the page links to it");
    path.split('"').next().unwrap().replace("&#38;", "&")
}

/// Sends files to the page of attachments, as a browser without JavaScript does.
async fn attach(house: &House, path: &str, files: &[(&str, &str, &[u8])]) -> Answer {
    attach_with(house, path, files, &[]).await
}

async fn attach_with(house: &House, path: &str, files: &[(&str, &str, &[u8])], headers: &[(&str, &str)]) -> Answer {
    let sent =
        files.iter().fold(Sent { parts: Vec::new() }, |sent, (field, name, content)| sent.file(field, name, content));
    house.ask(sent.request(path, headers)).await
}

async fn names(house: &House) -> Vec<String> {
    let row = house.only_registration().await;
    house.store.files(row.id).await.unwrap().into_iter().map(|file| file.name).collect()
}

#[tokio::test]
async fn a_file_is_attached_later_and_replaced_whatever_its_size() {
    for content in [pdf(1000), pdf(700_000)] {
        let house = House::new().await;
        let path = registered(&house, Sent::sample(&house.open().await)).await;
        let page = house.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.text().contains("Nothing is attached yet") && page.text().contains("KC-"), "{}", page.text());
        let saved = attach(&house, &path, &[("attachment", "first.pdf", &content)]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
        let page = house.get(saved.header("location")).await.text();
        assert!(page.contains("Saved.") && page.contains("<b>first.pdf</b>"), "{page}");
        let saved = attach(&house, &path, &[("attachment", "second.pdf", &pdf(300_000))]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER);
        assert_eq!(names(&house).await, ["second.pdf"]);
        assert_eq!(house.store.unclaimed().await.unwrap(), 0, "nothing is left behind");
        let row = house.only_registration().await;
        let organizer = house.get(&house.organizer_link(Some(row.id)).await).await.text();
        assert!(organizer.contains("second.pdf") && !organizer.contains("first.pdf"));
    }
}

#[tokio::test]
async fn whoever_was_asked_for_no_file_is_offered_to_send_none() {
    let only_onsite = "type = \"file\"\nshow_if = { field = \"attendance\", in = [\"onsite\"] }";
    let house = House::with(&[&sample(&[("type = \"file\"", only_onsite)])]).await;
    let page = house.register(&Sent::sample(&house.open().await)).await;
    assert!(!house.get(&page).await.text().contains("/connect/attachments/"));
    let path = format!("/connect/attachments/{}", house.signer.attachments(house.only_registration().await.id));
    for answer in [house.get(&path).await, attach(&house, &path, &[("attachment", "a.pdf", &pdf(10))]).await] {
        let page = answer.text();
        assert!(page.contains("You were not asked for a file") && !page.contains("<form"), "{page}");
    }
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
    registered(&house, Sent::sample(&house.open().await).with("attendance", "onsite")).await;
}

#[tokio::test]
async fn a_required_file_may_follow_and_everybody_is_told_that_it_is_missing() {
    // Students must attach a proof.
    let student = |sent: Sent| sent.with("category", "student");
    let house = House::new().await;
    let without = house.send(&student(Sent::sample(&house.open().await))).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without.text().contains("name=\"attachment__later\""));
    let later = student(Sent::sample(&without.opened())).and("attachment__later", "yes");
    let to = house.register(&later).await;
    assert_eq!(house.register(&later).await, to, "the same again is the same registration");
    let page = house.get(&to).await.text();
    assert!(page.contains("do not forget your attachments") && page.contains("to follow"), "{page}");
    let row = house.only_registration().await;
    let organizer = house.organizer_link(Some(row.id)).await;
    assert!(house.get(&organizer).await.text().contains("to follow"));
    let path = registered(&house, later).await;
    assert!(house.get(&path).await.text().contains("it is still missing"));
    let saved = attach(&house, &path, &[("attachment", "visa.pdf", &pdf(400_000))]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    assert!(!house.get(&organizer).await.text().contains("to follow"));
    assert!(!house.get(&to).await.text().contains("do not forget"));
}

#[tokio::test]
async fn a_ticked_box_stays_ticked_and_a_file_beside_it_counts() {
    let house = House::new().await;
    let wrong = Sent::sample(&house.open().await).with("email", "nobody").and("attachment__later", "yes");
    let back = house.send(&wrong).await;
    assert!(back.text().contains("name=\"attachment__later\" value=\"yes\" checked"));
    let sent = Sent::sample(&back.opened()).and("attachment__later", "yes").file("attachment", "cv.pdf", &pdf(100));
    house.register(&sent).await;
    assert_eq!(names(&house).await, ["cv.pdf"]);
    // The box belongs to file fields alone.
    for name in ["email__later", "nothing__later", "__later"] {
        let sent = Sent::sample(&house.open().await).and("attachment__later", "yes").and(name, "yes");
        assert_eq!(house.send(&sent).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_attached_is_told_at_its_field_and_changes_nothing() {
    let house = House::with(&[&sample(&[("max_size = \"10MiB\"", "max_size = \"1MiB\"")])]).await;
    let path = registered(&house, Sent::sample(&house.open().await).file("attachment", "cv.pdf", &pdf(100))).await;
    for (content, said) in [
        (b"MZ a program".to_vec(), "PDF, PNG, JPEG or WebP"),
        (Vec::new(), "empty"),
        (pdf(1024 * 1024 + 1), "1 MB"),
        ([&b"MZ"[..], &vec![0; 400_000]].concat(), "PDF, PNG, JPEG or WebP"),
    ] {
        let answer = attach(&house, &path, &[("attachment", "x.pdf", &content)]).await;
        let page = answer.text();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let error = page.split("id=\"attachment-e\"").nth(1).expect("an error at the field").replace('\u{a0}', " ");
        assert!(error.split("</p>").next().unwrap().contains(said), "{said} in {error}");
        assert!(page.contains("<b>cv.pdf</b>"));
    }
    let nothing = attach(&house, &path, &[("attachment", "", b"")]).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nothing.text().contains("No file was chosen"));
    let two = attach(&house, &path, &[("attachment", "a.pdf", &pdf(10)), ("attachment", "b.pdf", &pdf(20))]).await;
    assert_eq!(two.status, StatusCode::UNPROCESSABLE_ENTITY);
    let other = attach(&house, &path, &[("portrait", "a.pdf", &pdf(10))]).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    let huge = attach(&house, &path, &[("attachment", "a.pdf", &pdf(66 * 1024 * 1024))]).await;
    assert!(matches!(huge.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE), "{}", huge.status);
    assert!(!names(&house).await.contains(&"x.pdf".to_owned()));
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
}

#[tokio::test]
async fn a_link_ends_with_the_registration_of_the_event_and_says_whom_to_ask() {
    let house = House::new().await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    house.clock.forward(SignedDuration::from_hours(45 * 24 + 6));
    for answer in [house.get(&path).await, attach(&house, &path, &[("attachment", "late.pdf", &pdf(400_000))]).await] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.text().contains("devops@ubuntunet.net"), "whom to ask: {}", answer.text());
    }
    let french = house.get(&path.replace("lang=en", "lang=fr")).await.text();
    assert!(french.contains("ne sont plus acceptées"), "{french}");
    assert!(names(&house).await.is_empty());
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
}

#[tokio::test]
async fn a_link_that_is_changed_or_of_another_kind_opens_nothing() {
    let other = sample(&[("slug = \"connect\"", "slug = \"other\"")]);
    let house = House::with(&[&sample(&[]), &other]).await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    let row = house.only_registration().await;
    for wrong in [
        path.replace("/attachments/", "/attachments/A"),
        path.replace("/connect/", "/other/"),
        format!("/connect/attachments/{}", house.signer.registered(row.id)),
        "/connect/attachments/x".to_owned(),
    ] {
        assert_eq!(house.get(&wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
        assert_eq!(attach(&house, &wrong, &[("attachment", "a.pdf", &pdf(10))]).await.status, StatusCode::NOT_FOUND);
    }
    assert!(names(&house).await.is_empty());
}

#[tokio::test]
async fn attachments_count_in_the_limits_of_their_address() {
    let limit = RateLimit { each: Duration::from_secs(30), burst: 2 };
    let house = House::limited(|limits| {
        limits.rate = Some(limit);
        limits.uploads.per_address_and_day = 1_000_000;
    })
    .await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    // What is refused counts nothing.
    for _ in 0..3 {
        let refused = attach(&house, &path, &[("attachment", "a.pdf", b"MZ")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(attach(&house, &path, &[("attachment", "a.pdf", &pdf(600_000))]).await.status, StatusCode::SEE_OTHER);
    let waits = attach(&house, &path, &[("attachment", "b.pdf", &pdf(10))]).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(waits.header("retry-after"), "30");
    house.clock.forward(SignedDuration::from_secs(60));
    let over = attach(&house, &path, &[("attachment", "b.pdf", &pdf(600_000))]).await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(over.text().contains("none is taken from it until"), "{}", over.text());
    assert_eq!(names(&house).await, ["a.pdf"]);
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
}

#[tokio::test]
async fn another_site_attaches_nothing() {
    let house = House::new().await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    let content = pdf(400_000);
    let file: &[(&str, &str, &[u8])] = &[("attachment", "a.pdf", &content)];
    let answer = attach_with(&house, &path, file, &[("origin", "https://evil.example")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(names(&house).await.is_empty());
    // A browser that hides where it comes from knows the link, which is enough.
    assert_eq!(attach_with(&house, &path, file, &[("origin", "null")]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_file_for_a_registration_that_is_erased_meanwhile_leaves_nothing_behind() {
    let house = House::new().await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    let id = house.only_registration().await.id;
    let sent = Sent { parts: Vec::new() }.file("attachment", "visa.pdf", &pdf(400_000));
    let (request, held) = sent.held(&path, 4);
    let erased = async {
        held.read.await.unwrap();
        assert_eq!(house.store.unclaimed().await.unwrap(), 400_000);
        house.store.erase(id, &[], house.now()).await.unwrap();
        held.go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(house.ask(request), erased);
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
}

#[tokio::test]
async fn a_file_that_came_whole_in_a_body_that_did_not_leaves_nothing_behind() {
    let house = House::new().await;
    let path = registered(&house, Sent::sample(&house.open().await)).await;
    let sent = Sent { parts: Vec::new() }.file("attachment", "visa.pdf", &pdf(400_000));
    let body = sent.body();
    let cut = sent.request(&path, &[]).map(|_| Body::from(body[..body.len() - 4].to_vec()));
    assert_eq!(house.ask(cut).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.store.unclaimed().await.unwrap(), 0);
}

//! Attachments: judged by content, kept while a form is corrected, read back by a signed link only.

use axum::http::StatusCode;
use jiff::SignedDuration;
use registration::attachment::Media;
use registration::ports::{Registrations, Uploads};

use crate::house::{House, Opened, Sent, pdf, sample};

/// The files of the one registration, by the organiser's page.
async fn download(house: &House) -> Vec<crate::house::Answer> {
    let row = house.only_registration().await;
    let link = house.organizer_link(Some(row.id)).await;
    let page = house.get(&link).await;
    assert_eq!(page.status, StatusCode::OK);
    let mut answers = Vec::new();
    for file in house.store.files(row.id).await.unwrap() {
        let path = format!("{link}/files/{}", file.id.0);
        assert!(page.text().contains(&path), "the page links to it");
        answers.push(house.get(&path).await);
    }
    answers
}

fn with_file(form: &Opened, name: &str, content: &[u8]) -> Sent {
    Sent::sample(form).file("attachment", name, content)
}

#[tokio::test]
async fn a_file_comes_back_byte_for_byte_whatever_its_size() {
    for size in [9, 256 * 1024, 256 * 1024 + 1, 512 * 1024, 3 * 1024 * 1024] {
        let house = House::new().await;
        let content = pdf(size);
        house.register(&with_file(&house.open().await, "Passport page.PDF", &content)).await;
        let answers = download(&house).await;
        assert_eq!(answers.len(), 1, "{size}");
        let answer = &answers[0];
        assert!(answer.body == content, "{size} bytes come back as {}", answer.body.len());
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert_eq!(answer.header("content-length"), size.to_string());
        assert_eq!(
            answer.header("content-disposition"),
            "attachment; filename=\"Passport page.PDF\"; filename*=UTF-8''Passport%20page.PDF"
        );
        assert!(answer.header("content-security-policy").contains("sandbox"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("cache-control").contains("no-store"));
    }
}

#[tokio::test]
async fn the_content_decides_the_type_and_the_name_is_made_safe() {
    let house = House::new().await;
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &[0, 0, 0, 9, 0, 0, 0, 9]].concat();
    house.register(&with_file(&house.open().await, "../..\\\u{202e}evil\r\n\".pdf", &png)).await;
    let row = house.only_registration().await;
    let file = house.store.files(row.id).await.unwrap().remove(0);
    assert_eq!((file.media, file.name.as_str()), (Media::Png, "evil\".png"));
    let answer = download(&house).await.remove(0);
    assert_eq!(answer.header("content-type"), "image/png");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"evil_.png\";"));
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_is_told_at_its_field() {
    let house = House::new().await;
    let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    huge.extend([0, 1, 0, 0, 0, 1, 0, 0]);
    let program = [&b"MZ"[..], &vec![0; 400_000]].concat();
    for (content, said) in [
        (&b""[..], "empty"),
        (b"MZ\x90 a program", "PDF, PNG, JPEG or WebP"),
        (&program, "PDF, PNG, JPEG or WebP"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (&huge, "20,000"),
    ] {
        let answer = house.send(&with_file(&house.open().await, "cv.pdf", content)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let page = answer.text();
        let error = page.split("id=\"attachment-e\"").nth(1).expect("an error at the field");
        assert!(error.split("</p>").next().unwrap().contains(said), "{said} in {}", &error[..200]);
    }
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn a_file_over_its_limit_is_read_to_the_end_and_told_at_its_field() {
    let house = House::with(&[&sample(&[("max_size = \"10MiB\"", "max_size = \"1MiB\"")])]).await;
    let form = house.open().await;
    let answer = house.send(&with_file(&form, "large.pdf", &pdf(1024 * 1024 + 1))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("id=\"attachment-e\""));
    // Far over all limits together: still the form, with what was typed.
    let answer = house.send(&with_file(&form, "huge.pdf", &pdf(20 * 1024 * 1024))).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("value=\"Kamau\""));
    assert!(
        house
            .store
            .kept(registration::ids::SubmissionId(form.submission_id.parse().unwrap()))
            .await
            .unwrap()
            .is_empty()
    );
    // Exactly the limit is taken.
    house.register(&with_file(&house.open().await, "fits.pdf", &pdf(1024 * 1024))).await;
}

#[tokio::test]
async fn a_body_beyond_all_bounds_is_answered_with_the_form() {
    let house = House::new().await;
    let many = (0..20).fold(Sent::sample(&house.open().await), |sent, _| sent.and("comments", &"x".repeat(60_000)));
    let answer = house.send(&many).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("value=\"Kamau\""));
    let answer = house.send(&with_file(&house.open().await, "a.pdf", &pdf(65 * 1024 * 1024))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text().contains("value=\"Kamau\""));
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn files_are_kept_while_the_form_is_corrected() {
    for content in [pdf(1000), pdf(700_000)] {
        let house = House::new().await;
        let sent = with_file(&house.open().await, "cv.pdf", &content).with("email", "nobody");
        let back = house.send(&sent).await;
        assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(back.text().contains("<b>cv.pdf</b>"));
        // A second wrong try without the file: still there.
        let again = Sent::sample(&back.opened()).with("email", "still nobody").file("attachment", "", b"");
        let back = house.send(&again).await;
        assert!(back.text().contains("<b>cv.pdf</b>"));
        house.register(&Sent::sample(&back.opened()).file("attachment", "", b"")).await;
        assert!(download(&house).await[0].body == content);
    }
}

#[tokio::test]
async fn a_kept_file_that_is_gone_is_told_and_not_left_out_in_silence() {
    let house = House::new().await;
    let sent = with_file(&house.open().await, "cv.pdf", &pdf(1000)).with("email", "nobody");
    let back = house.send(&sent).await;
    assert!(back.text().contains("name=\"attachment__kept\""));
    // A day later it is thrown away; the form is still open.
    house.store.reap(house.now() + SignedDuration::from_hours(1)).await.unwrap();
    let again = || Sent::sample(&back.opened()).and("attachment__kept", "yes");
    let told = house.send(&again().file("attachment", "", b"")).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.text().contains("href=\"#attachment\""), "{}", told.text());
    assert!(house.registrations().await.is_empty());
    // Chosen again, or given up, it is taken.
    house.register(&again().file("attachment", "cv.pdf", &pdf(1000))).await;
    assert_eq!(house.registrations().await.len(), 1);
    // The same again is the same registration, though nothing is kept for it any more.
    assert_eq!(house.send(&again().file("attachment", "cv.pdf", &pdf(1000))).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_kept_file_can_be_replaced_or_removed() {
    let house = House::new().await;
    let back = house.send(&with_file(&house.open().await, "first.pdf", &pdf(700_000)).with("email", "x")).await;
    let back = house.send(&with_file(&back.opened(), "second.pdf", &pdf(400_000)).with("email", "x")).await;
    let page = back.text();
    assert!(page.contains("<b>second.pdf</b>") && !page.contains("first.pdf"));
    let back = house.send(&with_file(&back.opened(), "third.pdf", &pdf(100)).with("email", "x")).await;
    let page = back.text();
    assert!(page.contains("<b>third.pdf</b>") && !page.contains("second.pdf"));
    // What cannot be taken does not replace what is there.
    let back = house.send(&with_file(&back.opened(), "fourth.pdf", b"MZ").with("email", "x")).await;
    assert!(back.text().contains("<b>third.pdf</b>"));
    let back = house.send(&Sent::sample(&back.opened()).with("email", "x").and("attachment__remove", "yes")).await;
    assert!(!back.text().contains("third.pdf"));
    house.register(&Sent::sample(&back.opened())).await;
    assert!(download(&house).await.is_empty());
}

#[tokio::test]
async fn a_kept_file_counts_as_an_answer_that_is_required() {
    let house = House::new().await;
    let student = with_file(&house.open().await, "card.pdf", &pdf(400_000)).with("category", "student");
    let back = house.send(&student.with("consent", "")).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
    let removed = Sent::sample(&back.opened()).with("category", "student").and("attachment__remove", "yes");
    let asked = house.send(&removed).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.text().contains("id=\"attachment-e\""));
    let card = with_file(&asked.opened(), "card.pdf", &pdf(50)).with("category", "student");
    house.register(&card).await;
    assert_eq!(download(&house).await[0].body, pdf(50));
}

#[tokio::test]
async fn two_files_at_one_field_are_refused() {
    let house = House::new().await;
    let sent = with_file(&house.open().await, "a.pdf", &pdf(100)).file("attachment", "b.pdf", &pdf(400_000));
    assert_eq!(house.send(&sent).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // An empty input beside a file is nothing.
    let sent = Sent::sample(&house.open().await).file("attachment", "", b"").file("attachment", "a.pdf", &pdf(100));
    house.register(&sent).await;
}

#[tokio::test]
async fn no_file_is_read_without_a_link_to_its_registration() {
    let house = House::new().await;
    house.register(&with_file(&house.open().await, "a.pdf", &pdf(100))).await;
    let first = house.only_registration().await;
    let file = house.store.files(first.id).await.unwrap()[0].id.0;
    house.register(&Sent::sample(&house.open().await).with("last_name", "Other")).await;
    let other = house.registrations().await.into_iter().find(|row| row.id != first.id).unwrap();
    let (own, others, list) = (
        house.organizer_link(Some(first.id)).await,
        house.organizer_link(Some(other.id)).await,
        house.organizer_link(None).await,
    );
    assert_eq!(house.get(&format!("{own}/files/{file}")).await.status, StatusCode::OK);
    for path in [
        format!("{others}/files/{file}"),
        format!("{list}/files/{file}"),
        format!("/organizer/x/files/{file}"),
        format!("{own}/files/{}", uuid::Uuid::from_u128(7)),
        format!("{own}/files/..%2f..%2fetc%2fpasswd"),
        format!("{own}x/files/{file}"),
    ] {
        assert_eq!(house.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    house.clock.forward(jiff::SignedDuration::from_hours(24 * 31));
    assert_eq!(house.get(&format!("{own}/files/{file}")).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_file_of_a_form_that_does_not_come_back_leaves_nothing_behind() {
    let full = [("capacity = 300", "capacity = 1"), ("when_full = \"waiting\"", "when_full = \"closed\"")];
    let house = House::with(&[&sample(&full)]).await;
    let late = house.open().await;
    house.register(&Sent::sample(&house.open().await)).await;
    assert_eq!(house.send(&with_file(&late, "cv.pdf", &pdf(400_000))).await.status, StatusCode::GONE);
    assert_eq!(house.store.unclaimed().await.unwrap(), 0, "it is full");

    let house = House::new().await;
    house.clock.forward(SignedDuration::from_hours(45 * 24));
    let (request, held) = with_file(&house.open().await, "cv.pdf", &pdf(400_000)).held("/connect/register", 4);
    let closed = async {
        held.read.await.unwrap();
        house.clock.forward(SignedDuration::from_hours(7));
        held.go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(house.ask(request), closed);
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(house.store.unclaimed().await.unwrap(), 0, "it closed meanwhile");
}

#[tokio::test]
async fn a_file_before_the_token_is_asked_for_again_and_not_left_out_in_silence() {
    for content in [pdf(1000), pdf(400_000)] {
        let house = House::new().await;
        let mut sent = with_file(&house.open().await, "cv.pdf", &content);
        let file = sent.parts.pop().unwrap();
        sent.parts.insert(1, file);
        let told = house.send(&sent).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = told.text();
        let error = page.split("id=\"attachment-e\"").nth(1).expect("an error at the field");
        assert!(error.split("</p>").next().unwrap().contains("Attach a file"), "{page}");
        assert!(page.contains("value=\"Kamau\""));
        assert!(house.registrations().await.is_empty());
        assert_eq!(house.store.unclaimed().await.unwrap(), 0);
        let form = told.opened();
        house.register(&with_file(&form, "cv.pdf", &content)).await;
        assert!(download(&house).await[0].body == content);
        // Under a form that was registered already it is other content, for nobody knows what it was.
        let mut again = Sent::sample(&form);
        again.parts.insert(1, ("attachment".to_owned(), Some("cv.pdf".to_owned()), content));
        assert_eq!(house.send(&again).await.status, StatusCode::CONFLICT);
    }
    // An empty input holds no file.
    let house = House::new().await;
    let mut sent = Sent::sample(&house.open().await);
    sent.parts.insert(1, ("attachment".to_owned(), Some(String::new()), Vec::new()));
    house.register(&sent).await;
}

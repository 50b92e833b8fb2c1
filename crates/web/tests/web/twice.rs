//! An event that takes each address once answers a second registration exactly like a first one: nobody learns from it who
//! is registered.

use axum::http::StatusCode;

use crate::house::{Answer, House, Sent, pdf, sample};

/// What an answer says, without what differs between any two registrations: reference, signed tokens, request id.
fn said(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap())))
        .collect();
    headers.sort();
    (answer.status, headers, plain(&answer.text()))
}

fn plain(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut plain = String::new();
    for word in text.split_inclusive(|c: char| !is_of_word(c)) {
        let end = word.find(|c: char| !is_of_word(c)).unwrap_or(word.len());
        let is_token = end > 60 && word[..end].contains('.');
        plain.push_str(if is_token || word.starts_with("KC-") { "…" } else { &word[..end] });
        plain.push_str(&word[end..]);
    }
    plain
}

/// Registers and goes everywhere that a registrant can go; gives all that was said on the way.
async fn story(house: &House, last_name: &str, email: &str) -> Vec<(StatusCode, Vec<(String, String)>, String)> {
    let sent = Sent::sample(&house.open().await).with("last_name", last_name).with("email", email);
    let sent = sent.file("attachment", "cv.pdf", &pdf(1000));
    let answer = house.send(&sent).await;
    let mut all = vec![said(&answer), said(&house.send(&sent).await)];
    if answer.status == StatusCode::SEE_OTHER {
        let page = house.get(answer.header("location")).await;
        let text = page.text();
        all.push(said(&page));
        let attachments = text.split("href=\"").find(|rest| rest.starts_with("/connect/attachments/")).unwrap();
        let attachments = attachments.split('"').next().unwrap().to_owned();
        all.push(said(&house.get(&attachments).await));
        for content in [pdf(400_000), b"MZ".to_vec()] {
            let file = Sent { parts: Vec::new() }.file("attachment", "later.pdf", &content);
            all.push(said(&house.ask(file.request(&attachments, &[])).await));
        }
        all.push(said(&house.get(&attachments).await));
        all.push(said(&house.get(answer.header("location")).await));
        all.push(said(&house.send(&sent.clone().with("comments", "other")).await));
    }
    all
}

/// One house where the address is known and one where it is not: the same person is told the same.
async fn compare(changes: &[(&str, &str)]) {
    let mut changes = changes.to_vec();
    changes.push(("show_views", "one_per_address = true\nshow_views"));
    let (known, unknown) = (House::with(&[&sample(&changes)]).await, House::with(&[&sample(&changes)]).await);
    known.register(&Sent::sample(&known.open().await).with("email", "twice@example.org")).await;
    unknown.register(&Sent::sample(&unknown.open().await).with("email", "somebody@example.org")).await;
    let second = story(&known, "Kamau", "Twice@Example.org ").await;
    let first = story(&unknown, "Kamau", "Twice@Example.org ").await;
    assert_eq!(second.len(), first.len());
    for (step, (second, first)) in second.iter().zip(&first).enumerate() {
        assert_eq!(second, first, "step {step}");
    }
    assert_eq!(known.registrations().await.len(), 1, "the organisers' list has it once");
}

#[tokio::test]
async fn a_second_registration_of_an_address_is_answered_like_a_first() {
    compare(&[]).await;
}

#[tokio::test]
async fn a_second_registration_of_an_address_is_answered_like_a_first_when_the_event_is_full() {
    compare(&[("capacity = 300", "capacity = 1")]).await;
    compare(&[("capacity = 300", "capacity = 1"), ("when_full = \"waiting\"", "when_full = \"closed\"")]).await;
}

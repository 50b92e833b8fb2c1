//! What comes of a form that is sent.

use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::SignedDuration;
use registration::ports::Registrations;
use registration::stored::Status;

use crate::house::{House, Sent, pdf, sample};

const FULL_EVENT: [(&str, &str); 2] =
    [("capacity = 300", "capacity = 1"), ("when_full = \"waiting\"", "when_full = \"closed\"")];

#[tokio::test]
async fn somebody_registers_and_sees_what_was_received() {
    let house = House::new().await;
    let form = house.open().await;
    let to = house.register(&Sent::sample(&form)).await;
    assert!(to.starts_with("/connect/registered/") && to.ends_with("?lang=en"), "{to}");
    let page = house.get(&to).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("cache-control"), "no-store");
    let row = house.only_registration().await;
    let text = page.text();
    for said in [row.reference.as_str(), "Kamau", "KENET", "Kenya", "wanjiru@example.org", "noindex"] {
        assert!(text.contains(said), "{said}");
    }
    assert_eq!(row.status, Status::Confirmed);
    assert_eq!(house.metric("karibu_registrations_total{event=\"connect\",outcome=\"confirmed\"}"), 1);
    assert_eq!(house.wakes.0.load(Ordering::SeqCst), 1);
    let record = house.store.get(row.id).await.unwrap().unwrap();
    assert_eq!(record.request_id.len(), 32);
}

#[tokio::test]
async fn a_registration_in_french_stays_french() {
    let house = House::new().await;
    let form = house.open().await;
    let answer = house.ask(Sent::sample(&form).request("/connect/register?lang=fr", &[])).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").ends_with("?lang=fr"));
    assert!(house.get(answer.header("location")).await.text().contains("<html lang=\"fr\""));
}

#[tokio::test]
async fn the_same_form_twice_leads_to_the_same_page() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await);
    let first = house.register(&sent).await;
    assert_eq!(house.register(&sent).await, first);
    assert_eq!(house.registrations().await.len(), 1);
    assert_eq!(house.metric("karibu_registrations_total{event=\"connect\",outcome=\"repeated\"}"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_form_twenty_times_at_once_is_one_registration() {
    at_once(20, b"%PDF-1.4 small").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_form_with_a_large_file_several_times_at_once_is_one_registration() {
    at_once(4, &pdf(300_000)).await;
}

async fn at_once(times: usize, file: &[u8]) {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).file("attachment", "cv.pdf", file);
    let answers = futures_util::future::join_all((0..times).map(|_| house.send(&sent))).await;
    let first = answers[0].header("location").to_owned();
    assert!(first.starts_with("/connect/registered/"), "{}", answers[0].text());
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        assert_eq!(answer.header("location"), first);
    }
    let row = house.only_registration().await;
    let files = house.store.files(row.id).await.unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].size, file.len() as u64);
    assert_eq!(house.views().await.submitted, 1);
}

#[tokio::test]
async fn other_content_under_a_used_form_is_asked_about_and_can_be_sent_as_new() {
    let house = House::new().await;
    let form = house.open().await;
    house.register(&Sent::sample(&form)).await;
    let reference = house.only_registration().await.reference;
    let next = Sent::sample(&form).with("last_name", "Otieno").file("attachment", "cv.pdf", b"%PDF-1.4 otieno");
    let asked = house.send(&next).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    let page = asked.text();
    for said in [reference.as_str(), "Otieno", "cv.pdf", "Send as a new registration"] {
        assert!(page.contains(said), "{said}");
    }
    let fresh = asked.opened();
    assert_ne!(fresh.submission_id, form.submission_id);
    // As the browser sends it now: the file is kept and not sent again.
    house.register(&Sent::sample(&fresh).with("last_name", "Otieno").file("attachment", "", b"")).await;
    let rows = house.registrations().await;
    assert_eq!(rows.len(), 2);
    assert_eq!(house.store.files(rows[0].id).await.unwrap()[0].name, "cv.pdf");
}

#[tokio::test]
async fn a_large_file_of_other_content_is_kept_for_the_new_registration() {
    let house = House::new().await;
    let form = house.open().await;
    house.register(&Sent::sample(&form)).await;
    let next = Sent::sample(&form).with("last_name", "Otieno").file("attachment", "cv.pdf", &pdf(700_000));
    let asked = house.send(&next).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(asked.text().contains("cv.pdf"));
    house.register(&Sent::sample(&asked.opened()).with("last_name", "Otieno")).await;
    let rows = house.registrations().await;
    assert_eq!(house.store.files(rows[0].id).await.unwrap()[0].size, 700_000);
}

#[tokio::test]
async fn the_same_form_twice_at_once_with_different_files_is_asked_about() {
    let house = House::new().await;
    let form = house.open().await;
    let held = |name: &str, size| {
        Sent::sample(&form).file("attachment", name, &pdf(size)).held("/connect/register?lang=en", 4)
    };
    let ((slower, go_slower), (faster, go_faster)) = (held("slower.pdf", 400_000), held("faster.pdf", 300_000));
    let others = async {
        go_slower.read.await.unwrap();
        let story = async {
            // It takes the place of the other one's file …
            go_faster.read.await.unwrap();
            go_slower.go.send(()).unwrap();
            // … which is missed before it registers.
            tokio::time::sleep(Duration::from_millis(300)).await;
            go_faster.go.send(()).unwrap();
        };
        tokio::join!(house.ask(faster), story).0
    };
    let (slower, faster) = tokio::join!(house.ask(slower), others);
    assert_eq!(faster.status, StatusCode::SEE_OTHER, "{}", faster.text());
    assert_eq!(slower.status, StatusCode::CONFLICT, "{}", slower.text());
    let row = house.only_registration().await;
    assert!(slower.text().contains(row.reference.as_str()));
    assert_eq!(house.store.files(row.id).await.unwrap()[0].name, "faster.pdf");
}

#[tokio::test]
async fn problems_are_told_at_their_fields_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let form = house.open().await;
    let sent =
        Sent::sample(&form).with("email", "nobody").with("last_name", "").with("comments", "Bus at <noon> & later");
    let answer = house.send(&sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text();
    for said in [
        "href=\"#email\"",
        "href=\"#last_name\"",
        "id=\"email-e\"",
        "value=\"nobody\"",
        "Bus at &#60;noon&#62; &#38; later",
    ] {
        assert!(page.contains(said), "{said} in {page}");
    }
    assert_eq!(answer.opened().submission_id, form.submission_id);
    assert!(house.registrations().await.is_empty());
    assert_eq!(house.metric("karibu_registrations_total{event=\"connect\",outcome=\"invalid\"}"), 1);
    // Corrected, it registers.
    let form = answer.opened();
    house.register(&Sent::sample(&form)).await;
}

#[tokio::test]
async fn unknown_fields_and_fields_sent_twice_are_refused() {
    let house = House::new().await;
    for sent in [
        Sent::sample(&house.open().await).and("is_admin", "yes"),
        Sent::sample(&house.open().await).and("email", "second@example.org"),
        Sent::sample(&house.open().await).with("category", "emperor"),
        Sent::sample(&house.open().await).file("portrait", "a.png", b"x"),
        Sent::sample(&house.open().await).file("email", "a.png", b"x"),
        Sent::sample(&house.open().await).and("attachment__remove_x", "yes"),
    ] {
        assert_eq!(house.send(&sent).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn answers_that_do_not_apply_are_dropped_and_named_also_when_repeated() {
    let house = House::new().await;
    let sent = Sent::sample(&house.open().await).with("attendance", "online").with("arrival", "2026-10-31");
    let to = house.register(&sent).await;
    assert!(to.ends_with("&dropped=arrival"), "{to}");
    assert!(house.get(&to).await.text().contains("rrival"));
    assert_eq!(house.register(&sent).await, to);
    // The query chooses among labels and brings in nothing of its own.
    let forged = house.get(&to.replace("dropped=arrival", "dropped=%3Cb%3E,nothing,arrival")).await;
    assert_eq!(forged.status, StatusCode::OK);
    assert!(!forged.text().contains("<li>nothing"));
}

#[tokio::test]
async fn whoever_comes_after_the_last_place_waits_or_is_told_that_it_is_full() {
    let house = House::with(&[&sample(&[("capacity = 300", "capacity = 1")])]).await;
    house.register(&Sent::sample(&house.open().await)).await;
    let to = house.register(&Sent::sample(&house.open().await).with("last_name", "Second")).await;
    assert!(house.get(&to).await.text().contains("waiting list"));
    assert_eq!(house.registrations().await[0].status, Status::Waiting);

    let house = House::with(&[&sample(&FULL_EVENT)]).await;
    let (first, second) = (house.open().await, house.open().await);
    house.register(&Sent::sample(&first)).await;
    let answer = house.send(&Sent::sample(&second)).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(house.metric("karibu_registrations_total{event=\"connect\",outcome=\"full\"}"), 1);
    // Once that is known, the form is not shown either; who was registered still is.
    house.web.refresh().await.unwrap();
    assert_eq!(house.get("/connect/register").await.status, StatusCode::GONE);
    house.register(&Sent::sample(&first)).await;
}

#[tokio::test]
async fn whoever_waits_for_an_option_is_told_which_and_the_form_says_what_waits() {
    let house = House::with(&[&sample(&[("value = \"speaker\"", "value = \"speaker\"\nplaces = 1")])]).await;
    let (first, second) = (house.open().await, house.open().await);
    house.register(&Sent::sample(&first).with("category", "speaker")).await;
    // The catalogue does not know yet that the last place is gone.
    let to = house.register(&Sent::sample(&second).with("category", "speaker")).await;
    let page = house.get(&to).await.text();
    assert!(page.contains("waiting list") && page.contains("There is no place left for: Speaker."), "{page}");
    assert!(!page.contains("All places"), "{page}");
    house.web.refresh().await.unwrap();
    let form = house.get("/connect/register").await.text();
    let hint = "id=\"category-l\">If you choose what is full, your whole registration goes on the waiting list.";
    assert!(form.contains(hint) && form.contains("aria-describedby=\"category-l\""), "{form}");
}

#[tokio::test]
async fn before_opening_and_after_closing_nothing_is_registered() {
    let house = House::with(&[&sample(&[("opens = \"-7d\"", "opens = \"+1d\"")])]).await;
    assert_eq!(house.get("/connect/register").await.status, StatusCode::OK);
    house.clock.forward(SignedDuration::from_hours(48));
    let form = house.open().await;
    house.clock.forward(SignedDuration::from_hours(-48));
    assert_eq!(house.send(&Sent::sample(&form)).await.status, StatusCode::FORBIDDEN);
    assert!(house.registrations().await.is_empty());
}

#[tokio::test]
async fn a_form_opened_before_closing_is_taken_for_an_hour_after_it() {
    let house = House::new().await;
    // The sample closes at 17:00 in Lusaka, 45 days after its import at 12:00.
    let to_closing = SignedDuration::from_hours(45 * 24 + 5);
    house.clock.forward(to_closing - SignedDuration::from_mins(5));
    let (early, again, late) = (house.open().await, house.open().await, house.open().await);
    let sent = Sent::sample(&early);
    house.clock.forward(SignedDuration::from_mins(35));
    assert_eq!(house.get("/connect/register").await.status, StatusCode::GONE);
    let to = house.register(&sent).await;
    // A form that came back with a problem was still opened before closing.
    let back = house.send(&Sent::sample(&again).with("email", "nobody")).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.register(&Sent::sample(&back.opened()).with("last_name", "Again")).await;
    house.clock.forward(SignedDuration::from_mins(31));
    let refused = house.send(&Sent::sample(&late)).await;
    assert_eq!(refused.status, StatusCode::GONE);
    assert!(refused.text().contains("devops@ubuntunet.net"), "whom to ask");
    // What was registered is found again by the same form for ever.
    assert_eq!(house.register(&sent).await, to);
    assert_eq!(house.send(&sent.with("last_name", "Other")).await.status, StatusCode::GONE);
    assert_eq!(house.registrations().await.len(), 2);
}

#[tokio::test]
async fn answers_are_judged_by_the_form_that_was_shown() {
    let house = House::new().await;
    let form = house.open().await;
    let changed = sample(&[("key = \"position\"", "key = \"position\"\nrequired = true")]);
    house.import(&changed).await;
    house.web.refresh().await.unwrap();
    house.register(&Sent::sample(&form)).await;
    let row = house.only_registration().await;
    assert_eq!(house.store.get(row.id).await.unwrap().unwrap().form_version, 1);
    // A form that is opened now asks for it.
    let answer = house.send(&Sent::sample(&house.open().await).with("last_name", "New")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_form_that_was_open_for_too_long_comes_back_and_registers_once() {
    let house = House::new().await;
    let form = house.open().await;
    house.clock.forward(SignedDuration::from_hours(24 * 31));
    let sent = Sent::sample(&form).file("attachment", "cv.pdf", b"%PDF-1.4");
    let back = house.send(&sent).await;
    assert_eq!(back.status, StatusCode::FORBIDDEN);
    let page = back.text();
    assert!(page.contains("value=\"Kamau\"") && page.contains("cv.pdf") && page.contains("open for too long"));
    assert_eq!(back.opened().submission_id, form.submission_id);
    house.register(&Sent::sample(&back.opened())).await;
    let row = house.only_registration().await;
    assert_eq!(house.store.files(row.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_of_this_form_registers_nothing_and_keeps_what_was_typed() {
    let other = sample(&[("slug = \"connect\"", "slug = \"other\"")]);
    let house = House::with(&[&sample(&[]), &other]).await;
    let (form, second) = (house.open().await, house.open().await);
    let foreign = house.get("/other/register").await.opened();
    let mut forged = form.form_token.clone();
    forged.replace_range(3..4, if &forged[3..4] == "A" { "B" } else { "A" });
    let with_id = |token: &str| Sent::sample(&form).with("form_token", token);
    for sent in [
        with_id(&forged),
        with_id(""),
        with_id(&second.form_token),
        Sent::sample(&form).without("form_token"),
        Sent::sample(&foreign),
    ] {
        let sent = sent.file("attachment", "cv.pdf", &pdf(300_000));
        let answer = house.send(&sent).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = answer.text();
        assert!(page.contains("value=\"Kamau\"") && !page.contains("cv.pdf"), "no stranger fills the store");
        assert_ne!(answer.opened().submission_id, form.submission_id);
    }
    assert!(house.registrations().await.is_empty());
    house.register(&Sent::sample(&form)).await;
}

#[tokio::test]
async fn whoever_goes_away_in_the_middle_is_registered_and_announced_or_not_at_all() {
    let house = House::new().await;
    let tasks = tokio::runtime::Handle::current().metrics();
    // How often a request is polled until its answer depends on the machine: rounds go on until somebody went away after
    // the commit.
    let (mut polls, mut answers, mut registered) = (1, 0, 0);
    while registered <= answers {
        assert!(answers < 50, "nobody went away after the commit");
        let sent = Sent::sample(&house.open().await).with("last_name", &format!("Gone after {polls} in {answers}"));
        let quiet = tasks.num_alive_tasks();
        let mut answer = Box::pin(house.send(&sent));
        let mut left = polls;
        // The browser goes away when the answer was asked for so many times.
        let answered = std::future::poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(false);
            }
            left -= 1;
            answer.as_mut().poll(context).map(|_| true)
        });
        let answered = answered.await;
        drop(answer);
        while tasks.num_alive_tasks() > quiet {
            tokio::task::yield_now().await;
        }
        if answered {
            answers += 1;
            polls = 1;
        } else {
            polls += 1;
        }
        registered = house.registrations().await.len() as u64;
    }
    assert_eq!(house.views().await.submitted, registered);
    assert_eq!(house.wakes.0.load(Ordering::SeqCst), registered);
}

//! Writing a registration once, and reading it and its likes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::join_all;

use super::setting::{
    assert_nothing_is_left, at, camp, confirmed, content, fresh_reference, import, row, small_file, somebody, taken,
    taker, upload,
};
use crate::event::WhenFull;
use crate::ids::{EventId, RegistrationId};
use crate::ports::Store;
use crate::stored::{Columns, Existing, ListRow, NewRegistration, Record, Registered, Status};

/// What the store should give back of a registration.
fn record(new: &NewRegistration) -> Record {
    Record {
        id: new.id,
        event: new.event,
        form_version: new.form_version,
        reference: new.reference.clone(),
        status: Status::Confirmed,
        duplicate_of: None,
        shown_status: Status::Confirmed,
        answers: new.answers.clone(),
        columns: new.columns.clone(),
        language: new.language,
        request_id: new.request_id.clone(),
        created_at: new.at,
        updated_at: new.at,
        erased_at: None,
    }
}

/// What the store should tell of it to whom comes with its submission id.
fn existing(new: &NewRegistration) -> Existing {
    let mut files: Vec<_> = new.attachments.iter().collect();
    files.sort_by_key(|file| file.id);
    Existing {
        id: new.id,
        event: new.event,
        reference: new.reference.clone(),
        status: Status::Confirmed,
        content_digest: new.content_digest,
        files: files.into_iter().map(|file| (file.field.clone(), file.sha256)).collect(),
    }
}

pub async fn a_registration_reads_back_as_it_was_written(store: &dyn Store) {
    let new = somebody(camp(store, &[]).await);
    confirmed(store, &new).await;
    assert_eq!(store.get(new.id).await.expect("reads"), Some(record(&new)));
    assert_eq!(store.by_submission(new.submission).await.expect("reads"), Some(existing(&new)));
    let listed = ListRow {
        id: new.id,
        reference: new.reference.clone(),
        status: Status::Confirmed,
        name: new.columns.name.clone(),
        organization: new.columns.organization.clone(),
        country: new.columns.country.clone(),
        category: new.columns.category.clone(),
        created_at: new.at,
    };
    assert_eq!(store.latest(new.event, 10).await.expect("reads"), [listed]);
}

pub async fn what_may_be_missing_reads_back_as_missing(store: &dyn Store) {
    let new = somebody(camp(store, &[]).await);
    let columns = Columns { organization: None, country: None, category: None, attendance: None, ..new.columns };
    let new = NewRegistration { columns, notifications: Vec::new(), summary: Vec::new(), ..new };
    confirmed(store, &new).await;
    assert_eq!(store.get(new.id).await.expect("reads"), Some(record(&new)));
    assert_eq!(store.latest(new.event, 10).await.expect("reads")[0].category, None);
}

pub async fn the_same_submission_twice_is_one_registration(store: &dyn Store) {
    let event = camp(store, &[("event", 10)]).await;
    let mut first = taker(event, &["event"], WhenFull::Waiting);
    let uploaded = upload(store, first.submission, "letter", &content(30)).await;
    first.attachments = vec![small_file("passport", b"%PDF-1"), uploaded];
    confirmed(store, &first).await;

    let other = somebody(event);
    let second =
        NewRegistration { submission: first.submission, attachments: vec![small_file("passport", b"%PDF-2")], ..other };
    let told = store.register(&second).await.expect("registers");
    assert_eq!(told, Registered::Existing(existing(&first)), "what is there is told, not what came");
    assert_eq!(store.by_submission(first.submission).await.expect("reads"), Some(existing(&first)));
    assert_eq!(store.get(second.id).await.expect("reads"), None);
    assert_eq!(store.latest(event, 10).await.expect("reads").len(), 1);
    assert_eq!(store.unassigned(at(60), 10).await.expect("reads").len(), 2);
    assert_eq!(store.summary(event).await.expect("reads").total(), 1);
    assert_eq!(taken(store, event, "event").await, Some(1));
    assert_eq!(store.chunk(second.attachments[0].id, 0).await.expect("reads"), None);
}

pub async fn twenty_copies_at_once_are_one_registration(store: &dyn Store) {
    let event = camp(store, &[("event", 100)]).await;
    let first = taker(event, &["event"], WhenFull::Waiting);
    let copies: Vec<NewRegistration> = (0..20)
        .map(|_| {
            let other = somebody(event);
            NewRegistration { id: other.id, reference: other.reference, ..first.clone() }
        })
        .collect();
    let registered = join_all(copies.iter().map(|copy| store.register(copy))).await;
    let registered: Vec<_> = registered.into_iter().map(|registered| registered.expect("registers")).collect();
    let winner = registered.iter().position(|one| *one == Registered::New(Status::Confirmed)).expect("one is new");
    for (n, one) in registered.into_iter().enumerate() {
        if n != winner {
            assert_eq!(one, Registered::Existing(existing(&copies[winner])));
        }
    }
    assert_eq!(store.latest(event, 30).await.expect("reads").len(), 1);
    assert_eq!(store.unassigned(at(60), 30).await.expect("reads").len(), 2, "one mail each");
    assert_eq!(taken(store, event, "event").await, Some(1));
}

/// What comes of `future`, if it is ready before it was polled `polls` times; else it is dropped as it stands.
async fn abandoned<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

pub async fn who_comes_again_after_a_broken_connection_is_registered_once(store: &dyn Store) {
    let event = camp(store, &[("event", 1000)]).await;
    let mut stored = 0;
    for polls in 1..=40 {
        let mut new = taker(event, &["event"], WhenFull::Waiting);
        let letter = upload(store, new.submission, "letter", &content(30)).await;
        new.attachments = vec![small_file("passport", b"%PDF-1"), letter];
        if let Some(registered) = abandoned(store.register(&new), polls).await {
            assert_eq!(registered.expect("registers"), Registered::New(Status::Confirmed));
        }
        let again = store.register(&new).await.expect("registers");
        assert!(matches!(again, Registered::New(_) | Registered::Existing(_)), "{again:?}");
        stored += 1;
        assert_eq!(store.files(new.id).await.expect("reads").len(), 2);
    }
    assert_eq!(store.page(event, None, 1000).await.expect("reads").len(), stored);
    assert_eq!(store.unassigned(at(60), 1000).await.expect("reads").len(), 2 * stored);
    assert_eq!(store.summary(event).await.expect("reads").total(), stored as i64);
    assert_eq!(taken(store, event, "event").await, Some(stored as u32));
}

pub async fn a_taken_reference_is_told_and_leaves_nothing(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    let first = somebody(event);
    confirmed(store, &first).await;
    let mut second = NewRegistration { reference: first.reference.clone(), ..somebody(other) };
    second.attachments = vec![small_file("passport", b"%PDF-1")];
    assert_eq!(store.register(&second).await.expect("registers"), Registered::ReferenceTaken, "in every event");
    assert_nothing_of(store, &second).await;

    second.reference = fresh_reference();
    confirmed(store, &second).await;
}

async fn assert_nothing_of(store: &dyn Store, new: &NewRegistration) {
    assert_eq!(store.get(new.id).await.expect("reads"), None);
    assert_eq!(store.by_submission(new.submission).await.expect("reads"), None);
    assert_eq!(store.latest(new.event, 10).await.expect("reads"), Vec::new());
    assert_eq!(store.summary(new.event).await.expect("reads").total(), 0);
    for file in &new.attachments {
        assert_eq!(store.chunk(file.id, 0).await.expect("reads"), None);
    }
}

pub async fn a_used_submission_id_is_told_before_a_taken_reference(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let first = somebody(event);
    confirmed(store, &first).await;
    let again = NewRegistration { id: somebody(event).id, ..first.clone() };
    assert_eq!(store.register(&again).await.expect("registers"), Registered::Existing(existing(&first)));
}

pub async fn an_event_that_is_not_there_takes_no_registration(store: &dyn Store) {
    let event = camp(store, &[]).await;
    store.register(&somebody(EventId(event.0 + 1))).await.expect_err("there is no such event");
    let version = NewRegistration { form_version: 2, ..somebody(event) };
    store.register(&version).await.expect_err("there is no such form version");
    assert_nothing_is_left(store, event).await;
}

pub async fn lists_are_newest_first_and_of_one_event(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    let mut ids: Vec<RegistrationId> = Vec::new();
    for n in 0..5 {
        ids.insert(0, confirmed(store, &NewRegistration { at: at(n), ..somebody(event) }).await);
        confirmed(store, &somebody(other)).await;
    }
    let latest = store.latest(event, 3).await.expect("reads");
    assert_eq!(latest.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..3]);
    assert_eq!(latest[0].created_at, at(4));
    let all = store.page(event, None, 10).await.expect("reads");
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
}

pub async fn pages_follow_each_other_without_gap_or_overlap(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let mut written = Vec::new();
    for _ in 0..7 {
        let mut new = somebody(event);
        new.attachments = vec![small_file("passport", b"%PDF-1")];
        confirmed(store, &new).await;
        assert_eq!(store.files(new.id).await.expect("reads"), [row(&new.attachments[0])]);
        written.insert(0, new.id);
    }
    let (mut read, mut before) = (Vec::new(), None);
    loop {
        let page = store.page(event, before, 3).await.expect("reads");
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        read.extend(page.iter().map(|row| row.id));
    }
    assert_eq!(read, written);
}

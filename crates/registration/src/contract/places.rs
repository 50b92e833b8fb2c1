//! Limited places: the last one is never sold twice.

use futures_util::future::join_all;

use super::setting::{assert_nothing_is_left, at, camp, confirmed, content, small_file, taken, taker, upload};
use crate::event::WhenFull;
use crate::ids::EventId;
use crate::places::PlaceKey;
use crate::ports::Store;
use crate::stored::{NewRegistration, Registered, Status};

/// Fifty people take from the same counters at once.
async fn fifty(store: &dyn Store, event: EventId, places: &[&str], when_full: WhenFull) -> Vec<Registered> {
    let takers: Vec<NewRegistration> = (0..50).map(|_| taker(event, places, when_full)).collect();
    let registered = join_all(takers.iter().map(|taker| store.register(taker))).await;
    registered.into_iter().map(|registered| registered.expect("registers")).collect()
}

fn how_many(registered: &[Registered], wanted: &Registered) -> usize {
    registered.iter().filter(|registered| *registered == wanted).count()
}

pub async fn fifty_takers_get_exactly_ten_places_and_forty_wait(store: &dyn Store) {
    let event = camp(store, &[("event", 10)]).await;
    let registered = fifty(store, event, &["event"], WhenFull::Waiting).await;
    assert_eq!(how_many(&registered, &Registered::New(Status::Confirmed)), 10);
    assert_eq!(how_many(&registered, &Registered::New(Status::Waiting)), 40);
    assert_eq!(taken(store, event, "event").await, Some(10));

    let rows = store.latest(event, 100).await.expect("reads");
    assert_eq!(rows.iter().filter(|row| row.status == Status::Confirmed).count(), 10);
    assert_eq!(rows.iter().filter(|row| row.status == Status::Waiting).count(), 40);
}

pub async fn fifty_takers_get_exactly_ten_places_and_forty_are_told(store: &dyn Store) {
    let event = camp(store, &[("event", 10)]).await;
    let registered = fifty(store, event, &["event"], WhenFull::Closed).await;
    assert_eq!(how_many(&registered, &Registered::New(Status::Confirmed)), 10);
    assert_eq!(how_many(&registered, &Registered::Full(PlaceKey::event())), 40);
    assert_eq!(taken(store, event, "event").await, Some(10));
    assert_eq!(store.latest(event, 100).await.expect("reads").len(), 10);
}

pub async fn fifty_takers_of_an_option_get_its_ten_places(store: &dyn Store) {
    let event = camp(store, &[("tour=lake", 10), ("event", 1000)]).await;
    let registered = fifty(store, event, &["tour=lake", "event"], WhenFull::Waiting).await;
    assert_eq!(how_many(&registered, &Registered::New(Status::Confirmed)), 10);
    assert_eq!(how_many(&registered, &Registered::New(Status::Waiting)), 40);
    assert_eq!(taken(store, event, "tour=lake").await, Some(10));
    assert_eq!(taken(store, event, "event").await, Some(10), "who waits holds no place of the event");
}

pub async fn takers_of_different_options_share_the_event_without_deadlock(store: &dyn Store) {
    let event = camp(store, &[("meals=lunch", 30), ("tour=hill", 30), ("tour=lake", 30), ("event", 25)]).await;
    let (hill, lake, both) = (["tour=hill", "event"], ["tour=lake", "event"], ["meals=lunch", "tour=lake", "event"]);
    let choices: [&[&str]; 3] = [&hill, &lake, &both];
    let takers: Vec<NewRegistration> = (0..60).map(|n| taker(event, choices[n % 3], WhenFull::Closed)).collect();
    let registered = join_all(takers.iter().map(|taker| store.register(taker))).await;
    let registered: Vec<_> = registered.into_iter().map(|registered| registered.expect("registers")).collect();
    assert_eq!(how_many(&registered, &Registered::New(Status::Confirmed)), 25);
    assert_eq!(how_many(&registered, &Registered::Full(PlaceKey::event())), 35);
    assert_eq!(taken(store, event, "event").await, Some(25));
    let tours = [taken(store, event, "tour=hill").await, taken(store, event, "tour=lake").await];
    assert_eq!(tours.into_iter().flatten().sum::<u32>(), 25, "who found the event full holds no tour");
}

pub async fn an_exhausted_option_leaves_the_event_counter_untouched(store: &dyn Store) {
    let event = camp(store, &[("meals=lunch", 5), ("tour=lake", 1), ("event", 5)]).await;
    let keys = ["meals=lunch", "tour=lake", "event"];
    confirmed(store, &taker(event, &keys, WhenFull::Closed)).await;

    let full = store.register(&taker(event, &keys, WhenFull::Closed)).await.expect("registers");
    assert_eq!(full, Registered::Full(PlaceKey::option("tour", "lake")));
    let waits = store.register(&taker(event, &keys, WhenFull::Waiting)).await.expect("registers");
    assert_eq!(waits, Registered::New(Status::Waiting));
    for key in keys {
        assert_eq!(taken(store, event, key).await, Some(1), "{key}");
    }
}

pub async fn a_full_event_leaves_the_option_counter_untouched(store: &dyn Store) {
    let event = camp(store, &[("tour=lake", 5), ("event", 1)]).await;
    let keys = ["tour=lake", "event"];
    confirmed(store, &taker(event, &keys, WhenFull::Waiting)).await;
    let waits = store.register(&taker(event, &keys, WhenFull::Waiting)).await.expect("registers");
    assert_eq!(waits, Registered::New(Status::Waiting));
    let full = store.register(&taker(event, &keys, WhenFull::Closed)).await.expect("registers");
    assert_eq!(full, Registered::Full(PlaceKey::event()));
    for key in keys {
        assert_eq!(taken(store, event, key).await, Some(1), "{key}");
    }
}

pub async fn a_full_event_without_waiting_list_leaves_nothing_behind(store: &dyn Store) {
    let event = camp(store, &[("event", 0)]).await;
    let mut new = taker(event, &["event"], WhenFull::Closed);
    let adopted = upload(store, new.submission, "letter", &content(9)).await;
    let small = small_file("passport", &content(7));
    new.attachments = vec![small.clone(), adopted];
    assert_eq!(store.register(&new).await.expect("registers"), Registered::Full(PlaceKey::event()));
    assert_nothing_is_left(store, event).await;
    assert_eq!(store.by_submission(new.submission).await.expect("reads"), None);
    assert_eq!(store.chunk(small.id, 0).await.expect("reads"), None);
    assert_eq!(store.kept(new.submission).await.expect("reads").len(), 1, "the upload is still there");

    camp(store, &[("event", 1)]).await;
    new.at = at(120);
    assert_eq!(
        store.register(&new).await.expect("registers"),
        Registered::New(Status::Confirmed),
        "the same form again"
    );
}

pub async fn who_waits_is_counted_as_waiting(store: &dyn Store) {
    let event = camp(store, &[("event", 1)]).await;
    for _ in 0..3 {
        store.register(&taker(event, &["event"], WhenFull::Waiting)).await.expect("registers");
    }
    let summary = store.summary(event).await.expect("reads");
    assert_eq!((summary.count("status", "confirmed"), summary.count("status", "waiting")), (1, 2));
    assert_eq!((summary.total(), summary.count("day", "2026-06-01")), (3, 3));
    assert_eq!(store.unassigned(at(60), 10).await.expect("reads").len(), 6, "who waits is told too");
}

pub async fn a_key_without_a_counter_is_no_limit(store: &dyn Store) {
    let event = camp(store, &[("tour=lake", 1)]).await;
    for _ in 0..2 {
        confirmed(store, &taker(event, &["tour=hill", "event"], WhenFull::Closed)).await;
    }
    assert_eq!(taken(store, event, "tour=lake").await, Some(0));
    assert_eq!(taken(store, event, "event").await, None);
}

pub async fn a_limit_that_comes_while_the_form_is_sent_is_counted(store: &dyn Store) {
    let event = camp(store, &[]).await;
    // Many at once, written while the event still had no limit; the import comes among them.
    let takers: Vec<NewRegistration> =
        (0..20).map(|_| taker(event, &["tour=lake", "event"], WhenFull::Waiting)).collect();
    let registering = join_all(takers.iter().map(|taker| store.register(taker)));
    let importing = camp(store, &[("event", 100)]);
    let (registered, _) = futures_util::future::join(registering, importing).await;
    let registered: Vec<_> = registered.into_iter().map(|registered| registered.expect("registers")).collect();
    assert_eq!(how_many(&registered, &Registered::New(Status::Confirmed)), 20);
    assert_eq!(taken(store, event, "event").await, Some(20), "everybody who has a place is counted");
}

//! Many at once, where PostgreSQL's row locks decide.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{join, join_all};
use registration::contract::setting::{at, camp, import, small_file, somebody, taken, taker};
use registration::event::WhenFull;
use registration::ports::{Events, Registrations, Uploads};
use registration::stored::{NewRegistration, Registered, Status};
use store_postgres::PostgresStore;
use testkit::postgres::{Database, database};

async fn fresh(connections: u32) -> (PostgresStore, Database) {
    let database = database().await;
    let store = PostgresStore::connect(database.url(), connections, None).await.expect("connects");
    store.migrate().await.expect("migrates");
    (store, database)
}

/// Options in key order, then the event, as the desk asks for them.
fn keys(n: usize) -> Vec<String> {
    let mut keys: Vec<String> =
        (0..8).filter(|option| n >> option & 1 == 1).map(|option| format!("tour={option}")).collect();
    keys.push("event".to_owned());
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_with_several_limited_options_and_imports_between_them_never_deadlock() {
    let (store, _database) = fresh(20).await;
    let limits: Vec<String> = keys(255);
    let limits: Vec<(&str, u32)> = limits.iter().map(|key| (key.as_str(), 60)).collect();
    let event = camp(&store, &limits).await;
    let takers: Vec<NewRegistration> = (0..200)
        .map(|n| {
            let keys = keys(n * 37 % 256);
            let when_full = if n % 2 == 0 { WhenFull::Waiting } else { WhenFull::Closed };
            taker(event, &keys.iter().map(String::as_str).collect::<Vec<_>>(), when_full)
        })
        .collect();
    let registering = join_all(takers.iter().map(|taker| store.register(taker)));
    let importing = async {
        for round in 0..10 {
            // Counters come and go, and limits move, while people register.
            let some: Vec<(&str, u32)> =
                limits.iter().enumerate().filter(|(n, _)| n % 5 != round % 5 || *n == 8).map(|(_, one)| *one).collect();
            store.import(&import("camp", &some)).await.expect("imports");
        }
        store.import(&import("camp", &limits)).await.expect("imports");
    };
    let (registered, ()) = join(registering, importing).await;

    let registered: Vec<Registered> = registered.into_iter().map(|one| one.expect("no deadlock")).collect();
    let holding: Vec<&NewRegistration> = takers
        .iter()
        .zip(&registered)
        .filter(|(_, registered)| **registered == Registered::New(Status::Confirmed))
        .map(|(taker, _)| taker)
        .collect();
    assert_eq!(taken(&store, event, "event").await, Some(holding.len() as u32));
    assert_eq!(holding.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_appears_misses_no_registration_under_way() {
    for _ in 0..5 {
        let (store, _database) = fresh(12).await;
        let event = camp(&store, &[]).await;
        let takers: Vec<NewRegistration> = (0..60).map(|_| taker(event, &["event"], WhenFull::Waiting)).collect();
        let registering = join_all(takers.iter().map(|taker| store.register(taker)));
        let (registered, imported) = join(registering, store.import(&import("camp", &[("event", 1000)]))).await;
        imported.expect("imports");
        for one in registered {
            assert_eq!(one.expect("registers"), Registered::New(Status::Confirmed));
        }
        assert_eq!(taken(&store, event, "event").await, Some(60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_submission_with_one_reference_posted_twenty_times_is_one_registration() {
    let (store, _database) = fresh(20).await;
    let event = camp(&store, &[("event", 5)]).await;
    let first = taker(event, &["event"], WhenFull::Waiting);
    let copies: Vec<NewRegistration> =
        (0..20).map(|_| NewRegistration { id: somebody(event).id, ..first.clone() }).collect();
    let registered = join_all(copies.iter().map(|copy| store.register(copy))).await;
    let registered: Vec<Registered> = registered.into_iter().map(|one| one.expect("registers")).collect();
    assert_eq!(registered.iter().filter(|one| matches!(one, Registered::New(_))).count(), 1);
    assert_eq!(registered.iter().filter(|one| matches!(one, Registered::Existing(_))).count(), 19);
    assert_eq!(taken(&store, event, "event").await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_migrate_once() {
    let database = database().await;
    let stores = (0..4).map(|_| PostgresStore::connect(database.url(), 2, None));
    let stores: Vec<PostgresStore> = join_all(stores).await.into_iter().map(|store| store.expect("connects")).collect();
    assert_eq!(stores[0].pending_migrations().await.expect("answers").first(), Some(&1));
    for migrated in join_all(stores.iter().map(PostgresStore::migrate)).await {
        migrated.expect("migrates");
    }
    assert_eq!(stores[0].pending_migrations().await.expect("answers"), Vec::<i64>::new());
    stores[0].migrate().await.expect("nothing is left to do");
}

/// Polls `future` up to `polls` times and then drops it, as the server does with a browser that hangs up.
async fn abandoned(future: impl Future, polls: usize) {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        left -= 1;
        if left == 0 || future.as_mut().poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_after_somebody_hung_up_is_committed() {
    // One connection: it is the one that was left in the middle of something.
    let (store, database) = fresh(1).await;
    let other = PostgresStore::connect(database.url(), 1, None).await.expect("connects");
    let event = camp(&store, &[("event", 1000)]).await;
    for polls in 1..=30 {
        let (new, file) = (taker(event, &["event"], WhenFull::Waiting), small_file("cv", b"%PDF"));
        abandoned(store.register(&new), polls).await;
        store.begin(file.id, new.submission, "cv", at(0)).await.expect("begins");
        other.append(file.id, 0, b"%PDF").await.expect("it is there for everybody");
    }
}

//! A server that is not as it should be: what the desk is told, and that all heals by itself.

use std::time::{Duration, Instant};

use registration::contract::setting::{camp, confirmed, small_file, somebody};
use registration::ids::EventId;
use registration::ports::{Events, Health, Outbox, Registrations, StoreError, Uploads};
use registration::stored::{Registered, Status};
use store_postgres::PostgresStore;
use testkit::postgres::{Options, Postgres};
use testkit::serve::wait_for;
use testkit::throttle::{Line, Throttle, Way};

async fn store(server: &Postgres) -> (PostgresStore, EventId) {
    let store = PostgresStore::connect(&server.url("postgres"), 4, None).await.expect("connects");
    store.migrate().await.expect("migrates");
    let event = camp(&store, &[("event", 100)]).await;
    (store, event)
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("not unavailable: {other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let server = Postgres::start(Options { password: Some("right-secret"), ..Options::default() }).await;
    PostgresStore::connect(&server.url("postgres"), 2, None).await.expect("the right one does");
    for password in [Some("wrong-secret"), None] {
        let why = PostgresStore::connect(&server.url_with("postgres", password), 2, None).await;
        let why = unavailable(why.map(|_| ()));
        assert!(!why.contains("secret"), "{why}");
    }
    let why = PostgresStore::connect(&server.url_with("postgres", Some("wrong-secret")), 2, None).await;
    assert_eq!(unavailable(why.map(|_| ())), "it refuses the user or the password");
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_told_without_its_password() {
    let server = Postgres::start(Options::default()).await;
    let missing = PostgresStore::connect(&server.url("no_such_database"), 2, None).await;
    assert_eq!(unavailable(missing.map(|_| ())), "there is no database of this name");
    let refused = "postgres://karibu:secret@127.0.0.1:1/postgres";
    assert_eq!(unavailable(PostgresStore::connect(refused, 2, None).await.map(|_| ())), "connection refused");
    for unreadable in ["postgres://karibu:sec/ret@host/x", "postgres://karibu:secret@host/x?sslmode=secret", "secret"] {
        let why = unavailable(PostgresStore::connect(unreadable, 2, None).await.map(|_| ()));
        assert!(why.starts_with("the URL cannot be read") && !why.contains("sec"), "{why}");
    }
}

#[tokio::test]
async fn tls_is_verified_by_the_given_authority() {
    let server = Postgres::start(Options { tls: true, ..Options::default() }).await;
    let stranger = PostgresStore::connect(&server.url("postgres"), 2, None).await;
    let why = unavailable(stranger.map(|_| ()));
    assert!(why.contains("certificate"), "{why}");
    let store = PostgresStore::connect(&server.url("postgres"), 2, Some(&server.ca_file())).await.expect("connects");
    store.migrate().await.expect("migrates");
    store.writable().await.expect("is writable");
}

#[tokio::test]
async fn a_stopped_server_is_told_within_four_seconds_and_all_heals_when_it_is_back() {
    let mut server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    let (store, event) = store(&server).await;
    let before = somebody(event);
    confirmed(&store, &before).await;
    server.stop().await;

    let started = Instant::now();
    unavailable(store.writable().await);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let started = Instant::now();
    unavailable(store.register(&somebody(event)).await);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let (pulse, depth) = tokio::join!(store.pulse(), store.depth());
    unavailable(pulse);
    unavailable(depth);

    server.start_again().await;
    wait_for("a writable database", async || store.writable().await.ok()).await;
    confirmed(&store, &somebody(event)).await;
    assert!(store.get(before.id).await.expect("reads").is_some(), "what was answered is still there");
}

#[tokio::test]
async fn broken_connections_are_not_noticed_by_whoever_comes_next() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    for _ in 0..3 {
        confirmed(&store, &somebody(event)).await;
        let others = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'karibu'";
        server.run(others).await;
    }
    confirmed(&store, &somebody(event)).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_and_used_again_when_it_does() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    server.freeze();
    let started = Instant::now();
    unavailable(store.writable().await);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let started = Instant::now();
    unavailable(store.register(&somebody(event)).await);
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
    server.thaw();
    wait_for("a writable database", async || store.writable().await.ok()).await;
    confirmed(&store, &somebody(event)).await;
}

#[tokio::test]
async fn a_read_only_database_is_unavailable_and_heals() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    server.run("alter system set default_transaction_read_only = on").await;
    server.run("select pg_reload_conf()").await;
    wait_for("it to be read-only", async || store.writable().await.err()).await;
    assert_eq!(unavailable(store.register(&somebody(event)).await), "read-only");
    assert_eq!(unavailable(store.writable().await), "read-only");
    store.by_slug("camp").await.expect("reading goes on");

    server.run("alter system reset default_transaction_read_only").await;
    server.run("select pg_reload_conf()").await;
    wait_for("it to be writable", async || store.writable().await.ok()).await;
    confirmed(&store, &somebody(event)).await;
}

#[tokio::test]
async fn a_table_locked_by_somebody_else_is_unavailable() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    let lock = "begin; lock table registration in share mode; select pg_sleep(4); commit";
    let ((), answers) =
        tokio::join!(server.run(lock), async { wait_for("the lock", async || store.writable().await.err()).await });
    assert_eq!(answers, StoreError::Unavailable("it does not answer".to_owned()));
    confirmed(&store, &somebody(event)).await;
}

/// A web that is cut off in the middle of storing a form: nginx gives the same form to another one.
#[tokio::test]
async fn what_was_cut_off_half_way_is_stored_by_whoever_gets_it_next() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    let line = Throttle::start(server.port(), Line { rate: u32::MAX, delay: Duration::ZERO, shared: false });
    let url = server.url("postgres").replace(&server.port().to_string(), &line.port().to_string());
    let cut_off = PostgresStore::connect(&url, 1, None).await.expect("connects");
    confirmed(&cut_off, &somebody(event)).await;
    let before = line.carried(Way::Up);
    confirmed(&cut_off, &somebody(event)).await;
    let usual = line.carried(Way::Up) - before;
    let new = somebody(event);
    line.stall(Way::Up, line.carried(Way::Up) + usual * 4 / 5, Duration::from_secs(600));
    let (stalled, stored) =
        tokio::join!(async { tokio::time::timeout(Duration::from_secs(20), cut_off.register(&new)).await }, async {
            wait_for("the cut", async || (!line.will_stall(Way::Up)).then_some(())).await;
            store.register(&new).await
        });
    unavailable(stalled.expect("it is given up"));
    assert_eq!(stored, Ok(Registered::New(Status::Confirmed)));
}

#[tokio::test]
async fn a_nul_character_is_a_clean_error_without_the_answer() {
    let server = Postgres::start(Options::default()).await;
    let (store, event) = store(&server).await;
    let mut in_column = somebody(event);
    in_column.columns.name = "secret\0".to_owned();
    let mut in_answers = somebody(event);
    in_answers.answers = serde_json::json!({"name": "secret\0"});
    let mut in_list = somebody(event);
    in_list.notifications[0].recipient = "secret\0".to_owned();
    for new in [in_column, in_answers, in_list] {
        match store.register(&new).await {
            Err(StoreError::Bug(why)) => assert!(!why.contains("secret"), "{why}"),
            other => panic!("not refused: {other:?}"),
        }
    }
    let mut file = small_file("cv", b"%PDF");
    file.name = "secret\0".to_owned();
    let kept = store.keep(somebody(event).submission, &file, somebody(event).at).await;
    assert!(matches!(kept, Err(StoreError::Bug(_))), "{kept:?}");
    confirmed(&store, &somebody(event)).await;
}

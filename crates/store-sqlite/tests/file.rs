//! What is true of a store in a file.

mod support;

use std::fs::{Permissions, metadata, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use registration::contract::setting::{
    assert_nothing_is_left, at, camp, confirmed, content, download, make_all, small_file, somebody, taker, upload,
};
use registration::event::WhenFull;
use registration::ports::{Events, Health, Outbox, Registrations, StoreError, StoreResult, Uploads};
use registration::stored::{Registered, Status};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use store_sqlite::SqliteStore;
use support::{fresh, path_in};

/// Another process, as far as SQLite can tell.
async fn somebody_else(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.expect("connects")
}

fn is_unavailable<T: std::fmt::Debug>(answer: &StoreResult<T>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn only_its_owner_reads_the_database_and_the_files_beside_it() {
    let (store, folder) = fresh().await;
    camp(&store, &[]).await;
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "the database, its log and the log's index: {files:?}");
    for file in files {
        assert_eq!(metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn everything_outlives_a_restart() {
    let (store, folder) = fresh().await;
    let mut new = taker(camp(&store, &[("event", 1)]).await, &["event"], WhenFull::Waiting);
    new.attachments = vec![upload(&store, new.submission, "cv", &content(600_000)).await];
    confirmed(&store, &new).await;
    store.close().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "one file holds everything");

    let store = SqliteStore::open(&path_in(&folder), 8).await.expect("opens");
    assert_eq!(store.get(new.id).await.expect("reads").expect("is there").columns, new.columns);
    assert_eq!(download(&store, new.attachments[0].id).await, content(600_000));
    let next = taker(new.event, &["event"], WhenFull::Waiting);
    assert_eq!(store.register(&next).await.expect("registers"), Registered::New(Status::Waiting));
}

#[tokio::test]
async fn processes_that_begin_together_make_one_database() {
    // The test runs itself as the other processes, which find here what to open.
    const PATH: &str = "KARIBU_TEST_OPENS";
    if let Some(path) = std::env::var_os(PATH) {
        let store = SqliteStore::open(Path::new(&path), 2).await.expect("opens");
        return store.writable().await.expect("is writable");
    }
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..6)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes_that_begin_together_make_one_database"])
                .env(PATH, path_in(&folder))
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn stores_on_one_file_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_in(&folder);
    let opened = tokio::join!(SqliteStore::open(&path, 2), SqliteStore::open(&path, 2), SqliteStore::open(&path, 2));
    let (first, second, third) = (opened.0.expect("opens"), opened.1.expect("opens"), opened.2.expect("opens"));
    let event = camp(&first, &[]).await;
    let (one, two) = (somebody(event), somebody(event));
    let (one, two) = tokio::join!(confirmed(&first, &one), confirmed(&second, &two));
    let ids: Vec<_> = third.latest(event, 10).await.expect("reads").iter().map(|row| row.id).collect();
    assert_eq!(ids, [two, one]);
}

#[tokio::test]
async fn while_somebody_else_holds_the_lock_writes_are_unavailable_and_reads_are_not() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[]).await;
    let new = somebody(event);
    let mut other = somebody_else(&path_in(&folder)).await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("locks");

    let begun = Instant::now();
    assert!(is_unavailable(&store.writable().await));
    assert!(begun.elapsed() < Duration::from_secs(3), "the probe answers in time: {:?}", begun.elapsed());
    let answers = tokio::join!(store.register(&new), store.register(&new), store.register(&new));
    assert!(is_unavailable(&answers.0) && is_unavailable(&answers.1) && is_unavailable(&answers.2), "{answers:?}");
    assert!(begun.elapsed() < Duration::from_secs(9), "nobody waits for everybody before: {:?}", begun.elapsed());
    assert_eq!(store.pulse().await.expect("reads").len(), 1);

    lock.rollback().await.expect("unlocks");
    store.writable().await.expect("heals");
    assert_nothing_is_left(&store, event).await;
    confirmed(&store, &new).await;
}

#[tokio::test]
async fn a_writer_waits_for_a_short_lock_of_somebody_else() {
    let (store, folder) = fresh().await;
    let new = somebody(camp(&store, &[]).await);
    let mut other = somebody_else(&path_in(&folder)).await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("locks");
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lock.rollback().await.expect("unlocks");
    };
    let (id, ()) = tokio::join!(confirmed(&store, &new), unlock);
    assert_eq!(id, new.id);
}

#[tokio::test]
async fn a_read_only_file_is_unavailable_until_it_is_not() {
    let (store, folder) = fresh().await;
    let (path, event) = (path_in(&folder), camp(&store, &[]).await);
    set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(is_unavailable(&store.writable().await));
    assert!(is_unavailable(&store.register(&somebody(event)).await));
    assert_eq!(store.all().await.expect("reads").len(), 1);

    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    store.writable().await.expect("heals");
    confirmed(&store, &somebody(event)).await;
}

#[tokio::test]
async fn a_file_that_is_gone_takes_no_registration_into_the_void() {
    let (store, folder) = fresh().await;
    let (path, event) = (path_in(&folder), camp(&store, &[]).await);
    let aside = folder.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    assert!(is_unavailable(&store.writable().await));
    assert!(is_unavailable(&store.register(&somebody(event)).await));
    std::fs::copy(&aside, &path).unwrap();
    assert!(is_unavailable(&store.register(&somebody(event)).await), "a copy is another file");

    std::fs::rename(&aside, &path).unwrap();
    store.writable().await.expect("heals");
    confirmed(&store, &somebody(event)).await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = SqliteStore::open(&folder.path().join("nowhere/karibu.db"), 2).await;
    assert!(is_unavailable(&nowhere), "{nowhere:?}");
    let path = path_in(&folder);
    std::fs::write(&path, "This is a letter, not a database. ".repeat(100)).unwrap();
    let letter = SqliteStore::open(&path, 2).await;
    assert!(matches!(letter, Err(StoreError::Corrupt(_))), "{letter:?}");
}

#[tokio::test]
async fn a_newer_migration_does_not_stop_this_version() {
    let (store, folder) = fresh().await;
    store.close().await;
    let mut other = somebody_else(&path_in(&folder)).await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'of a later version', true, x'00', 0)";
    sqlx::query(newer).execute(&mut other).await.expect("writes");
    other.close().await.expect("closes");
    let store = SqliteStore::open(&path_in(&folder), 8).await.expect("opens");
    store.writable().await.expect("is writable");
}

#[tokio::test]
async fn every_change_has_a_row_in_the_history() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[("event", 1)]).await;
    let (first, second) = (taker(event, &["event"], WhenFull::Waiting), taker(event, &["event"], WhenFull::Waiting));
    for new in [&first, &second] {
        store.register(new).await.expect("registers");
    }
    let mut other = somebody_else(&path_in(&folder)).await;
    for (new, expected) in [(first, vec!["registered"]), (second, vec!["registered", "waiting"])] {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("select action, at from history where registration_id = ? order by id")
                .bind(new.id.0)
                .fetch_all(&mut other)
                .await
                .expect("reads");
        assert!(rows.iter().all(|(_, at)| *at == new.at.as_microsecond()));
        assert_eq!(rows.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn what_is_thrown_away_is_not_left_in_the_file() {
    let (store, folder) = fresh().await;
    let submission = somebody(camp(&store, &[]).await).submission;
    let secret = b"passport number MA1234567".repeat(400);
    let file = small_file("passport", &secret);
    store.keep(submission, &file, at(0)).await.expect("keeps");
    let holds_secret = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(25).any(|window| window == b"passport number MA1234567")
    };
    store.discard(file.id).await.expect("discards");
    store.close().await;
    assert!(!holds_secret(&path_in(&folder)));
}

#[tokio::test]
async fn mails_go_when_the_clock_was_set_back_while_they_waited() {
    let (store, folder) = fresh().await;
    confirmed(&store, &somebody(camp(&store, &[]).await)).await;
    let made = make_all(&store).await.len();
    assert!(made > 1);
    let leased = store.lease(1, SignedDuration::from_mins(1)).await.expect("leases");
    store.close().await;
    // All this happened while the clock was an hour ahead.
    let mut other = somebody_else(&path_in(&folder)).await;
    sqlx::query(
        "update mail set created_at = created_at + 3600000000, next_attempt_at = next_attempt_at + 3600000000,
             lease_until = lease_until + 3600000000",
    )
    .execute(&mut other)
    .await
    .expect("writes");
    other.close().await.expect("closes");

    let store = SqliteStore::open(&path_in(&folder), 8).await.expect("opens");
    let now = store.lease(10, SignedDuration::from_mins(1)).await.expect("leases");
    assert_eq!(now.len(), made, "what waits, and what was leased by the clock as it was");
    assert!(now.iter().any(|mail| mail.id == leased[0].id));
    assert!(store.lease(10, SignedDuration::from_mins(1)).await.expect("leases").is_empty(), "each once");
}

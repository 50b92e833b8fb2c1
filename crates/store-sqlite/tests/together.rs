//! Registrations that share a commit share nothing else.

mod support;

use registration::contract::setting::{camp, small_file, somebody, taker};
use registration::event::WhenFull;
use registration::ports::{Registrations, StoreError};
use registration::stored::{FileContent, NewAttachment, NewRegistration, Registered, Status};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use support::{fresh, path_in};
use tokio::task::JoinHandle;

/// Registers all of them while nobody can write yet, so that all but the first go together.
async fn all_at_once(
    news: &[NewRegistration],
    store: &store_sqlite::SqliteStore,
    folder: &tempfile::TempDir,
) -> Vec<Result<Registered, StoreError>> {
    let mut other = SqliteConnectOptions::new().filename(path_in(folder)).connect().await.expect("connects");
    let lock = other.begin_with("begin immediate").await.expect("locks");
    let tasks: Vec<JoinHandle<_>> = news
        .iter()
        .map(|new| {
            let (store, new) = (store.clone(), new.clone());
            tokio::spawn(async move { store.register(&new).await })
        })
        .collect();
    // On this one thread every task has begun when it comes back to us.
    tokio::task::yield_now().await;
    lock.rollback().await.expect("unlocks");
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("no panic"));
    }
    outcomes
}

#[tokio::test]
async fn who_comes_to_nothing_takes_nobody_along() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[("event", 12)]).await;
    let mut news: Vec<NewRegistration> = (0..10).map(|_| taker(event, &["event"], WhenFull::Closed)).collect();
    // The same form again; a file that is not there; and more people than places.
    news.insert(4, news[1].clone());
    let mut without_file = taker(event, &["event"], WhenFull::Closed);
    without_file.attachments = vec![NewAttachment { content: FileContent::Uploaded, ..small_file("cv", b"%PDF-gone") }];
    news.insert(7, without_file);
    news.extend((0..5).map(|_| taker(event, &["event"], WhenFull::Closed)));

    let outcomes = all_at_once(&news, &store, &folder).await;
    let new = outcomes.iter().filter(|one| matches!(one, Ok(Registered::New(Status::Confirmed)))).count();
    let full = outcomes.iter().filter(|one| matches!(one, Ok(Registered::Full(_)))).count();
    assert_eq!((new, full), (12, 3), "{outcomes:?}");
    assert!(matches!(&outcomes[4], Ok(Registered::Existing(existing)) if existing.id == news[1].id));
    assert!(matches!(outcomes[7], Ok(Registered::UploadGone(_))));
    assert_eq!(store.latest(event, 100).await.expect("lists").len(), 12);
}

#[tokio::test]
async fn who_fails_fails_alone() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[]).await;
    let mut news: Vec<NewRegistration> = (0..8).map(|_| somebody(event)).collect();
    news[5].id = news[2].id;
    let outcomes = all_at_once(&news, &store, &folder).await;
    assert!(matches!(outcomes[5], Err(StoreError::Conflict(_))), "{outcomes:?}");
    let new = outcomes.iter().filter(|one| matches!(one, Ok(Registered::New(_)))).count();
    assert_eq!(new, 7, "{outcomes:?}");
    assert_eq!(store.latest(event, 100).await.expect("lists").len(), 7);
    for other in [0, 1, 2, 3, 4, 6, 7] {
        assert_eq!(store.files(news[other].id).await.expect("reads").len(), 0);
        assert!(store.by_submission(news[other].submission).await.expect("reads").is_some());
    }
    assert!(store.by_submission(news[5].submission).await.expect("reads").is_none());
}

#[tokio::test]
async fn when_nobody_can_write_everybody_is_told_soon() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[]).await;
    let news: Vec<NewRegistration> = (0..8).map(|_| somebody(event)).collect();
    let kept = folder.path().join("moved.db");
    std::fs::rename(path_in(&folder), kept).expect("moves");
    let tasks: Vec<JoinHandle<_>> = news
        .into_iter()
        .map(|new| {
            let store = store.clone();
            tokio::spawn(async move { store.register(&new).await })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.expect("no panic"), Err(StoreError::Unavailable(_))));
    }
}

//! Gauges stay cheap when mails pile up.

use registration::contract::setting::{camp, confirmed, somebody};
use registration::ports::Outbox;
use store_postgres::PostgresStore;
use testkit::postgres::{database, run};

#[tokio::test]
async fn a_large_backlog_is_counted_now_and_then_a_small_one_always() {
    let database = database().await;
    let store = PostgresStore::connect(database.url(), 4, None).await.expect("connects");
    store.migrate().await.expect("migrates");
    let event = camp(&store, &[]).await;
    confirmed(&store, &somebody(event)).await;
    assert_eq!(store.depth().await.expect("reads").pending, 2);
    let many = "insert into notification (event_id, registration_id, recipient, kind, language, created_at)
        select event_id, registration_id, recipient, kind, language, created_at - interval '1 hour'
        from notification, generate_series(1, 5000)";
    run(database.url(), many).await;
    let before = store.depth().await.expect("reads");
    assert_eq!(before.pending, 10_002);
    assert!(before.oldest_pending_seconds.is_some_and(|age| (3600.0..3700.0).contains(&age)));

    confirmed(&store, &somebody(event)).await;
    assert_eq!(store.depth().await.expect("reads").pending, 10_002, "as it was a moment ago");
    run(database.url(), "delete from notification where id > 9").await;
    assert_eq!(store.depth().await.expect("reads").pending, 9);
}

//! What is carried over is all that there is, and comes in as a whole or not at all.

use registration::contract::setting::{at, camp, confirmed, content, somebody, upload};
use registration::ports::{Outbox, Registrations, StoreError, StoreResult};
use registration::transfer::{Cell, Checksum, Kind, RowSink, Snapshot, Summing, TABLES, differences};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use store_postgres::{Ground, PostgresStore};
use testkit::postgres::{Database, database};

async fn store() -> (PostgresStore, Database) {
    let database = database().await;
    let store = PostgresStore::connect(database.url(), 4, None).await.expect("connects");
    (store, database)
}

async fn checksums(snapshot: &mut dyn Snapshot) -> Vec<Checksum> {
    let mut sums = Vec::new();
    for table in &TABLES {
        let mut summing = Summing::default();
        snapshot.read(table, &mut summing).await.expect("reads");
        let sum = summing.finish();
        assert_eq!(snapshot.count(table).await.expect("counts"), sum.rows);
        sums.push(sum);
    }
    sums
}

#[tokio::test]
async fn every_column_of_every_table_is_carried() {
    let (store, database) = store().await;
    store.migrate().await.expect("migrates");
    let mut connection = PgConnection::connect(database.url()).await.expect("connects");
    let real: Vec<(String, String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text from information_schema.columns
         where table_schema = current_schema()",
    )
    .fetch_all(&mut connection)
    .await
    .expect("reads");
    let is = |kind, real: &str| match kind {
        Kind::Int => ["bigint", "integer", "smallint"].contains(&real),
        Kind::Bool => real == "boolean",
        Kind::Text => real == "text",
        Kind::Bytes => real == "bytea",
        Kind::Uuid => real == "uuid",
        Kind::Time => real == "timestamp with time zone",
        Kind::Date => real == "date",
        Kind::Json => real == "jsonb",
    };
    assert_eq!(differences(&real, is), Vec::<String>::new());
}

/// Copies everything from one snapshot into an import.
async fn carry(from: &mut dyn Snapshot, to: &PostgresStore) -> StoreResult<()> {
    let mut import = to.take_over().await?;
    for table in &TABLES {
        let mut sink = import.table(table).await?;
        from.read(table, &mut sink).await?;
        sink.finish().await?;
    }
    import.commit().await
}

#[tokio::test]
async fn a_store_that_was_carried_over_holds_the_same_and_goes_on_counting() {
    let (first, _first_database) = store().await;
    first.migrate().await.expect("migrates");
    let event = camp(&first, &[("event", 10)]).await;
    let mut new = somebody(event);
    new.columns.name = "Thoko\t\\N \"=1+1\" \u{1F600}".to_owned();
    new.attachments = vec![upload(&first, new.submission, "cv", &content(600_000)).await];
    confirmed(&first, &new).await;
    confirmed(&first, &somebody(event)).await;

    let (second, _second_database) = store().await;
    assert_eq!(second.ground().await, Ok(Ground::Bare));
    second.migrate().await.expect("migrates");
    assert_eq!(second.ground().await, Ok(Ground::Ready));
    carry(&mut first.snapshot().await.expect("begins"), &second).await.expect("is carried");
    let there = checksums(&mut second.snapshot().await.expect("begins")).await;
    assert_eq!(checksums(&mut first.snapshot().await.expect("begins")).await, there);
    assert!(there.iter().map(|sum| sum.rows).sum::<u64>() > 10);

    // Numbers that the database gives do not collide with those that came.
    confirmed(&second, &somebody(event)).await;
    assert_eq!(second.latest(event, 10).await.expect("reads").len(), 3);
    assert!(!second.unassigned(at(0), 100).await.expect("reads").is_empty());

    let again = carry(&mut first.snapshot().await.expect("begins"), &second).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

#[tokio::test]
async fn an_import_that_is_not_committed_leaves_nothing() {
    let (store, database) = store().await;
    store.migrate().await.expect("migrates");
    let mut import = store.take_over().await.expect("begins");
    let mut sink = import.table(&TABLES[0]).await.expect("begins");
    let row = [
        Cell::Int(7),
        Cell::Text("camp".to_owned()),
        Cell::Text("source".to_owned()),
        Cell::Bool(false),
        Cell::Time(jiff::Timestamp::UNIX_EPOCH),
        Cell::Int(1),
        Cell::Int(1),
    ];
    sink.row(row.to_vec()).await.expect("is taken");
    assert_eq!(sink.finish().await, Ok(1));
    assert_eq!(import.snapshot().count(&TABLES[0]).await, Ok(1));
    drop(import);
    let pool = PgPool::connect(database.url()).await.expect("connects");
    let events: i64 = sqlx::query_scalar("select count(*) from event").fetch_one(&pool).await.expect("reads");
    assert_eq!(events, 0);
}

#[tokio::test]
async fn the_ground_tells_who_was_there_before() {
    let (store, database) = store().await;
    let mut connection = PgConnection::connect(database.url()).await.expect("connects");
    let mut run = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("runs");
    };
    run("create table event (id int)").await;
    assert_eq!(store.ground().await, Ok(Ground::Foreign));
    run("drop table event").await;
    store.migrate().await.expect("migrates");
    run("insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later version', true, '', 0)")
    .await;
    assert_eq!(store.ground().await, Ok(Ground::Newer));
    run("delete from _sqlx_migrations").await;
    assert_eq!(store.ground().await, Ok(Ground::Older));
}

//! What is carried over is all that there is; a copy is whole whatever goes on beside it.

mod support;

use registration::contract::setting::{camp, confirmed, content, somebody, upload};
use registration::ports::StoreError;
use registration::transfer::{Checksum, Kind, Snapshot, Summing, TABLES, differences};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use store_sqlite::{SqliteStore, copy};
use support::{fresh, path_in};

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
    let (_store, folder) = fresh().await;
    let mut connection = SqliteConnectOptions::new().filename(path_in(&folder)).connect().await.expect("connects");
    let real: Vec<(String, String, String)> = sqlx::query_as(
        "select t.name, c.name, lower(c.type) from sqlite_schema t, pragma_table_info(t.name) c
         where t.type = 'table' and t.name not like 'sqlite%'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("reads");
    let is = |kind, real: &str| match kind {
        Kind::Int | Kind::Bool | Kind::Time => real == "integer",
        Kind::Text | Kind::Date | Kind::Json => real == "text",
        Kind::Bytes | Kind::Uuid => real == "blob",
    };
    assert_eq!(differences(&real, is), Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_made_while_others_write_is_the_state_of_one_moment() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[("event", 1_000)]).await;
    let register = async || {
        let mut new = somebody(event);
        new.attachments = vec![upload(&store, new.submission, "cv", &content(300_000)).await];
        confirmed(&store, &new).await;
    };
    for _ in 0..20 {
        register().await;
    }
    let (from, into) = (path_in(&folder), folder.path().join("copy.db"));
    let copying = copy::copy(&from, &into);
    let writing = async {
        for _ in 0..20 {
            register().await;
        }
    };
    let (copied, ()) = tokio::join!(copying, writing);
    copied.expect("copies");
    let contents = copy::inspect(&into).await.expect("is whole");
    assert_eq!(contents.schema, copy::known_schema());
    let rows = |table: &str| contents.tables[table];
    assert!((20..=40).contains(&rows("registration")), "{contents:?}");
    assert_eq!((rows("attachment"), rows("history")), (rows("registration"), rows("registration")));
    assert_eq!(rows("file_chunk"), rows("attachment") * 2, "every attachment with all its chunks");
}

#[tokio::test]
async fn a_copy_of_a_quiet_database_has_the_same_checksums() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[]).await;
    confirmed(&store, &somebody(event)).await;
    let into = folder.path().join("copy.db");
    copy::copy(&path_in(&folder), &into).await.expect("copies");
    assert_eq!(copy::schema_of(&into).await, Ok(copy::known_schema()));
    let copied = SqliteStore::open(&into, 2).await.expect("opens");
    let sums = checksums(&mut copied.snapshot().await.expect("begins")).await;
    assert_eq!(checksums(&mut store.snapshot().await.expect("begins")).await, sums);
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_told() {
    let (store, folder) = fresh().await;
    let event = camp(&store, &[]).await;
    for _ in 0..20 {
        confirmed(&store, &somebody(event)).await;
    }
    store.close().await;
    let path = path_in(&folder);
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    for page in pages / 3..pages / 2 {
        bytes[page * 4096..page * 4096 + 2_000].fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    let damaged = copy::inspect(&path).await;
    assert!(matches!(damaged, Err(StoreError::Corrupt(_))), "{damaged:?}");

    let other = folder.path().join("other.db");
    let options = SqliteConnectOptions::new().filename(&other).create_if_missing(true);
    let mut connection = options.connect().await.expect("connects");
    sqlx::raw_sql(AssertSqlSafe("create table photos (id integer)".to_owned()))
        .execute(&mut connection)
        .await
        .expect("runs");
    let foreign = copy::inspect(&other).await;
    assert_eq!(foreign, Err(StoreError::Corrupt("it is no database of Karibu".to_owned())));
}

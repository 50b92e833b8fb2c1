//! No query reads a table from end to end that grows with the registrations.

mod support;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use support::{fresh, path_in};

/// Tables that grow with the registrations. (`summary_delta` is kept short by folding, `upload` by reaping.)
const LARGE: [&str; 7] = ["registration", "history", "file_chunk", "attachment", "mail", "notification", "page_view"];

/// The one scan that is wanted: of the index that holds the sizes and nothing else.
const SIZES: &str = "SCAN attachment USING COVERING INDEX attachment_size";

#[tokio::test]
async fn no_query_reads_a_large_table_from_end_to_end() {
    let (store, folder) = fresh().await;
    store.close().await;
    let mut connection = SqliteConnectOptions::new().filename(path_in(&folder)).connect().await.expect("connects");
    let mut queries = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx")).expect("the queries' descriptions") {
        let description = std::fs::read(entry.expect("an entry").path()).expect("reads");
        let description: serde_json::Value = serde_json::from_slice(&description).expect("is JSON");
        let query = description["query"].as_str().expect("has a query").to_owned();
        let steps = sqlx::query(AssertSqlSafe(format!("explain query plan {query}")));
        for step in steps.fetch_all(&mut connection).await.expect("explains") {
            let step: String = step.get("detail");
            let mut words = step.split(' ');
            let scans = words.next() == Some("SCAN") && words.next().is_some_and(|table| LARGE.contains(&table));
            // A partial index holds only what waits; it is named after that.
            let of_few = ["notification_waiting", "mail_due", "mail_parked"].iter().any(|index| step.ends_with(index));
            let fine = of_few || step == SIZES || is_a_newest_few(&step, &query) || is_never_taken(&step, &query);
            assert!(!scans || fine, "{step}:\n{query}");
            // What is read part by part must come in order, or each part would read and sort all.
            let by_parts = query.contains("from registration where") && query.contains("order by id limit ?");
            assert!(!by_parts || !step.contains("TEMP B-TREE"), "{step}:\n{query}");
        }
        queries += 1;
    }
    assert!(queries > 50, "all queries were looked at: {queries}");
}

/// The keys of the latest registrations are read from the end of their index, up to a limit.
fn is_a_newest_few(step: &str, query: &str) -> bool {
    step.starts_with("SCAN registration USING COVERING INDEX") && query.contains("order by id desc limit 10000")
}

/// The upsert of an event might make foreign keys come right, so SQLite plans to look at everything that refers to it; it
/// leaves that out when no foreign key is broken, which here none ever is.
fn is_never_taken(step: &str, query: &str) -> bool {
    query.starts_with("insert into event ") && step.split(' ').count() == 2
}

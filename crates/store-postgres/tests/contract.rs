//! PostgreSQL holds what every store must hold.

use store_postgres::PostgresStore;
use testkit::postgres::{Database, database};

async fn fresh() -> (PostgresStore, Database) {
    let database = database().await;
    let store = PostgresStore::connect(database.url(), 8, None).await.expect("connects");
    store.migrate().await.expect("migrates");
    (store, database)
}

registration::contract_tests!(fresh);

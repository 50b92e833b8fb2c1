//! A PostgreSQL without a connection left.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};

/// Takes every connection that is to be had at this URL for so long, those of others too, which are ended once.
pub async fn take_all_connections(url: &str, how_long: Duration) {
    let (ends, mut mine) = (Instant::now() + how_long, Vec::new());
    let others = "select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name <> 'taker'";
    let url = format!("{url}{}application_name=taker", if url.contains('?') { "&" } else { "?" });
    let mut ended = false;
    while Instant::now() < ends {
        while let Ok(connection) = PgConnection::connect(&url).await {
            mine.push(connection);
        }
        if !std::mem::replace(&mut ended, true) {
            let first = mine.first_mut().expect("one connection is to be had");
            sqlx::raw_sql(others).execute(first).await.expect("others can be ended");
        }
        sleep(Duration::from_millis(10)).await;
    }
}

//! SQLite's errors as the desk knows them. No text of ours or of SQLite's that is passed on holds a stored value.

use registration::ports::StoreError;
use sqlx::error::{DatabaseError, ErrorKind};

/// What an error of sqlx means.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => database_error(&*error),
        sqlx::Error::PoolTimedOut => unavailable("no connection was free in time"),
        sqlx::Error::PoolClosed => unavailable("it is being closed"),
        sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => unavailable("a connection broke"),
        sqlx::Error::Io(error) => StoreError::Unavailable(error.kind().to_string()),
        // What could not be decoded stays out of the text.
        sqlx::Error::ColumnDecode { index, .. } => StoreError::Corrupt(format!("column {index}")),
        sqlx::Error::Decode(_) => StoreError::Corrupt("a column".to_owned()),
        sqlx::Error::RowNotFound => StoreError::Bug("a row that must be there is not".to_owned()),
        other => StoreError::Bug(other.to_string()),
    }
}

/// Whether another process held a lock.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(5)
}

/// Whether the connection may not write.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(primary_code) == Some(8)
}

/// SQLite's result code (<https://www.sqlite.org/rescode.html>): the lowest byte of the extended code.
fn primary_code(error: &dyn DatabaseError) -> Option<u32> {
    let extended: u32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

fn database_error(error: &dyn DatabaseError) -> StoreError {
    match primary_code(error) {
        Some(3) => unavailable("no permission"),
        Some(5 | 6) => unavailable("locked by another process"),
        Some(7) => unavailable("out of memory"),
        Some(8) => unavailable("read-only"),
        Some(10) => unavailable("an input or output error of the disk"),
        Some(13) => unavailable("the disk is full"),
        Some(14) => unavailable("the file cannot be opened"),
        Some(15) => unavailable("its lock is in a strange state"),
        Some(11) => StoreError::Corrupt("the database file is damaged".to_owned()),
        Some(26) => StoreError::Corrupt("the file is not a database".to_owned()),
        _ if error.kind() == ErrorKind::UniqueViolation => StoreError::Conflict("a key is taken"),
        // Constraint and syntax errors name tables and columns, never values.
        _ => StoreError::Bug(error.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, SqliteConnection};

    use super::*;

    async fn in_memory() -> SqliteConnection {
        let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        let table = "create table people (name text not null unique check (length(name) < 100000)) strict";
        sqlx::query(table).execute(&mut connection).await.unwrap();
        connection
    }

    async fn insert(connection: &mut SqliteConnection, name: &str) -> StoreError {
        let insert = sqlx::query("insert into people (name) values (?)").bind(name);
        store_error(insert.execute(connection).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable() {
        let mut connection = in_memory().await;
        sqlx::query("pragma max_page_count = 5").execute(&mut connection).await.unwrap();
        let full = insert(&mut connection, &"Thoko".repeat(10_000)).await;
        assert_eq!(full, StoreError::Unavailable("the disk is full".to_owned()));
    }

    #[tokio::test]
    async fn a_broken_rule_is_told_without_the_value_that_broke_it() {
        let mut connection = in_memory().await;
        sqlx::query("insert into people (name) values ('Thoko')").execute(&mut connection).await.unwrap();
        assert_eq!(insert(&mut connection, "Thoko").await, StoreError::Conflict("a key is taken"));
        let bug = insert(&mut connection, &"Thoko".repeat(30_000)).await;
        assert!(matches!(&bug, StoreError::Bug(text) if !text.contains("Thoko")), "{bug:?}");
    }
}

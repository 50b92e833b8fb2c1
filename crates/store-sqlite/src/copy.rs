//! A whole copy of the database while others use it, and what a copy must prove before somebody relies on it.

use std::collections::BTreeMap;
use std::path::Path;

use registration::ports::{StoreError, StoreResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use crate::PATIENCE;
use crate::error::store_error;

/// What is in a database file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The newest migration that was applied.
    pub schema: i64,
    /// Rows by table.
    pub tables: BTreeMap<String, u64>,
}

/// The newest migration that this version knows.
pub fn known_schema() -> i64 {
    sqlx::migrate!().iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The newest migration that was applied to the database at `path`; nothing is changed.
///
/// # Errors
/// [`StoreError::Unavailable`] when it cannot be opened, [`StoreError::Corrupt`] when it is no database of Karibu.
pub async fn schema_of(path: &Path) -> StoreResult<i64> {
    let mut connection = open(SqliteConnectOptions::new().filename(path)).await?;
    let schema = schema(&mut connection).await;
    connection.close().await.map_err(store_error)?;
    schema
}

/// Copies the database at `from`, as it is at one moment, into the empty file `into`. Readers and writers go on; what was
/// erased before is not in the copy.
///
/// # Errors
/// [`StoreError::Unavailable`] when `from` cannot be read or the disk of `into` is full; what is in `into` then is of no use.
pub async fn copy(from: &Path, into: &Path) -> StoreResult<()> {
    let mut connection = open(SqliteConnectOptions::new().filename(from)).await?;
    let into = into.to_str().ok_or_else(|| StoreError::Unavailable("the copy's path is not UTF-8".to_owned()))?;
    let done = sqlx::query("vacuum into ?").bind(into).execute(&mut connection).await.map_err(store_error);
    connection.close().await.map_err(store_error)?;
    done.map(drop)
}

/// What a look at a database that others use tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The newest migration that was applied.
    pub schema: i64,
    /// Whether something could be written now.
    pub writable: StoreResult<()>,
    /// What is damaged, some lines without any stored value; empty when it is whole.
    pub problems: Vec<String>,
}

/// Looks at the database at `path` while others may use it; nothing is changed.
///
/// # Errors
/// [`StoreError::Unavailable`] when it cannot be opened, [`StoreError::Corrupt`] when it is no database of Karibu.
pub async fn health(path: &Path) -> StoreResult<Condition> {
    let mut connection = open(SqliteConnectOptions::new().filename(path)).await?;
    let schema = schema(&mut connection).await?;
    let problems = integrity(&mut connection, "pragma quick_check(10)").await?;
    let readonly = std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
    let writable = if readonly {
        Err(StoreError::Unavailable("its file is read-only".to_owned()))
    } else {
        match connection.begin_with("BEGIN IMMEDIATE").await {
            Ok(lock) => lock.rollback().await.map_err(store_error),
            Err(error) => Err(store_error(error)),
        }
    };
    connection.close().await.map_err(store_error)?;
    Ok(Condition { schema, writable, problems })
}

/// Reads a copy that nobody else uses from one end to the other, and says what is in it.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is damaged, or no database of Karibu.
pub async fn inspect(path: &Path) -> StoreResult<Contents> {
    // Immutable: no file is made beside it and none of its bytes is touched.
    let mut connection = open(SqliteConnectOptions::new().filename(path).immutable(true).read_only(true)).await?;
    let problems = integrity(&mut connection, "pragma integrity_check(10)").await?;
    if let Some(problem) = problems.first() {
        return Err(StoreError::Corrupt(format!("the database is damaged: {problem}")));
    }
    let schema = schema(&mut connection).await?;
    let names: Vec<String> = sqlx::query_scalar(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(store_error)?;
    let mut tables = BTreeMap::new();
    for name in names {
        let sql = format!("select count(*) from \"{}\"", name.replace('"', "\"\""));
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.map_err(store_error)?;
        tables.insert(name, rows as u64);
    }
    connection.close().await.map_err(store_error)?;
    Ok(Contents { schema, tables })
}

async fn open(options: SqliteConnectOptions) -> StoreResult<SqliteConnection> {
    options.create_if_missing(false).busy_timeout(PATIENCE).connect().await.map_err(store_error)
}

async fn schema(connection: &mut SqliteConnection) -> StoreResult<i64> {
    let tables: i64 = sqlx::query_scalar(
        "select count(*) from sqlite_schema where type = 'table' and name in ('_sqlx_migrations', 'registration', 'event')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    if tables != 3 {
        return Err(StoreError::Corrupt("it is no database of Karibu".to_owned()));
    }
    sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
        .fetch_one(&mut *connection)
        .await
        .map_err(store_error)
}

/// What one of SQLite's checks has to complain about; it names tables and pages, never values.
async fn integrity(connection: &mut SqliteConnection, pragma: &'static str) -> StoreResult<Vec<String>> {
    let told: Vec<String> = sqlx::query_scalar(pragma).fetch_all(connection).await.map_err(store_error)?;
    Ok(told.into_iter().filter(|line| line != "ok").collect())
}

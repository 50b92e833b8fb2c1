//! Everything that is in the database at one moment, and the way in for everything that another store holds.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use registration::ports::{StoreError, StoreResult};
use registration::transfer::{Cell, Column, Kind, RowSink, Snapshot, TABLES, Table};
use sqlx::postgres::{PgConnection, PgCopyIn, PgRow};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::error::store_error;
use crate::{MIGRATION, PostgresStore, migrator, plain_connection, within};

/// How long a single row or a piece of many may take.
const PIECE: Duration = Duration::from_secs(120);

/// How much is gathered before it is sent.
const BUFFER: usize = 256 * 1_024;

/// What a database is to somebody who wants to move in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It has none of our tables.
    Bare,
    /// It has some table that is called as ours are, and no migrations of ours.
    Foreign,
    /// It has the tables of a version before this one.
    Older,
    /// It has the tables of this version.
    Ready,
    /// It has the tables of a later version.
    Newer,
}

/// The database as it was when this was made, or as an open import sees it.
pub struct PostgresSnapshot {
    connection: PgConnection,
}

/// A transaction that fills empty tables. Nobody else writes to them meanwhile; dropped without a commit, nothing was.
pub struct PostgresImport {
    snapshot: PostgresSnapshot,
}

/// Takes the rows of one table in.
pub struct TableImport<'a> {
    table: &'static Table,
    copy: PgCopyIn<&'a mut PgConnection>,
    buffer: String,
}

impl PostgresStore {
    /// What is in the database, as far as its tables go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer.
    pub async fn ground(&self) -> StoreResult<Ground> {
        let mut connection = plain_connection(&self.options).await?;
        within(PIECE, async {
            let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
            let (migrated, any_of_ours): (bool, bool) = sqlx::query_as(
                "select to_regclass('_sqlx_migrations') is not null,
                        exists (select from unnest($1::text[]) as name where to_regclass(quote_ident(name)) is not null)",
            )
            .bind(&names)
            .fetch_one(&mut connection)
            .await
            .map_err(store_error)?;
            if !migrated {
                return Ok(if any_of_ours { Ground::Foreign } else { Ground::Bare });
            }
            let applied: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations where success")
                .fetch_all(&mut connection)
                .await
                .map_err(store_error)?;
            let known: Vec<i64> = migrator().iter().map(|migration| migration.version).collect();
            Ok(if applied.iter().any(|version| !known.contains(version)) {
                Ground::Newer
            } else if known.iter().any(|version| !applied.contains(version)) {
                if any_of_ours { Ground::Older } else { Ground::Bare }
            } else {
                Ground::Ready
            })
        })
        .await
    }

    /// What time it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer.
    pub async fn now(&self) -> StoreResult<Timestamp> {
        let mut connection = plain_connection(&self.options).await?;
        let now = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        let now: i64 =
            within(PIECE, async { sqlx::query_scalar(now).fetch_one(&mut connection).await.map_err(store_error) })
                .await?;
        Timestamp::from_microsecond(now).map_err(|_| StoreError::Corrupt("its clock".to_owned()))
    }

    /// Everything as it is now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer.
    pub async fn snapshot(&self) -> StoreResult<PostgresSnapshot> {
        let mut connection = plain_connection(&self.options).await?;
        execute(&mut connection, "begin isolation level repeatable read, read only").await?;
        Ok(PostgresSnapshot { connection })
    }

    /// Begins to fill the tables, all of which must be empty.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one is not, [`StoreError::Unavailable`] when the database does not answer or somebody
    /// else holds a table.
    pub async fn take_over(&self) -> StoreResult<PostgresImport> {
        let mut connection = plain_connection(&self.options).await?;
        execute(&mut connection, "begin").await?;
        // Should this program vanish without a word, the server lets the tables go after a while.
        execute(&mut connection, "set local idle_in_transaction_session_timeout = '10min'").await?;
        execute(&mut connection, "set local lock_timeout = '10s'").await?;
        let names: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        execute(&mut connection, &format!("lock table {} in exclusive mode", names.join(", "))).await?;
        let mut snapshot = PostgresSnapshot { connection };
        for table in &TABLES {
            if snapshot.count(table).await? > 0 {
                return Err(StoreError::Conflict("the target is not empty"));
            }
        }
        Ok(PostgresImport { snapshot })
    }
}

impl PostgresImport {
    /// Begins to take in a table. Those that others refer to must come first, as they stand in [`TABLES`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn table(&mut self, table: &'static Table) -> StoreResult<TableImport<'_>> {
        let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        let sql = format!("copy {} ({}) from stdin", table.name, names.join(", "));
        let connection = &mut self.snapshot.connection;
        let copy = within(PIECE, async { connection.copy_in_raw(&sql).await.map_err(store_error) }).await?;
        Ok(TableImport { table, copy, buffer: String::with_capacity(2 * BUFFER) })
    }

    /// What the tables hold now, as this transaction sees them.
    pub fn snapshot(&mut self) -> &mut PostgresSnapshot {
        &mut self.snapshot
    }

    /// Makes all of it last, and lets numbers that the database gives go on after those that came.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer: then nobody knows whether it was written.
    pub async fn commit(mut self) -> StoreResult<()> {
        let connection = &mut self.snapshot.connection;
        let counted: Vec<(String, String)> = within(PIECE, async {
            sqlx::query_as(
                "select table_name::text, column_name::text from information_schema.columns
                 where table_schema = current_schema() and is_identity = 'YES'",
            )
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)
        })
        .await?;
        for (table, column) in counted {
            let sql = format!(
                "select setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 0) + 1, false) from {table}"
            );
            execute(connection, &sql).await?;
        }
        within(MIGRATION, async {
            sqlx::raw_sql("commit").execute(&mut *connection).await.map(drop).map_err(store_error)
        })
        .await?;
        // The planner must not take the tables for empty ones. Without this it would find out a little later.
        let _ = execute(connection, "analyze").await;
        Ok(())
    }
}

#[async_trait]
impl RowSink for TableImport<'_> {
    async fn row(&mut self, row: Vec<Cell>) -> StoreResult<()> {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                self.buffer.push('\t');
            }
            encode(cell, &mut self.buffer);
        }
        self.buffer.push('\n');
        if self.buffer.len() >= BUFFER { self.send().await } else { Ok(()) }
    }
}

impl TableImport<'_> {
    async fn send(&mut self) -> StoreResult<()> {
        let bytes = std::mem::take(&mut self.buffer).into_bytes();
        within(PIECE, async { self.copy.send(&bytes[..]).await.map(drop).map_err(store_error) }).await?;
        let mut bytes = bytes;
        bytes.clear();
        self.buffer = String::from_utf8(bytes).unwrap_or_default();
        Ok(())
    }

    /// Ends the table. Returns how many rows it took.
    ///
    /// # Errors
    /// [`StoreError::Bug`] when the database refuses a row.
    pub async fn finish(mut self) -> StoreResult<u64> {
        self.send().await?;
        let Self { copy, table, .. } = self;
        // References are checked here.
        within(MIGRATION, async { copy.finish().await.map_err(store_error) }).await.map_err(|error| match error {
            StoreError::Bug(what) => StoreError::Bug(format!("table {}: {what}", table.name)),
            other => other,
        })
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    async fn count(&mut self, table: &'static Table) -> StoreResult<u64> {
        // Names come from the list of tables, none from outside.
        let sql = AssertSqlSafe(format!("select count(*) from {}", table.name));
        let connection = &mut self.connection;
        let count: i64 =
            within(MIGRATION, async { sqlx::query_scalar(sql).fetch_one(connection).await.map_err(store_error) })
                .await?;
        Ok(count as u64)
    }

    async fn read(&mut self, table: &'static Table, sink: &mut dyn RowSink) -> StoreResult<()> {
        let columns: Vec<_> = table.columns.iter().map(read_as).collect();
        let key = table.key.iter().map(|name| {
            let text = table.columns.iter().any(|column| column.name == *name && column.kind == Kind::Text);
            // Bytes in order, as SQLite has them, whatever the database's language is.
            if text { format!("{name} collate \"C\"") } else { (*name).to_owned() }
        });
        let key: Vec<_> = key.collect();
        let sql = format!("select {} from {} order by {}", columns.join(", "), table.name, key.join(", "));
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut self.connection);
        // The first row of a sorted table comes when all are sorted.
        while let Some(row) = within(MIGRATION, async { rows.try_next().await.map_err(store_error) }).await? {
            let cells = table.columns.iter().enumerate().map(|(index, column)| cell(&row, index, column));
            sink.row(cells.collect::<StoreResult<_>>()?).await?;
        }
        Ok(())
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) -> StoreResult<()> {
    let sql = AssertSqlSafe(sql.to_owned());
    within(PIECE, async { sqlx::raw_sql(sql).execute(connection).await.map(drop).map_err(store_error) }).await
}

/// How a column is asked for: exactly, and as the same type whatever its width is.
fn read_as(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Int => format!("{name}::bigint"),
        Kind::Time => format!("(extract(epoch from {name}) * 1000000)::bigint"),
        Kind::Date => format!("to_char({name}, 'YYYY-MM-DD')"),
        Kind::Bool | Kind::Text | Kind::Bytes | Kind::Uuid | Kind::Json => name.to_owned(),
    }
}

fn cell(row: &PgRow, index: usize, column: &Column) -> StoreResult<Cell> {
    let damaged = || StoreError::Corrupt(format!("column {}", column.name));
    let cell = match column.kind {
        Kind::Int => row.try_get::<Option<i64>, _>(index).map_err(store_error)?.map(Cell::Int),
        Kind::Bool => row.try_get::<Option<bool>, _>(index).map_err(store_error)?.map(Cell::Bool),
        Kind::Text => row.try_get::<Option<String>, _>(index).map_err(store_error)?.map(Cell::Text),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index).map_err(store_error)?.map(Cell::Bytes),
        Kind::Uuid => row.try_get::<Option<Uuid>, _>(index).map_err(store_error)?.map(Cell::Uuid),
        Kind::Time => {
            let micros: Option<i64> = row.try_get(index).map_err(store_error)?;
            let at = micros.map(|micros| Timestamp::from_microsecond(micros).map_err(|_| damaged()));
            at.transpose()?.map(Cell::Time)
        }
        Kind::Date => {
            let day: Option<String> = row.try_get(index).map_err(store_error)?;
            day.map(|day| day.parse::<Date>().map_err(|_| damaged())).transpose()?.map(Cell::Date)
        }
        Kind::Json => row.try_get::<Option<serde_json::Value>, _>(index).map_err(store_error)?.map(Cell::Json),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

/// A cell in the text format of COPY (<https://www.postgresql.org/docs/current/sql-copy.html>).
fn encode(cell: &Cell, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match cell {
        Cell::Null => out.write_str("\\N"),
        Cell::Int(number) => write!(out, "{number}"),
        Cell::Bool(yes) => out.write_str(if *yes { "t" } else { "f" }),
        Cell::Text(text) => {
            escape(text, out);
            Ok(())
        }
        Cell::Bytes(bytes) => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.push_str("\\\\x");
            for byte in bytes {
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
            Ok(())
        }
        Cell::Uuid(id) => write!(out, "{id}"),
        Cell::Time(at) => write!(out, "{at}"),
        Cell::Date(day) => write!(out, "{day}"),
        Cell::Json(document) => {
            escape(&document.to_string(), out);
            Ok(())
        }
    };
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_copy_takes_for_a_sign_is_escaped() {
        let mut out = String::new();
        for cell in [Cell::Text("a\tb\\N\r\n\\.".to_owned()), Cell::Bytes(vec![0, 255]), Cell::Null] {
            encode(&cell, &mut out);
            out.push('|');
        }
        assert_eq!(out, "a\\tb\\\\N\\r\\n\\\\.|\\\\x00ff|\\N|");
    }
}

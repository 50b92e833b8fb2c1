//! Everything that is in the database at one moment, for whoever carries it over or compares it.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use jiff::civil::Date;
use registration::ports::{StoreError, StoreResult};
use registration::transfer::{Cell, Column, Kind, RowSink, Snapshot, Table};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};
use uuid::Uuid;

use crate::SqliteStore;
use crate::convert::{json, time};
use crate::error::store_error;

/// The database as it was when this was made. Writers go on beside it.
pub struct SqliteSnapshot {
    tx: Transaction<'static, Sqlite>,
}

impl SqliteStore {
    /// Everything as it is now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be read.
    pub async fn snapshot(&self) -> StoreResult<SqliteSnapshot> {
        begin(&self.readers).await
    }
}

async fn begin(readers: &SqlitePool) -> StoreResult<SqliteSnapshot> {
    let mut tx = readers.begin().await.map_err(store_error)?;
    // The first read is what fixes the moment.
    sqlx::query("select 1 from sqlite_schema limit 1").execute(&mut *tx).await.map_err(store_error)?;
    Ok(SqliteSnapshot { tx })
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn count(&mut self, table: &'static Table) -> StoreResult<u64> {
        // Names come from the list of tables, none from outside.
        let sql = AssertSqlSafe(format!("select count(*) from {}", table.name));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *self.tx).await.map_err(store_error)?;
        Ok(count as u64)
    }

    async fn read(&mut self, table: &'static Table, sink: &mut dyn RowSink) -> StoreResult<()> {
        let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        let sql = format!("select {} from {} order by {}", names.join(", "), table.name, table.key.join(", "));
        let connection: &mut SqliteConnection = &mut self.tx;
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(store_error)? {
            let cells = table.columns.iter().enumerate().map(|(index, column)| cell(&row, index, column));
            sink.row(cells.collect::<StoreResult<_>>()?).await?;
        }
        Ok(())
    }
}

fn cell(row: &SqliteRow, index: usize, column: &Column) -> StoreResult<Cell> {
    fn get<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(
        row: &'r SqliteRow,
        index: usize,
    ) -> StoreResult<Option<T>> {
        row.try_get(index).map_err(store_error)
    }
    let damaged = || StoreError::Corrupt(format!("column {}", column.name));
    let cell = match column.kind {
        Kind::Int => get::<i64>(row, index)?.map(Cell::Int),
        Kind::Bool => get::<i64>(row, index)?.map(|number| Cell::Bool(number != 0)),
        Kind::Text => get::<String>(row, index)?.map(Cell::Text),
        Kind::Bytes => get::<Vec<u8>>(row, index)?.map(Cell::Bytes),
        Kind::Uuid => get::<Uuid>(row, index)?.map(Cell::Uuid),
        Kind::Time => get::<i64>(row, index)?.map(time).transpose()?.map(Cell::Time),
        Kind::Date => {
            let day = get::<String>(row, index)?.map(|day| day.parse::<Date>().map_err(|_| damaged()));
            day.transpose()?.map(Cell::Date)
        }
        Kind::Json => get::<String>(row, index)?.map(|text| json(&text)).transpose()?.map(Cell::Json),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

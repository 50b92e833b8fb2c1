//! The ports of the registration desk on SQLite.
//!
//! SQLite has one writer at a time. All writes of this process go through one connection, so that they queue here, in
//! order and without polling the file's lock (and those that come by the dozen share a commit, see `together`); the lock itself is only waited for when another process (a command beside
//! `serve`) holds it. Readers have connections of their own and, by WAL, never wait for the writer.

mod changes;
mod clock;
mod convert;
pub mod copy;
mod dossiers;
mod erase;
mod error;
mod events;
mod file;
mod health;
mod making;
mod outbox;
mod register;
mod registrations;
mod remove;
mod signs;
mod summary;
mod together;
mod transfer;
mod uploads;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use registration::ports::{StoreError, StoreResult};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::Mutex;

use crate::clock::LastSeen;
use crate::error::{is_locked, is_read_only, store_error};
use crate::file::DatabaseFile;
use crate::together::Together;
pub use crate::transfer::SqliteSnapshot;

/// How long anything waits for a connection, and for the lock that another process holds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A store in one SQLite file. Clones share their connections.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: SqlitePool,
    file: Arc<DatabaseFile>,
    together: Arc<Together>,
    clock: Arc<LastSeen>,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it (readable by its owner only) if there is none, and applies the migrations
    /// it lacks. `connections` read at the same time, beside the one that writes. Several processes may open one file;
    /// newer migrations that this version does not know are fine.
    pub async fn open(path: &Path, connections: u32) -> Result<Self, StoreError> {
        // One at a time, so that no store in this process is in a file that another one is just making.
        static OPENING: Mutex<()> = Mutex::const_new(());
        let _opening = OPENING.lock().await;
        let file = DatabaseFile::open_or_create(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            // A file that is gone must be an error, not a fresh and empty database.
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // In WAL mode only FULL keeps a commit that was answered when the power fails.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            // What is erased is overwritten, and sorting leaves no personal data in temporary files.
            .pragma("secure_delete", "on")
            .pragma("temp_store", "memory")
            // The kernel keeps the file's pages for all connections; a cache of each one's own is memory times their number.
            .pragma("cache_size", "-512")
            // After a burst the log gives its space back.
            .pragma("journal_size_limit", "67108864");
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(PATIENCE)
                // A local file's connections do not go stale; they keep their prepared statements.
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        // A commit that fails, on a full disk for one, is rolled back by SQLite; sqlx believes the transaction open, and no
        // other could begin on that connection.
        let writer = pool().max_connections(1).after_release(|connection, _| {
            Box::pin(async move {
                // A roll-back may still be on its way.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
        let writer = connect(&writer, &options).await?;
        migrate(&writer).await?;
        let readers = pool().max_connections(connections.max(1));
        let readers = connect(&readers, &options.pragma("query_only", "on")).await?;
        let (file, together, clock) = (Arc::new(file), Arc::default(), Arc::default());
        let store = Self { readers, writer, file, together, clock };
        if clock::was_set_back(&store).await? {
            clock::wait_no_longer(&store).await?;
        }
        Ok(store)
    }

    /// Closes all connections when their work is done, and leaves one file with everything in it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a write. The lock is taken at once, so that nothing read inside can be outdated when it is written.
    async fn write(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        // SQLite happily goes on writing to a file that was deleted or replaced, and all of it would be lost.
        self.file.is_still_there()?;
        match self.writer.begin_with("BEGIN IMMEDIATE").await {
            Err(error) if is_read_only(&error) => {
                // A connection that was opened while the disk was read-only stays so when the disk is mended.
                if let Ok(connection) = self.writer.acquire().await {
                    let _ = connection.close().await;
                }
                Err(store_error(error))
            }
            begun => begun.map_err(store_error),
        }
    }
}

/// Connects. While another process turns a new file to WAL, SQLite says "locked" without waiting, so the waiting is here.
async fn connect(pool: &SqlitePoolOptions, options: &SqliteConnectOptions) -> StoreResult<SqlitePool> {
    let begun = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_locked(&error) && begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            connected => return connected.map_err(store_error),
        }
    }
}

/// Applies the missing migrations. Everything happens under one lock: of two processes that open a new file together the
/// second finds all done.
async fn migrate(writer: &SqlitePool) -> StoreResult<()> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    let mut migrator = sqlx::migrate!();
    migrator.set_ignore_missing(true);
    migrator.run(&mut *tx).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        other => StoreError::Corrupt(format!("the database cannot be migrated: {other}")),
    })?;
    tx.commit().await.map_err(store_error)
}

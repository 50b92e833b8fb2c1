//! The store that the settings name. Only here are engines named.

use std::path::Path;
use std::sync::Arc;

use registration::ports::{Store, StoreError};
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;

use crate::folder::{DataFolder, Lock, lock};
use crate::ports::SystemClock;
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;
use crate::settings::values::Database;
use registration::ports::Clock;
use telemetry::Part;

/// An open store.
pub(crate) struct Opened {
    engine: Engine,
}

enum Engine {
    Sqlite(SqliteStore),
    Postgres(Box<PostgresStore>),
}

/// What an open store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To set it up or to serve: it is made if there is none.
    SetUp,
    /// To use what is there.
    Use,
}

impl Opened {
    /// Opens the store; `migrate` says what happens to pending migrations of PostgreSQL. SQLite is always migrated when it
    /// is opened: its file belongs to this program alone.
    pub(crate) async fn open(settings: &Settings, purpose: Purpose, migrate: bool) -> Outcome<Self> {
        let engine = match &settings.database {
            Database::Sqlite(path) => Engine::Sqlite(open_sqlite(settings, path, purpose).await?),
            Database::Postgres(url) => Engine::Postgres(Box::new(open_postgres(settings, url, migrate).await?)),
        };
        Ok(Self { engine })
    }

    /// Opens the store of processes that share one, and waits until it is there; `part` tells so meanwhile. Nothing is
    /// migrated but where the settings say so.
    pub(crate) async fn open_when_there(settings: &Settings, part: &Part) -> Outcome<Self> {
        let Database::Postgres(url) = &settings.database else {
            return Err(Refusal::found("several processes share a PostgreSQL: set KARIBU_DATABASE_URL"));
        };
        let tell = |why: &str| part.degraded(SystemClock.now(), format!("The database is waited for: {why}."));
        let connected =
            PostgresStore::connect_when_there(url, settings.db_connections, settings.ca_file.as_deref(), tell);
        let store = connected.await.map_err(|error| no_postgres(settings, error))?;
        Ok(Self { engine: Engine::Postgres(Box::new(prepared(store, settings.migrate == Some(true)).await?)) })
    }

    /// The ports.
    pub(crate) fn ports(&self) -> Arc<dyn Store> {
        match &self.engine {
            Engine::Sqlite(store) => Arc::new(store.clone()),
            Engine::Postgres(store) => Arc::new(PostgresStore::clone(store)),
        }
    }

    /// What the engine is called.
    pub(crate) const fn name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "SQLite",
            Engine::Postgres(_) => "PostgreSQL",
        }
    }

    /// Closes all connections when their work is done.
    pub(crate) async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(store) => store.close().await,
            Engine::Postgres(store) => store.close().await,
        }
    }
}

/// Locks the SQLite database for one `serve`. The lock of the data folder is not enough: a second `serve` with a data folder
/// of its own may be told to use the same database.
pub(crate) fn lock_database(settings: &Settings) -> Outcome<Option<Lock>> {
    let Database::Sqlite(path) = &settings.database else { return Ok(None) };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let taken = || {
        format!(
            "another karibu serve uses the database {}: stop it first, or name another with KARIBU_DATABASE_URL",
            path.display()
        )
    };
    lock(Path::new(&beside), taken).map(Some)
}

/// The refusal that there is nothing to work with.
pub(crate) fn no_database(path: &Path) -> Refusal {
    Refusal::found(format!(
        "there is no database {} yet: start `karibu serve` or run `karibu migrate` once, or set KARIBU_DATA_DIR to where it is",
        path.display()
    ))
}

async fn open_sqlite(settings: &Settings, path: &Path, purpose: Purpose) -> Outcome<SqliteStore> {
    if purpose == Purpose::SetUp {
        // The default database is in the data folder; the folder of another must be there.
        if path.starts_with(&settings.data_dir) {
            DataFolder::prepare(&settings.data_dir)?;
        }
    } else if !path.exists() {
        return Err(no_database(path));
    }
    open_sqlite_file(settings, path).await
}

/// Opens the SQLite database `path`.
pub(crate) async fn open_sqlite_file(settings: &Settings, path: &Path) -> Outcome<SqliteStore> {
    SqliteStore::open(path, settings.db_connections).await.map_err(|error| match error {
        StoreError::Corrupt(what) => Refusal::found(format!(
            "the file {} is no database that this version of Karibu can read ({what}): name another with KARIBU_DATABASE_URL, or \
             use the newer version that made it",
            path.display()
        )),
        StoreError::Unavailable(what) => Refusal::found(format!(
            "the database {} cannot be opened ({what}): make it and its folder writable for this user, or name another with \
             KARIBU_DATABASE_URL",
            path.display()
        )),
        other => other.into(),
    })
}

async fn open_postgres(settings: &Settings, url: &str, migrate: bool) -> Outcome<PostgresStore> {
    let connected = PostgresStore::connect(url, settings.db_connections, settings.ca_file.as_deref()).await;
    prepared(connected.map_err(|error| no_postgres(settings, error))?, migrate).await
}

fn no_postgres(settings: &Settings, error: StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(what) | StoreError::Bug(what) => settings
            .wrong(
                "DATABASE_URL",
                &format!(
                    "PostgreSQL does not answer there ({what}); see that it runs, and that host, port, user, password and \
                     database are right"
                ),
            )
            .found_while_running(),
        other => other.into(),
    }
}

/// Migrates it, or sees to it that nothing is to be migrated.
async fn prepared(store: PostgresStore, migrate: bool) -> Outcome<PostgresStore> {
    if migrate {
        store.migrate().await?;
    } else if !store.pending_migrations().await?.is_empty() {
        return Err(Refusal::found(
            "the database's tables are older than this version of Karibu: run `karibu migrate`, or set KARIBU_MIGRATE=auto",
        ));
    }
    Ok(store)
}

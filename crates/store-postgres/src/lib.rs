//! The ports of the registration desk on PostgreSQL 15 and newer.
//!
//! Every port call ends: a statement is cancelled by the server after some seconds, and a call that gets no answer at all
//! is given up here. Connections that can only read (a standby after a failover) are closed instead of used, so that the
//! pool finds its way to the new primary by itself.

mod changes;
mod convert;
mod dossiers;
mod erase;
mod error;
mod events;
mod gauges;
mod health;
mod look;
mod making;
mod outbox;
mod register;
mod registrations;
mod remove;
mod signs;
mod summary;
mod transfer;
mod uploads;
mod views;

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use registration::ports::{StoreError, StoreResult};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Postgres, Transaction};

use crate::error::{may_pass, store_error, suspect};
use crate::gauges::SlowGauges;
pub use crate::look::{Alone, Look};
pub use crate::transfer::{Ground, PostgresImport, PostgresSnapshot, TableImport};

/// How long anything waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(3);

/// How long a server that is not there is left alone before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a port call may take; longer than the server's own limits, which tell more.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after its use a session is trusted to be whole and writable. Asking costs a round trip each time, which is much
/// where many come; a busy session that breaks fails its statement anyway, and then all are asked for a while.
const TRUSTED: Duration = Duration::from_millis(100);

/// How long a migration may wait for another process's and then run.
const MIGRATION: Duration = Duration::from_secs(30 * 60);

/// Settings of every session. A registration that is answered survives a power cut, whatever the server's default is; the
/// longest plan here is short, so compiling it never pays.
const SESSION: [(&str, &str); 2] = [("synchronous_commit", "on"), ("jit", "off")];

/// The server's limits for sessions of the pool. One whose client was cut off in a transaction lets go of its locks before
/// anybody gives up waiting for them: the form it had begun to store is sent on to another web, which waits for just these.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "8s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "3s")];

/// The oldest server that is known to do, as `server_version_num` counts.
const FLOOR: i32 = 15_00_00;

/// A store in a PostgreSQL database. Clones share their connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    /// For connections without the pool's limits.
    options: PgConnectOptions,
    slow_gauges: Arc<SlowGauges>,
}

impl PostgresStore {
    /// Reaches the server at `url` (`postgres://user:password@host:port/database`, with libpq's `sslmode` and the like) and
    /// makes a pool of up to `connections`. `ca_file` (PEM) is trusted beside the usual roots where `sslmode` verifies.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the URL cannot be read, the server cannot be reached within 3 s, refuses the user, or
    /// is older than PostgreSQL 15. No text holds the password.
    pub async fn connect(url: &str, connections: u32, ca_file: Option<&Path>) -> Result<Self, StoreError> {
        Self::try_to_connect(url, connections, ca_file).await.map_err(|failed| failed.error)
    }

    /// The same, but a server that is out of reach or just starting is tried again each second, for ever. Each time `tell` is
    /// told why.
    ///
    /// # Errors
    /// Like [`Self::connect`], for what waiting does not heal: a wrong URL, password or certificate, or an old server.
    pub async fn connect_when_there(
        url: &str,
        connections: u32,
        ca_file: Option<&Path>,
        tell: impl Fn(&str),
    ) -> Result<Self, StoreError> {
        loop {
            match Self::try_to_connect(url, connections, ca_file).await {
                Err(NotConnected { error: StoreError::Unavailable(why), passing: true }) => tell(&why),
                done => return done.map_err(|failed| failed.error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn try_to_connect(url: &str, connections: u32, ca_file: Option<&Path>) -> Result<Self, NotConnected> {
        // sqlx's text may quote a part of the URL.
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            NotConnected::for_good(
                "the URL cannot be read; it looks like postgres://user:password@host:5432/database?sslmode=verify-full, \
                 with %-escapes for special characters",
            )
        })?;
        let mut options = options.application_name("karibu").options(SESSION);
        if let Some(file) = ca_file {
            options = options.ssl_root_cert(file);
        }
        let version = async {
            let mut connection = options.connect().await?;
            let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
                .fetch_one(&mut connection)
                .await?;
            connection.close().await.map(|()| version)
        };
        let version = match tokio::time::timeout(ACQUIRE, version).await {
            Ok(version) => version?,
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        if version < FLOOR {
            let (version, floor) = (version / 1_00_00, FLOOR / 1_00_00);
            return Err(NotConnected::for_good(format!("it is PostgreSQL {version}; {floor} or newer is needed")));
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(1))
            .acquire_timeout(ACQUIRE)
            .max_lifetime(Duration::from_secs(5 * 60))
            // Takes the place of sqlx's ping: a broken connection that was idle fails here, a read-only one is closed.
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                let trusted = used.idle_for < TRUSTED && !error::sessions_are_suspect();
                Box::pin(async move { Ok(trusted || can_write(connection).await?) })
            })
            .connect_lazy_with(options.clone().options(LIMITS));
        Ok(Self { pool, options, slow_gauges: Arc::default() })
    }

    /// Applies the migrations that are missing, under an advisory lock: of two processes that start together the second
    /// finds all done. Newer ones that this version does not know are fine.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when a migration that was applied is not the one known here.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Not of the pool: a migration may take longer than its statements may.
        let mut connection = plain_connection(&self.options).await?;
        within(MIGRATION, async {
            migrator().run(&mut connection).await.map_err(|error| match error {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
                other => StoreError::Corrupt(format!("the database cannot be migrated: {other}")),
            })
        })
        .await?;
        connection.close().await.map_err(store_error)
    }

    /// Versions of the migrations that are known here and not applied, in their order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn pending_migrations(&self) -> Result<Vec<i64>, StoreError> {
        within(PATIENCE, async {
            let mut connection = self.pool.acquire().await.map_err(store_error)?;
            let any: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
                .fetch_one(&mut *connection)
                .await
                .map_err(store_error)?;
            let applied: Vec<i64> = if any {
                sqlx::query_scalar("select version from _sqlx_migrations where success")
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(store_error)?
            } else {
                Vec::new()
            };
            let applied: BTreeSet<i64> = applied.into_iter().collect();
            Ok(migrator().iter().map(|known| known.version).filter(|version| !applied.contains(version)).collect())
        })
        .await
    }

    /// Closes all connections when their work is done.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction. In a task of its own, because whoever asks may go away (a browser that hangs up, a timeout):
    /// sqlx 0.9 forgets to roll back a `BEGIN` that nobody waited for, and gives the connection to the next caller inside
    /// that transaction, where a single statement would never be committed. A whole transaction that nobody wants is
    /// rolled back.
    async fn begin(&self) -> StoreResult<Transaction<'static, Postgres>> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move {
            match pool.begin().await {
                // Trusted, and broken: nothing was asked of it yet, so the next one does as well.
                Err(error) if suspect(&error) => pool.begin().await,
                begun => begun,
            }
        });
        match begun.await {
            Ok(begun) => begun.map_err(store_error),
            Err(_) => Err(StoreError::Unavailable("it is being closed".to_owned())),
        }
    }
}

/// Why no connection came about, and whether that may pass by itself.
struct NotConnected {
    error: StoreError,
    passing: bool,
}

impl NotConnected {
    fn for_good(why: impl Into<String>) -> Self {
        Self { error: StoreError::Unavailable(why.into()), passing: false }
    }
}

impl From<sqlx::Error> for NotConnected {
    fn from(error: sqlx::Error) -> Self {
        Self { passing: may_pass(&error), error: store_error(error) }
    }
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!();
    migrator.set_ignore_missing(true);
    migrator
}

async fn plain_connection(options: &PgConnectOptions) -> StoreResult<PgConnection> {
    within(ACQUIRE, async { options.connect().await.map_err(store_error) }).await
}

/// Whether a session may write; one of a server that became a standby may not.
async fn can_write(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let read_only: String =
        sqlx::query_scalar("select current_setting('transaction_read_only')").fetch_one(connection).await?;
    Ok(read_only == "off")
}

/// Gives up on what gets no answer: a host that vanished answers nothing, not even an error.
async fn within<T>(limit: Duration, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Unavailable("it does not answer".to_owned())),
    }
}

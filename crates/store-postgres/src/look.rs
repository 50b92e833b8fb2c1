//! A look at the server for those who operate it, also at one that takes no registration.

use std::time::Duration;

use jiff::Timestamp;
use registration::ports::StoreResult;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use crate::error::store_error;
use crate::{PostgresStore, convert, plain_connection, within};

/// How long it may take; whoever looks has little patience.
const PATIENCE: Duration = Duration::from_secs(3);

/// What those who try the whole way of a registration lock, so that they follow each other.
const ALONE: i64 = 0x6b61_7269_6275_0002;

/// What a look at the server found.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub struct Look {
    /// Its version, such as `17.2`.
    pub version: String,
    /// Whether it is a standby.
    pub standby: bool,
    /// Whether sessions of this user can only read.
    pub read_only: bool,
    /// Whether the connection is encrypted or on this machine.
    pub private: bool,
    /// Whether this user may change tables.
    pub may_change_tables: bool,
    /// Connections of all users, and how many this one may have of them.
    pub connections: (i64, i64),
    /// Its clock.
    pub now: Timestamp,
}

/// Held by whoever is alone with something. It ends with its session.
#[derive(Debug)]
pub struct Alone {
    _session: PgConnection,
}

impl PostgresStore {
    /// Looks at the server, by a session of its own: the pool has no use for one that can only read.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn look(&self) -> StoreResult<Look> {
        within(PATIENCE, async {
            let mut session = plain_connection(&self.options).await?;
            let row = sqlx::query(
                "select current_setting('server_version') as version, pg_is_in_recovery() as standby,
                        current_setting('transaction_read_only') = 'on' as read_only,
                        coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)
                            or inet_server_addr() is null or inet_server_addr() = inet_client_addr() as private,
                        has_schema_privilege(coalesce(current_schema(), 'public'), 'CREATE') as may_change,
                        (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
                        current_setting('max_connections')::bigint
                            - case when (select rolsuper from pg_roles where rolname = current_user) then 0
                                   else current_setting('superuser_reserved_connections')::bigint end as most,
                        clock_timestamp() as now",
            )
            .fetch_one(&mut session)
            .await
            .map_err(store_error)?;
            // Who does not say goodbye is told of in the server's log.
            let _ = session.close().await;
            Ok(Look {
                version: row.try_get("version").map_err(store_error)?,
                standby: row.try_get("standby").map_err(store_error)?,
                read_only: row.try_get("read_only").map_err(store_error)?,
                private: row.try_get("private").map_err(store_error)?,
                may_change_tables: row.try_get("may_change").map_err(store_error)?,
                connections: (row.try_get("used").map_err(store_error)?, row.try_get("most").map_err(store_error)?),
                now: convert::time(row.try_get("now").map_err(store_error)?)?,
            })
        })
        .await
    }

    /// Whether nobody else tries the way of a registration now. `None` if somebody does.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn alone(&self) -> StoreResult<Option<Alone>> {
        within(PATIENCE, async {
            let mut session = plain_connection(&self.options).await?;
            let got: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
                .bind(ALONE)
                .fetch_one(&mut session)
                .await
                .map_err(store_error)?;
            Ok(got.then_some(Alone { _session: session }))
        })
        .await
    }
}

//! Connections to Redis, and a look at it.

use std::time::Duration;

use apalis_redis::ConnectionManager;
use redis::aio::ConnectionManagerConfig;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ErrorKind, RedisError, RedisResult, ServerErrorKind, TlsCertificates, TlsMode};
use tokio::time::timeout;

use super::address::{Address, Place};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take. The library's half a second would end workers whenever the machine is busy.
const ANSWER: Duration = Duration::from_secs(5);

/// A new connection; with sentinels, to whom they name now.
pub(super) async fn connect(address: &Address) -> RedisResult<ConnectionManager> {
    let client = client(address).await?;
    // It may lose its connection and make another one, but not for long: whoever holds it begins anew instead.
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_number_of_retries(1);
    let connected = timeout(CONNECT * 2, ConnectionManager::new_with_config(client, config));
    connected.await.map_err(|_| slow())?
}

async fn client(address: &Address) -> RedisResult<Client> {
    let certificates = address.ca.clone().map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
    match &address.place {
        Place::One(info) => match (info.addr(), certificates) {
            (ConnectionAddr::TcpTls { .. }, Some(certificates)) => {
                Client::build_with_tls((**info).clone(), certificates)
            }
            _ => Client::open((**info).clone()),
        },
        Place::Sentinels { sentinels, master, user, password, database, tls } => {
            let hosts = sentinels.iter().map(|(host, port)| ConnectionAddr::Tcp(host.clone(), *port));
            let mut builder = SentinelClientBuilder::new(hosts, master.clone(), SentinelServerType::Master)?
                .set_client_to_redis_db(*database);
            if let Some(user) = user {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = password {
                builder = builder.set_client_to_redis_password(password);
            }
            if *tls {
                builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                if let Some(certificates) = certificates {
                    builder = builder.set_client_to_redis_certificates(certificates);
                }
            }
            let mut sentinels = builder.build()?;
            timeout(CONNECT * 2, sentinels.async_get_client()).await.map_err(|_| slow())?
        }
    }
}

fn slow() -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer in time"))
}

/// What is wrong, in a sentence that holds no secret.
pub(super) fn told(error: &RedisError) -> String {
    match error.kind() {
        ErrorKind::AuthenticationFailed => "Redis refuses the password".to_owned(),
        ErrorKind::Server(ServerErrorKind::ReadOnly) => "Redis is a replica that cannot be written".to_owned(),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "Redis is starting".to_owned(),
        _ if is_full(error) => "Redis is full".to_owned(),
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => "Redis refuses the password".to_owned(),
            Some("NOPERM") => "Redis does not let this user do it".to_owned(),
            Some("MISCONF") => "Redis cannot write its disk".to_owned(),
            Some(code) => format!("Redis says {code}"),
            None if error.is_timeout() => "Redis does not answer in time".to_owned(),
            None => "Redis is out of reach".to_owned(),
        },
    }
}

/// Whether Redis takes nothing more.
pub(super) fn is_full(error: &RedisError) -> bool {
    // In a script the code is another, and the text says it.
    error.code() == Some("OOM") || error.to_string().contains("OOM")
}

/// What a look at Redis found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its version.
    pub version: String,
    /// What it does when it is full; anything but `noeviction` may throw away what it holds.
    pub eviction: String,
    /// Bytes it uses, and how many it may; 0 is without a limit.
    pub memory: (u64, u64),
    /// Wake-ups that nobody took yet.
    pub waiting: u64,
}

/// Looks at Redis.
///
/// # Errors
/// A sentence that says why it cannot be used, without secrets.
pub async fn look(address: &Address) -> Result<Look, String> {
    let mut connection = connect(address).await.map_err(|error| told(&error))?;
    inspect(&mut connection).await.map_err(|error| told(&error))
}

pub(super) async fn inspect(connection: &mut ConnectionManager) -> RedisResult<Look> {
    let info: redis::InfoDict = redis::cmd("INFO").query_async(connection).await?;
    let number = |name: &str| info.get::<u64>(name).unwrap_or_default();
    let text = |name: &str| info.get::<String>(name).unwrap_or_default();
    // All come by way of the set of those that are due later, even if later is now.
    let config = super::config();
    let mut waiting = redis::pipe();
    waiting.cmd("LLEN").arg(config.active_jobs_list()).cmd("ZCARD").arg(config.scheduled_jobs_set());
    let (due, later): (u64, u64) = waiting.query_async(connection).await?;
    Ok(Look {
        version: text("redis_version"),
        eviction: text("maxmemory_policy"),
        memory: (number("used_memory"), number("maxmemory")),
        waiting: due + later,
    })
}

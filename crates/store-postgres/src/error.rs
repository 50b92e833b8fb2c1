//! PostgreSQL's errors as the desk knows them. No text that is passed on holds a stored value, an answer or a password.

use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use registration::ports::StoreError;
use sqlx::error::DatabaseError;

/// How long all sessions are asked before they are used, after one was broken or could not write.
const SUSPICION: Duration = Duration::from_secs(60);

/// When a session was last found to be of no use. Of the whole process: what is known of one server makes another one's
/// sessions be asked for a minute, no more.
static USELESS: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether a session was of no use a short while ago, so that others may be.
pub(crate) fn sessions_are_suspect() -> bool {
    USELESS.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|since| since.elapsed() < SUSPICION)
}

/// Whether an error is the session's own: it broke, its server goes down, or it may not write. Another one may do.
fn is_of_the_session(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("25006" | "57P01" | "57P02" | "57P05" | "08003" | "08006"))
        }
        _ => false,
    }
}

/// Remembers if an error was the session's own. Gives whether it was.
pub(crate) fn suspect(error: &sqlx::Error) -> bool {
    let suspect = is_of_the_session(error);
    if suspect {
        *USELESS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
    suspect
}

/// Whether a connection that did not come about may do so later without anybody's help: the server is out of reach, starting,
/// or full. A wrong password, name or certificate is not.
pub(crate) fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Io(error) => !matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidData | ErrorKind::InvalidInput
        ),
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            code.starts_with("08") || matches!(&*code, "53300" | "57P01" | "57P02" | "57P03")
        }
        _ => false,
    }
}

/// What an error of sqlx means.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    suspect(&error);
    match error {
        sqlx::Error::Database(error) => database_error(&*error),
        sqlx::Error::PoolTimedOut => unavailable("no connection in time"),
        sqlx::Error::PoolClosed => unavailable("it is being closed"),
        // What a server says while it goes down may not be what the protocol expects.
        sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed | sqlx::Error::Protocol(_) => {
            unavailable("a connection broke")
        }
        // A certificate that is not trusted comes as such.
        sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            StoreError::Unavailable(format!("TLS: {error}"))
        }
        sqlx::Error::Io(error) => StoreError::Unavailable(error.kind().to_string()),
        sqlx::Error::Tls(error) => StoreError::Unavailable(format!("TLS: {error}")),
        sqlx::Error::Configuration(_) => unavailable("its URL or certificates cannot be used"),
        // What could not be decoded stays out of the text.
        sqlx::Error::ColumnDecode { index, .. } => StoreError::Corrupt(format!("column {index}")),
        sqlx::Error::Decode(_) => StoreError::Corrupt("a column".to_owned()),
        sqlx::Error::RowNotFound => StoreError::Bug("a row that must be there is not".to_owned()),
        other => StoreError::Bug(other.to_string()),
    }
}

/// Whether the same transaction may pass when it is tried again at once: it met another one (a deadlock, or no serial order).
pub(crate) fn is_collision(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("40001" | "40P01"))
}

/// The name of the unique constraint that was broken.
pub(crate) fn broken_unique(error: &sqlx::Error) -> Option<&str> {
    let error = error.as_database_error()?;
    error.is_unique_violation().then(|| error.constraint().unwrap_or_default())
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn database_error(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    match &*code {
        "23505" => StoreError::Conflict("a key is taken"),
        "25006" => unavailable("read-only"),
        "28000" | "28P01" => unavailable("it refuses the user or the password"),
        "3D000" => unavailable("there is no database of this name"),
        "40001" | "40P01" => unavailable("too many at once"),
        "42501" => unavailable("no permission"),
        "42P01" | "42703" => unavailable("a table or column is missing; run karibu migrate"),
        "53100" => unavailable("the disk is full"),
        "53300" => unavailable("it takes no more connections"),
        "55P03" => unavailable("locked by somebody else"),
        "57014" => unavailable("a statement took too long"),
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => unavailable("it is starting or stopping"),
        "XX001" | "XX002" => StoreError::Corrupt("data or an index is damaged".to_owned()),
        _ => match code.get(..2) {
            // Connections, idle transactions, resources, an operator, the system.
            Some("08" | "25" | "53" | "57" | "58") => StoreError::Unavailable(format!("SQLSTATE {code}")),
            // Constraint and syntax errors name tables and columns, never values.
            Some("23" | "42") => StoreError::Bug(error.message().to_owned()),
            // Others may quote a value.
            _ => StoreError::Bug(format!("SQLSTATE {code}")),
        },
    }
}

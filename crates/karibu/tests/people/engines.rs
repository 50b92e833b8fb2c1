//! The engines that every promise is kept on.

use testkit::postgres::{Database, database};
use testkit::serve::Served;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_karibu");

/// Where registrations are kept.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Starts `karibu serve` on this engine with more settings, and what must live as long as it.
    pub(crate) async fn serve(self, settings: &[(&str, &str)]) -> (Served, Option<Database>) {
        match self {
            Self::Sqlite => (Served::start(BINARY, settings).await, None),
            Self::Postgres => {
                let database = database().await;
                let mut all = settings.to_vec();
                all.push(("DATABASE_URL", database.url()));
                let served = Served::start(BINARY, &all).await;
                (served, Some(database))
            }
        }
    }
}

//! Wake-ups through Redis, as jobs of apalis: [`Pusher`] hands over those of a web process, [`Taker`] gives them to a notifier.
//!
//! A job is a registration's id and nothing else. Redis may be away, restarted, emptied, full or paused at any time: wake-ups
//! are lost then and nothing waits for it. What apalis 1.0 does on its own is not enough for that, so both sides are kept
//! alive from outside: an error ends the connection and everything on it, and after a pause all is built anew.

mod address;
mod connect;
mod push;
mod sweep;
mod take;

use std::sync::Arc;
use std::time::Duration;

use apalis_redis::{Config, ConnectionManager, RedisStorage};

pub use self::address::{Address, AddressError};
pub use self::connect::{Look, look};
pub use self::push::Pusher;
pub use self::take::Taker;

/// Where a part tells how it fares with Redis: `Ok` when it works, else what is wrong in a sentence without secrets.
pub type Tell = Arc<dyn Fn(Result<(), String>) + Send + Sync>;

/// The name of the queue: its keys begin with it.
const QUEUE: &str = "karibu:wake-ups";

/// How long everything rests after an error.
const REST: Duration = Duration::from_millis(500);

/// How often a taker says that it lives; after so many times in silence what it had taken goes to another one.
const HEARTBEAT: Duration = Duration::from_secs(3);
const MISSED: usize = 5;

/// The jobs.
type Storage = RedisStorage<uuid::Uuid, ConnectionManager>;

/// One job at a time: with more, slow ones keep a worker from its heartbeat, and others repeat what it has.
fn config() -> Config {
    Config::default()
        .queue(QUEUE)
        .batch_size(1)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(MISSED)
        .emit_events(false)
}

fn storage(connection: ConnectionManager) -> Storage {
    RedisStorage::new(connection).with_config(config())
}

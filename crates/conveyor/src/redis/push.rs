//! From a web process to Redis.

use std::time::Duration;

use apalis::prelude::{TaskSink, TaskSinkError};
use redis::RedisError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::connect::{connect, told};
use super::{REST, Storage, Tell, storage};
use crate::{Receiver, Sender, in_memory};

/// Wake-ups that wait for Redis in this process; what comes beyond is lost.
const ROOM: usize = 4_096;

/// Wake-ups that are handed over at a time.
const BATCH: usize = 64;

/// How often Redis is looked at while nothing is to be handed over, so that `/readyz` tells the truth.
const LOOK: Duration = Duration::from_secs(5);

/// Hands wake-ups over to Redis, in a task of its own: nobody who registers waits for it.
pub struct Pusher {
    address: Address,
    tell: Tell,
    wake_ups: Receiver,
}

impl Pusher {
    /// The end that wakes, and what carries its wake-ups on by [`Pusher::run`].
    pub fn new(address: Address, tell: Tell) -> (Sender, Self) {
        let (sender, wake_ups) = in_memory(ROOM);
        (sender, Self { address, tell, wake_ups })
    }

    /// Works until `stop`, or until every sender is gone. While Redis is away wake-ups are forgotten: the notifiers look for
    /// themselves, and would only be woken in vain later.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let connected = stop.run_until_cancelled(connect(&self.address)).await;
            let failed = match connected {
                None => return,
                Some(Err(error)) => told(&error),
                Some(Ok(connection)) => {
                    (self.tell)(Ok(()));
                    match stop.run_until_cancelled(push(storage(connection), &mut self.wake_ups)).await {
                        // Stopped, or nobody is left who could wake.
                        None | Some(Ok(())) => return,
                        Some(Err(error)) => told(&error),
                    }
                }
            };
            (self.tell)(Err(failed));
            let lost = self.wake_ups.forget();
            tracing::debug!(lost, "wake-ups are lost; the notifiers look for themselves");
            stop.run_until_cancelled(sleep(REST)).await;
        }
    }
}

async fn push(mut storage: Storage, wake_ups: &mut Receiver) -> Result<(), RedisError> {
    loop {
        tokio::select! {
            taken = wake_ups.take(BATCH) => {
                let Some(taken) = taken else { return Ok(()) };
                let ids = taken.into_iter().map(|registration| registration.0).collect();
                storage.push_bulk(ids).await.map_err(of_redis)?;
            }
            () = sleep(LOOK) => redis::cmd("PING").query_async::<()>(storage.get_connection()).await?,
        }
    }
}

fn of_redis(error: TaskSinkError<apalis_redis::Error>) -> RedisError {
    match error {
        TaskSinkError::PushError(apalis_redis::Error::Database(error)) => error,
        other => RedisError::from((redis::ErrorKind::Client, "a job could not be made", other.to_string())),
    }
}

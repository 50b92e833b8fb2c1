//! From Redis to a notifier.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use apalis::prelude::{BackendExt, Data, PollSnapshot, PollStrategy, WorkerBuilder};
use redis::RedisError;
use registration::ids::RegistrationId;
use registration::ports::Conveyor;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::address::Address;
use super::connect::{connect, inspect, is_full, told};
use super::sweep::{clear, sweep};
use super::{REST, Tell, storage};
use crate::Sender;

/// How often Redis is asked for a wake-up.
const POLL: Duration = Duration::from_millis(100);

/// How often Redis is asked whether it is well, and how often what is done is removed.
const LOOK: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(60);

/// Takes wake-ups from Redis and wakes the notifier of this process by them.
pub struct Taker {
    /// Where Redis is.
    pub address: Address,
    /// Name of this process among its like.
    pub instance: String,
    /// How it fares is told here.
    pub tell: Tell,
    /// Wakes the notifier.
    pub wake: Sender,
}

impl Taker {
    /// Works until `stop`. Any error of Redis ends a worker of apalis for good, in silence; so the worker is made anew, on a
    /// new connection and, with sentinels, to whoever is master then.
    pub async fn run(self, stop: CancellationToken) {
        while let Some(error) = stop.run_until_cancelled(self.take()).await {
            (self.tell)(Err(told(&error)));
            if is_full(&error) {
                // Nothing can be taken either then. No wake-up is worth keeping for that.
                self.make_room().await;
            }
            stop.run_until_cancelled(sleep(REST)).await;
        }
    }

    /// Takes until it cannot any more.
    async fn take(&self) -> RedisError {
        match self.try_to_take().await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_to_take(&self) -> Result<std::convert::Infallible, RedisError> {
        let connection = connect(&self.address).await?;
        let worker = WorkerBuilder::new(self.fresh_name())
            .backend(storage(connection.clone()).poll_with_strategy(Ticks::new(POLL)))
            .data(Arc::new(self.wake.clone()))
            .build(wake);
        let worker = async {
            let ended = worker.run().await;
            let text = ended.err().map(|error| error.to_string()).unwrap_or_default();
            Err(RedisError::from((redis::ErrorKind::Io, "the worker ended", text)))
        };
        let watch = async {
            let mut connection = connection;
            let (mut looks, mut sweeps) = (ticks(LOOK), ticks(SWEEP));
            loop {
                tokio::select! {
                    _ = looks.tick() => {
                        let look = inspect(&mut connection).await?;
                        (self.tell)(match look.eviction.as_str() {
                            "noeviction" | "" => Ok(()),
                            policy => Err(format!("Redis may throw away wake-ups: its maxmemory-policy is {policy}, set noeviction")),
                        });
                    }
                    _ = sweeps.tick() => sweep(&mut connection).await?,
                }
            }
        };
        tokio::select! {
            ended = worker => ended,
            ended = watch => ended,
        }
    }

    /// The same name would be refused until the last one's heartbeat is forgotten, and in a container even process ids recur.
    #[expect(clippy::disallowed_methods, reason = "a name that nobody keeps or reads")]
    fn fresh_name(&self) -> String {
        format!("{}-{}", self.instance, Uuid::now_v7().simple())
    }

    async fn make_room(&self) {
        let Ok(mut connection) = connect(&self.address).await else { return };
        if clear(&mut connection).await.is_ok() {
            tracing::warn!(
                "all wake-ups in Redis were thrown away, since it was full; the outbox holds what is to be done"
            );
        }
    }
}

/// Never an error: apalis would try again by rules of its own, and the outbox knows better.
async fn wake(registration: Uuid, wake: Data<Arc<Sender>>) {
    wake.wake(RegistrationId(registration));
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Asks again after a while. apalis' own strategy forgets, each time it is due, to be woken again, and then sleeps until the
/// next heartbeat.
struct Ticks(Interval);

impl Ticks {
    fn new(period: Duration) -> Self {
        Self(ticks(period))
    }
}

impl PollStrategy for Ticks {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let _due = ready!(self.0.poll_tick(cx));
        // Until it is not due: only then it has been noted whom to wake.
        while self.0.poll_tick(cx).is_ready() {}
        Poll::Ready(Some(()))
    }
}

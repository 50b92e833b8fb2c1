//! From the start of the parts to their end: a part that ends by itself ends the process, a signal ends all parts in order.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::refusal::{Outcome, Refusal};

/// How long requests that are being answered may take after a signal.
pub(crate) const DRAIN: Duration = Duration::from_secs(8);

/// How long everything may take after a signal; service managers kill after some more.
pub(crate) const END: Duration = Duration::from_secs(17);

/// How long the database may take to close after that.
pub(crate) const CLOSE: Duration = Duration::from_secs(2);

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals are ours.
    pub(crate) fn listen() -> Outcome<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Refusal::found(format!("signals cannot be received: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Running parts by name.
#[derive(Default)]
pub(crate) struct Running {
    parts: JoinSet<&'static str>,
}

impl Running {
    /// Starts a part.
    pub(crate) fn start(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.parts.spawn(async move {
            part.await;
            name
        });
    }

    /// Waits until a part ends and gives what to say about it. None of them should before it is told to. For ever if there is none.
    pub(crate) async fn first_end(&mut self) -> Refusal {
        match self.parts.join_next().await {
            Some(Ok(name)) => {
                Refusal::found(format!("the part `{name}` ended by itself: see the log, and start Karibu again"))
            }
            None => std::future::pending().await,
            Some(Err(_)) => Refusal::found(
                "a part failed by a bug of Karibu: see the log, please report it, and start Karibu again",
            ),
        }
    }

    /// Waits until all parts have ended.
    pub(crate) async fn all_end(&mut self) {
        while let Some(ended) = self.parts.join_next().await {
            if ended.is_err() {
                tracing::error!("a part failed while it ended");
            }
        }
    }

    /// Ends all parts at once.
    pub(crate) fn abort(&mut self) {
        self.parts.abort_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_by_itself_is_named() {
        let mut running = Running::default();
        running.start("notifier", async {});
        running.start("web", std::future::pending());
        assert!(running.first_end().await.to_string().contains("`notifier` ended by itself"));
        running.abort();
        running.all_end().await;
    }
}

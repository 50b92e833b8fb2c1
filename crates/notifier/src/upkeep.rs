//! What has to be done now and then beside the mails: folding the summary, throwing abandoned uploads away, and what is
//! kept no longer.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use registration::ports::StoreResult;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Desk, Notifier, retention};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(2);

/// How often abandoned uploads are thrown away.
const REAP_EVERY: Duration = Duration::from_secs(60 * 60);

/// How old an upload is when it is abandoned.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Summary deltas that are folded in one transaction.
const FOLD_BATCH: u32 = 1000;

/// How long a connection to the relay is kept without a mail.
const IDLE: Duration = Duration::from_secs(20);

/// Works until `shutdown`.
pub(crate) async fn run(desk: Arc<Desk>, shutdown: CancellationToken) {
    // Side by side: erasing a large event takes its time, and the summary must not wait for it.
    tokio::join!(look_after(desk.clone(), shutdown.clone()), retention::run(desk, shutdown));
}

/// A store that does not answer is asked again at the next look; that it is gone is told by the outbox, once.
async fn look_after(desk: Arc<Desk>, shutdown: CancellationToken) {
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reaped: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = looks.tick() => {}
        }
        let work = async {
            if let Err(error) = desk.fold().await {
                tracing::debug!(%error, "the summary could not be folded");
            }
            if reaped.is_none_or(|reaped| reaped.elapsed() >= REAP_EVERY) && desk.reap().await.is_ok() {
                reaped = Some(Instant::now());
            }
            desk.notifier.transport.close_idle(IDLE).await;
        };
        // Each of these can be interrupted anywhere: a transaction that is not committed is none.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work => {}
        }
    }
}

impl Desk {
    async fn fold(&self) -> StoreResult<()> {
        while self.notifier.store.fold_summary(FOLD_BATCH).await? >= u64::from(FOLD_BATCH) {}
        Ok(())
    }

    async fn reap(&self) -> StoreResult<()> {
        let Notifier { store, clock, .. } = &self.notifier;
        let reaped = store.reap(clock.now() - ABANDONED_AFTER).await?;
        if reaped > 0 {
            tracing::info!(uploads = reaped, "abandoned uploads were thrown away");
        }
        Ok(())
    }
}

//! Retention: what an event file says is kept only for a while is deleted when that while is over.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use registration::event_file;
use registration::ids::EventId;
use registration::ports::StoreResult;
use registration::probe;
use registration::stored::Erasure;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Desk, Notifier};

/// How often it is asked whether it is time.
const LOOK: Duration = Duration::from_secs(2);

/// How often all events are looked at, by the notifier's clock.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Files that are deleted in one transaction: they may be large, and registrations wait for it.
const FILES: u32 = 20;

/// Registrations that are read at a time; each is erased in a transaction of its own.
const REGISTRATIONS: u32 = 100;

/// Works until `shutdown`. What was interrupted goes on at the next look: a transaction that is not committed is none.
pub(crate) async fn run(desk: Arc<Desk>, shutdown: CancellationToken) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut state = State { looked: None, overwritten: false };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = looks.tick() => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = desk.look_at_retention(&mut state) => {}
        }
    }
}

/// What was done so far.
struct State {
    /// When all events were looked at last.
    looked: Option<Timestamp>,
    /// Whether all that was deleted is overwritten. At first that is not known: an earlier process may have died between.
    overwritten: bool,
}

impl Desk {
    async fn look_at_retention(&self, state: &mut State) {
        let now = self.notifier.clock.now();
        // A clock that was set back is no reason to wait for it.
        if state.looked.is_some_and(|looked| now.duration_since(looked).abs() < EVERY) {
            return;
        }
        match self.keep_no_longer(now, state).await {
            Ok(()) => state.looked = Some(now),
            // That the store is gone is told by the outbox, once.
            Err(error) => tracing::debug!(%error, "retention waits"),
        }
    }

    async fn keep_no_longer(&self, now: Timestamp, state: &mut State) -> StoreResult<()> {
        let ended = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        for stored in self.notifier.store.all().await? {
            // That a file cannot be read is told by the catalogue. Nothing is deleted by a guess.
            let Ok(event) = event_file::parse(&stored.source, stored.imported_at) else { continue };
            if ended(event.answers_end()) {
                self.erase_all(stored.id, &stored.slug, now, state).await?;
            }
            if ended(event.attachments_end()) {
                self.drop_files(stored.id, &stored.slug, state).await?;
            }
        }
        let left_behind = probe::remove_left_behind(self.notifier.store.as_ref(), now).await?;
        if left_behind > 0 {
            tracing::info!(registrations = left_behind, "what a check left behind was removed");
        }
        if !state.overwritten {
            self.notifier.store.overwrite_erased().await?;
            state.overwritten = true;
        }
        Ok(())
    }

    async fn drop_files(&self, event: EventId, slug: &str, state: &mut State) -> StoreResult<()> {
        let mut files = 0;
        loop {
            let dropped = self.notifier.store.drop_attachments(event, FILES).await?;
            if dropped > 0 {
                state.overwritten = false;
                files += dropped;
            }
            if dropped < u64::from(FILES) {
                break;
            }
        }
        if files > 0 {
            tracing::info!(event = slug, files, "attachments were deleted: the time they are kept is over");
        }
        Ok(())
    }

    async fn erase_all(&self, event: EventId, slug: &str, now: Timestamp, state: &mut State) -> StoreResult<()> {
        let Notifier { store, transport, .. } = &self.notifier;
        let mut registrations = 0_u64;
        let mut after = None;
        loop {
            let ids = store.not_erased(event, after, REGISTRATIONS).await?;
            for id in &ids {
                // Another notifier may be at the same ones.
                if let Erasure::Done(message_ids) = store.erase(*id, &[], now).await? {
                    state.overwritten = false;
                    registrations += 1;
                    if let Err(error) = transport.forget(&message_ids).await {
                        tracing::error!(event = slug, %error, "mails of an erased registration cannot be removed");
                    }
                }
            }
            after = ids.last().copied();
            if ids.len() < REGISTRATIONS as usize {
                break;
            }
        }
        if registrations > 0 {
            tracing::info!(event = slug, registrations, "answers were erased: the time they are kept is over");
        }
        Ok(())
    }
}

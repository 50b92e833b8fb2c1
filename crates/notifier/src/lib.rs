//! From notification to delivered mail.
//!
//! The outbox in the store is the truth: notifications are written with their registration, and the notifier makes mails of
//! them, leases what is due, composes each mail when it is sent, hands it over and marks it. No transaction is open while
//! it talks to the relay. Whoever dies between handing over and marking has the mail repeated when its lease ends, under
//! the same Message-ID.

mod back_off;
mod catalogue;
mod deliver;
mod gate;
mod pace;
mod plan;
mod retention;
mod upkeep;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use conveyor::Receiver;
use jiff::SignedDuration;
use mail::Transport;
use mail::compose::weight;
use presentation::urls::Urls;
use registration::event::Event;
use registration::ids::EventId;
use registration::notification::{LeasedMail, PendingNotification};
use registration::ports::{Clock, Random, Store, StoreResult};
use registration::signs;
use registration::token::Signer;
use telemetry::{Metrics, Part};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use self::catalogue::{Catalogue, Found};
use self::gate::{Gate, Step};
use self::pace::Pace;

/// How often the outbox is looked at when nothing wakes the notifier.
const TICK: Duration = Duration::from_secs(1);

/// How often a notifier tells the other processes that it goes round.
const SIGN: Duration = Duration::from_secs(10);

/// How long a mail is a worker's own before the lease has to be renewed; when a process dies, its mails wait so long.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long what was begun may take after the shutdown.
const GRACE: Duration = Duration::from_secs(15);

/// Notifications that are made mails of at a time.
const BATCH: u32 = 500;

/// How long after the end of its window a digest is made, so that registrations which came at its last moment are in the
/// database. What comes later still is another part.
const DIGEST_REST: SignedDuration = SignedDuration::from_secs(2);

/// Everything that turns notifications into mails.
#[derive(Clone)]
pub struct Notifier {
    /// Where the outbox is.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Takes the mails.
    pub transport: Arc<dyn Transport>,
    /// Signs the organisers' links.
    pub signer: Arc<Signer>,
    /// The base of links and the host of Message-IDs.
    pub urls: Urls,
    /// The sender's mail address.
    pub from: String,
    /// Counts what is done.
    pub metrics: Metrics,
    /// Tells `/readyz` whether the relay takes mails.
    pub relay: Part,
    /// Most mails that are sent at the same time; at least 1.
    pub workers: usize,
    /// Time between two mails while those are worked off that an outage of the relay held up; `None` is as fast as it goes.
    pub rate: Option<Duration>,
    /// [`LEASE`], or shorter in tests.
    pub lease: Duration,
    /// Whether every mail says that it is of a demo.
    pub demo: bool,
}

/// What all tasks of a running notifier share.
struct Desk {
    notifier: Notifier,
    catalogue: Catalogue,
    gate: Gate,
    pace: Pace,
}

impl Notifier {
    /// Works until `shutdown`; then begins nothing more and returns when what was begun is done, after 15 s at the latest.
    /// Each wake-up is answered at once. A database or relay that is gone is tried again, told in `/readyz` and logged when
    /// that changes.
    pub async fn run(self, mut wake: Receiver, shutdown: CancellationToken) {
        let pace = Pace::new(self.rate);
        let desk = Arc::new(Desk { catalogue: Catalogue::default(), gate: Gate::default(), pace, notifier: self });
        let upkeep = tokio::spawn(upkeep::run(desk.clone(), shutdown.clone()));
        let mut round = Round::new(desk.clone());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pace = round.next_of_pace();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = wake.woken() => round.unplanned = true,
                () = pace => {}
                _ = ticks.tick() => {
                    desk.notifier.metrics.notifier_heartbeat(desk.notifier.clock.now());
                    round.sign();
                    round.look_at_everything();
                }
                Some(ended) = round.tasks.join_next_with_id() => round.ended(ended),
            }
            round.go().await;
        }
        round.finish().await;
        desk.notifier.transport.close_idle(Duration::ZERO).await;
        // It ends with the shutdown; were it to panic, there is nothing left to do here.
        let _ = upkeep.await;
    }
}

/// One look at the outbox after the other, and the mails that are on their way.
struct Round {
    desk: Arc<Desk>,
    tasks: JoinSet<()>,
    /// The mails that are on their way, by their tasks.
    mails: HashMap<Id, (LeasedMail, Instant)>,
    /// Whether there may be notifications without a mail.
    unplanned: bool,
    /// Whether there may be mails that are due.
    due: bool,
    /// Whether the outbox could not be read or written last time.
    blind: bool,
    /// When the other processes were last told that this one goes round.
    signed: Option<Instant>,
}

impl Round {
    fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            tasks: JoinSet::new(),
            mails: HashMap::new(),
            unplanned: true,
            due: true,
            blind: false,
            signed: None,
        }
    }

    /// Nobody waits for it: mails are more important.
    fn sign(&mut self) {
        if self.signed.is_some_and(|signed| signed.elapsed() < SIGN) {
            return;
        }
        self.signed = Some(Instant::now());
        let store = self.desk.notifier.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.set_sign(signs::NOTIFIER).await {
                tracing::debug!(%error, "that a notifier goes round could not be noted");
            }
        });
    }

    fn look_at_everything(&mut self) {
        self.unplanned = true;
        self.due = true;
    }

    async fn go(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
        match self.look().await {
            Ok(()) => {
                if std::mem::take(&mut self.blind) {
                    tracing::info!("the outbox can be read again");
                }
            }
            Err(error) => {
                // The next tick tries again.
                (self.unplanned, self.due) = (false, false);
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(%error, "the outbox cannot be read; mails wait");
                }
            }
        }
    }

    /// Sends what is due. Only when nothing of it is left, mails are made of notifications: so they pile up while the relay
    /// is slow or away, and are put together then.
    async fn look(&mut self) -> StoreResult<()> {
        loop {
            let limit = self.limit();
            if limit == 0 {
                return Ok(());
            }
            if self.due {
                self.lease(limit).await?;
            } else if self.unplanned {
                let planned = self.desk.plan().await?;
                (self.unplanned, self.due) = (planned.more, planned.made);
            } else {
                self.desk.pace.end();
                return Ok(());
            }
        }
    }

    /// How many mails may be leased now.
    fn limit(&mut self) -> usize {
        let free = self.desk.notifier.workers.max(1).saturating_sub(self.tasks.len());
        let now = Instant::now();
        match self.desk.gate.step(now) {
            Step::Open => self.desk.pace.allowed(free, now),
            Step::One => usize::from(self.tasks.is_empty()),
            Step::Probe => {
                let desk = self.desk.clone();
                self.tasks.spawn(async move { desk.probe().await });
                0
            }
            Step::Closed => 0,
        }
    }

    /// Leases mails that are due and has them sent.
    async fn lease(&mut self, limit: usize) -> StoreResult<()> {
        // The lease begins before the database says so, so that it never ends later here than there.
        let ends = Instant::now() + self.desk.notifier.lease;
        let leased = self.desk.notifier.store.lease(limit as u32, self.desk.lease()).await?;
        self.due = leased.len() == limit;
        self.desk.pace.took(leased.len());
        for mail in leased {
            let (desk, own) = (self.desk.clone(), mail.clone());
            let task = self.tasks.spawn(async move { desk.deliver(own, ends).await });
            self.mails.insert(task.id(), (mail, ends));
        }
        Ok(())
    }

    /// Until the pace lets the next mail go; for ever when it holds none back.
    fn next_of_pace(&self) -> impl Future<Output = ()> + use<> {
        let wait = self.desk.pace.next().filter(|_| self.due || self.unplanned);
        async move {
            match wait {
                Some(wait) => tokio::time::sleep(wait.max(SHORTEST_PACE)).await,
                None => std::future::pending().await,
            }
        }
    }

    /// A mail at which the work panicked must not be leased again each minute, for ever.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        if let Some((mail, ends)) = self.mails.remove(&id).filter(|_| panicked) {
            let desk = self.desk.clone();
            self.tasks.spawn(async move { desk.give_back(mail, ends).await });
        }
    }

    async fn finish(&mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!(
                mails = self.tasks.len(),
                "mails were still on their way; they are repeated when their lease ends"
            );
            self.tasks.shutdown().await;
        }
    }
}

/// What planning came to.
#[derive(Default)]
struct Planned {
    /// Whether mails were made.
    made: bool,
    /// Whether there may be more notifications.
    more: bool,
}

/// Shortest time between two looks while mails are paced.
const SHORTEST_PACE: Duration = Duration::from_millis(20);

impl Desk {
    /// Makes mails of a batch of notifications.
    async fn plan(&self) -> StoreResult<Planned> {
        let Notifier { store, urls, clock, .. } = &self.notifier;
        let waiting = store.unassigned(clock.now() - DIGEST_REST, BATCH).await?;
        if waiting.is_empty() {
            return Ok(Planned::default());
        }
        let mut forms: HashMap<EventId, Arc<Event>> = HashMap::new();
        for event in waiting.iter().map(|one| one.event) {
            if let Entry::Vacant(place) = forms.entry(event)
                && let Found::Here(event) = self.catalogue.event(store.as_ref(), event).await?
            {
                place.insert(event);
            }
        }
        let weigh = |one: &PendingNotification| {
            // An event that cannot be read has mails of one notification each, which are tried by themselves.
            forms.get(&one.event).map_or(usize::MAX / 2, |event| weight(one.answers_bytes as usize, &event.form))
        };
        let mails = plan::plan(&waiting, urls, weigh, || self.fresh_id());
        let made = store.make(&mails).await?;
        if made.withheld > 0 {
            tracing::info!(notifications = made.withheld, "withheld: their addresses got enough mails for a day");
        }
        // Nothing came of it: another notifier is at the same ones, and will make the rest.
        let any = made.mails + made.withheld > 0;
        Ok(Planned { made: made.mails > 0, more: any && waiting.len() == BATCH as usize })
    }

    fn lease(&self) -> SignedDuration {
        SignedDuration::try_from(self.notifier.lease).unwrap_or(SignedDuration::from_mins(1))
    }

    fn fresh_id(&self) -> registration::ids::MailId {
        let mut random = [0; 10];
        self.notifier.random.fill(&mut random);
        registration::ids::MailId(registration::stored::uuid_v7(self.notifier.clock.now(), random))
    }

    /// A number between 0 and 1 that nobody can foresee, so that mails and notifiers do not march in step.
    fn jitter(&self) -> f64 {
        let mut random = [0; 2];
        self.notifier.random.fill(&mut random);
        f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX)
    }

    /// Asks the relay whether it would take mails again.
    async fn probe(&self) {
        let Notifier { transport, relay, clock, .. } = &self.notifier;
        match transport.probe().await {
            Ok(()) => {
                if self.gate.probe_succeeded() {
                    relay.ok();
                }
            }
            Err(error) => {
                self.gate.probe_failed(Instant::now(), self.jitter());
                relay.degraded(clock.now(), error.to_string());
            }
        }
    }
}

/// A mail as log lines name it: no address, no content.
fn told(mail: &LeasedMail) -> String {
    format!("{} {}", mail.kind.as_str(), mail.id.0)
}

//! The dead-man receiver: Alertmanager pings every notifier as long as its alert Watchdog fires, and Prometheus asks every
//! notifier for its metrics. When one of the two stops, the monitoring cannot say so itself, and a notifier mails the on-call.
//!
//! Both are needed. Alertmanager goes on pinging after Prometheus died, since alerts end late; and whoever is asked
//! for metrics does not know whether alerts arrive anywhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use registration::ports::{Clock, Signs};
use registration::signs;
use serde::Deserialize;
use telemetry::{Metrics, Part};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::post::{Alarm, Post, shown};

/// After so long without a word the monitoring is silent.
const PATIENCE: Duration = Duration::from_secs(45);

/// A monitoring that starts together with us has so long for its first word.
const GRACE: Duration = Duration::from_secs(180);

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// Whoever did not look for so long was itself asleep (frozen, or without a processor), and what it missed says nothing.
const ASLEEP: Duration = Duration::from_secs(15);

/// While it is silent, it is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_mins(30);

/// Whoever tells has so long for it before another one may.
const TELLING: SignedDuration = SignedDuration::from_mins(1);

/// A mail that did not leave is tried again after so long.
const RETRY: Duration = Duration::from_secs(15);

/// Most bytes of a ping.
const PING: usize = 256 * 1_024;

/// Who has to be heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Alertmanager,
    Prometheus,
}

impl Voice {
    const ALL: [Self; 2] = [Self::Alertmanager, Self::Prometheus];

    const fn sign(self) -> &'static str {
        match self {
            Self::Alertmanager => signs::MONITORING_PING,
            Self::Prometheus => signs::MONITORING_SCRAPE,
        }
    }

    const fn silent(self) -> &'static str {
        match self {
            Self::Alertmanager => "Alertmanager does not ping",
            Self::Prometheus => "Prometheus does not ask",
        }
    }
}

/// Hears the monitoring, and mails when it falls silent. Cheap to clone; clones hear the same.
#[derive(Clone)]
pub struct DeadMan {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    part: Part,
    post: Post,
    instance: String,
    /// Not there until the database was reached for the first time.
    signs: OnceLock<Arc<dyn Signs>>,
    started: Instant,
    heard: Mutex<[Option<Instant>; 2]>,
}

/// Who is silent, and since when as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Silence {
    voices: Vec<Voice>,
    since: Option<Timestamp>,
}

/// What of the body of a ping is read.
#[derive(Deserialize)]
struct Ping {
    #[serde(default)]
    alerts: Vec<PingAlert>,
}

#[derive(Deserialize)]
struct PingAlert {
    status: String,
    labels: BTreeMap<String, String>,
}

impl DeadMan {
    /// Hears nothing yet. `instance` is this process's name.
    pub fn new(clock: Arc<dyn Clock>, metrics: Metrics, part: Part, post: Post, instance: String) -> Self {
        let (signs, heard) = (OnceLock::new(), Mutex::new([None; 2]));
        Self { inner: Arc::new(Inner { clock, metrics, part, post, instance, signs, started: Instant::now(), heard }) }
    }

    /// From now on what was heard and told is shared with the other notifiers.
    pub fn share(&self, signs: Arc<dyn Signs>) {
        // Only the first is kept: there is one database.
        let _ = self.inner.signs.set(signs);
    }

    /// The private listener with the door for pings, `POST /watchdog` (the webhook of Alertmanager), and with an ear for
    /// Prometheus.
    pub fn listen(&self, private: Router) -> Router {
        private
            .route("/watchdog", post(ping).with_state(self.clone()))
            .layer(DefaultBodyLimit::max(PING))
            .layer(middleware::from_fn_with_state(self.clone(), overhear))
    }

    /// Looks for ever, and mails.
    pub async fn run(self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = Known::default();
        loop {
            // Only the rest counts: telling somebody may take long, while the silence goes on.
            let rested = Instant::now();
            looks.tick().await;
            if rested.elapsed() > ASLEEP {
                self.wake();
            }
            match self.silence().await {
                Some(silence) => self.sound(&mut known, &silence).await,
                None if self.all_heard() => self.end(&mut known).await,
                None => {}
            }
        }
    }

    fn hear(&self, voice: Voice) {
        self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner)[voice as usize] = Some(Instant::now());
        let now = self.inner.clock.now();
        match voice {
            Voice::Alertmanager => self.inner.metrics.watchdog_pinged(now),
            Voice::Prometheus => self.inner.metrics.scraped(now),
        }
        if let Some(signs) = self.inner.signs.get().cloned() {
            // Nobody waits for it: a database that is away must not keep the monitoring waiting.
            tokio::spawn(async move {
                if let Err(error) = signs.set_sign(voice.sign()).await {
                    tracing::debug!(%error, "that the monitoring lives could not be noted");
                }
            });
        }
    }

    /// Whoever was heard before has its whole time again.
    fn wake(&self) {
        for heard in self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().flatten() {
            *heard = Instant::now();
        }
    }

    fn heard(&self, voice: Voice) -> Option<Instant> {
        self.inner.heard.lock().unwrap_or_else(PoisonError::into_inner)[voice as usize]
    }

    /// Whether this process itself has heard both lately.
    fn all_heard(&self) -> bool {
        let lately = |voice| self.heard(voice).is_some_and(|heard| heard.elapsed() < PATIENCE);
        Voice::ALL.into_iter().all(lately)
    }

    /// Who is silent: to this process and, if it can be asked, to the others.
    async fn silence(&self) -> Option<Silence> {
        let missed = |voice: &Voice| match self.heard(*voice) {
            Some(heard) => heard.elapsed() >= PATIENCE,
            None => self.inner.started.elapsed() >= GRACE,
        };
        let missed: Vec<Voice> = Voice::ALL.into_iter().filter(missed).collect();
        if missed.is_empty() {
            return None;
        }
        let told = match self.inner.signs.get() {
            Some(signs) => signs.signs().await.unwrap_or_default(),
            None => Vec::new(),
        };
        let quiet_for = |voice: Voice| {
            let others = told.iter().find(|sign| sign.name == voice.sign()).map(|sign| sign.age.unsigned_abs());
            let own = self.heard(voice).map(|heard| heard.elapsed());
            own.into_iter().chain(others).min()
        };
        let silent: Vec<(Voice, Option<Duration>)> = missed
            .into_iter()
            .map(|voice| (voice, quiet_for(voice)))
            .filter(|(_, quiet)| quiet.is_none_or(|quiet| quiet >= PATIENCE))
            .collect();
        if silent.is_empty() {
            return None;
        }
        let longest = silent.iter().filter_map(|(_, quiet)| *quiet).max();
        let since = longest.and_then(|quiet| self.inner.clock.now().checked_sub(quiet).ok());
        Some(Silence { voices: silent.into_iter().map(|(voice, _)| voice).collect(), since })
    }

    async fn sound(&self, known: &mut Known, silence: &Silence) {
        let words: Vec<&str> = silence.voices.iter().map(|voice| voice.silent()).collect();
        let words = words.join(", ");
        self.inner.part.degraded(self.inner.clock.now(), format!("The monitoring is silent: {words}."));
        known.settled = false;
        known.since = known.since.or(silence.since);
        // Without anybody on call it is told on /readyz only.
        if self.inner.post.oncall.is_empty() || known.next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        if !self.may_tell(known).await {
            return;
        }
        match self.inner.post.tell(&self.alarm(&words, known.since)).await {
            Ok(()) => {
                known.told_here = Some(Instant::now());
                if let Some(signs) = self.inner.signs.get() {
                    let _ = signs.set_sign(signs::ALARM_TOLD).await;
                }
                tracing::warn!(what = words, "the monitoring is silent; the on-call was told");
            }
            Err(why) => {
                known.next = Some(Instant::now() + RETRY);
                // So that whoever comes first may, and be it us again.
                if let Some(signs) = self.inner.signs.get() {
                    let _ = signs.drop_sign(signs::ALARM_BEING_TOLD).await;
                }
                tracing::error!(what = words, why, "the monitoring is silent, and the on-call could not be told");
            }
        }
    }

    /// Whether it is time to tell, and ours to do: one of all notifiers tells; each for itself when the database is gone.
    async fn may_tell(&self, known: &Known) -> bool {
        let again = AGAIN.unsigned_abs();
        let here = known.told_here.is_none_or(|told| told.elapsed() >= again);
        let Some(signs) = self.inner.signs.get() else { return here };
        let claimed = async {
            let told = signs.signs().await?;
            if told.iter().any(|sign| sign.name == signs::ALARM_TOLD && sign.age < AGAIN) {
                return Ok(false);
            }
            signs.claim_sign(signs::ALARM_BEING_TOLD, TELLING).await
        };
        claimed.await.unwrap_or_else(|error: registration::ports::StoreError| {
            tracing::debug!(%error, "it is told without asking the others");
            here
        })
    }

    async fn end(&self, known: &mut Known) {
        self.inner.part.ok();
        let asked = match self.inner.signs.get() {
            _ if known.settled => return,
            Some(signs) => signs.drop_sign(signs::ALARM_TOLD).await,
            None => Ok(false),
        };
        let told = match asked {
            Ok(told) => told,
            // It is asked again, unless it was us.
            Err(_) if known.told_here.is_none() => return,
            Err(_) => true,
        };
        if told {
            match self.inner.post.tell(&self.all_clear(known.since)).await {
                Ok(()) => tracing::info!("the monitoring speaks again; the on-call was told"),
                Err(why) => {
                    tracing::warn!(why, "that the monitoring speaks again could not be told");
                    if let Some(signs) = self.inner.signs.get() {
                        let _ = signs.set_sign(signs::ALARM_TOLD).await;
                    }
                    return;
                }
            }
        }
        *known = Known { settled: true, ..Known::default() };
    }

    fn alarm(&self, words: &str, since: Option<Timestamp>) -> Alarm {
        let since = since.map_or_else(|| "unknown: it was never heard since this notifier started".to_owned(), shown);
        Alarm {
            resolved: false,
            summary: "The monitoring is silent".to_owned(),
            facts: vec![
                ("What", format!("{words}.")),
                (
                    "Impact",
                    "Registrations and mails go on, but when something breaks, nobody is told. A [RESOLVED] mail that comes \
                     meanwhile may mean nothing."
                        .to_owned(),
                ),
                ("Since", since),
                ("Seen by", self.inner.instance.clone()),
            ],
            steps: [
                "docker compose ps -a prometheus alertmanager",
                "docker compose logs --tail 20 prometheus alertmanager",
                "docker compose up -d --wait prometheus alertmanager",
                "deploy/check",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }

    fn all_clear(&self, since: Option<Timestamp>) -> Alarm {
        let mut facts = vec![("Seen by", self.inner.instance.clone())];
        if let Some(since) = since {
            facts.insert(0, ("Was silent since", shown(since)));
        }
        Alarm { resolved: true, summary: "The monitoring speaks again".to_owned(), facts, steps: Vec::new() }
    }
}

/// What is known of the alarm here.
#[derive(Debug, Default)]
struct Known {
    since: Option<Timestamp>,
    told_here: Option<Instant>,
    /// Not before then.
    next: Option<Instant>,
    /// It is known that nobody has to be told that it is over. At the start it is not: another process may have told.
    settled: bool,
}

async fn ping(State(dead_man): State<DeadMan>, body: Bytes) -> StatusCode {
    let Ok(ping) = serde_json::from_slice::<Ping>(&body) else { return StatusCode::BAD_REQUEST };
    let is_watchdog = |alert: &PingAlert| {
        alert.status == "firing" && alert.labels.get("alertname").is_some_and(|name| name == "Watchdog")
    };
    if ping.alerts.iter().any(is_watchdog) {
        dead_man.hear(Voice::Alertmanager);
    }
    StatusCode::NO_CONTENT
}

/// Prometheus tells its name; others who read the metrics do not count.
async fn overhear(State(dead_man): State<DeadMan>, request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if request.uri().path() == "/metrics" && agent.is_some_and(|agent| agent.starts_with("Prometheus/")) {
        dead_man.hear(Voice::Prometheus);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;

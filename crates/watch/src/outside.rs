//! `karibu watch`: asks from another machine whether people can register, and mails the on-call by its own relay when they
//! cannot, when mails stand still, and when it is over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use url::Url;

use crate::Fetch;
use crate::post::{Alarm, Post, shown};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(10);

/// Fails for so long before it is told: a restart takes less.
const PATIENCE: Duration = Duration::from_secs(30);

/// While it lasts, it is told again after so long.
const AGAIN: Duration = Duration::from_secs(30 * 60);

/// A mail that did not leave is tried again after so long.
const RETRY: Duration = Duration::from_secs(15);

/// Where the form of the hidden event is: it opens as those of people do, and counts as no view of theirs.
const FORM: &str = "/_check/register";

/// Where a host says whether its notifiers and its monitoring live.
const HEARTBEAT: &str = "/_check/heartbeat";

/// Watches one host.
pub struct Outside {
    /// Its public URL.
    pub url: Url,
    /// How it asks.
    pub fetch: Fetch,
    /// How it tells.
    pub post: Post,
    /// This machine's name.
    pub instance: String,
}

/// What is known of the trouble.
#[derive(Debug, Default)]
struct State {
    failing: Option<(Instant, Timestamp)>,
    told: Option<Instant>,
    next: Option<Instant>,
}

/// What `/_check/heartbeat` answers.
#[derive(Deserialize)]
struct Heartbeat {
    #[serde(default)]
    wrong: Vec<String>,
}

impl Outside {
    /// Looks for ever, and mails.
    pub async fn run(self) {
        let mut looks = interval(EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut state = State::default();
        loop {
            looks.tick().await;
            match self.look().await {
                Ok(()) => self.fine(&mut state).await,
                Err(why) => self.wrong(&mut state, &why).await,
            }
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// What people or the on-call miss, in a sentence.
    pub async fn look(&self) -> Result<(), String> {
        let at = |path| self.url.join(path).map_err(|error| format!("the URL cannot be used ({error})"));
        match self.fetch.get(&at(FORM)?).await {
            Ok((200, _)) => {}
            Ok((status, _)) => return Err(format!("The form does not open: it answers with status {status}.")),
            Err(why) => return Err(format!("The form does not open: {why}.")),
        }
        match self.fetch.get(&at(HEARTBEAT)?).await {
            Ok((200, _)) => Ok(()),
            Ok((_, body)) => match serde_json::from_str::<Heartbeat>(&body) {
                Ok(heartbeat) if !heartbeat.wrong.is_empty() => Err(heartbeat.wrong.join(" ")),
                _ => Err("The host does not say how it does.".to_owned()),
            },
            Err(why) => Err(format!("The host does not say how it does: {why}.")),
        }
    }

    async fn wrong(&self, state: &mut State, why: &str) {
        let now = Instant::now();
        let (began, since) = *state.failing.get_or_insert_with(|| (now, self.post.clock.now()));
        let due = match state.told {
            Some(told) => told.elapsed() >= AGAIN,
            None => began.elapsed() >= PATIENCE,
        };
        if !due || state.next.is_some_and(|next| now < next) {
            return;
        }
        let host = self.url.host_str().unwrap_or_default();
        let alarm = Alarm {
            resolved: false,
            summary: format!("{host} does not do its work"),
            facts: vec![
                ("What", why.to_owned()),
                ("Impact", "People cannot register there, or their mails wait, and it may be unable to say so.".to_owned()),
                ("Since", shown(since)),
                ("Seen by", format!("karibu watch on {}", self.instance)),
                ("Address", self.url.to_string()),
            ],
            steps: vec![
                format!("ping -c 3 {host}; curl -sS -o /dev/null -w '%{{http_code}}\\n' {}", self.url),
                format!("ssh {host}, then: docker compose ps -a"),
                "deploy/up --no-build".to_owned(),
                "deploy/check".to_owned(),
                "If the machine itself does not answer: its provider's console, then docs/backup.md to restore elsewhere".to_owned(),
            ],
        };
        match self.post.tell(&alarm).await {
            Ok(()) => {
                state.told = Some(Instant::now());
                tracing::warn!(host, why, "the on-call was told");
            }
            Err(error) => {
                state.next = Some(Instant::now() + RETRY);
                tracing::error!(host, why, error, "the on-call could not be told");
            }
        }
    }

    async fn fine(&self, state: &mut State) {
        let Some((began, since)) = state.failing else { return };
        if state.told.is_some() {
            let host = self.url.host_str().unwrap_or_default();
            let lasted = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            let alarm = Alarm {
                resolved: true,
                summary: format!("{host} does its work again"),
                facts: vec![
                    ("Was away since", shown(since)),
                    ("For", format!("{lasted:#}")),
                    ("Seen by", format!("karibu watch on {}", self.instance)),
                ],
                steps: Vec::new(),
            };
            if let Err(error) = self.post.tell(&alarm).await {
                tracing::warn!(host, error, "that it is over could not be told yet");
                return;
            }
            tracing::info!(host, "works again; the on-call was told");
        }
        *state = State::default();
    }
}

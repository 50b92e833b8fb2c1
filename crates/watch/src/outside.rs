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

/// What is missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether people cannot open the form. Otherwise their mails or the monitoring stand still.
    pub people: bool,
    /// In a sentence.
    pub why: String,
}

/// What is known of the trouble.
#[derive(Debug, Default)]
struct State {
    failing: Option<(Instant, Timestamp)>,
    people: bool,
    told: Option<Instant>,
    next: Option<Instant>,
}

impl State {
    /// Since when there is trouble, if it is time to tell.
    fn due(&mut self, trouble: &Trouble, now: Timestamp) -> Option<Timestamp> {
        let worse = trouble.people && !self.people;
        self.people = trouble.people;
        // Whoever was told of less does not know this: it is a new trouble.
        if worse && self.told.is_some() {
            *self = Self { people: true, ..Self::default() };
        }
        let (began, since) = *self.failing.get_or_insert_with(|| (Instant::now(), now));
        let due = match self.told {
            Some(told) => told.elapsed() >= AGAIN,
            None => began.elapsed() >= PATIENCE,
        };
        (due && self.next.is_none_or(|next| Instant::now() >= next)).then_some(since)
    }
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
                Err(trouble) => self.wrong(&mut state, &trouble).await,
            }
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// What people or the on-call miss.
    pub async fn look(&self) -> Result<(), Trouble> {
        self.form().await.map_err(|why| Trouble { people: true, why })?;
        self.heartbeat().await.map_err(|why| Trouble { people: false, why })
    }

    fn at(&self, path: &str) -> Result<Url, String> {
        self.url.join(path).map_err(|error| format!("the URL cannot be used ({error})"))
    }

    async fn form(&self) -> Result<(), String> {
        match self.fetch.get(&self.at(FORM)?).await {
            Ok((200, _)) => Ok(()),
            Ok((status, _)) => Err(format!("The form does not open: it answers with status {status}.")),
            Err(why) => Err(format!("The form does not open: {why}.")),
        }
    }

    async fn heartbeat(&self) -> Result<(), String> {
        match self.fetch.get(&self.at(HEARTBEAT)?).await {
            Ok((200, _)) => Ok(()),
            Ok((_, body)) => match serde_json::from_str::<Heartbeat>(&body) {
                Ok(heartbeat) if !heartbeat.wrong.is_empty() => Err(heartbeat.wrong.join(" ")),
                _ => Err("The host does not say how it does.".to_owned()),
            },
            Err(why) => Err(format!("The host does not say how it does: {why}.")),
        }
    }

    async fn wrong(&self, state: &mut State, trouble: &Trouble) {
        let Some(since) = state.due(trouble, self.post.clock.now()) else { return };
        let why = trouble.why.as_str();
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

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_was_told_of_less_is_told_of_what_is_worse() {
        let trouble = |people| Trouble { people, why: String::new() };
        let at = |seconds: i64| Timestamp::constant(1_800_000_000 + seconds, 0);
        let mut state = State::default();
        assert_eq!(state.due(&trouble(false), at(0)), None);
        sleep(PATIENCE).await;
        assert_eq!(state.due(&trouble(false), at(30)), Some(at(0)));
        state.told = Some(Instant::now());
        sleep(PATIENCE).await;
        assert_eq!(state.due(&trouble(false), at(60)), None, "it was told");
        assert_eq!(state.due(&trouble(true), at(60)), None, "a restart takes less");
        sleep(PATIENCE).await;
        assert_eq!(state.due(&trouble(true), at(90)), Some(at(60)), "since the form does not open");
        state.told = Some(Instant::now());
        sleep(AGAIN.saturating_sub(PATIENCE)).await;
        assert_eq!(state.due(&trouble(false), at(1_860)), None, "what is less was told with it");
        sleep(PATIENCE).await;
        assert_eq!(state.due(&trouble(false), at(1_890)), Some(at(60)), "again after half an hour");
    }
}

//! `GET /_check/heartbeat`: how the rest of this host does, for whoever watches it from outside.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use jiff::SignedDuration;
use registration::ports::{Sign, StoreResult};
use registration::signs;
use serde::Serialize;

use crate::state::Web;

/// For so long an answer holds: strangers must not be able to ask the database.
const HOLDS: Duration = Duration::from_secs(5);

/// A notifier that was not seen for so long stands still.
const STANDS_STILL: SignedDuration = SignedDuration::from_secs(60);

/// A monitoring that was not heard for so long is silent; its own dead man has told it by then.
const SILENT: SignedDuration = SignedDuration::from_secs(180);

/// Who asks so watches us.
const WATCHER: &str = "karibu-watch/";

/// What was answered last, and when.
#[derive(Default)]
pub(crate) struct LastAnswer(Mutex<Option<(Instant, Heartbeat)>>);

/// The answer: ages in seconds, and what is wrong, in sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Heartbeat {
    notifier_seconds: Option<i64>,
    monitoring_seconds: Option<i64>,
    wrong: Vec<&'static str>,
}

impl Heartbeat {
    fn of(signs_of: StoreResult<Vec<Sign>>) -> Self {
        let Ok(all) = signs_of else {
            let wrong = vec!["The database does not answer."];
            return Self { notifier_seconds: None, monitoring_seconds: None, wrong };
        };
        let age = |name| all.iter().find(|sign| sign.name == name).map(|sign| sign.age);
        let (notifier, monitoring) = (age(signs::NOTIFIER), age(signs::MONITORING_PING));
        let mut wrong = Vec::new();
        if notifier.is_none_or(|age| age > STANDS_STILL) {
            wrong.push("No notifier goes round, so mails wait.");
        }
        // Where there is no monitoring at all, it was never heard.
        if monitoring.is_some_and(|age| age > SILENT) {
            wrong.push("The monitoring is silent.");
        }
        let seconds = |age: Option<SignedDuration>| age.map(|age| age.as_secs());
        Self { notifier_seconds: seconds(notifier), monitoring_seconds: seconds(monitoring), wrong }
    }
}

/// 200 when all is well, 503 with what is wrong. One question to the database in 5 s, however many ask.
pub(crate) async fn get(State(web): State<Web>, headers: HeaderMap) -> impl IntoResponse {
    let lock = || web.inner.heartbeat.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let last = lock().clone().filter(|(at, _)| at.elapsed() < HOLDS);
    let heartbeat = if let Some((_, heartbeat)) = last {
        heartbeat
    } else {
        let store = &web.inner.desk.store;
        let heartbeat = Heartbeat::of(store.signs().await);
        *lock() = Some((Instant::now(), heartbeat.clone()));
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        if agent.is_some_and(|agent| agent.starts_with(WATCHER))
            && let Err(error) = store.set_sign(signs::OUTSIDE).await
        {
            tracing::debug!(%error, "that this host is watched could not be noted");
        }
        heartbeat
    };
    let status = if heartbeat.wrong.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(heartbeat))
}

#[cfg(test)]
mod tests {
    use registration::ports::StoreError;

    use super::*;

    #[test]
    fn what_stands_still_is_told() {
        let sign = |name: &str, age| Sign { name: name.to_owned(), age: SignedDuration::from_secs(age) };
        let told = |signs: &[Sign]| Heartbeat::of(Ok(signs.to_vec())).wrong;
        assert_eq!(told(&[sign(signs::NOTIFIER, 59)]), [""; 0], "no monitoring is no fault");
        assert_eq!(told(&[sign(signs::NOTIFIER, 5), sign(signs::MONITORING_PING, 100)]), [""; 0]);
        assert_eq!(told(&[sign(signs::NOTIFIER, 61)]), ["No notifier goes round, so mails wait."]);
        assert_eq!(told(&[]).len(), 1);
        assert_eq!(told(&[sign(signs::NOTIFIER, 5), sign(signs::MONITORING_PING, 181)]), ["The monitoring is silent."]);
        assert_eq!(Heartbeat::of(Err(StoreError::Unavailable("gone".to_owned()))).wrong.len(), 1);
    }
}

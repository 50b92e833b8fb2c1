//! Readiness by part: what works, what does not, since when, and whether that matters to registrants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// What a part's failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing can be registered without it: `/readyz` answers 503 while it is degraded, and until it was ok once.
    Required,
    /// It is told and never fails `/readyz`.
    Told,
}

/// How a part does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Ok,
    Degraded { since: Timestamp, what: String },
}

/// All parts of this process and whether it is draining. Cheap to clone; clones see the same parts.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    draining: bool,
    parts: BTreeMap<&'static str, (Need, State)>,
}

/// One part, in the hands of whoever knows how it does. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Part {
    name: &'static str,
    parts: Parts,
}

/// What `/readyz` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether registrations can be stored and the process is not draining.
    pub ready: bool,
    /// Whether the process is about to end.
    pub draining: bool,
    /// Each part by name.
    pub parts: BTreeMap<&'static str, PartReport>,
}

/// What `/readyz` tells of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// `ok`, `degraded`, or `unknown` when nobody has looked yet.
    pub state: &'static str,
    /// Whether its failure makes the process not ready.
    pub required: bool,
    /// Since when it is degraded, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What is wrong, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

impl Parts {
    /// No parts, not draining.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, its state unknown. Adding it again gives the same part and keeps its state.
    pub fn add(&self, name: &'static str, need: Need) -> Part {
        self.with(|inner| inner.parts.entry(name).or_insert((need, State::Unknown)).0 = need);
        Part { name, parts: self.clone() }
    }

    /// From now on the process is not ready: it is about to end.
    pub fn drain(&self) {
        self.with(|inner| inner.draining = true);
    }

    /// How everything is now.
    pub fn report(&self) -> Report {
        self.with(|inner| Report {
            ready: !inner.draining
                && inner.parts.values().all(|(need, state)| *need == Need::Told || *state == State::Ok),
            draining: inner.draining,
            parts: inner.parts.iter().map(|(name, (need, state))| (*name, PartReport::new(*need, state))).collect(),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    /// It works.
    pub fn ok(&self) {
        if matches!(self.change(State::Ok), State::Degraded { .. }) {
            tracing::info!(part = self.name, "works again");
        }
    }

    /// It does not work, and why: a sentence without names, addresses or secrets. `now` counts when it worked before.
    pub fn degraded(&self, now: Timestamp, what: impl Into<String>) {
        let what = what.into();
        let before = self.parts.with(|inner| {
            let (_, state) = inner.parts.get_mut(self.name)?;
            let since = if let State::Degraded { since, .. } = state { *since } else { now };
            Some(std::mem::replace(state, State::Degraded { since, what: what.clone() }))
        });
        // Once per sentence, not once per look.
        if !matches!(before, Some(State::Degraded { what: told, .. }) if told == what) {
            tracing::warn!(part = self.name, what, "degraded");
        }
    }

    /// It is not there, by the settings, and should be: told as degraded, without a line in the log.
    pub fn missing(&self, now: Timestamp, what: impl Into<String>) {
        self.change(State::Degraded { since: now, what: what.into() });
    }

    fn change(&self, to: State) -> State {
        self.parts.with(|inner| match inner.parts.get_mut(self.name) {
            Some((_, state)) => std::mem::replace(state, to),
            None => State::Unknown,
        })
    }
}

impl PartReport {
    fn new(need: Need, state: &State) -> Self {
        let (state, since, what) = match state {
            State::Unknown => ("unknown", None, None),
            State::Ok => ("ok", None, None),
            State::Degraded { since, what } => ("degraded", Some(since.to_string()), Some(what.clone())),
        };
        Self { state, required: need == Need::Required, since, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_required_part_is_ready_only_when_it_was_seen_to_work() {
        let parts = Parts::new();
        let database = parts.add("database", Need::Required);
        assert!(!parts.report().ready);
        database.ok();
        assert!(parts.report().ready);
        database.degraded(at(10), "It is gone.");
        let report = parts.report();
        assert!(!report.ready);
        assert_eq!(report.parts["database"].state, "degraded");
        database.ok();
        assert!(parts.report().ready);
    }

    #[test]
    fn a_told_part_never_fails_readiness() {
        let parts = Parts::new();
        let mail = parts.add("mail", Need::Told);
        assert!(parts.report().ready);
        mail.degraded(at(10), "The relay refuses the password.");
        assert!(parts.report().ready);
        assert_eq!(parts.report().parts["mail"].what.as_deref(), Some("The relay refuses the password."));
    }

    #[test]
    fn since_is_when_it_stopped_working_not_when_it_was_last_looked_at() {
        let parts = Parts::new();
        let mail = parts.add("mail", Need::Told);
        mail.degraded(at(10), "No answer.");
        mail.degraded(at(20), "Refused.");
        let told = parts.report().parts["mail"].clone();
        assert_eq!(told.since.as_deref(), Some("1970-01-01T00:00:10Z"));
        assert_eq!(told.what.as_deref(), Some("Refused."));
        mail.ok();
        mail.degraded(at(30), "No answer.");
        assert_eq!(parts.report().parts["mail"].since.as_deref(), Some("1970-01-01T00:00:30Z"));
    }

    #[test]
    fn a_draining_process_is_not_ready() {
        let parts = Parts::new();
        parts.add("database", Need::Required).ok();
        parts.drain();
        assert!(!parts.report().ready);
        assert!(parts.report().draining);
    }
}

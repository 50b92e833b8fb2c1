//! What came of a fault.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::crowd::{Failure, Met};

/// Which failures people may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// None.
    Nothing,
    /// A page that says "not now" and keeps the answers, web's or nginx's own.
    Pages,
    /// Those, and no answer at all: nginx itself is away, and the browser says so.
    Silence,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was broken.
    pub fault: String,
    /// How long.
    pub lasted: Duration,
    /// Registrations a second, before the fault.
    pub pace: f64,
    /// Answered 303.
    pub acknowledged: usize,
    /// Of those, how many are there once and whole.
    pub stored: usize,
    /// Mails that are to be sent.
    pub due: usize,
    /// Of those, how many came.
    pub delivered: usize,
    /// How often one came again under its Message-ID.
    pub repeated: usize,
    /// Parked: their recipients were refused for good.
    pub parked: usize,
    /// Requests that failed when they were first sent.
    pub failed: usize,
    /// Of those, how many got a page that keeps the answers.
    pub kept: usize,
    /// Until registering and mails were well again.
    pub healed: Duration,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl Outcome {
    /// Counts the failures, and says which must not be.
    pub(super) fn judge(&mut self, allowed: Allowed, failures: &[Failure]) {
        let first: Vec<_> = failures.iter().filter(|failure| failure.first).collect();
        self.failed = first.len();
        self.kept = first.iter().filter(|failure| failure.met == Met::AnswersKept).count();
        let may_be = |failure: &&&Failure| match failure.met {
            Met::Nothing => allowed == Allowed::Silence,
            Met::NoForm | Met::AnswersKept => allowed != Allowed::Nothing,
            Met::AnswersGone => false,
        };
        self.wrong.extend(
            first.iter().filter(|failure| !may_be(failure)).map(|failure| format!("a request failed: {failure}")),
        );
    }

    /// Whether nothing was lost and nobody met what must not be.
    ///
    /// # Panics
    /// When something was.
    pub fn is_well(&self) {
        assert!(self.wrong.is_empty(), "{self}");
    }

    /// Adds a line to the file that `KARIBU_DRILL_REPORT` names, if it does.
    pub(super) fn note(&self) {
        let Some(file) = std::env::var_os("KARIBU_DRILL_REPORT") else { return };
        let seconds = |duration: Duration| (duration.as_secs_f64() * 10.0).round() / 10.0;
        let line = json!({
            "fault": self.fault,
            "lasted": seconds(self.lasted),
            "pace": (self.pace * 10.0).round() / 10.0,
            "acknowledged": self.acknowledged,
            "stored": self.stored,
            "due": self.due,
            "delivered": self.delivered,
            "repeated": self.repeated,
            "parked": self.parked,
            "failed": self.failed,
            "kept": self.kept,
            "healed": seconds(self.healed),
            "wrong": self.wrong.len(),
        });
        // One write of one line: drills may run beside each other.
        let mut report =
            std::fs::File::options().create(true).append(true).open(file).expect("the report can be opened");
        report.write_all(format!("{line}\n").as_bytes()).expect("the report can be written");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, acknowledged, stored, due, delivered, repeated, parked, failed, kept, .. } = self;
        let (lasted, healed, pace) = (self.lasted.as_secs_f64(), self.healed.as_secs_f64(), self.pace);
        write!(
            f,
            "{fault} ({lasted:.1} s, {pace:.0}/s): {acknowledged} acknowledged, {stored} stored; {due} mails due, {delivered} delivered, \
             {repeated} repeated, {parked} parked; {failed} requests failed, {kept} with the answers kept; healed in {healed:.1} s"
        )?;
        for problem in self.wrong.iter().take(SHOWN) {
            write!(f, "\n    WRONG: {problem}")?;
        }
        match self.wrong.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n    WRONG: and {more} more"),
        }
    }
}

/// Problems that are shown; a broken cluster has hundreds of the same.
const SHOWN: usize = 12;

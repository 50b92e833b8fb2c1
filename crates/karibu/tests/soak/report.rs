//! What a drill counted, for the table in `docs/faults.md`.

use std::io::Write;

use serde_json::json;

/// The counts of one drill.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Registrations that were answered 303.
    pub(crate) answered: usize,
    /// Of those, how many are not there, or not exactly once, or not whole.
    pub(crate) lost: usize,
    /// Mails that are due: one for each registration and recipient, or fewer where several share one.
    pub(crate) mails: usize,
    /// Of those, how many never reached the relay.
    pub(crate) mails_lost: usize,
    /// How often the relay got a mail again under the same Message-ID.
    pub(crate) repeated: usize,
    /// How often somebody was told the same thing under another Message-ID.
    pub(crate) doubled: usize,
}

impl Counts {
    /// Adds a line to the file that `KARIBU_SOAK_REPORT` names, if it does.
    pub(crate) fn note(&self, fault: &str, engine: &str, rounds: usize) {
        let Some(file) = std::env::var_os("KARIBU_SOAK_REPORT") else { return };
        let line = json!({
            "fault": fault,
            "engine": engine,
            "rounds": rounds,
            "answered": self.answered,
            "lost": self.lost,
            "mails": self.mails,
            "mails_lost": self.mails_lost,
            "repeated": self.repeated,
            "doubled": self.doubled,
        });
        // One write of one line: drills run beside each other.
        let mut report = std::fs::File::options().create(true).append(true).open(file).unwrap();
        report.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

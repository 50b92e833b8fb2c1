//! What a dialogue with whoever takes mails came to, step by step, for the commands that try it out.

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Fine,
    /// It works, and could be better.
    Doubtful,
    /// It does not work; nothing comes after it.
    Failed,
}

impl Verdict {
    /// The word for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Doubtful => "warning",
            Self::Failed => "failed",
        }
    }
}

/// One step. Its texts are one line without control characters, and may hold addresses: they are for the operator who asked,
/// not for logs. A password is never told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which: `connect`, `TLS`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `message`, `DKIM`, `folder`.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What happened.
    pub told: String,
    /// What to do, unless it is fine.
    pub advice: Option<String>,
}

/// All steps in their order; the last one failed, or none did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Dialogue {
    /// Whether everything works.
    pub fn is_fine(&self) -> bool {
        self.steps.iter().all(|step| step.verdict != Verdict::Failed)
    }

    pub(crate) fn fine(&mut self, name: &'static str, told: impl AsRef<str>) {
        self.add(name, Verdict::Fine, told.as_ref(), None);
    }

    pub(crate) fn doubtful(&mut self, name: &'static str, told: impl AsRef<str>, advice: &str) {
        self.add(name, Verdict::Doubtful, told.as_ref(), Some(advice));
    }

    pub(crate) fn failed(&mut self, name: &'static str, told: impl AsRef<str>, advice: &str) {
        self.add(name, Verdict::Failed, told.as_ref(), Some(advice));
    }

    fn add(&mut self, name: &'static str, verdict: Verdict, told: &str, advice: Option<&str>) {
        let words = told.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let told = words.collect::<Vec<_>>().join(" ");
        self.steps.push(Step { name, verdict, told, advice: advice.map(str::to_owned) });
    }
}

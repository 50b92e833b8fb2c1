//! Why a command ends without having done what was asked: one sentence and an exit code.

use std::fmt;

use registration::ports::StoreError;

use crate::columns::plain;

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Refusal>;

/// One sentence: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    sentence: String,
    code: u8,
}

impl Refusal {
    /// Something was found wrong while doing it: exit code 1.
    pub(crate) fn found(sentence: impl Into<String>) -> Self {
        Self { sentence: one_line(&sentence.into()), code: 1 }
    }

    /// The command was called wrongly, or a setting is wrong: exit code 2.
    pub(crate) fn called(sentence: impl Into<String>) -> Self {
        Self { sentence: one_line(&sentence.into()), code: 2 }
    }

    /// The same, but what is wrong was only found by trying: exit code 1.
    pub(crate) fn found_while_running(self) -> Self {
        Self { code: 1, ..self }
    }

    /// The process's exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if self.sentence.ends_with(['.', '?']) { Ok(()) } else { f.write_str(".") }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::found(match error {
            StoreError::Unavailable(what) => {
                format!(
                    "the database does not answer ({what}): see that it runs and that nothing else holds it, then try again"
                )
            }
            StoreError::Corrupt(what) => {
                format!("the database holds what this version cannot read ({what}): was it made by a newer Karibu?")
            }
            StoreError::Conflict(what) => {
                format!("something else changed the same at the same time ({what}): try again")
            }
            StoreError::Bug(what) => format!("this is a bug of Karibu, please report it: {what}"),
        })
    }
}

/// Errors of others may have several lines, and what others typed may act on a terminal; ours have one and do not.
fn one_line(text: &str) -> String {
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

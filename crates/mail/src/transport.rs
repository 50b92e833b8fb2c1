//! What hands a message over.

use std::time::Duration;

use async_trait::async_trait;

use crate::classify::Stage;
use crate::{Dialogue, Message};

/// Why a message was not handed over. The texts hold no mail address and at most 200 characters, so that they can be kept
/// and logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The recipient or the message is refused for good: trying again is useless.
    #[error("{0}")]
    Refused(String),
    /// This message could not be taken now; others may be.
    #[error("{0}")]
    Temporary(String),
    /// The relay is out of reach or does not serve us (connection, TLS, password, sender, policy): no message would fare
    /// better before somebody mends that.
    #[error("{0}")]
    Relay(String),
}

impl SendError {
    /// What of it may stand in a log: of a relay's answer to a message only its codes, since some answer with a part of it, and
    /// so where the answer is about a recipient, since some tell the name.
    pub fn without_words(&self) -> String {
        match self {
            Self::Refused(text) | Self::Temporary(text) => {
                without_words(text, &[Stage::Rcpt, Stage::Data, Stage::Content])
            }
            Self::Relay(text) => without_words(text, &[Stage::Data, Stage::Content]),
        }
    }
}

/// The text, of an answer at one of these stages only the codes.
fn without_words(text: &str, stages: &[Stage]) -> String {
    let answer = stages.iter().find_map(|stage| {
        let answer = text.split_once(&format!("{stage}: "))?.1;
        answer.starts_with(|first: char| first.is_ascii_digit()).then_some((stage, answer))
    });
    let Some((stage, answer)) = answer else { return text.to_owned() };
    let is_code = |word: &&str| word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let codes: Vec<&str> = answer.split(' ').take_while(is_code).take(2).collect();
    format!("{stage}: {}", codes.join(" "))
}

/// Hands messages over to whoever delivers them.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Hands one message over; `Ok` means that the other side has taken responsibility for it.
    async fn send(&self, message: &Message) -> Result<(), SendError>;

    /// Whether a message could be handed over now, without sending one.
    async fn probe(&self) -> Result<(), SendError>;

    /// Tries every step of handing a message over and tells how each went; without a message, all that can be tried without
    /// sending one.
    async fn diagnose(&self, message: Option<&Message>) -> Dialogue {
        let done = match message {
            Some(message) => self.send(message).await,
            None => self.probe().await,
        };
        let mut dialogue = Dialogue::default();
        match done {
            Ok(()) => dialogue.fine("message", "taken"),
            Err(error) => dialogue.failed("message", error.to_string(), "see what it says"),
        }
        dialogue
    }

    /// Removes what is kept here of messages with these Message-IDs, so that nothing of them is left. A transport that
    /// hands everything over keeps nothing.
    async fn forget(&self, _message_ids: &[String]) -> Result<(), SendError> {
        Ok(())
    }

    /// Ends connections that have been idle for this long, politely.
    async fn close_idle(&self, _for_at_least: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::SendError::{Refused, Relay, Temporary};

    #[test]
    fn what_a_relay_says_of_a_message_is_logged_by_its_codes_only() {
        for (kind, text, logged) in [
            (Temporary as fn(String) -> _, "message: 554 5.6.0 Reply-To: Marabou has registered", "message: 554 5.6.0"),
            (Relay, "message: 421 Marabou", "message: 421"),
            (Refused, "RCPT: 550 5.1.1 Marabou is gone", "RCPT: 550 5.1.1"),
            (Refused, "given up after 48 h: message: 451 Marabou: 4.7.1", "message: 451"),
            (Relay, "RCPT: 554 5.7.1 Relay access denied", "RCPT: 554 5.7.1 Relay access denied"),
            (Relay, "message: no answer within 600 s", "message: no answer within 600 s"),
            (Relay, "AUTH: 535 5.7.8 wrong password", "AUTH: 535 5.7.8 wrong password"),
            (Relay, "connect: Connection refused", "connect: Connection refused"),
        ] {
            assert_eq!(kind(text.to_owned()).without_words(), logged);
        }
    }
}

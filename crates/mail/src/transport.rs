//! What hands a message over.

use std::time::Duration;

use async_trait::async_trait;

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

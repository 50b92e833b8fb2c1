//! Mails to a relay by SMTP.
//!
//! lettre's own transport does not tell at which command a relay said no, and its pool does not limit connections; both
//! decide what becomes of a mail, so the dialogue is driven here, command by command, on lettre's connection.

mod bounded;
mod diagnose;
mod session;
mod settings;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::session::Session;
use self::settings::Relay;
pub use self::settings::{SmtpSettings, SmtpSettingsError};
use crate::classify::{Fault, Stage};
use crate::{Dialogue, Dkim, Message, SendError, Transport};

/// Sends to one relay over at most so many connections at once, which are kept and used again.
#[derive(Debug)]
pub struct SmtpTransport {
    relay: Relay,
    dkim: Option<Dkim>,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    session: Session,
    since: Instant,
}

impl SmtpTransport {
    /// By these settings; nothing is connected yet.
    pub fn new(settings: &SmtpSettings) -> Result<Self, SmtpSettingsError> {
        let relay = Relay::new(settings)?;
        Ok(Self { relay, dkim: None, slots: Semaphore::new(settings.connections.max(1)), idle: Mutex::default() })
    }

    /// Signs all messages with this key.
    #[must_use]
    pub fn with_dkim(mut self, dkim: Dkim) -> Self {
        self.dkim = Some(dkim);
        self
    }

    /// Waits so long for each answer instead of 30 s, and twenty times as long for the one to a message.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.relay.patience = patience;
        self
    }

    async fn hand_over(&self, message: &Message) -> Result<(), SendError> {
        let bytes = self.signed(message)?;
        let (from, to) = (message.sender()?, message.recipient()?);
        let international = !(from.as_ref() as &str).is_ascii() || !(to.as_ref() as &str).is_ascii();
        loop {
            let (mut session, reused) = self.session().await.map_err(|fault| fault.judge(&message.to))?;
            if international && !session.takes_international_addresses() {
                self.keep(session);
                return Err(SendError::Refused(
                    "the relay takes no addresses like the recipient's (SMTPUTF8)".to_owned(),
                ));
            }
            let Err(fault) = session.deliver(&from, &to, international, &bytes).await else {
                self.keep(session);
                return Ok(());
            };
            if !fault.ends_the_connection() && session.reset().await.is_ok() {
                self.keep(session);
            }
            if reused && fault.stage == Stage::Mail && fault.ends_the_connection() {
                // The relay had closed the idle connection: that says nothing about this mail.
                continue;
            }
            return Err(fault.judge(&message.to));
        }
    }

    /// The message's bytes, signed if there is a key.
    fn signed(&self, message: &Message) -> Result<Vec<u8>, SendError> {
        let bytes = message.to_bytes()?;
        match &self.dkim {
            Some(dkim) => dkim.sign(&bytes, message.sender()?.domain(), message.date),
            None => Ok(bytes),
        }
    }

    /// An idle session, or a new one; and whether it was used before.
    async fn session(&self) -> Result<(Session, bool), Fault> {
        let idle = self.sessions().pop();
        match idle {
            Some(idle) => Ok((idle.session, true)),
            None => Ok((Session::open(&self.relay).await?, false)),
        }
    }

    fn keep(&self, session: Session) {
        self.sessions().push(Idle { session, since: Instant::now() });
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn slot(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // It fails only when the semaphore is closed, which nobody does.
        self.slots.acquire().await.ok()
    }
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let _slot = self.slot().await;
        self.hand_over(message).await
    }

    async fn probe(&self) -> Result<(), SendError> {
        let _slot = self.slot().await;
        let mut session = Session::open(&self.relay).await.map_err(|fault| fault.judge(""))?;
        let checked = session.check_sender(&self.relay.from).await;
        session.close().await;
        checked.map_err(|fault| fault.judge(""))
    }

    async fn diagnose(&self, message: Option<&Message>) -> Dialogue {
        let _slot = self.slot().await;
        diagnose::diagnose(&self.relay, self.dkim.as_ref(), message.map(|message| (message, self.signed(message))))
            .await
    }

    async fn close_idle(&self, for_at_least: Duration) {
        let closing: Vec<Idle> = self.sessions().extract_if(.., |idle| idle.since.elapsed() >= for_at_least).collect();
        for idle in closing {
            idle.session.close().await;
        }
    }
}

//! One connection to the relay, command by command, so that every fault has its stage.

use std::fmt::{self, Display};
use std::io;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::settings::{Encryption, Relay};
use crate::classify::{Fault, Stage, Trouble};

/// Longest wait for a connection to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many times longer than for a command it is waited for the answer to a message, ten minutes in all: the relay may
/// look for viruses in it, and a message given up too early is delivered twice (RFC 5321, 4.5.3.2.6).
const CONTENT_PATIENCE: u32 = 20;

/// Longest wait for the good-bye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that is greeted, encrypted and signed in.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    patience: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    pub(super) async fn open(relay: &Relay) -> Result<Self, Fault> {
        let mut session = Self { connection: connect(relay).await?, patience: relay.patience };
        match &relay.encryption {
            Encryption::Wrapped(_) | Encryption::None => {}
            Encryption::Required(tls) => session.encrypt(relay, tls).await?,
            Encryption::Opportunistic(tls) => {
                if session.connection.can_starttls() {
                    session.encrypt(relay, tls).await?;
                }
            }
        }
        session.sign_in(relay).await?;
        Ok(session)
    }

    async fn encrypt(&mut self, relay: &Relay, tls: &TlsParameters) -> Result<(), Fault> {
        if !self.connection.can_starttls() {
            return Err(broken(Stage::Tls, "the relay offers no STARTTLS"));
        }
        within(Stage::Tls, self.patience, self.connection.starttls(tls.clone(), &relay.hello)).await
    }

    async fn sign_in(&mut self, relay: &Relay) -> Result<(), Fault> {
        let Some(credentials) = &relay.credentials else { return Ok(()) };
        // With tls=none it was said on purpose; here somebody may have cut the offer of TLS out on the way.
        if matches!(relay.encryption, Encryption::Opportunistic(_)) && !self.connection.is_encrypted() {
            return Err(broken(Stage::Auth, "the relay offers no TLS, and the password is not sent in the clear"));
        }
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        within(Stage::Auth, self.patience, self.connection.auth(&mechanisms, credentials)).await.map(|_| ())
    }

    /// Whether non-ASCII addresses can be written (RFC 6531).
    pub(super) fn takes_international_addresses(&self) -> bool {
        self.connection.server_info().supports_feature(Extension::SmtpUtfEight)
    }

    /// Hands one message over.
    pub(super) async fn deliver(
        &mut self,
        from: &Address,
        to: &Address,
        international: bool,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let parameters = if international { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        self.command(Stage::Mail, Mail::new(Some(from.clone()), parameters)).await?;
        self.command(Stage::Rcpt, Rcpt::new(to.clone(), Vec::new())).await?;
        self.command(Stage::Data, Data).await?;
        within(Stage::Content, CONTENT_PATIENCE * self.patience, self.connection.message(bytes)).await.map(|_| ())
    }

    /// Whether the relay takes this sender.
    pub(super) async fn check_sender(&mut self, from: &Address) -> Result<(), Fault> {
        self.command(Stage::Mail, Mail::new(Some(from.clone()), Vec::new())).await?;
        self.reset().await
    }

    /// Forgets a message that was begun.
    pub(super) async fn reset(&mut self) -> Result<(), Fault> {
        self.command(Stage::Mail, Rset).await
    }

    /// Says good-bye.
    pub(super) async fn close(mut self) {
        // The connection is dropped either way; who does not answer is not waited for.
        let _ = timeout(CLOSE_TIMEOUT, self.connection.quit()).await;
    }

    async fn command(&mut self, stage: Stage, command: impl Display) -> Result<(), Fault> {
        within(stage, self.patience, self.connection.command(command)).await.map(|_| ())
    }
}

async fn connect(relay: &Relay) -> Result<AsyncSmtpConnection, Fault> {
    if let Encryption::Wrapped(tls) = &relay.encryption {
        let server = (relay.host.as_str(), relay.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &relay.hello, Some(tls.clone()), None);
        return within(Stage::Connect, relay.patience, connecting).await;
    }
    let stream = tcp(relay).await.map_err(|error| broken(Stage::Connect, &error.to_string()))?;
    let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &relay.hello);
    within(Stage::Connect, relay.patience, greeting).await
}

async fn tcp(relay: &Relay) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the relay's name has no address");
    let addresses = timeout(CONNECT_TIMEOUT, lookup_host((relay.host.as_str(), relay.port)));
    for address in addresses.await.map_err(|_| io::Error::other("the name service does not answer"))?? {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A message ends in a small packet of its own, which would wait 40 ms for the one before.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failed = error,
            Err(_) => failed = io::Error::other("no answer to the connection"),
        }
    }
    Err(failed)
}

async fn within<T>(stage: Stage, limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| fault(stage, &error)),
        Err(_) => Err(broken(stage, &format!("no answer within {} s", limit.as_secs()))),
    }
}

fn broken(stage: Stage, text: &str) -> Fault {
    Fault { stage, trouble: Trouble::Broken(text.to_owned()) }
}

fn fault(stage: Stage, error: &Error) -> Fault {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    match error.status() {
        Some(code) => Fault { stage, trouble: Trouble::Reply(u16::from(code), text) },
        None => broken(stage, &text),
    }
}

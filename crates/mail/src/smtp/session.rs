//! One connection to the relay, command by command, so that every fault has its stage.

use std::fmt::{self, Display};
use std::io;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::bounded::Bounded;
use super::settings::{Encryption, Relay};
use crate::classify::{Fault, Stage, Trouble};

/// Longest wait for a connection to one address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many times longer than for a command it is waited for the answer to a message, ten minutes in all: the relay may
/// look for viruses in it, and a message given up too early is delivered twice (RFC 5321, 4.5.3.2.6).
const CONTENT_PATIENCE: u32 = 20;

/// How a password may be told.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

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
        let mut session = Self::greet(relay).await?;
        session.secure(relay).await?;
        session.sign_in(relay).await?;
        Ok(session)
    }

    /// Connects, with TLS if that comes first, and says EHLO.
    pub(super) async fn greet(relay: &Relay) -> Result<Self, Fault> {
        Ok(Self { connection: connect(relay).await?, patience: relay.patience })
    }

    /// Encrypts as the settings want it, unless it is.
    pub(super) async fn secure(&mut self, relay: &Relay) -> Result<(), Fault> {
        match &relay.encryption {
            Encryption::Required(tls) => self.encrypt(relay, tls).await,
            Encryption::Opportunistic(tls) if self.connection.can_starttls() => self.encrypt(relay, tls).await,
            Encryption::Wrapped(_) | Encryption::Opportunistic(_) | Encryption::None => Ok(()),
        }
    }

    /// Whether what is said now is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.connection.is_encrypted()
    }

    /// What the relay says that it can do, line by line.
    pub(super) async fn capabilities(&mut self, relay: &Relay) -> Result<Vec<String>, Fault> {
        // The connection keeps only what lettre uses; EHLO may be said again at any time (RFC 5321, section 4.1.4).
        let hello = Ehlo::new(relay.hello.clone());
        let reply = within(Stage::Connect, self.patience, self.connection.command(hello)).await?;
        Ok(reply.message().skip(1).map(str::to_owned).collect())
    }

    /// How [`Self::sign_in`] would tell the password.
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        self.connection.server_info().get_auth_mechanism(&MECHANISMS)
    }

    async fn encrypt(&mut self, relay: &Relay, tls: &TlsParameters) -> Result<(), Fault> {
        if !self.connection.can_starttls() {
            return Err(broken(Stage::Tls, "the relay offers no STARTTLS"));
        }
        within(Stage::Tls, self.patience, self.connection.starttls(tls.clone(), &relay.hello)).await
    }

    /// Signs in, if there is a login.
    pub(super) async fn sign_in(&mut self, relay: &Relay) -> Result<(), Fault> {
        let Some(credentials) = &relay.credentials else { return Ok(()) };
        // With tls=none it was said on purpose; here somebody may have cut the offer of TLS out on the way.
        if matches!(relay.encryption, Encryption::Opportunistic(_)) && !self.connection.is_encrypted() {
            return Err(broken(Stage::Auth, "the relay offers no TLS, and the password is not sent in the clear"));
        }
        within(Stage::Auth, self.patience, self.connection.auth(&MECHANISMS, credentials)).await.map(|_| ())
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
        self.mail(from, international).await?;
        self.rcpt(to).await?;
        self.data(bytes).await.map(|_| ())
    }

    /// Names the sender; gives the relay's reply.
    pub(super) async fn mail(&mut self, from: &Address, international: bool) -> Result<String, Fault> {
        let parameters = if international { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        self.command(Stage::Mail, Mail::new(Some(from.clone()), parameters)).await
    }

    /// Names the recipient; gives the relay's reply.
    pub(super) async fn rcpt(&mut self, to: &Address) -> Result<String, Fault> {
        self.command(Stage::Rcpt, Rcpt::new(to.clone(), Vec::new())).await
    }

    /// Sends the message; gives the relay's reply, by which it takes responsibility.
    pub(super) async fn data(&mut self, bytes: &[u8]) -> Result<String, Fault> {
        let go_on = within(Stage::Data, self.patience, self.connection.command(Data)).await?;
        expect(Stage::Data, Severity::PositiveIntermediate, &go_on)?;
        let answer = within(Stage::Content, CONTENT_PATIENCE * self.patience, self.connection.message(bytes)).await?;
        expect(Stage::Content, Severity::PositiveCompletion, &answer)?;
        Ok(told(&answer))
    }

    /// Whether the relay takes this sender.
    pub(super) async fn check_sender(&mut self, from: &Address) -> Result<(), Fault> {
        self.mail(from, false).await?;
        self.reset().await
    }

    /// Forgets a message that was begun.
    pub(super) async fn reset(&mut self) -> Result<(), Fault> {
        self.command(Stage::Mail, Rset).await.map(|_| ())
    }

    /// Says good-bye.
    pub(super) async fn close(mut self) {
        // The connection is dropped either way; who does not answer is not waited for.
        let _ = timeout(CLOSE_TIMEOUT, self.connection.quit()).await;
    }

    async fn command(&mut self, stage: Stage, command: impl Display) -> Result<String, Fault> {
        let reply = within(stage, self.patience, self.connection.command(command)).await?;
        expect(stage, Severity::PositiveCompletion, &reply)?;
        Ok(told(&reply))
    }
}

/// lettre takes any 2yz or 3yz for a success; a 354 to a whole message is none (RFC 5321, 4.3.2). Whatever the relay means by
/// it, the dialogue is out of step.
fn expect(stage: Stage, severity: Severity, reply: &Response) -> Result<(), Fault> {
    if reply.code().severity == severity {
        return Ok(());
    }
    Err(broken(stage, &format!("the answer {} does not belong here", u16::from(reply.code()))))
}

async fn connect(relay: &Relay) -> Result<AsyncSmtpConnection, Fault> {
    if let Encryption::Wrapped(tls) = &relay.encryption {
        let server = (relay.host.as_str(), relay.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &relay.hello, Some(tls.clone()), None);
        return within(Stage::Connect, relay.patience, connecting).await;
    }
    let stream = tcp(relay).await.map_err(|error| broken(Stage::Connect, &error.to_string()))?;
    let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(Bounded::new(stream)), &relay.hello);
    within(Stage::Connect, relay.patience, greeting).await
}

/// A connection to the first of the relay's addresses that takes one.
pub(super) async fn tcp(relay: &Relay) -> io::Result<TcpStream> {
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

/// A reply as people read it.
fn told(reply: &Response) -> String {
    format!("{} {}", u16::from(reply.code()), reply.message().collect::<Vec<_>>().join(" "))
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

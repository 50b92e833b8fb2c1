//! The dialogue of one mail, step by step, and what to do where it fails.

use std::io;

use super::session::{Session, tcp};
use super::settings::{Encryption, Relay};
use crate::classify::{Fault, Stage, Trouble};
use crate::{Dialogue, Dkim, Message, SendError};

/// Goes as far as it can; a message comes with its bytes.
pub(super) async fn diagnose(
    relay: &Relay,
    dkim: Option<&Dkim>,
    message: Option<(&Message, Result<Vec<u8>, SendError>)>,
) -> Dialogue {
    let mut dialogue = Dialogue::default();
    // The first step that fails is the last one.
    let _ = steps(&mut dialogue, relay, dkim, message).await;
    dialogue
}

async fn steps(
    dialogue: &mut Dialogue,
    relay: &Relay,
    dkim: Option<&Dkim>,
    message: Option<(&Message, Result<Vec<u8>, SendError>)>,
) -> Option<()> {
    let (host, port) = (&relay.host, relay.port);
    match tcp(relay).await {
        Ok(stream) => {
            let address = stream.peer_addr().map_or_else(|_| String::new(), |address| format!(" at {address}"));
            dialogue.fine("connect", format!("{host} port {port}{address}"));
        }
        Err(error) => {
            dialogue.failed("connect", format!("{host} port {port}: {error}"), unreachable(&error));
            return None;
        }
    }
    let mut session = or_told(dialogue, relay, Session::greet(relay).await)?;
    or_told(dialogue, relay, session.secure(relay).await)?;
    match &relay.encryption {
        _ if session.is_encrypted() => {
            let way =
                if matches!(relay.encryption, Encryption::Wrapped(_)) { "from the first byte" } else { "by STARTTLS" };
            dialogue.fine("TLS", format!("{way}, 1.2 or newer; the certificate is valid for {host}"));
        }
        Encryption::None => dialogue.doubtful(
            "TLS",
            "none, as KARIBU_SMTP_URL says (tls=none)",
            "only right for a relay on this machine: others on the way can read the mails",
        ),
        _ => dialogue.doubtful(
            "TLS",
            "none: the relay does not offer it, and KARIBU_SMTP_URL says tls=opportunistic",
            "leave tls= away to send nothing without TLS",
        ),
    }
    let capabilities = or_told(dialogue, relay, session.capabilities(relay).await)?;
    dialogue.fine("EHLO", capabilities.join(", "));
    sign_in(dialogue, relay, &mut session).await?;
    let sign = |dialogue: &mut Dialogue| match dkim {
        Some(dkim) => dialogue.fine(
            "DKIM",
            format!("signed; {}._domainkey.{} must be TXT {}", dkim.selector(), relay.from.domain(), dkim.record()),
        ),
        None => dialogue.doubtful(
            "DKIM",
            "not signed here",
            "fine if the relay signs; else set KARIBU_DKIM_KEY and KARIBU_DKIM_SELECTOR",
        ),
    };
    let Some((message, bytes)) = message else {
        or_told(dialogue, relay, session.check_sender(&relay.from).await)?;
        dialogue.fine("MAIL", format!("the sender {} is taken", relay.from));
        sign(dialogue);
        session.close().await;
        return Some(());
    };
    let (from, to, bytes) = match (message.sender(), message.recipient(), bytes) {
        (Ok(from), Ok(to), Ok(bytes)) => (from, to, bytes),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            dialogue.failed("message", error.to_string(), "give an address such as desk@example.org");
            return None;
        }
    };
    let international = !(from.as_ref() as &str).is_ascii() || !(to.as_ref() as &str).is_ascii();
    let reply = or_told(dialogue, relay, session.mail(&from, international).await)?;
    dialogue.fine("MAIL", format!("{from}: {reply}"));
    let reply = or_told(dialogue, relay, session.rcpt(&to).await)?;
    dialogue.fine("RCPT", format!("{to}: {reply}"));
    sign(dialogue);
    let reply = or_told(dialogue, relay, session.data(&bytes).await)?;
    dialogue.fine("message", format!("{} bytes: {reply}", bytes.len()));
    session.close().await;
    Some(())
}

async fn sign_in(dialogue: &mut Dialogue, relay: &Relay, session: &mut Session) -> Option<()> {
    if relay.credentials.is_none() {
        dialogue.fine("AUTH", "no user and password are set");
        return Some(());
    }
    let mechanism = session.mechanism().map_or_else(String::new, |mechanism| format!("{mechanism}: "));
    or_told(dialogue, relay, session.sign_in(relay).await)?;
    dialogue.fine("AUTH", format!("{mechanism}user and password are right"));
    Some(())
}

fn or_told<T>(dialogue: &mut Dialogue, relay: &Relay, done: Result<T, Fault>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(fault) => {
            let (name, advice) = advise(relay, &fault);
            let told = match &fault.trouble {
                Trouble::Reply(code, text) => format!("{code} {text}"),
                Trouble::Broken(text) => text.clone(),
            };
            dialogue.failed(name, told, advice);
            None
        }
    }
}

fn unreachable(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nobody listens there: check host and port in KARIBU_SMTP_URL, and that the relay runs"
        }
        io::ErrorKind::Other | io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable => {
            "no answer: a firewall is in the way, or the host is wrong (many networks close port 25: use 587 or 465)"
        }
        _ => "check the host's name in KARIBU_SMTP_URL, and this machine's name service",
    }
}

/// The step that failed, and what to do.
fn advise(relay: &Relay, fault: &Fault) -> (&'static str, &'static str) {
    let wrapped = matches!(relay.encryption, Encryption::Wrapped(_));
    let (code, text) = match &fault.trouble {
        Trouble::Reply(code, text) => (Some(*code), text.as_str()),
        Trouble::Broken(text) => (None, text.as_str()),
    };
    match (fault.stage, code) {
        // Without STARTTLS, a handshake is part of the connection.
        (Stage::Tls, None) => ("TLS", tls(wrapped, text)),
        (Stage::Connect, None) if wrapped => ("TLS", tls(wrapped, text)),
        (Stage::Tls, Some(_)) => {
            ("TLS", "the relay does not begin TLS: its operator must mend that, or use smtps:// with port 465")
        }
        (Stage::Connect, Some(_)) => {
            ("EHLO", "the relay does not serve this machine now: its answer says why, its operator can tell more")
        }
        (Stage::Connect, None) => (
            "EHLO",
            "the relay closed or kept silent: if the port is 465, write smtps:// in KARIBU_SMTP_URL; else ask its operator",
        ),
        (Stage::Auth, Some(535 | 534 | 500..=504)) => (
            "AUTH",
            "user or password in KARIBU_SMTP_URL is wrong: write @ : / and % in them as %40 %3A %2F and %25; some providers want \
             a password made for programs",
        ),
        (Stage::Auth, Some(_)) => ("AUTH", "the relay cannot check the password now: try again, then ask its operator"),
        (Stage::Auth, None) => (
            "AUTH",
            "the relay offers no way to sign in by password (AUTH PLAIN or LOGIN) here: use the port for submission, 587 or 465, or \
             leave user and password away",
        ),
        (Stage::Mail, Some(530)) => {
            ("MAIL", "the relay wants a user and a password: write smtp://user:password@… in KARIBU_SMTP_URL")
        }
        (Stage::Mail, Some(_)) => (
            "MAIL",
            "the relay does not take this sender: set KARIBU_MAIL_FROM to an address that this account may send from",
        ),
        (Stage::Rcpt, Some(400..=499)) => (
            "RCPT",
            "the relay takes no mail for this address now, perhaps because it does not know us yet: Karibu tries again by itself",
        ),
        (Stage::Rcpt, Some(_)) if matches!(fault.judge(""), SendError::Refused(_)) => {
            ("RCPT", "there is no such recipient: check the address")
        }
        (Stage::Rcpt, Some(_)) => (
            "RCPT",
            "the relay does not pass mails on for us: set user and password in KARIBU_SMTP_URL, or ask its operator to allow this \
             machine",
        ),
        (Stage::Content | Stage::Data, Some(552)) => {
            ("message", "the message is too large for the relay: ask its operator")
        }
        (Stage::Content | Stage::Data, Some(500..)) => (
            "message",
            "the relay does not like the message: its answer says why; check the SPF, DKIM and DMARC records of the sender's domain",
        ),
        (Stage::Content | Stage::Data, Some(_)) => {
            ("message", "the relay takes no message now: Karibu tries again by itself")
        }
        (Stage::Mail, None) => ("MAIL", LOST),
        (Stage::Rcpt, None) => ("RCPT", LOST),
        (Stage::Content | Stage::Data, None) => ("message", LOST),
    }
}

const LOST: &str = "the relay broke the connection or did not answer: try again, then ask its operator";

fn tls(wrapped: bool, text: &str) -> &'static str {
    let about = |word: &str| text.to_lowercase().contains(word);
    if about("not valid for name") {
        "the certificate is for another name: write the relay's name as its certificate has it into KARIBU_SMTP_URL"
    } else if about("expired") {
        "the relay's certificate has ended: its operator must renew it (if it has not, check this machine's clock)"
    } else if about("unknownissuer") {
        "nobody that this machine trusts has signed the relay's certificate: if the relay has an authority of its own, name that \
         authority's certificate in KARIBU_CA_FILE"
    } else if about("no starttls") {
        "use a port with TLS (587, or smtps:// with 465); only for a relay on this machine write ?tls=none"
    } else if wrapped {
        "no TLS could be agreed on: if the port is 587 or 25, write smtp:// (which begins TLS by STARTTLS) instead of smtps://"
    } else {
        "no TLS could be agreed on: ask the relay's operator whether it speaks TLS 1.2 or newer"
    }
}

//! What a relay's reply means for the mail (RFC 5321 §4.2, enhanced codes by RFC 3463).
//!
//! A mail is parked at once only when the reply concerns its recipient or the message itself. Everything else may be
//! mended without touching the mail, so it is retried: a wrong password or a sender that the relay does not like would
//! otherwise park every mail of the day.

use std::fmt;

use crate::SendError;

/// Longest text that is kept of an error, in characters.
pub const MAX_TEXT: usize = 200;

/// The part of the SMTP dialogue in which something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connecting, and the greeting.
    Connect,
    /// TLS, at once or by STARTTLS.
    Tls,
    /// Signing in.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the message.
    Data,
    /// The reply to the message.
    Content,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "message",
        })
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A negative reply: its code, and its text (which begins with the enhanced code, if the relay has them).
    Reply(u16, String),
    /// The connection failed, broke or was silent for too long.
    Broken(String),
}

/// Something that went wrong at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub stage: Stage,
    /// What.
    pub trouble: Trouble,
}

impl Fault {
    /// Whether the connection cannot be used any more (421 is the relay's good-bye, RFC 5321 §3.8).
    pub fn ends_the_connection(&self) -> bool {
        matches!(self.trouble, Trouble::Broken(_) | Trouble::Reply(421, _))
    }

    /// What it means for a mail to `recipient`, whose address is kept out of the text.
    pub fn judge(&self, recipient: &str) -> SendError {
        let stage = self.stage;
        match &self.trouble {
            Trouble::Broken(text) => SendError::Relay(scrub(&format!("{stage}: {text}"), recipient)),
            Trouble::Reply(code, reply) => {
                let text = scrub(&format!("{stage}: {code} {reply}"), recipient);
                match verdict(stage, *code, enhanced(reply)) {
                    Verdict::Refused => SendError::Refused(text),
                    Verdict::Temporary => SendError::Temporary(text),
                    Verdict::Relay => SendError::Relay(text),
                }
            }
        }
    }
}

enum Verdict {
    Refused,
    Temporary,
    Relay,
}

fn verdict(stage: Stage, code: u16, enhanced: Option<(u16, u16)>) -> Verdict {
    // The relay closes, wants a password, or does not let us; and some tell about a bad sender only at RCPT.
    let relay = matches!(stage, Stage::Connect | Stage::Tls | Stage::Auth | Stage::Mail)
        || matches!((code, enhanced), (421 | 530..=539, _) | (500.., Some((7, _) | (1, 7 | 8))));
    let refused = matches!((code, enhanced), (551..=553, _) | (500.., Some((1 | 2, _))))
        || (stage == Stage::Rcpt && code == 550 && enhanced.is_none());
    if relay {
        Verdict::Relay
    } else if refused {
        Verdict::Refused
    } else {
        Verdict::Temporary
    }
}

/// Subject and detail of an enhanced code of class 5 or 4 at the beginning of a reply's text: `5.1.1 …` is (1, 1).
fn enhanced(reply: &str) -> Option<(u16, u16)> {
    let word = reply.split_whitespace().next()?;
    let mut parts = word.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<u16>().ok().filter(|_| part.len() <= 3);
    (matches!(class, "4" | "5") && parts.next().is_none()).then_some((number(subject)?, number(detail)?))
}

/// A text that can be kept and logged: one line of at most [`MAX_TEXT`] characters, without mail addresses and without the
/// recipient's local part, which some relays repeat alone.
pub fn scrub(text: &str, recipient: &str) -> String {
    let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local).to_lowercase();
    let tells = |word: &str| word.contains('@') || (local.chars().count() > 2 && word.to_lowercase().contains(&local));
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if tells(word) { "(address)" } else { word });
    }
    shorten(&line, MAX_TEXT)
}

/// At most `max` characters; a cut is shown by an ellipsis.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(stage: Stage, code: u16, text: &str) -> &'static str {
        let fault = Fault { stage, trouble: Trouble::Reply(code, text.to_owned()) };
        match fault.judge("t.banda@example.org") {
            SendError::Refused(_) => "parked",
            SendError::Temporary(_) => "retried",
            SendError::Relay(_) => "relay fault",
        }
    }

    #[test]
    fn only_what_concerns_recipient_or_message_is_parked_at_once() {
        use Stage::{Auth, Connect, Content, Data, Mail, Rcpt, Tls};
        let table = [
            (Connect, 554, "No SMTP service here", "relay fault"),
            (Connect, 421, "too busy", "relay fault"),
            (Tls, 454, "TLS not available", "relay fault"),
            (Auth, 535, "5.7.8 Error: authentication failed", "relay fault"),
            (Auth, 550, "5.1.1 odd", "relay fault"),
            (Auth, 454, "4.7.0 Temporary authentication failure", "relay fault"),
            (Mail, 550, "5.1.0 Sender rejected", "relay fault"),
            (Mail, 553, "5.1.8 Domain of sender address does not exist", "relay fault"),
            (Mail, 552, "5.3.4 Message size exceeds fixed limit", "relay fault"),
            (Mail, 451, "4.3.0 try later", "relay fault"),
            (Mail, 530, "5.7.0 Must issue a STARTTLS command first", "relay fault"),
            (Rcpt, 550, "5.1.1 <x>: Recipient address rejected: User unknown", "parked"),
            (Rcpt, 550, "5.1.10 Recipient not found", "parked"),
            (Rcpt, 550, "5.2.1 Mailbox disabled", "parked"),
            (Rcpt, 554, "5.1.2 Host unknown", "parked"),
            (Rcpt, 550, "No such user here", "parked"),
            (Rcpt, 551, "User not local", "parked"),
            (Rcpt, 552, "5.2.2 Mailbox full", "parked"),
            (Rcpt, 553, "Mailbox name not allowed", "parked"),
            (Rcpt, 553, "5.1.8 Sender address rejected: Domain not found", "relay fault"),
            (Rcpt, 550, "5.1.7 Bad sender's mailbox address syntax", "relay fault"),
            (Rcpt, 554, "5.7.1 <x>: Relay access denied", "relay fault"),
            (Rcpt, 550, "5.7.1 Relaying denied", "relay fault"),
            (Rcpt, 553, "5.7.1 Sender address not owned", "relay fault"),
            (Rcpt, 530, "Authentication required", "relay fault"),
            (Rcpt, 538, "Encryption required", "relay fault"),
            (Rcpt, 550, "5.4.1 Recipient address rejected: Access denied", "retried"),
            (Rcpt, 554, "Transaction failed", "retried"),
            (Rcpt, 450, "4.7.1 Greylisted", "retried"),
            (Rcpt, 452, "4.2.2 Mailbox full", "retried"),
            (Rcpt, 421, "4.3.2 shutting down", "relay fault"),
            (Rcpt, 503, "5.5.1 Error: need MAIL command", "retried"),
            (Data, 554, "5.5.1 Error: no valid recipients", "retried"),
            (Data, 451, "4.3.5 Server configuration error", "retried"),
            (Content, 552, "Message exceeds fixed limit", "parked"),
            (Content, 552, "5.3.4 Message too big", "parked"),
            (Content, 554, "5.2.3 Message too long for this mailbox", "parked"),
            (Content, 550, "Looks like spam", "retried"),
            (Content, 550, "5.7.1 Message contains spam", "relay fault"),
            (Content, 554, "5.6.0 Corrupt message", "retried"),
            (Content, 452, "4.3.1 Insufficient system storage", "retried"),
        ];
        for (stage, code, text, expected) in table {
            assert_eq!(judged(stage, code, text), expected, "{stage}: {code} {text}");
        }
    }

    #[test]
    fn a_broken_connection_is_the_relays_fault_at_every_stage() {
        for stage in [Stage::Connect, Stage::Auth, Stage::Mail, Stage::Rcpt, Stage::Content] {
            let fault = Fault { stage, trouble: Trouble::Broken("connection reset".to_owned()) };
            assert!(matches!(fault.judge("a@b.c"), SendError::Relay(_)));
            assert!(fault.ends_the_connection());
        }
    }

    #[test]
    fn the_text_keeps_the_reason_and_drops_the_address() {
        let reply = "5.1.1 <t.banda@example.org>:\r\nRecipient T.Banda unknown\u{7}";
        let fault = Fault { stage: Stage::Rcpt, trouble: Trouble::Reply(550, reply.to_owned()) };
        assert_eq!(
            fault.judge("T.Banda@example.org").to_string(),
            "RCPT: 550 5.1.1 (address) Recipient (address) unknown"
        );
    }

    proptest! {
        #[test]
        fn no_kept_text_holds_an_address_or_a_line_break(text in ".{0,400}", local in "[a-z]{3,9}") {
            let recipient = format!("{local}@example.org");
            let kept = scrub(&format!("{text} {recipient} {text}"), &recipient);
            prop_assert!(kept.chars().count() <= MAX_TEXT);
            prop_assert!(!kept.contains('@'));
            prop_assert!(!kept.chars().any(char::is_control));
        }
    }
}

//! A mail as the wire knows it: RFC 5322 headers, a text and an HTML part (RFC 2046 `multipart/alternative`).

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::SendError;
use crate::classify::{scrub, shorten};

/// Longest subject, in characters: more is cut by most readers anyway.
const MAX_SUBJECT: usize = 150;

/// Longest display name, in characters.
const MAX_NAME: usize = 100;

/// Longest technical header value (slug, request id, list id, thread), in characters.
const MAX_TOKEN: usize = 200;

/// Longest list of such values: fifty ids.
const MAX_TOKENS: usize = 2_000;

/// A mail address and the name shown with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Display name.
    pub name: Option<String>,
    /// Address.
    pub address: String,
}

/// A whole message. Whatever its fields hold, no header can be added or broken by them: control characters, line breaks
/// and bidi controls become spaces in headers, long texts are cut, non-ASCII is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `<…@…>`.
    pub message_id: String,
    /// Sender.
    pub from: Person,
    /// The one recipient's address.
    pub to: String,
    /// Where answers go.
    pub reply_to: Option<Person>,
    /// Subject.
    pub subject: String,
    /// Plain text part.
    pub text: String,
    /// HTML part.
    pub html: String,
    /// `<…>` of RFC 2919, so that people can sort their mail by it.
    pub list_id: String,
    /// Message-ID that the mails of one thread refer to; it need not exist.
    pub references: Option<String>,
    /// Slug of the event; empty if it is about none.
    pub event: String,
    /// What it tells: the word of a [`Kind`](registration::notification::Kind), `test` or `alarm`.
    pub kind: &'static str,
    /// Ids of the requests that caused it, with spaces between them; empty if none did.
    pub request_id: String,
    /// `Date`.
    pub date: Timestamp,
}

impl Message {
    /// The message as RFC 5322 bytes: ASCII only but for non-ASCII addresses, lines of at most 998 characters. Fails with
    /// [`SendError::Refused`] if the recipient, and with [`SendError::Relay`] if the sender has no address that can be
    /// written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SendError> {
        let from = Mailbox::new(display_name(&self.from), self.sender()?);
        let to = Mailbox::new(None, self.recipient()?);
        // An answer can always go to the sender, so an unusable Reply-To is no reason to keep the mail back.
        let reply_to = self
            .reply_to
            .as_ref()
            .and_then(|person| Some(Mailbox::new(display_name(person), address(&person.address)?)));

        let mut builder = lettre::Message::builder()
            .from(from)
            .to(to)
            .subject(header_text(&self.subject, MAX_SUBJECT))
            .date(SystemTime::from(self.date))
            .message_id(Some(header_token(&self.message_id)));
        if let Some(reply_to) = reply_to {
            builder = builder.reply_to(reply_to);
        }
        if let Some(thread) = self.references.as_deref().map(header_token) {
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        for (name, value) in [
            ("List-Id", self.list_id.as_str()),
            ("Auto-Submitted", "auto-generated"),
            ("X-Karibu-Event", &self.event),
            ("X-Karibu-Kind", self.kind),
        ] {
            if !value.is_empty() {
                builder =
                    builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), header_token(value)));
            }
        }
        if !self.request_id.is_empty() {
            let requests = HeaderName::new_from_ascii_str("X-Karibu-Request");
            builder = builder.raw_header(HeaderValue::new(requests, header_tokens(&self.request_id)));
        }

        // "=_" cannot stand in quoted-printable nor base64, so the boundary cannot stand in a part that is encoded; in one
        // that is not, it would have to guess the Message-ID.
        let local = self.message_id.split('@').next().unwrap_or_default();
        let id: String = local.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let parts = MultiPart::alternative()
            .boundary(format!("=_karibu_{id}"))
            .singlepart(SinglePart::plain(canonical(&self.text)))
            .singlepart(SinglePart::html(canonical(&self.html)));
        let message =
            builder.multipart(parts).map_err(|error| SendError::Refused(scrub(&error.to_string(), &self.to)))?;
        Ok(message.formatted())
    }

    /// The sender's address for the envelope.
    pub(crate) fn sender(&self) -> Result<Address, SendError> {
        address(&self.from.address)
            .ok_or_else(|| SendError::Relay("the sender's mail address cannot be used".to_owned()))
    }

    /// The recipient's address for the envelope.
    pub(crate) fn recipient(&self) -> Result<Address, SendError> {
        address(&self.to).ok_or_else(|| SendError::Refused("the recipient's mail address cannot be used".to_owned()))
    }
}

/// An address as SMTP writes it: an internationalised domain in ASCII (RFC 5891), so that every relay takes it.
pub(crate) fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.trim().rsplit_once('@')?;
    if text.chars().any(char::is_control) {
        return None;
    }
    let domain = if domain.is_ascii() { domain.to_owned() } else { url::Host::parse(domain).ok()?.to_string() };
    Address::new(local, domain).ok()
}

/// Text as a message holds it: lines end with CRLF, a CR or LF stands nowhere else, and a NUL not at all (RFC 5322, 2.1 and
/// 3.1): relays refuse what could be read as two mails. lettre would make the ends of lines, too, moving the rest of the text
/// for each, and leave a CR alone.
fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len() + text.len() / 16);
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\n' if before == '\r' => {}
            '\r' | '\n' => canonical.push_str("\r\n"),
            '\0' => canonical.push('\u{fffd}'),
            _ => canonical.push(c),
        }
        before = c;
    }
    canonical
}

fn display_name(person: &Person) -> Option<String> {
    person.name.as_deref().map(|name| header_text(name, MAX_NAME)).filter(|name| !name.is_empty())
}

/// Text for a header: one line, without what could break it or change its direction.
pub(crate) fn header_text(text: &str, max: usize) -> String {
    let plain = |c: char| if c.is_control() || is_line_break(c) || is_bidi_control(c) { ' ' } else { c };
    let line: String = text.chars().map(plain).collect();
    shorten(&line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "), max)
}

/// A technical value: visible ASCII only.
fn header_token(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(MAX_TOKEN).collect()
}

/// Technical values with spaces between them, at most [`MAX_TOKENS`] characters of them.
fn header_tokens(text: &str) -> String {
    let mut tokens = String::new();
    for token in text.split_whitespace().map(header_token).filter(|token| !token.is_empty()) {
        if tokens.len() + token.len() >= MAX_TOKENS {
            break;
        }
        if !tokens.is_empty() {
            tokens.push(' ');
        }
        tokens.push_str(&token);
    }
    tokens
}

/// Line and paragraph separator, which some readers break lines at.
pub(crate) const fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates (UAX 9), by which a text can lie about its order. Marks (U+200E, U+200F, U+061C) are
/// left: Arabic needs them.
pub(crate) const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::message;

    fn headers(bytes: &[u8]) -> Vec<String> {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n").map(str::to_owned).collect()
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        headers(bytes).iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_headers_are_those_that_people_sort_by() {
        let bytes = message().to_bytes().unwrap();
        insta::assert_snapshot!(headers(&bytes).join("\n"));
    }

    #[test]
    fn the_same_message_gives_the_same_bytes() {
        assert_eq!(message().to_bytes(), message().to_bytes());
    }

    #[test]
    fn a_name_cannot_add_a_header_or_a_recipient() {
        let evil = "Thoko\r\nBcc: victim@example.org\r\n\r\n<script>\", <victim@example.org>";
        let reply_to = Some(Person { name: Some(evil.to_owned()), address: "t@example.org".to_owned() });
        let bytes = Message { reply_to, subject: evil.to_owned(), ..message() }.to_bytes().unwrap();
        let head = headers(&bytes);
        assert!(!head.iter().any(|line| line.starts_with("Bcc")), "{head:#?}");
        assert_eq!(head.len(), headers(&message().to_bytes().unwrap()).len());
        // Outside of the encoded words stands one address only.
        let reply_to = head.iter().find(|line| line.starts_with("Reply-To")).unwrap();
        assert_eq!(reply_to.matches('<').count(), 1, "{reply_to}");
        assert!(reply_to.ends_with("?= <t@example.org>"), "{reply_to}");
    }

    #[test]
    fn an_address_that_cannot_be_written_parks_the_mail() {
        for bad in ["", "nobody", "a@b@", "a b@example.org", "a@example.org\r\nRCPT TO:<c@d.e>", "a@\u{202e}evil"] {
            let refused = Message { to: bad.to_owned(), ..message() }.to_bytes();
            assert!(matches!(refused, Err(SendError::Refused(_))), "{bad:?}: {refused:?}");
        }
        let bad_from = Person { name: None, address: "nobody".to_owned() };
        assert!(matches!(Message { from: bad_from, ..message() }.to_bytes(), Err(SendError::Relay(_))));
    }

    #[test]
    fn an_international_domain_is_written_in_ascii() {
        assert_eq!(address("anna@bücher.example").unwrap().to_string(), "anna@xn--bcher-kva.example");
    }

    #[test]
    fn every_end_of_a_line_is_one_on_the_wire() {
        assert_eq!(canonical("a\rb\nc\r\nd\r\re\n\nf\r"), "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nf\r\n");
        let bytes = Message { text: "\r ".to_owned(), ..message() }.to_bytes().unwrap();
        let ends = |end: &str| std::str::from_utf8(&bytes).unwrap().matches(end).count();
        assert_eq!((ends("\r"), ends("\n")), (ends("\r\n"), ends("\r\n")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_text_can_break_the_headers_or_a_line(
            subject in "\\PC{0,60}|[ -~\r\n\t]{0,300}|.{0,80}",
            name in "[\\w \"<>@,;:\\\\\r\n]{0,300}|.{0,200}",
            slug in "[a-z].{0,300}",
            text in "(.|\n){0,300}|[a-z]{0,3000}",
        ) {
            let person = |address: &str| Person { name: Some(name.clone()), address: address.to_owned() };
            let sample = message();
            let hostile = Message {
                subject: subject.clone(),
                from: person("desk@example.org"),
                reply_to: Some(person("t@example.org")),
                list_id: slug.clone(),
                references: Some(slug.clone()),
                event: slug.clone(),
                request_id: slug,
                html: format!("<p>{text}</p>"),
                text,
                ..sample.clone()
            };
            let bytes = hostile.to_bytes().unwrap();
            prop_assert_eq!(names(&bytes), names(&sample.to_bytes().unwrap()));
            prop_assert!(bytes.is_ascii());
            prop_assert!(!bytes.contains(&0));
            for line in bytes.split(|byte| *byte == b'\n') {
                prop_assert!(line.len() <= 999, "{} bytes", line.len());
                prop_assert!(line.is_empty() || line.ends_with(b"\r"), "a bare line feed");
                let content = line.strip_suffix(b"\r").unwrap_or(line);
                prop_assert!(!content.contains(&b'\r'), "a bare carriage return");
            }
        }
    }
}

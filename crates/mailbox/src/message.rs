//! A mail as it is shown: what its bytes say, as text, to be escaped by the templates.

use mail_parser::{Address, DateTime, Message, MessageParser, MimeHeaders as _, PartType};

/// Longest header value that is shown, in characters.
const MAX_VALUE: usize = 2_000;

/// Most headers in the list of all headers.
const MAX_HEADERS: usize = 200;

/// The headers that Karibu itself tells things by, in the order they are shown.
const OWN: [&str; 6] =
    ["Message-ID", "References", "X-Karibu-Event", "X-Karibu-Kind", "X-Karibu-Request", "Auto-Submitted"];

/// A line of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) when: String,
    pub(crate) kind: String,
}

/// A mail in full.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) line: Line,
    pub(crate) reply_to: String,
    /// Karibu's own headers that are there.
    pub(crate) own: Vec<(&'static str, String)>,
    /// All headers as they were sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: Option<String>,
    pub(crate) has_html: bool,
    pub(crate) attachments: Vec<Attachment>,
}

/// What is said about an attachment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// Its number in the mail, from 0.
    pub(crate) number: u32,
    /// The sender's name for it.
    pub(crate) name: String,
    pub(crate) bytes: usize,
}

/// The line of a mail, of which the beginning is enough.
pub(crate) fn line(name: &str, head: &[u8]) -> Line {
    match MessageParser::default().parse_headers(head) {
        Some(message) => line_of(name, &message),
        None => Line { name: name.to_owned(), ..Line::default() },
    }
}

/// A mail in full. A broken one is shown as far as it can be read.
pub(crate) fn mail(name: &str, bytes: &[u8]) -> Mail {
    let Some(message) = MessageParser::default().parse(bytes) else {
        return Mail { line: line(name, b""), ..Mail::default() };
    };
    let own = OWN.into_iter().filter_map(|name| Some((name, short(message.header_raw(name)?.trim()))));
    let headers = message.headers_raw().take(MAX_HEADERS);
    let attachments = message.attachments().zip(0..).map(|(part, number)| Attachment {
        number,
        name: short(part.attachment_name().unwrap_or("without a name")),
        bytes: part.len(),
    });
    Mail {
        line: line_of(name, &message),
        reply_to: message.reply_to().map(addresses).unwrap_or_default(),
        own: own.collect(),
        headers: headers.map(|(name, value)| (short(name), short(value.trim()))).collect(),
        text: text(&message),
        has_html: html_of(&message).is_some(),
        attachments: attachments.collect(),
    }
}

/// The HTML part, if there is one. Its links open in a new tab, as a frame cannot show the pages they lead to.
pub(crate) fn html(bytes: &[u8]) -> Option<String> {
    let message = MessageParser::default().parse(bytes)?;
    let html = html_of(&message)?;
    let after_head = html.to_ascii_lowercase().find("<head>").map_or(0, |at| at + "<head>".len());
    let (start, rest) = html.split_at(after_head);
    // In front of a document type it would change how the whole is laid out.
    let base = if after_head > 0 { "<base target=\"_blank\">" } else { "" };
    Some(format!("{start}{base}{rest}"))
}

/// The content of an attachment.
pub(crate) fn attachment(bytes: &[u8], number: u32) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(bytes)?;
    Some(message.attachment(number)?.contents().to_vec())
}

fn line_of(name: &str, message: &Message<'_>) -> Line {
    let raw = |header: &str| message.header_raw(header).map(|value| short(value.trim())).unwrap_or_default();
    Line {
        name: name.to_owned(),
        subject: message.subject().map(short).unwrap_or_default(),
        from: message.from().map(addresses).unwrap_or_default(),
        to: message.to().map(addresses).unwrap_or_default(),
        when: message.date().filter(|date| date.is_valid()).map_or_else(|| raw("Date"), when),
        kind: raw("X-Karibu-Kind"),
    }
}

/// `2026-11-04 17:00 +02:00`: the sender's wall-clock time.
fn when(date: &DateTime) -> String {
    let DateTime { year, month, day, hour, minute, tz_hour, tz_minute, .. } = date;
    let sign = if date.tz_before_gmt { '-' } else { '+' };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} {sign}{tz_hour:02}:{tz_minute:02}")
}

fn addresses(list: &Address<'_>) -> String {
    let one = |address: &mail_parser::Addr<'_>| match (address.name(), address.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (name, address) => name.or(address).unwrap_or_default().to_owned(),
    };
    short(&list.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The text parts themselves; what the parser makes of an HTML part is none.
fn text(message: &Message<'_>) -> Option<String> {
    let parts: Vec<&str> = message
        .text_bodies()
        .filter_map(|part| match &part.body {
            PartType::Text(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn html_of<'m>(message: &'m Message<'m>) -> Option<&'m str> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.as_ref()),
        _ => None,
    })
}

/// A value cut to what a person can read.
fn short(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

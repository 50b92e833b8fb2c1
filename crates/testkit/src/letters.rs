//! The mails of a test, read from a folder of `.eml` files.

use std::path::Path;

use mail_parser::{MessageParser, MimeHeaders};

use crate::serve::wait_for;

/// A mail as a mail program shows it.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Recipient.
    pub to: String,
    /// Subject, decoded.
    pub subject: String,
    /// Message-ID without angle brackets.
    pub message_id: String,
    /// Reply-To, if any.
    pub reply_to: Option<String>,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// How many parts are attachments.
    pub attachments: usize,
    /// The mail as it is on the wire.
    pub raw: String,
}

impl Letter {
    /// Reads a mail (RFC 5322).
    pub fn read(raw: &[u8]) -> Self {
        let message = MessageParser::default().parse(raw).expect("it is a mail");
        let address = |address: Option<&mail_parser::Address<'_>>| {
            address.and_then(|all| all.first()).and_then(|one| one.address()).map(str::to_owned)
        };
        Self {
            to: address(message.to()).unwrap_or_default(),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            reply_to: address(message.reply_to()),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
            attachments: message.attachments().filter(|part| part.attachment_name().is_some()).count(),
            raw: String::from_utf8_lossy(raw).into_owned(),
        }
    }

    /// The first link of the text part that starts with `start`.
    pub fn link(&self, start: &str) -> String {
        let found = self.text.split_whitespace().find(|word| word.starts_with(start));
        found.unwrap_or_else(|| panic!("no link {start}… in {}", self.text)).to_owned()
    }
}

/// All mails of a folder, in the order of their file names.
pub fn letters(folder: &Path) -> Vec<Letter> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).map(|raw| Letter::read(&raw)).collect()
}

/// Waits until the folder holds at least `n` mails and gives all of them.
pub async fn wait_for_letters(folder: &Path, n: usize) -> Vec<Letter> {
    wait_for(&format!("{n} mails"), async || {
        let found = letters(folder);
        (found.len() >= n).then_some(found)
    })
    .await
}

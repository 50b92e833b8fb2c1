//! The mails that the relay took, read as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tokio::time::Instant;

use crate::smtp::received;

/// Everything that came since the beginning of a drill.
pub(super) struct Post {
    folder: PathBuf,
    last: u64,
    pub(super) mails: Vec<Mail>,
    /// When the first mail to an address came.
    first: BTreeMap<String, Instant>,
}

/// A mail that came, as often as it came.
pub(super) struct Mail {
    pub(super) message_id: String,
    pub(super) to: String,
    /// The references of registrations that it tells of.
    pub(super) references: BTreeSet<String>,
}

impl Post {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, last: 0, mails: Vec::new(), first: BTreeMap::new() }
    }

    /// Reads what has come, in its order, and removes it: hours of mails would fill a disk.
    pub(super) fn look(&mut self) {
        loop {
            let file = self.folder.join(format!("{:06}.eml", self.last + 1));
            if !file.exists() {
                return;
            }
            self.last += 1;
            let mail = received(&file);
            let letter = mail.letter();
            let references = letter.text.lines().filter_map(|line| line.strip_prefix("Reference:"));
            let references = references.map(|reference| reference.trim().to_owned()).collect();
            for to in mail.rcpt {
                self.first.entry(to.clone()).or_insert_with(Instant::now);
                self.mails.push(Mail {
                    message_id: letter.message_id.clone(),
                    to,
                    references: BTreeSet::clone(&references),
                });
            }
            // One that cannot be removed is read once all the same.
            let _ = (std::fs::remove_file(&file), std::fs::remove_file(file.with_extension("json")));
        }
    }

    /// When the first of these addresses got a mail.
    pub(super) fn first_to(&self, addresses: &BTreeSet<String>) -> Option<Instant> {
        addresses.iter().filter_map(|address| self.first.get(address)).min().copied()
    }

    /// Forgets what came so far.
    pub(super) fn forget(&mut self) {
        self.mails.clear();
        self.first.clear();
    }
}

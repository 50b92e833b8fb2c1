//! How many bytes of texts are in memory while forms come in and are answered: of one address, and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::recent::Client;

/// Bytes of all forms together.
const MOST: usize = 32 * 1024 * 1024;

/// The part of it that one address may have: one in so many, so that one hostile address cannot shut out all others.
const SHARE: usize = 4;

/// A form up to this many bytes has the last quarter of the room to itself, so that a few large ones cannot shut out those
/// that people fill in.
const SMALL: usize = 16 * 1024;

/// So many bytes are taken at once; most forms have no more.
const PIECE: usize = 4 * 1024;

/// How often, and after what pause each time, a form that found no room looks again.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Texts that are in memory.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_client: HashMap<Client, usize>,
}

impl Texts {
    /// The share of a form that begins to come in: nothing yet.
    pub(crate) fn share(&self, client: Client) -> Share {
        Share { held: self.held.clone(), client, bytes: 0 }
    }
}

/// What one form has of the room, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    held: Arc<Mutex<Held>>,
    client: Client,
    bytes: usize,
}

impl Share {
    /// Makes it at least so many bytes; false if there is no room, not even after a moment.
    pub(crate) async fn grow(&mut self, bytes: usize) -> bool {
        for _ in 0..LOOKS {
            if self.take(bytes) {
                return true;
            }
            sleep(PAUSE).await;
        }
        self.take(bytes)
    }

    fn take(&mut self, bytes: usize) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        let bytes = bytes.next_multiple_of(PIECE);
        let more = bytes - self.bytes;
        let most = if bytes <= SMALL { MOST } else { MOST / 4 * 3 };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = held.by_client.get(&self.client).copied().unwrap_or_default();
        if held.all + more > most || theirs + more > most / SHARE {
            return false;
        }
        held.all += more;
        held.by_client.insert(self.client, theirs + more);
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= self.bytes;
        if let Some(theirs) = held.by_client.get_mut(&self.client) {
            *theirs -= self.bytes;
            if *theirs == 0 {
                held.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 1024 * 1024;

    /// As many shares of so many bytes as there is room for.
    fn fill(texts: &Texts, client: u32, bytes: usize) -> Vec<Share> {
        let share = || {
            let mut share = texts.share(Client::V4(client));
            share.take(bytes).then_some(share)
        };
        std::iter::from_fn(share).collect()
    }

    #[test]
    fn one_address_has_a_part_and_all_together_no_more_than_there_is() {
        let texts = Texts::default();
        let mut all: Vec<Vec<Share>> = (0..10).map(|client| fill(&texts, client, LARGE)).collect();
        let counts: Vec<usize> = all.iter().map(Vec::len).collect();
        assert_eq!(counts, [6, 6, 6, 6, 0, 0, 0, 0, 0, 0]);
        let small = fill(&texts, 20, 3000);
        assert_eq!(small.len(), 2048, "what people fill in passes when large ones do not");
        assert!(fill(&texts, 20, 1).is_empty() && !texts.share(Client::V4(21)).take(LARGE));
        all.clear();
        assert_eq!(fill(&texts, 21, LARGE).len(), 6, "what was given back is there again");
        drop(small);
        assert_eq!(texts.held.lock().unwrap().all, 0);
        assert!(texts.held.lock().unwrap().by_client.is_empty(), "no address is remembered for nothing");
    }

    #[test]
    fn a_share_grows_and_what_does_not_fit_changes_nothing() {
        let texts = Texts::default();
        let mut share = texts.share(Client::V4(1));
        assert!(share.take(1) && share.take(PIECE) && share.bytes == PIECE);
        assert!(share.take(PIECE + 1) && share.bytes == 2 * PIECE);
        assert!(!share.take(MOST) && share.bytes == 2 * PIECE);
        assert!(share.take(3));
    }
}

//! `kill -9` in the middle of everything: people submit, files are on their way, mails are being sent.
//!
//! Whoever saw no answer sends the same form again once the server is back, as a browser does when its page is loaded again.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use testkit::registrant::{Registrant, location};
use testkit::serve::PATIENCE;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::books::{Entry, outbox_is_empty, reckon, somebody};
use crate::house::{Engine, House};

/// People who submit at the same time.
const CLIENTS: usize = 6;

/// Numbers that differ from run to run; the first is printed, so that a run can be told.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = RandomState::new().hash_one(std::process::id()) | 1;
        println!("the moments are chosen by seed {seed}");
        Self(seed)
    }

    /// A number below `n`: an xorshift generator (Marsaglia 2003).
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// One person after the other opens the form, fills it in and sends it, until the server is gone.
async fn submit_until_killed(person: Registrant, first: usize, answers: Arc<Notify>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for n in (first..).step_by(CLIENTS) {
        let Some(form) = person.try_open().await else { break };
        let (filled, file) = somebody(n);
        let answer = person.try_send(&form, &filled, file.as_ref()).await;
        let page = answer.ok().filter(|answer| answer.status() == StatusCode::SEE_OTHER).and_then(|a| location(&a));
        let answered = page.is_some();
        entries.push(Entry { form, filled, file, page });
        if !answered {
            break;
        }
        answers.notify_one();
    }
    entries
}

/// Sends forms again that were not answered, and some that were: those must lead to the same page. Everybody has a
/// connection, as everybody has a device.
async fn submit_again(house: &House, entries: &mut [Entry]) {
    let due = |(n, entry): &(usize, &Entry)| entry.page.is_none() || n % 5 == 0;
    let again: Vec<(usize, Entry)> = entries.iter().enumerate().filter(due).map(|(n, e)| (n, e.clone())).collect();
    let mut clients = JoinSet::new();
    for mine in again.chunks(again.len().div_ceil(CLIENTS).max(1)) {
        let (person, mine) = (house.person(), mine.to_vec());
        clients.spawn(async move {
            let mut pages = Vec::new();
            for (n, entry) in mine {
                pages.push((n, press_until_registered(&person, &entry).await));
            }
            pages
        });
    }
    for (n, page) in clients.join_all().await.into_iter().flatten() {
        if let Some(before) = &entries[n].page {
            assert_eq!(*before, page, "{} has one registration", entries[n].email());
        }
        entries[n].page = Some(page);
    }
}

/// Where the 303 leads. "Not now, press again" is no promise: a machine that is very busy may say it more than once.
async fn press_until_registered(person: &Registrant, entry: &Entry) -> String {
    for _ in 0..10 {
        let answer = person.send(&entry.form, &entry.filled, entry.file.as_ref()).await;
        match answer.status() {
            StatusCode::SEE_OTHER => return location(&answer).unwrap(),
            status => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{} is sent again", entry.email()),
        }
    }
    panic!("{} is refused again and again", entry.email());
}

async fn kill_again_and_again(engine: Engine, rounds: usize) {
    // Fewer than come, so that the last place is taken while the process dies, too.
    let mut house = House::open(engine, rounds as u32 * 8).await;
    let mut dice = Dice::new();
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..rounds {
        let first = entries.len();
        let answers = Arc::new(Notify::new());
        let submit = |client| tokio::spawn(submit_until_killed(house.person(), first + client, answers.clone()));
        let clients: Vec<_> = (0..CLIENTS).map(submit).collect();
        // Anywhere from the first answer on, while the others are on their way; a stalled machine may give none.
        let _ = tokio::time::timeout(PATIENCE, answers.notified()).await;
        tokio::time::sleep(Duration::from_millis(dice.below(1_200))).await;
        house.served.kill().await;
        let mut round = Vec::new();
        for client in clients {
            round.extend(client.await.unwrap());
        }
        house.served.start_again().await;
        submit_again(&house, &mut round).await;
        entries.append(&mut round);
    }
    outbox_is_empty(&house).await;
    let (counts, wrong) = reckon(&house, &entries).await;
    counts.note("`kill -9` while submitting, uploading and mailing", engine.name(), rounds);
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", house.served.log());
    assert!(counts.answered == entries.len() && counts.answered >= rounds, "{counts:?}");
}

mod sqlite {
    use super::{Engine, kill_again_and_again};

    #[tokio::test(flavor = "multi_thread")]
    async fn five_kills_lose_nothing() {
        kill_again_and_again(Engine::Sqlite, 5).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "minutes; ci/soak runs it"]
    async fn fifty_kills_lose_nothing() {
        kill_again_and_again(Engine::Sqlite, 50).await;
    }
}

mod postgres {
    use super::{Engine, kill_again_and_again};

    #[tokio::test(flavor = "multi_thread")]
    async fn five_kills_lose_nothing() {
        kill_again_and_again(Engine::Postgres, 5).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "minutes; ci/soak runs it"]
    async fn fifty_kills_lose_nothing() {
        kill_again_and_again(Engine::Postgres, 50).await;
    }
}

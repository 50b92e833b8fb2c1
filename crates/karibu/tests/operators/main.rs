//! What operators do: the real binary, real databases, registrations coming in meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backups;
mod check;
mod config;
mod moves;
mod terminal;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use registration::transfer::{Checksum, Snapshot, Summing, TABLES};
use store_sqlite::SqliteStore;
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, wait_for};
use tokio::task::JoinHandle;

/// The binary under test.
pub(crate) const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

/// A command of the binary in a folder of its own, with these settings and no others.
pub(crate) fn karibu(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(KARIBU);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .envs(settings.iter().map(|(name, value)| (format!("KARIBU_{name}"), value)));
    command
}

/// What it said, when it did what it was asked for.
pub(crate) fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one sentence of a refusal.
pub(crate) fn refused(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    text
}

/// Rows and checksums of every table.
pub(crate) async fn checksums(snapshot: &mut dyn Snapshot) -> Vec<(&'static str, Checksum)> {
    let mut sums = Vec::new();
    for table in &TABLES {
        let mut sum = Summing::default();
        snapshot.read(table, &mut sum).await.unwrap();
        sums.push((table.name, sum.finish()));
    }
    sums
}

/// The same of a SQLite file.
pub(crate) async fn of_sqlite(path: &Path) -> Vec<(&'static str, Checksum)> {
    let store = SqliteStore::open(path, 2).await.unwrap();
    let sums = checksums(&mut store.snapshot().await.unwrap()).await;
    store.close().await;
    sums
}

/// Rows of a table.
pub(crate) fn rows(sums: &[(&'static str, Checksum)], table: &str) -> u64 {
    sums.iter().find(|(name, _)| *name == table).unwrap().1.rows
}

/// Registers people with files.
pub(crate) async fn register(served: &Served, people: usize) {
    let person = Registrant::new(served.client(), &served.url(), "connect");
    for n in 0..people {
        let file = Attached::large_pdf("cv.pdf", if n % 3 == 0 { 700_000 } else { 20_000 });
        person.register(&Filled::sample(&format!("Person {n}")), Some(&file)).await;
    }
}

/// People who keep coming, with files, until they are told to stop.
pub(crate) struct Crowd {
    registered: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Four at a time.
    pub(crate) fn come(served: &Served) -> Self {
        let (registered, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let people = (0..4).map(|lane| {
            let person = Registrant::new(served.client(), &served.url(), "connect");
            let (registered, stop) = (registered.clone(), stop.clone());
            let log = served.data().join("../log.txt");
            tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    let file = Attached::large_pdf("cv.pdf", if n % 3 == 0 { 500_000 } else { 20_000 });
                    let form = person.open().await;
                    let answer = person.send(&form, &Filled::sample(&format!("Lane {lane} {n}")), Some(&file)).await;
                    assert_eq!(answer.status(), 303, "{:?}", std::fs::read_to_string(&log));
                    registered.fetch_add(1, Ordering::Relaxed);
                    n += 1;
                }
            })
        });
        Self { people: people.collect(), registered, stop }
    }

    /// How many are registered by now.
    pub(crate) fn registered(&self) -> usize {
        self.registered.load(Ordering::Relaxed)
    }

    /// Waits until so many are.
    pub(crate) async fn reaches(&self, people: usize) {
        wait_for("a crowd", async || (self.registered() >= people).then_some(())).await;
    }

    /// Ends it.
    pub(crate) async fn go_home(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.await.unwrap();
        }
        self.registered.load(Ordering::Relaxed)
    }
}

//! `karibu move`: everything from SQLite to PostgreSQL, in one transaction, proven equal before it counts.

use std::path::Path;

use async_trait::async_trait;
use registration::ports::{StoreError, StoreResult};
use registration::transfer::{Cell, Checksum, RowSink, Snapshot, Summing, TABLES, Table};
use store_postgres::{Ground, PostgresStore, TableImport};
use store_sqlite::{SqliteSnapshot, SqliteStore, copy};

use crate::backup::hex;
use crate::columns::{print, say};
use crate::folder::{DataFolder, lock};
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};
use crate::settings::values::{Database, database};
use crate::settings::{Settings, shown_url};
use crate::store;

/// Rows after which the progress is drawn.
const DRAWN: u64 = 64;

/// Moves to the PostgreSQL database `to`.
pub(crate) async fn run(to: &str, settings: &Settings) -> Outcome {
    let Database::Sqlite(path) = &settings.database else {
        return Err(Refusal::found(
            "`karibu move` carries a SQLite database to PostgreSQL, but KARIBU_DATABASE_URL names PostgreSQL already: unset it, \
             and set KARIBU_DATA_DIR to the folder that shall move",
        ));
    };
    let Ok(Database::Postgres(url)) = database(to) else {
        return Err(Refusal::called(
            "--to names no PostgreSQL database: give postgres://user:password@host:5432/database",
        ));
    };
    if !path.exists() {
        return Err(store::no_database(path));
    }
    let running = || {
        format!(
            "`karibu serve` uses {}: stop it first, so that nobody registers in a database that is left behind",
            path.display()
        )
    };
    // The locks that `serve` takes: none can start before this is over.
    let _folder_lock = lock(&DataFolder::prepare(&settings.data_dir)?.join("lock"), running)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let _database_lock = lock(Path::new(&beside), running)?;
    if copy::schema_of(path).await? > copy::known_schema() {
        return Err(Refusal::found(format!(
            "{} was made by a newer Karibu than this one ({}): move it with that version",
            path.display(),
            env!("CARGO_PKG_VERSION")
        )));
    }
    let source = store::open_sqlite_file(settings, path).await?;
    let target = PostgresStore::connect(&url, 1, settings.ca_file.as_deref()).await.map_err(|error| {
        Refusal::found(format!(
            "the database of --to cannot be used ({error}): see that it runs, and that host, port, user, password and database \
             are right"
        ))
    })?;
    let done = between(&source, &target).await;
    source.close().await;
    target.close().await;
    let moved = done?;
    print(&["TABLE", "ROWS", "SHA-256"], &moved.rows());
    if moved.was_there {
        say(format_args!("All of it is already in {}, and equal: nothing was done.", shown_url(&url)));
    } else {
        say(format_args!(
            "All of it is in {}: as many rows with the same checksums, in one transaction.",
            shown_url(&url)
        ));
    }
    advise(settings, &url);
    Ok(())
}

/// What was moved, or found to be there.
struct Moved {
    sums: Vec<Checksum>,
    was_there: bool,
}

impl Moved {
    fn rows(&self) -> Vec<Vec<String>> {
        let row = |(table, sum): (&Table, &Checksum)| {
            let start = hex(&sum.sha256[..8]);
            vec![table.name.to_owned(), sum.rows.to_string(), format!("{start}…")]
        };
        TABLES.iter().zip(&self.sums).map(row).collect()
    }
}

async fn between(source: &SqliteStore, target: &PostgresStore) -> Outcome<Moved> {
    let refused = |why: &str, todo: &str| Err(Refusal::found(format!("the database of --to {why}: {todo}")));
    match target.ground().await.map_err(|error| lost(&error))? {
        Ground::Bare => target.migrate().await.map_err(|error| lost(&error))?,
        Ground::Ready => {}
        Ground::Foreign => return refused("holds tables of another program", "make an empty database and name that"),
        Ground::Newer => {
            return refused("has the tables of a newer Karibu", "move with that version, or make an empty database");
        }
        Ground::Older => {
            return refused(
                "has the tables of an older Karibu",
                "make an empty database, or run `karibu migrate` on it",
            );
        }
    }
    let mut from = source.snapshot().await?;
    let mut there = target.snapshot().await.map_err(|error| lost(&error))?;
    let mut filled = false;
    for table in &TABLES {
        filled |= there.count(table).await.map_err(|error| lost(&error))? > 0;
    }
    let total = total(&mut from).await?;
    if filled {
        let sums = checksums(&mut from, &Progress::rows("reading SQLite", total)).await?;
        let theirs = checksums(&mut there, &Progress::rows("reading PostgreSQL", total)).await;
        let theirs = theirs.map_err(|error| lost(&error))?;
        let different = differing(&sums, &theirs);
        if different.is_empty() {
            return Ok(Moved { sums, was_there: true });
        }
        return refused(
            &format!("is not empty, and not equal to what shall move (tables {})", different.join(", ")),
            "make an empty database and name that; nothing was changed",
        );
    }
    drop(there);
    carry(&mut from, target, total).await
}

/// Everything in one transaction, which is only committed when what was written reads as what was read.
async fn carry(from: &mut SqliteSnapshot, target: &PostgresStore, total: u64) -> Outcome<Moved> {
    let mut import = target.take_over().await.map_err(|error| lost(&error))?;
    let progress = Progress::rows("carrying over", total);
    let mut sums = Vec::new();
    for table in &TABLES {
        let sink = import.table(table).await.map_err(|error| lost(&error))?;
        let mut both = Both { sum: Summing::default(), sink, progress: &progress, waiting: 0 };
        from.read(table, &mut both).await.map_err(|error| lost(&error))?;
        let Both { sum, sink, .. } = both;
        sink.finish().await.map_err(|error| lost(&error))?;
        sums.push(sum.finish());
    }
    drop(progress);
    let progress = Progress::rows("comparing", total);
    let theirs = checksums(import.snapshot(), &progress).await.map_err(|error| lost(&error))?;
    let different = differing(&sums, &theirs);
    if !different.is_empty() {
        return Err(Refusal::found(format!(
            "what PostgreSQL wrote is not what was read (tables {}), so all of it was taken back: is its encoding UTF8?",
            different.join(", ")
        )));
    }
    import.commit().await.map_err(|error| {
        Refusal::found(format!(
            "the connection broke at the very end ({error}): run the same command again, it tells whether all is there"
        ))
    })?;
    Ok(Moved { sums, was_there: false })
}

/// Trouble on the way; the transaction is rolled back.
fn lost(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict(_) => Refusal::found(
            "somebody wrote into the database of --to meanwhile: stop what uses it, empty it, and run the same command again",
        ),
        error => Refusal::found(format!(
            "nothing was moved ({error}): the database of --to is as empty as before; mend it and run the same command again"
        )),
    }
}

async fn total(snapshot: &mut dyn Snapshot) -> StoreResult<u64> {
    let mut total = 0;
    for table in &TABLES {
        total += snapshot.count(table).await?;
    }
    Ok(total)
}

async fn checksums(snapshot: &mut dyn Snapshot, progress: &Progress) -> StoreResult<Vec<Checksum>> {
    let mut sums = Vec::new();
    for table in &TABLES {
        let mut sink = Summed { sum: Summing::default(), progress, waiting: 0 };
        snapshot.read(table, &mut sink).await?;
        sums.push(sink.sum.finish());
    }
    Ok(sums)
}

fn differing(ours: &[Checksum], theirs: &[Checksum]) -> Vec<&'static str> {
    let pairs = TABLES.iter().zip(ours.iter().zip(theirs));
    pairs.filter(|(_, (ours, theirs))| ours != theirs).map(|(table, _)| table.name).collect()
}

/// Sums what comes.
struct Summed<'a> {
    sum: Summing,
    progress: &'a Progress,
    waiting: u64,
}

#[async_trait]
impl RowSink for Summed<'_> {
    async fn row(&mut self, row: Vec<Cell>) -> StoreResult<()> {
        self.sum.add(&row);
        draw(self.progress, &mut self.waiting);
        Ok(())
    }
}

/// Sums what comes and hands it on.
struct Both<'a> {
    sum: Summing,
    sink: TableImport<'a>,
    progress: &'a Progress,
    waiting: u64,
}

#[async_trait]
impl RowSink for Both<'_> {
    async fn row(&mut self, row: Vec<Cell>) -> StoreResult<()> {
        self.sum.add(&row);
        draw(self.progress, &mut self.waiting);
        self.sink.row(row).await
    }
}

fn draw(progress: &Progress, waiting: &mut u64) {
    *waiting += 1;
    if *waiting == DRAWN {
        progress.add(DRAWN);
        *waiting = 0;
    }
}

fn advise(settings: &Settings, url: &str) {
    let data = DataFolder::shown_path(&settings.data_dir);
    say(format_args!("Now set KARIBU_DATABASE_URL={} (with its password) and start Karibu.", shown_url(url)));
    if settings.origin("SECRET_KEY").is_some() {
        say("Keep KARIBU_SECRET_KEY as it is, so that links in mails stay good.");
    } else {
        say(format_args!(
            "Links in mails stay good with the same key: on this machine it is found in {data}; elsewhere set KARIBU_SECRET_KEY \
             (or KARIBU_SECRET_KEY_FILE) to what is in {data}/secret.key."
        ));
    }
    say(format_args!(
        "{data} was not changed. Do not serve from its SQLite database again: it would be a second truth."
    ));
}

//! `karibu backup`: everything that is kept in SQLite, as it is at one moment, in one file.

mod archive;
pub(crate) mod restore;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use registration::ports::StoreError;
use store_sqlite::copy;

pub(crate) use self::archive::hex;
use self::archive::{DATABASE, Manifest, Writer, is_mail};
use crate::columns::say;
use crate::folder::write_private;
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;
use crate::settings::values::Database;
use crate::store;

/// In the data folder: when a backup was last made.
const LAST: &str = "last-backup";

/// In the data folder: what the cluster's backup notes, in a volume of its own.
const CLUSTER: &str = "backup-state";

/// There: when the first backup was made.
pub(crate) const BEGUN: &str = "first-backup";

/// There: when a backup was last restored on trial.
pub(crate) const RESTORE_TEST: &str = "last-restore-test";

/// How often the size of the growing copy is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Makes the backup `file`.
pub(crate) async fn run(file: &str, settings: &Settings, now: Timestamp) -> Outcome {
    let Database::Sqlite(database) = &settings.database else {
        return Err(Refusal::found(
            "`karibu backup` is for SQLite; this database is PostgreSQL: use pg_dump --format=custom or the cluster's own \
             backup, and keep the key of links (KARIBU_SECRET_KEY, or secret.key in the data folder) with it",
        ));
    };
    if !database.exists() {
        return Err(store::no_database(database));
    }
    let target = Target::new(file)?;
    let copied = target.beside("db");
    let contents = snapshot(database, &copied.path).await.map_err(|error| unwritten(file, &error))?;
    let manifest = Manifest::new(now, contents.schema, contents.tables);
    let members = members(settings).map_err(|error| {
        Refusal::found(format!("the data folder cannot be read ({error}): run this as the user that runs Karibu"))
    })?;
    let written = target.beside("tar");
    let path = written.path.clone();
    let called = file.to_owned();
    let manifest = tokio::task::spawn_blocking(move || {
        // Moved in, so that the copy is there as long as it is read.
        let copied = copied;
        write(&path, manifest, &copied.path, &members)
            .map_err(|error| unwritten(&called, &StoreError::Unavailable(told(&error))))
    });
    let manifest =
        manifest.await.map_err(|_| Refusal::found("the backup failed by a bug of Karibu: please report it"))??;
    target.take(&written)?;
    remember(settings, now);
    report(file, &target.path, &manifest, settings);
    Ok(())
}

/// When a backup was last made with this data folder.
pub(crate) fn last(data_dir: &Path) -> Option<Timestamp> {
    time_in(&data_dir.join(LAST)).max(noted(data_dir, LAST))
}

/// When the cluster's backup noted this.
pub(crate) fn noted(data_dir: &Path, name: &str) -> Option<Timestamp> {
    time_in(&data_dir.join(CLUSTER).join(name))
}

fn time_in(file: &Path) -> Option<Timestamp> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Copies the database and looks at every page of the copy.
async fn snapshot(database: &Path, into: &Path) -> Result<copy::Contents, StoreError> {
    let total = std::fs::metadata(database).map_or(0, |metadata| metadata.len());
    let progress = Progress::bytes("copying the database", total);
    let watch = async {
        loop {
            tokio::time::sleep(LOOK).await;
            progress.set(std::fs::metadata(into).map_or(0, |metadata| metadata.len()));
        }
    };
    // SQLite would make it readable by others.
    private_file(into).map_err(|error| StoreError::Unavailable(told(&error)))?;
    tokio::select! {
        done = copy::copy(database, into) => done?,
        () = watch => {}
    }
    drop(progress);
    let _progress = Progress::unknown("checking the copy");
    copy::inspect(into).await
}

/// What is in a backup beside the database: the name there, and where it is now.
fn members(settings: &Settings) -> io::Result<Vec<(String, PathBuf)>> {
    let data = &settings.data_dir;
    let mut members = vec![("karibu.toml".to_owned(), PathBuf::from("karibu.toml"))];
    members.push(("secret.key".to_owned(), data.join("secret.key")));
    for name in ["cert.pem", "key.pem", "made.json"] {
        members.push((format!("tls/{name}"), data.join("tls").join(name)));
    }
    let mails = match std::fs::read_dir(data.join("mail")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(members),
        mails => mails?,
    };
    for mail in mails {
        let mail = mail?;
        if let Some(name) = mail.file_name().to_str().filter(|name| is_mail(name)) {
            members.push((format!("mail/{name}"), mail.path()));
        }
    }
    Ok(members)
}

fn write(path: &Path, manifest: Manifest, database: &Path, members: &[(String, PathBuf)]) -> io::Result<Manifest> {
    let total = std::fs::metadata(database)?.len();
    let progress = Progress::bytes("writing the backup", total);
    let mut archive = Writer::new(BufWriter::with_capacity(1 << 20, private_file(path)?), manifest)?;
    archive.file(DATABASE, database, Some(&progress))?;
    for (name, from) in members {
        archive.file(name, from, None)?;
    }
    let (mut file, manifest) = archive.finish()?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(manifest)
}

/// Where the backup goes. Nothing is there before it is complete.
struct Target {
    path: PathBuf,
    folder: PathBuf,
}

impl Target {
    fn new(file: &str) -> Outcome<Self> {
        let path = PathBuf::from(file);
        if path.symlink_metadata().is_ok() {
            return Err(Refusal::found(format!("{file} is there already: name a new file for the backup")));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.to_owned();
        if path.file_name().is_none() || !folder.is_dir() {
            return Err(Refusal::found(format!(
                "{file} is no file in a folder that is there: name one that can be made"
            )));
        }
        Ok(Self { path, folder })
    }

    /// A temporary file on the same disk.
    fn beside(&self, extension: &str) -> Temporary {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        Temporary { path: self.folder.join(format!(".{name}.{}.{extension}", std::process::id())) }
    }

    /// Gives a finished file its name, for good.
    fn take(&self, written: &Temporary) -> Outcome {
        let named = std::fs::rename(&written.path, &self.path).and_then(|()| File::open(&self.folder)?.sync_all());
        named.map_err(|error| unwritten(&self.path.display().to_string(), &StoreError::Unavailable(told(&error))))
    }
}

/// A file that goes when this does.
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let mut journal = self.path.clone().into_os_string();
        journal.push("-journal");
        let _ = std::fs::remove_file(journal);
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}

fn unwritten(file: &str, error: &StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(what) => Refusal::found(format!(
            "the backup {file} could not be made ({what}), and nothing was left behind: it needs a writable folder with room \
             for twice the database"
        )),
        StoreError::Corrupt(what) => Refusal::found(format!(
            "the backup {file} was not made: {what}; keep the database's file and its last good backup, and see docs/operating.md"
        )),
        other => other.clone().into(),
    }
}

/// Notes the time for `/metrics`. The backup is there even if that cannot be noted.
fn remember(settings: &Settings, now: Timestamp) {
    if let Err(error) = write_private(&settings.data_dir.join(LAST), format!("{now}\n").as_bytes()) {
        eprintln!("karibu: the time of the backup could not be noted in the data folder ({error}).");
    }
}

fn report(file: &str, path: &Path, manifest: &Manifest, settings: &Settings) {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    say(format_args!(
        "{file}: {} registrations, {} attachments and {} mails as files in {} MB, as they were at {:.0}.",
        manifest.rows("registration"),
        manifest.rows("attachment"),
        manifest.count_in("mail/"),
        size.div_ceil(1_000_000),
        manifest.made_at
    ));
    say("It holds personal data and keys: keep it where only you can read it, and not on this machine alone.");
    if settings.origin("SECRET_KEY").is_some() {
        say("KARIBU_SECRET_KEY is set outside of the data folder and not in the backup: keep it, too.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_backup_is_the_newest_that_is_noted_by_us_or_by_the_cluster() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(folder.path()), None);
        std::fs::create_dir(folder.path().join(CLUSTER)).unwrap();
        std::fs::write(folder.path().join(CLUSTER).join(LAST), "2026-11-21T19:57:47Z\n").unwrap();
        assert_eq!(last(folder.path()), Some("2026-11-21T19:57:47Z".parse().unwrap()));
        std::fs::write(folder.path().join(LAST), "2026-11-22T00:00:00Z\n").unwrap();
        assert_eq!(last(folder.path()), Some("2026-11-22T00:00:00Z".parse().unwrap()));
    }
}

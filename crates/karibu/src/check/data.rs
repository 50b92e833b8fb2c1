//! The data folder and the database.

use std::cmp::Ordering;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use registration::ports::{Health, StoreError};
use store_postgres::{Ground, PostgresStore};
use store_sqlite::copy;

use super::{Finding, found};
use crate::folder::STAGING;
use crate::settings::Settings;
use crate::settings::values::Database;

/// Free space and files below which somebody should know, and below which it is about to end.
const LOW_BYTES: u64 = 1 << 30;
const LEAST_BYTES: u64 = 100 << 20;
const LOW_FILES: u64 = 10_000;
const LEAST_FILES: u64 = 1_000;

/// Whether the folder is there, ours alone, writable, and has room.
pub(super) fn folder(settings: &Settings) -> Finding {
    let finding = found("data folder");
    let path = &settings.data_dir;
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return finding.warn(
                format!("{shown} is not there yet"),
                "`karibu serve` makes it; or set KARIBU_DATA_DIR to where it is",
            );
        }
        Err(error) => {
            return finding.fail(format!("{shown} cannot be read ({error})"), "make it readable for this user");
        }
        Ok(metadata) => metadata,
    };
    if !metadata.is_dir() {
        return finding.fail(format!("{shown} is no folder"), "set KARIBU_DATA_DIR to a folder");
    }
    if path.join(STAGING).exists() {
        return finding.fail(format!("{shown} is half restored"), "empty it and run `karibu restore` again");
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return finding.fail(format!("{shown} can be entered by others (mode {mode:o})"), format!("chmod 700 {shown}"));
    }
    if let Err(error) = try_to_write(path) {
        return finding.fail(
            format!("{shown} cannot be written ({error}); it belongs to user {}", metadata.uid()),
            "run this as the user that runs Karibu, or make the folder writable for it",
        );
    }
    judge_room(finding, path, &format!("{shown} is private and writable"))
}

/// Whether the disk of the data folder has room, where somebody else writes there.
pub(super) fn disk(settings: &Settings) -> Finding {
    let finding = found("disk");
    let path = &settings.data_dir;
    if !path.exists() {
        return finding.skipped(format!("{} is not there (KARIBU_DATA_DIR)", path.display()));
    }
    judge_room(finding, path, &format!("the disk of {}", path.display()))
}

fn judge_room(finding: Finding, path: &Path, told: &str) -> Finding {
    let room = match rustix::fs::statvfs(path) {
        Ok(room) => room,
        Err(error) => {
            return finding
                .warn(format!("{}: its free space cannot be told ({error})", path.display()), "look at it by df");
        }
    };
    let (bytes, files) = (room.f_bavail.saturating_mul(room.f_frsize), room.f_favail);
    // Some file systems make room for files as they need it, and count none.
    let counted = room.f_files > 0;
    let told = if counted {
        format!("{told}, {} MB and {files} files free", bytes / 1_000_000)
    } else {
        format!("{told}, {} MB free", bytes / 1_000_000)
    };
    let todo = "make room on its disk before registrations are refused";
    if bytes < LEAST_BYTES || (counted && files < LEAST_FILES) {
        finding.fail(told, todo)
    } else if bytes < LOW_BYTES || (counted && files < LOW_FILES) {
        finding.warn(told, todo)
    } else {
        finding.ok(told)
    }
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".check.{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(path)
}

/// Whether the database opens, can be written, is whole, and has the tables of this version.
pub(super) async fn database(settings: &Settings) -> Finding {
    match &settings.database {
        Database::Sqlite(path) => sqlite(path).await,
        Database::Postgres(url) => postgres(settings, url).await,
    }
}

async fn sqlite(path: &Path) -> Finding {
    let finding = found("database");
    let shown = path.display();
    if !path.exists() {
        return finding.warn(
            format!("SQLite: {shown} is not there yet"),
            "`karibu serve` makes it; or set KARIBU_DATA_DIR to where it is",
        );
    }
    let health = match copy::health(path).await {
        Ok(health) => health,
        Err(error) => {
            return finding.fail(
                format!("SQLite: {shown}: {error}"),
                "see its owner and mode, or put a backup back (docs/operating.md)",
            );
        }
    };
    if let Some(problem) = health.problems.first() {
        return finding.fail(
            format!("SQLite: {shown} is damaged ({problem})"),
            "stop Karibu, keep the file, and put the last good backup back (docs/operating.md)",
        );
    }
    if let Err(error) = health.writable {
        return finding
            .fail(format!("SQLite: {shown}: {error}"), "see its owner, its mode, its disk, and what else uses it");
    }
    let known = copy::known_schema();
    match health.schema.cmp(&known) {
        Ordering::Greater => finding.warn(
            format!("SQLite: {shown} was used by a newer Karibu (schema {}, known here {known})", health.schema),
            "use that version again, if something is amiss",
        ),
        Ordering::Less => finding.warn(
            format!("SQLite: {shown} is older than this version (schema {} of {known})", health.schema),
            "make a backup; the next start changes it",
        ),
        Ordering::Equal => finding.ok(format!("SQLite: {shown} is whole and writable, schema {known}")),
    }
}

async fn postgres(settings: &Settings, url: &str) -> Finding {
    let finding = found("database");
    let unreachable = |finding: Finding, error: &StoreError| {
        finding.fail(
            format!("PostgreSQL: {error}"),
            "see that it runs, and that host, port, user, password and database of KARIBU_DATABASE_URL are right",
        )
    };
    let store = match PostgresStore::connect(url, 1, settings.ca_file.as_deref()).await {
        Ok(store) => store,
        Err(error) => return unreachable(finding, &error),
    };
    let ground = store.ground().await;
    let finding = match ground {
        Err(error) => unreachable(finding, &error),
        Ok(Ground::Bare) => {
            finding.warn("PostgreSQL: it is empty", "`karibu serve` or `karibu migrate` makes the tables")
        }
        Ok(Ground::Foreign) => finding.fail(
            "PostgreSQL: it holds tables of another program",
            "name a database of Karibu's own in KARIBU_DATABASE_URL",
        ),
        Ok(Ground::Older) => finding.fail("PostgreSQL: its tables are older than this version", "run `karibu migrate`"),
        Ok(ground @ (Ground::Ready | Ground::Newer)) => match store.writable().await {
            Err(error) => finding.fail(
                format!("PostgreSQL: no registration can be stored: {error}"),
                "see whether it is a standby, full, or locked",
            ),
            Ok(()) if ground == Ground::Newer => finding.warn(
                "PostgreSQL: it answers and is writable; a newer Karibu has changed its tables",
                "bring all processes to that version",
            ),
            Ok(()) => finding.ok("PostgreSQL: it answers, is writable and has the tables of this version"),
        },
    };
    store.close().await;
    finding
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::super::State;
    use super::*;

    fn settings(data: &Path) -> Settings {
        let environment = [("KARIBU_DATA_DIR".into(), data.into())];
        Settings::from_sources(Vec::new(), environment, None).unwrap()
    }

    #[tokio::test]
    async fn folders_and_files_are_judged() {
        let parent = tempfile::tempdir().unwrap();
        let data = parent.path().join("data");
        let settings = settings(&data);
        assert_eq!(folder(&settings).state, State::Warn, "not there yet");
        assert_eq!(database(&settings).await.state, State::Warn, "not there yet");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, Permissions::from_mode(0o750)).unwrap();
        assert!(folder(&settings).found.contains("mode 750"));
        std::fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
        let finding = folder(&settings);
        assert!(finding.found.contains("is private and writable"), "{finding:?}");
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "looking leaves nothing");
        std::fs::write(data.join("karibu.db"), "no database, but long enough to be taken for one".repeat(100)).unwrap();
        assert_eq!(database(&settings).await.state, State::Fail);
    }
}

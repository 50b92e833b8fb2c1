//! `karibu restore`: a backup into an empty data folder, all of it or nothing.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use store_sqlite::copy;

use super::archive::{self, DATABASE, Manifest};
use crate::columns::{print, say};
use crate::folder::{Lock, STAGING, lock};
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};
use crate::settings::Settings;
use crate::settings::table::DEFAULT_DATA_DIR;
use crate::settings::values::Database;

/// Restores the backup `file`.
pub(crate) async fn run(file: &str, settings: &Settings) -> Outcome {
    let data = &settings.data_dir;
    if settings.database != Database::Sqlite(data.join(DATABASE)) {
        return Err(Refusal::found(
            "`karibu restore` puts the database into the data folder, but KARIBU_DATABASE_URL names another: unset it, restore, \
             and then use `karibu move` for PostgreSQL",
        ));
    }
    let opened = File::open(file).and_then(|opened| Ok((opened.metadata()?, opened)));
    let (metadata, opened) = opened.map_err(|error| {
        Refusal::found(format!("{file} cannot be read ({error}): name a file that `karibu backup` made"))
    })?;
    let mut place = Place::take(data)?;
    let staging = place.staging.clone();
    let called = file.to_owned();
    let manifest = tokio::task::spawn_blocking(move || {
        let progress = Progress::bytes("reading the backup", metadata.len());
        archive::unpack(io::BufReader::with_capacity(1 << 20, opened), &called, &staging, &progress)
    });
    let manifest =
        manifest.await.map_err(|_| Refusal::found("the restore failed by a bug of Karibu: please report it"))??;
    check_database(file, &place.staging.join(DATABASE), &manifest).await?;
    place.fill().map_err(|error| {
        Refusal::found(format!(
            "the data folder {} cannot be filled ({error}): empty it, make it writable, and restore again",
            data.display()
        ))
    })?;
    report(file, data, &manifest);
    Ok(())
}

/// Whether the database is whole, is what the manifest says, and can be read by this version.
async fn check_database(file: &str, database: &Path, manifest: &Manifest) -> Outcome {
    if manifest.schema > copy::known_schema() {
        return Err(Refusal::found(format!(
            "{file} was made by Karibu {} with a newer database than this version ({}) knows: restore it with that version or a \
             newer one",
            manifest.karibu,
            env!("CARGO_PKG_VERSION")
        )));
    }
    let _progress = Progress::unknown("checking the database");
    let contents = copy::inspect(database)
        .await
        .map_err(|error| Refusal::found(format!("{file} is of no use: {error}; take another backup")))?;
    if contents.schema != manifest.schema || contents.tables != manifest.tables {
        return Err(Refusal::found(format!("{file} does not hold what its manifest says: take another backup")));
    }
    Ok(())
}

/// An empty data folder, ours while this lives. What was not filled to the end is left as it was found.
struct Place {
    folder: PathBuf,
    staging: PathBuf,
    /// Whether the folder was made for this.
    made: bool,
    /// Whether its lock's file was.
    made_lock: bool,
    filled: bool,
    _lock: Lock,
}

impl Place {
    fn take(folder: &Path) -> Outcome<Self> {
        let unusable = |error: &io::Error| {
            Refusal::found(format!(
                "the data folder {} cannot be made or read ({error}): name another with KARIBU_DATA_DIR",
                folder.display()
            ))
        };
        let made = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(&error))?;
                true
            }
            Err(error) => return Err(unusable(&error)),
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(|error| unusable(&error))?.file_name();
                    if name != "lock" && name != "lost+found" {
                        return Err(Refusal::found(format!(
                            "the data folder {} is not empty (it holds {}): name a new or an empty one with KARIBU_DATA_DIR",
                            folder.display(),
                            name.display()
                        )));
                    }
                }
                false
            }
        };
        let lock_file = folder.join("lock");
        let made_lock = !lock_file.exists();
        let lock =
            lock(&lock_file, || format!("another karibu uses the data folder {}: stop it first", folder.display()))?;
        let staging = folder.join(STAGING);
        let place =
            Self { folder: folder.to_owned(), staging: staging.clone(), made, made_lock, filled: false, _lock: lock };
        DirBuilder::new().mode(0o700).create(&staging).map_err(|error| unusable(&error))?;
        Ok(place)
    }

    /// Puts everything in place. While the staging folder is there, nobody serves from this folder.
    fn fill(&mut self) -> io::Result<()> {
        std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&self.staging)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                File::open(entry.path())?.sync_all()?;
            }
            std::fs::rename(entry.path(), self.folder.join(entry.file_name()))?;
        }
        File::open(&self.folder)?.sync_all()?;
        std::fs::remove_dir(&self.staging)?;
        self.filled = true;
        File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.filled {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.staging);
        if self.made_lock {
            let _ = std::fs::remove_file(self.folder.join("lock"));
        }
        if self.made {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

fn report(file: &str, data: &Path, manifest: &Manifest) {
    let mut rows: Vec<_> = manifest.tables.iter().map(|(table, rows)| vec![table.clone(), rows.to_string()]).collect();
    rows.retain(|row| !registration::transfer::NOT_CARRIED.contains(&row[0].as_str()));
    print(&["TABLE", "ROWS"], &rows);
    say(format_args!(
        "{file}, made at {:.0} by Karibu {}, is in {}: every row and every checksum is right.",
        manifest.made_at,
        manifest.karibu,
        data.display()
    ));
    let told = [
        ("secret.key", "The key that signs links is back: links sent before stay good."),
        (
            "karibu.toml",
            "karibu.toml is in the data folder, too: move it to where you start Karibu, if it is not there.",
        ),
    ];
    for (name, sentence) in told {
        if manifest.members.contains_key(name) {
            say(sentence);
        }
    }
    match manifest.count_in("mail/") {
        0 => {}
        mails => say(format_args!("{mails} mails as files are in its folder `mail`.")),
    }
    say(format_args!("Start it with `{}`.", start(data)));
}

/// The command that serves from a data folder, wherever that was named.
fn start(data: &Path) -> String {
    if data == Path::new(DEFAULT_DATA_DIR) {
        return "karibu serve".to_owned();
    }
    let path = data.display().to_string();
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c));
    let quoted = if plain { path } else { format!("'{}'", path.replace('\'', "'\\''")) };
    format!("karibu serve --data-dir {quoted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_serves_names_a_folder_that_is_not_the_default() {
        for (folder, expected) in [
            ("./data", "karibu serve"),
            ("/srv/karibu/data", "karibu serve --data-dir /srv/karibu/data"),
            ("my data", "karibu serve --data-dir 'my data'"),
            ("it's", "karibu serve --data-dir 'it'\\''s'"),
        ] {
            assert_eq!(start(Path::new(folder)), expected);
        }
    }
}

//! The data folder: ours alone (0700, files 0600), locked by the one `serve` that uses it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use registration::ports::Random;

use crate::refusal::{Outcome, Refusal};

/// What a folder holds when it is a data folder of Karibu.
const OURS: [&str; 5] = ["lock", "karibu.db", "secret.key", "tls", "mail"];

/// In a data folder while `karibu restore` fills it.
pub(crate) const STAGING: &str = "restoring";

/// A data folder that is there, private and writable.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// A lock that is held while this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataFolder {
    /// Makes the folder, or makes sure that the one that is there is ours, and readable by nobody else. A folder with
    /// anything foreign in it is refused: closing /tmp or a home to all others would be a bad surprise.
    pub(crate) fn prepare(path: &Path) -> Outcome<Self> {
        let unusable = |what: &str, error: &io::Error| {
            Refusal::found(format!(
                "the data folder {} cannot be {what} ({error}): make it writable for this user, or name another with KARIBU_DATA_DIR",
                path.display()
            ))
        };
        if path.join(STAGING).exists() {
            return Err(Refusal::found(format!(
                "the data folder {} is being restored, or was when that was interrupted: wait, or empty it and run `karibu \
                 restore` again",
                path.display()
            )));
        }
        match std::fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| unusable("made", &error))?;
            }
            Err(error) => return Err(unusable("read", &error)),
            Ok(entries) => {
                let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
                let ours = |name: &str| OURS.contains(&name);
                let foreign = names.iter().find(|name| name.to_str() != Some("lost+found"));
                if let Some(foreign) = foreign.filter(|_| !names.iter().filter_map(|name| name.to_str()).any(ours)) {
                    return Err(Refusal::found(format!(
                        "the data folder {} holds things that are not Karibu's (such as {}): name an empty or a new folder with \
                         KARIBU_DATA_DIR",
                        path.display(),
                        foreign.display()
                    )));
                }
            }
        }
        let mode = std::fs::metadata(path).map_err(|error| unusable("read", &error))?.permissions().mode();
        if mode & 0o777 != 0o700 {
            std::fs::set_permissions(path, Permissions::from_mode(0o700))
                .map_err(|error| unusable("closed to other users", &error))?;
        }
        private_file(&path.join("lock")).map_err(|error| unusable("written", &error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// A path in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its path, as absolute as can be told.
    pub(crate) fn shown(&self) -> String {
        Self::shown_path(&self.path)
    }

    /// The same of any path.
    pub(crate) fn shown_path(path: &Path) -> String {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
    }

    /// Locks the folder until the lock is dropped or the process dies.
    pub(crate) fn lock(&self) -> Outcome<Lock> {
        lock(&self.join("lock"), || {
            format!(
                "another karibu serve uses the data folder {}: stop it first, or name another folder with KARIBU_DATA_DIR",
                self.path.display()
            )
        })
    }

    /// The key that signs links, made when there is none. Its text is the key, so that it can be moved into
    /// `KARIBU_SECRET_KEY` as it is.
    pub(crate) fn secret_key(&self, random: &dyn Random) -> Outcome<Vec<u8>> {
        let path = self.join("secret.key");
        let trouble = |error: &io::Error| {
            Refusal::found(format!(
                "the key {} cannot be read or made ({error}): make it readable for this user",
                path.display()
            ))
        };
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 32 => Ok(text.trim().as_bytes().to_vec()),
            Ok(_) => Err(Refusal::found(format!(
                "the key {} is damaged (shorter than 32 characters): put it back from a backup, or delete it, which makes all \
                 links sent so far useless",
                path.display()
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; 32];
                random.fill(&mut bytes);
                let text = STANDARD.encode(bytes);
                write_private(&path, format!("{text}\n").as_bytes()).map_err(|error| trouble(&error))?;
                Ok(text.into_bytes())
            }
            Err(error) => Err(trouble(&error)),
        }
    }
}

/// Locks the file `path`, made if there is none; `taken` says what it means that somebody else holds it.
pub(crate) fn lock(path: &Path, taken: impl FnOnce() -> String) -> Outcome<Lock> {
    let trouble = |error: &io::Error| {
        Refusal::found(format!(
            "{} cannot be locked ({error}): it must be on a local disk, writable for this user",
            path.display()
        ))
    };
    let file = private_file(path).map_err(|error| trouble(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(Refusal::found(taken())),
        Err(TryLockError::Error(error)) => Err(trouble(&error)),
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Makes a folder that only this user can enter; one that is there stays.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only this user can read, as a whole or not at all: also after a crash it is never half there.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name must survive a power cut too.
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemRandom;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_and_a_loose_one_of_ours_are_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");
        let folder = DataFolder::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&folder.join("lock")), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        DataFolder::prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_folder_with_foreign_things_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("letter.txt"), "dear").unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let refusal = DataFolder::prepare(folder.path()).unwrap_err();
        assert!(refusal.to_string().contains("letter.txt"), "{refusal}");
        assert_eq!(mode(folder.path()), 0o755);
    }

    #[test]
    fn a_file_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        assert!(DataFolder::prepare(&path).unwrap_err().to_string().contains("KARIBU_DATA_DIR"));
    }

    #[test]
    fn the_key_is_made_once_and_private() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(&parent.path().join("data")).unwrap();
        let key = folder.secret_key(&SystemRandom).unwrap();
        assert_eq!(key.len(), 44);
        assert_eq!(folder.secret_key(&SystemRandom).unwrap(), key);
        assert_eq!(mode(&folder.join("secret.key")), 0o600);
        std::fs::write(folder.join("secret.key"), "short").unwrap();
        assert!(folder.secret_key(&SystemRandom).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_folder_is_locked_by_one_and_free_when_that_one_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(&parent.path().join("data")).unwrap();
        let held = folder.lock().unwrap();
        assert!(folder.lock().unwrap_err().to_string().contains("another karibu serve"));
        drop(held);
        folder.lock().unwrap();
    }
}

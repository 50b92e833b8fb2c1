//! The database file itself: who may read it, and whether it is still the one that was opened.

use std::fs::{Metadata, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use registration::ports::{StoreError, StoreResult};

/// Readable and writable by its owner only. SQLite gives the files beside it (`-wal`, `-shm`) the same mode.
const MODE: u32 = 0o600;

#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    identity: (u64, u64),
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl DatabaseFile {
    /// Notes which file this is; makes an empty one if there is none.
    pub(crate) fn open_or_create(path: &Path) -> StoreResult<Self> {
        let metadata = match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
            // Said once more, because the process's umask may have taken bits away.
            Ok(file) => file.set_permissions(Permissions::from_mode(MODE)).and_then(|()| file.metadata()),
            // It is not opened: to close it would end the locks that SQLite holds on it in this process.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => std::fs::metadata(path),
            Err(error) => Err(error),
        };
        let metadata =
            metadata.map_err(|error| StoreError::Unavailable(format!("the file cannot be opened: {error}")))?;
        Ok(Self { path: path.to_owned(), identity: identity(&metadata) })
    }

    /// Whether the path still leads to the file that was opened, and the file may be written.
    pub(crate) fn is_still_there(&self) -> StoreResult<()> {
        let unavailable = |why: &str| Err(StoreError::Unavailable(why.to_owned()));
        match std::fs::metadata(&self.path) {
            Err(_) => unavailable("its file is gone"),
            Ok(metadata) if identity(&metadata) != self.identity => unavailable("its file was replaced; restart"),
            Ok(metadata) if metadata.permissions().readonly() => unavailable("its file is read-only"),
            Ok(_) => Ok(()),
        }
    }
}

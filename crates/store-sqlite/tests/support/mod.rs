//! Throw-away databases.

use std::path::PathBuf;

use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A store in a folder that goes when the guard does.
pub(crate) async fn fresh() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&path_in(&folder), 8).await.expect("opens");
    (store, folder)
}

/// Where its database is.
pub(crate) fn path_in(folder: &TempDir) -> PathBuf {
    folder.path().join("karibu.db")
}

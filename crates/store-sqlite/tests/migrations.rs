//! Both engines go through the same versions of the schema.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// Names of an engine's migrations; they begin with the version's number.
fn migrations(engine: &str) -> BTreeSet<OsString> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(engine).join("migrations");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let names =
        paths.filter(|path| path.extension() == Some("sql".as_ref())).map(|path| path.file_name().map(Into::into));
    names.collect::<Option<_>>().expect("names")
}

#[test]
fn both_engines_have_the_same_migrations() {
    assert_eq!(migrations("store-sqlite"), migrations("store-postgres"));
}

//! Both engines go through the same versions of the schema.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of an engine's migrations; they begin with the version's number.
fn migrations(engine: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(engine).join("migrations");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    names.filter(|name| name.ends_with(".sql")).collect()
}

#[test]
fn both_engines_have_the_same_migrations() {
    assert_eq!(migrations("store-sqlite"), migrations("store-postgres"));
}

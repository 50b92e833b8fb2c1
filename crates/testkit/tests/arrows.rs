//! The arrows between our crates: nothing but what DESIGN.md draws is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate may depend on, in its normal and build dependencies.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("registration", &[]),
    ("telemetry", &[]),
    ("mailbox", &[]),
    ("store-sqlite", &["registration"]),
    ("store-postgres", &["registration"]),
    ("presentation", &["registration"]),
    ("conveyor", &["registration"]),
    ("mail", &["registration", "presentation"]),
    ("web", &["registration", "presentation", "telemetry"]),
    ("watch", &["registration", "mail", "presentation", "telemetry"]),
    ("notifier", &["registration", "conveyor", "mail", "presentation", "telemetry"]),
    (
        "karibu",
        &[
            "registration",
            "telemetry",
            "mailbox",
            "store-sqlite",
            "store-postgres",
            "presentation",
            "conveyor",
            "mail",
            "web",
            "notifier",
            "watch",
        ],
    ),
    ("testkit", &["registration", "store-sqlite", "store-postgres", "presentation"]),
    ("drills", &["registration", "store-sqlite", "store-postgres", "testkit"]),
];

/// Crates from outside that only some of ours may name.
const FENCED: [(&str, &[&str]); 9] = [
    ("sqlx", &["store-sqlite", "store-postgres"]),
    ("lettre", &["mail"]),
    ("redis", &["conveyor"]),
    ("apalis", &["conveyor"]),
    ("mail-parser", &["mailbox"]),
    ("axum-server", &["karibu"]),
    ("rcgen", &["karibu"]),
    ("clap", &["karibu"]),
    ("prometheus", &["telemetry"]),
];

/// Frameworks and IO that the rules may not know.
const NOT_IN_REGISTRATION: [&str; 7] = ["tokio", "axum", "sqlx", "lettre", "askama", "tracing", "getrandom"];

/// Normal and build dependencies of each workspace crate.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let names = package["dependencies"].as_array().expect("dependencies").iter();
            let names = names.filter(|dependency| dependency["kind"] != "dev");
            let names = names.map(|dependency| dependency["name"].as_str().expect("name").to_owned());
            (package["name"].as_str().expect("name").to_owned(), names.collect())
        })
        .collect()
}

#[test]
fn every_arrow_between_our_crates_is_allowed() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    for (name, needs) in &dependencies {
        let may = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no place in ALLOWED"));
        for need in needs.iter().filter(|need| ours.contains(need.as_str())) {
            assert!(may.contains(&need.as_str()), "{name} must not depend on {need}");
        }
    }
}

#[test]
fn engines_stay_behind_their_crates() {
    for (name, needs) in dependencies() {
        for (fenced, may) in FENCED {
            // Neither is part of what users run.
            let allowed = may.contains(&name.as_str()) || ["testkit", "drills"].contains(&name.as_str());
            assert!(allowed || !needs.contains(fenced), "{name} must not name {fenced}");
        }
    }
}

#[test]
fn the_rules_know_no_framework_and_no_io() {
    let dependencies = dependencies();
    for forbidden in NOT_IN_REGISTRATION {
        assert!(!dependencies["registration"].contains(forbidden), "registration must not depend on {forbidden}");
    }
}

//! `karibu config`.

use std::path::Path;

use crate::{done, karibu, refused};

fn config(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> serde_json::Value {
    let arguments = [&["config", "--json"], arguments].concat();
    serde_json::from_str(&done(&karibu(folder, &arguments, settings).output().unwrap())).unwrap()
}

#[test]
fn every_setting_is_told_with_its_origin_and_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("karibu.toml"), "log = \"warn\"\nlisten = \"127.0.0.1:9\"\n").unwrap();
    std::fs::write(folder.path().join("key"), "hunter2-hunter2-hunter2-hunter2-hunter2").unwrap();
    let settings = [
        ("SMTP_URL", "smtp://karibu:hunter2@relay.example.org:587"),
        ("SECRET_KEY_FILE", "key"),
        ("MAIL_FROM", "register@example.org"),
        ("LOG", "debug"),
    ];
    let told = config(folder.path(), &["--instance", "here"], &settings);
    let row = |name: &str| told.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    for (name, value, origin, source) in [
        ("KARIBU_LOG", "debug", "environment", "KARIBU_LOG"),
        ("KARIBU_LISTEN", "127.0.0.1:9", "file", "`listen` in karibu.toml"),
        ("KARIBU_INSTANCE", "here", "flag", "--instance"),
        ("KARIBU_PUBLIC_URL", "https://localhost:9", "default", "default"),
        ("KARIBU_DATABASE_URL", "sqlite:./data/karibu.db", "default", "default"),
        ("KARIBU_SMTP_URL", "smtp://karibu:***@relay.example.org:587", "environment", "KARIBU_SMTP_URL"),
        ("KARIBU_SECRET_KEY", "(hidden)", "named_file", "key (named by KARIBU_SECRET_KEY_FILE)"),
    ] {
        let row = row(name);
        assert_eq!((row["value"].as_str(), row["origin"].as_str()), (Some(value), Some(origin)), "{row}");
        assert_eq!(row["source"], source);
    }
    assert_eq!(row("KARIBU_CA_FILE")["value"], serde_json::Value::Null);
    assert!(!told.to_string().contains("hunter2"));
    let table = done(&karibu(folder.path(), &["config"], &settings).output().unwrap());
    assert!(table.starts_with("SETTING") && !table.contains("hunter2"), "{table}");
    assert!(!folder.path().join("data").exists(), "looking makes nothing");
}

#[test]
fn a_setting_that_is_none_is_refused_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let output = karibu(folder.path(), &["config"], &[("PUBLIC_ULR", "x")]).output().unwrap();
    assert!(refused(&output, 2).contains("did you mean KARIBU_PUBLIC_URL?"));
}

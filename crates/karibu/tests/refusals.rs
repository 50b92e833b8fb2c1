//! Whatever keeps Karibu from doing its work is told in one sentence that says what to do, with the right exit code.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, its helpers too")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testkit::serve::{Served, free_port};

const KARIBU: &str = env!("CARGO_BIN_EXE_karibu");

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs the binary in `folder` on free ports unless the settings say otherwise.
fn karibu(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(KARIBU);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("KARIBU_LISTEN", "127.0.0.1:0")
        .env("KARIBU_OPS_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().map(|(name, value)| (format!("KARIBU_{name}"), value)))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The one sentence that it refuses with.
fn refused(folder: &Path, arguments: &[&str], settings: &[(&str, &str)], code: i32) -> String {
    let output = karibu(folder, arguments, settings);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    let sentence = sentence.trim_end();
    assert!(sentence.starts_with("karibu: ") && sentence.ends_with(['.', '?']), "{sentence}");
    assert!(!sentence.contains("panicked"), "{sentence}");
    sentence.to_owned()
}

fn refuses_to_serve(settings: &[(&str, &str)], code: i32) -> String {
    refused(folder().path(), &["serve"], settings, code)
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_one() {
    let sentence = refuses_to_serve(&[("PUBLIC_ULR", "https://localhost")], 2);
    assert!(sentence.contains("did you mean KARIBU_PUBLIC_URL?"), "{sentence}");
    let folder = folder();
    std::fs::write(folder.path().join("karibu.toml"), "data_dri = \"x\"").unwrap();
    assert!(refused(folder.path(), &[], &[], 2).contains("did you mean `data_dir`?"));
    assert!(refused(folder.path(), &["--data-dri", "x"], &[], 2).contains("did you mean `--data-dir`?"));
}

#[test]
fn wrong_values_are_refused_before_anything_is_made() {
    for (name, value) in [
        ("LISTEN", "8443"),
        ("OPS_LISTEN", "localhost"),
        ("TLS", "on"),
        ("PUBLIC_URL", "http://register.example.org"),
        ("PUBLIC_URL", "register.example.org"),
        ("DATABASE_URL", "mysql://localhost/karibu"),
        ("DB_CONNECTIONS", "0"),
        ("MIGRATE", "never"),
        ("MAIL", "pigeon"),
        ("SMTP_URL", "mail.example.org"),
        ("MAIL_FROM", "nobody"),
        ("ORGANIZERS", "one two"),
        ("SECRET_KEY", "short"),
        ("TRUSTED_PROXIES", "the nginx"),
        ("INSTANCE", "a b"),
        ("LOG", "info,web=shouting"),
        ("LOG_FORMAT", "xml"),
    ] {
        let folder = folder();
        let sentence = refused(folder.path(), &["serve"], &[(name, value)], 2);
        assert!(sentence.contains(&format!("KARIBU_{name}")), "{sentence}");
        assert!(!folder.path().join("data").exists(), "{name}");
    }
}

#[test]
fn no_secret_is_repeated() {
    for (name, value) in [
        ("SECRET_KEY", "hunter2"),
        ("SMTP_URL", "ftp://user:hunter2@mail.example.org"),
        ("DATABASE_URL", "mysql://user:hunter2@localhost/karibu"),
        ("DATABASE_URL", "postgres://user:hunter2@127.0.0.1:1/karibu"),
    ] {
        let folder = folder();
        let output = karibu(folder.path(), &["serve"], &[(name, value)]);
        assert!(!output.status.success());
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"), "{name}");
    }
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let public = ("PUBLIC_URL", "https://register.example.org");
    assert!(refuses_to_serve(&[public], 2).contains("KARIBU_MAIL=file"));
    assert!(refuses_to_serve(&[("SMTP_URL", "smtp://127.0.0.1")], 2).contains("KARIBU_MAIL_FROM is not set"));
    assert!(refuses_to_serve(&[("TLS", "off"), ("LISTEN", "0.0.0.0:0")], 2).contains("KARIBU_TRUSTED_PROXIES"));
    let both = [("SECRET_KEY", "x"), ("SECRET_KEY_FILE", "/etc/hostname")];
    assert!(refuses_to_serve(&both, 2).contains("both set"));
}

#[test]
fn a_taken_port_is_refused() {
    for setting in ["LISTEN", "OPS_LISTEN"] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let sentence = refuses_to_serve(&[(setting, &address)], 1);
        assert!(sentence.contains(&address) && sentence.contains(&format!("KARIBU_{setting}")), "{sentence}");
    }
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let sentence = refuses_to_serve(&[("LISTEN", "192.0.2.1:0")], 1);
    assert!(sentence.contains("KARIBU_LISTEN"), "{sentence}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for unusable in ["file", "file/data", "/proc/karibu"] {
        let sentence = refused(folder.path(), &["serve"], &[("DATA_DIR", unusable)], 1);
        assert!(sentence.contains("KARIBU_DATA_DIR"), "{sentence}");
    }
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/letter.txt"), "").unwrap();
    let sentence = refused(folder.path(), &["serve"], &[("DATA_DIR", "mine")], 1);
    assert!(sentence.contains("letter.txt"), "{sentence}");
    let mode = std::fs::metadata(folder.path().join("mine")).unwrap().permissions().mode();
    assert_ne!(mode & 0o777, 0o700);
}

#[test]
fn a_database_that_cannot_be_used_is_refused() {
    let closed = format!("postgres://karibu@127.0.0.1:{}/karibu", free_port());
    let sentence = refuses_to_serve(&[("DATABASE_URL", &closed)], 1);
    assert!(sentence.contains("PostgreSQL does not answer"), "{sentence}");
    let folder = folder();
    std::fs::write(folder.path().join("not.db"), "this is no database, but long enough to be read as one").unwrap();
    let sentence = refused(folder.path(), &["serve"], &[("DATABASE_URL", "sqlite:not.db")], 1);
    assert!(sentence.contains("not.db"), "{sentence}");
}

#[test]
fn a_bad_certificate_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let sentence = refused(folder.path(), &["serve"], &[("TLS", "cert.pem,key.pem")], 1);
    assert!(sentence.contains("cert.pem holds no certificate"), "{sentence}");
    let sentence = refused(folder.path(), &["serve"], &[("TLS", "none.pem,key.pem")], 1);
    assert!(sentence.contains("none.pem is not there"), "{sentence}");
}

#[test]
fn a_root_certificate_file_that_cannot_be_read_is_refused() {
    let settings =
        [("CA_FILE", "nowhere.pem"), ("SMTP_URL", "smtp://127.0.0.1"), ("MAIL_FROM", "register@example.org")];
    let sentence = refuses_to_serve(&settings, 2);
    assert!(sentence.contains("nowhere.pem"), "{sentence}");
}

#[tokio::test]
async fn a_second_serve_on_the_folder_is_refused() {
    let served = Served::start(KARIBU, &[]).await;
    let data = served.data();
    let folder = folder();
    let sentence = refused(folder.path(), &["serve"], &[("DATA_DIR", data.to_str().unwrap())], 1);
    assert!(sentence.contains("another karibu serve uses the data folder"), "{sentence}");
    let database = format!("sqlite:{}", data.join("karibu.db").display());
    let sentence = refused(folder.path(), &["serve"], &[("DATABASE_URL", &database)], 1);
    assert!(sentence.contains("another karibu serve"), "{sentence}");
}

#[test]
fn commands_without_a_database_say_how_to_get_one() {
    let sentence = refused(folder().path(), &["event", "list"], &[], 1);
    assert!(sentence.contains("karibu serve"), "{sentence}");
}

#[test]
fn commands_called_wrongly_say_how_to_call_them() {
    for arguments in
        [&["evnt"] as &[&str], &["event", "import"], &["notifications", "resend"], &["event", "list", "--jsn"]]
    {
        refused(folder().path(), arguments, &[], 2);
    }
}

#[test]
fn help_and_version_are_told_without_any_setting() {
    let folder = folder();
    let help = karibu(folder.path(), &["--help"], &[("NONSENSE", "x")]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.contains("--public-url") && text.contains("notifications"), "{text}");
    let version = karibu(folder.path(), &["--version"], &[]);
    let text = String::from_utf8(version.stdout).unwrap();
    assert!(text.starts_with(concat!("karibu ", env!("CARGO_PKG_VERSION"), " (")), "{text}");
}

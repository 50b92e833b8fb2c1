//! Long work shows how far it has come where a person looks, and nowhere else.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::serve::Served;

use crate::{KARIBU, done, karibu, register};

/// Runs the binary with a terminal for standard output and error, and gives all that was drawn there.
fn on_a_terminal(folder: &Path, arguments: &[&str]) -> String {
    answering(folder, arguments, "")
}

/// The same where somebody types, too.
fn answering(folder: &Path, arguments: &[&str], typed: &str) -> String {
    let called = std::iter::once(KARIBU).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ");
    let line = format!("stty cols 80; {called}");
    let mut command = Command::new("script");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    let mut child = command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{drawn}");
    drawn
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_drawn_on_a_terminal_and_not_into_a_pipe() {
    let mut served = Served::start(KARIBU, &[]).await;
    register(&served, 3).await;
    assert_eq!(served.terminate().await, Some(0));
    let there = served.data().parent().unwrap().to_owned();
    let drawn = on_a_terminal(&there, &["backup", "one.tar"]);
    assert!(drawn.contains("copying the database") && drawn.contains("writing the backup"), "{drawn}");

    let piped = karibu(&there, &["backup", "two.tar"], &[]).output().unwrap();
    assert!(done(&piped).contains("registrations"));
    assert!(piped.stderr.is_empty() && !piped.stdout.contains(&b'\x1b'));

    let database = testkit::postgres::database().await;
    let drawn = on_a_terminal(&there, &["move", "--to", database.url()]);
    assert!(drawn.contains("carrying over") && drawn.contains("comparing"), "{drawn}");
    let drawn = on_a_terminal(&there, &["restore", "one.tar", "--data-dir", "again"]);
    assert!(drawn.contains("reading the backup") && drawn.contains("every row"), "{drawn}");
    assert!(drawn.contains("Start it with `karibu serve --data-dir again`."), "{drawn}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_advice_is_wrapped_and_in_a_pipe_it_is_one_line() {
    const ADVICE: &str = "`karibu serve` makes it; or set KARIBU_DATA_DIR to where it is";
    let folder = tempfile::tempdir().unwrap();
    // Nobody serves here, so that there is something to say; the exit code is not what is looked at.
    let piped = karibu(folder.path(), &["check"], &[]).output().unwrap();
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.lines().any(|line| line.ends_with(&format!("→ {ADVICE}"))), "{piped}");
    let drawn = on_a_terminal(folder.path(), &["check", "||", "true"]);
    let table: Vec<&str> = drawn.lines().skip_while(|line| !line.contains("RESULT")).skip(1).collect();
    assert!(table.iter().all(|line| line.trim_end().chars().count() <= 80), "{drawn}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&table.join(" ")).contains(&words(ADVICE)) && !drawn.contains('…'), "{drawn}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_erases_is_asked_and_told_that_the_place_stays_taken() {
    let served = Served::start(KARIBU, &[]).await;
    register(&served, 1).await;
    let (_, listed, _) = served.command(&["registrations", "list", "connect", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let reference = listed[0]["reference"].as_str().unwrap();
    let there = served.data().parent().unwrap().to_owned();
    let erase = ["registrations", "erase", "connect", reference];
    let drawn = answering(&there, &[&erase[..], &["||", "true"]].concat(), "n\n");
    for part in ["Its place stays taken: if the person does not come, cancel first", "nothing was erased"] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    let drawn = answering(&there, &erase, "y\n");
    assert!(drawn.contains(&format!("{reference} is erased: ")) && drawn.contains("and its place stay;"), "{drawn}");
}

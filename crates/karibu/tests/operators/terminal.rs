//! Long work shows how far it has come where a person looks, and nowhere else.

use std::path::Path;
use std::process::Command;

use testkit::serve::Served;

use crate::{KARIBU, done, karibu, register};

/// Runs the binary with a terminal for standard output and error, and gives all that was drawn there.
fn on_a_terminal(folder: &Path, arguments: &[&str]) -> String {
    let line = std::iter::once(KARIBU).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARIBU_")) {
        command.env_remove(name);
    }
    let output = command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(folder)
        .output()
        .unwrap();
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
}

//! Tells the binary its commit: `KARIBU_COMMIT` of the build's environment, else what git says, else `unknown`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=KARIBU_COMMIT");
    let commit = std::env::var("KARIBU_COMMIT").ok().filter(|commit| !commit.is_empty()).or_else(from_git);
    println!("cargo::rustc-env=KARIBU_BUILD_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    // For a clock that is before this: the commit's time, so that the same commit makes the same binary.
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let time = std::env::var("SOURCE_DATE_EPOCH").ok().or_else(|| git(&["log", "-1", "--format=%ct"]));
    println!("cargo::rustc-env=KARIBU_BUILD_TIME={}", time.as_deref().unwrap_or("0"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn from_git() -> Option<String> {
    // HEAD says which branch, its log grows with every commit and checkout; a build without either is built once.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

//! What really stands in a database, read by the engine's own command-line client, past everything that Karibu says of itself.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

/// A database to be read.
#[derive(Clone, Debug)]
pub enum Ledger {
    /// A file, by `sqlite3`. It may be in use.
    Sqlite(PathBuf),
    /// A URL, by `psql`.
    Postgres(String),
    /// Any `psql`: a program with its first arguments, in a container for one.
    Psql(Vec<String>),
}

impl Ledger {
    /// The rows of a query, each a JSON object with its columns by name. The query is one that both engines understand.
    ///
    /// # Panics
    /// When the database cannot be read or does not understand the query.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        let mut command = match self {
            Self::Sqlite(file) => {
                let mut command = Command::new("sqlite3");
                // It waits for writers, whose locks are short.
                command.args(["-json", "-cmd", ".timeout 20000"]).arg(file).arg(query);
                command
            }
            Self::Postgres(url) => {
                let mut command = Command::new("psql");
                command.args(json_by_psql(query)).arg(url);
                command
            }
            Self::Psql(words) => {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).args(json_by_psql(query));
                command
            }
        };
        let output = command.stdin(Stdio::null()).output().await.expect("the engine's client is installed (ci/setup)");
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        // sqlite3 says nothing at all when there are no rows.
        if output.stdout.iter().all(u8::is_ascii_whitespace) {
            return Vec::new();
        }
        serde_json::from_slice(&output.stdout).expect("rows are JSON")
    }

    /// The one number of a query for a column `n`.
    ///
    /// # Panics
    /// Like [`Self::rows`], and when there is no such number.
    pub async fn number(&self, query: &str) -> i64 {
        let rows = self.rows(query).await;
        rows.first().and_then(|row| row["n"].as_i64()).unwrap_or_else(|| panic!("no number n: {query}"))
    }

    /// What SQLite's own check says of the file: `ok` when it is sound. PostgreSQL has no such check and is always `ok`.
    ///
    /// # Panics
    /// Like [`Self::rows`].
    pub async fn integrity(&self) -> String {
        match self {
            Self::Sqlite(_) => {
                let rows = self.rows("pragma integrity_check").await;
                let lines: Vec<_> = rows.iter().filter_map(|row| row["integrity_check"].as_str()).collect();
                lines.join("\n")
            }
            Self::Postgres(_) | Self::Psql(_) => "ok".to_owned(),
        }
    }
}

/// What `psql` is told to give the rows of a query as JSON.
fn json_by_psql(query: &str) -> [String; 5] {
    let query = format!("select coalesce(json_agg(t), '[]') from ({query}) t");
    ["--no-psqlrc", "--no-align", "--tuples-only", "--command", &query].map(str::to_owned)
}

/// The text in a column of a row.
///
/// # Panics
/// When it is not there.
pub fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_else(|| panic!("no text {column} in {row}"))
}

/// The whole number in a column of a row.
///
/// # Panics
/// When it is not there.
pub fn number(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| panic!("no number {column} in {row}"))
}

//! From SQLite to PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reqwest::StatusCode;
use store_postgres::PostgresStore;
use tempfile::TempDir;
use testkit::letters::wait_for_letters;
use testkit::postgres::{Database, database};
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, wait_for};

use crate::{KARIBU, checksums, done, karibu, of_sqlite, refused, register};

/// A data folder with some registrations that nobody serves from.
async fn folder_with(people: usize) -> (TempDir, PathBuf) {
    let mut served = Served::start(KARIBU, &[]).await;
    register(&served, people).await;
    assert_eq!(served.terminate().await, Some(0));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::rename(served.data(), &data).unwrap();
    (folder, data)
}

fn moved(folder: &Path, to: &str) -> Output {
    karibu(folder, &["move", "--to", to], &[]).output().unwrap()
}

async fn of_postgres(database: &Database) -> Vec<(&'static str, registration::transfer::Checksum)> {
    let store = PostgresStore::connect(database.url(), 1, None).await.unwrap();
    checksums(&mut store.snapshot().await.unwrap()).await
}

/// Rows in all tables.
async fn all_rows(database: &Database) -> u64 {
    of_postgres(database).await.iter().map(|(_, sum)| sum.rows).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_and_old_links_lead_to_it() {
    let mut served = Served::start(KARIBU, &[]).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let file = Attached::large_pdf("student.pdf", 1 << 20);
    let hostile = Filled::sample("=1+1\u{1F600} \\N O'Brien").with("comments", "a\tb\\.\r\nc \"quoted\"");
    let page = person.register(&hostile, Some(&file)).await;
    wait_for_letters(&served.mails(), 2).await;
    let database = database().await;

    let (code, _, complaint) = served.command(&["move", "--to", database.url()]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("`karibu serve` uses") && complaint.contains("stop it first"), "{complaint}");

    assert_eq!(served.terminate().await, Some(0));
    let (code, told, complaint) = served.command(&["move", "--to", database.url()]).await;
    assert_eq!((code, complaint.as_str()), (0, ""));
    assert!(told.contains("as many rows with the same checksums"), "{told}");
    assert!(told.contains("KARIBU_DATABASE_URL=postgres://") && told.contains("secret.key"), "{told}");
    let source = of_sqlite(&served.data().join("karibu.db")).await;
    assert_eq!(of_postgres(&database).await, source);

    // Again: all is there.
    let (code, told, complaint) = served.command(&["move", "--to", database.url()]).await;
    assert_eq!(code, 0, "{complaint}");
    assert!(told.contains("already in") && told.contains("equal"), "{told}");
    assert_eq!(of_postgres(&database).await, source);

    // The same data folder, and so the same key, serves from PostgreSQL.
    served.set("DATABASE_URL", database.url());
    served.start_again().await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    person.register(&Filled::sample("After the move"), None).await;
    wait_for_letters(&served.mails(), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_are_not_empty_are_refused_and_left_alone() {
    let (folder, _) = folder_with(2).await;
    let database = database().await;
    database.run("create table event (id int)").await;
    assert!(refused(&moved(folder.path(), database.url()), 1).contains("tables of another program"));
    database.run("drop table event").await;
    done(&moved(folder.path(), database.url()));
    let whole = of_postgres(&database).await;

    for (change, table) in [
        ("delete from history where id = (select max(id) from history)", "history"),
        ("update registration set name = name || ' '", "registration"),
        ("insert into page_view select id, date '2020-01-01', 'form', 1 from event limit 1", "page_view"),
        ("update file_chunk set data = data || 'x'::bytea where idx = 0", "file_chunk"),
    ] {
        database.run(change).await;
        let sentence = refused(&moved(folder.path(), database.url()), 1);
        assert!(sentence.contains("not equal") && sentence.contains(table), "{sentence}");
    }
    assert_ne!(of_postgres(&database).await, whole);
    let tables = registration::transfer::TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    database.run(&format!("truncate {tables}")).await;
    database
        .run("insert into summary_delta (event_id, dimension, value, n) values (1, 'status', 'confirmed', 1)")
        .await;
    assert!(refused(&moved(folder.path(), database.url()), 1).contains("is not empty"));
    assert_eq!(all_rows(&database).await, 1);
    database.run("truncate summary_delta").await;
    done(&moved(folder.path(), database.url()));
    assert_eq!(of_postgres(&database).await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_and_older_tables_are_refused_on_both_sides() {
    const LATER: &str = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)";
    let (folder, data) = folder_with(1).await;
    let database = database().await;
    let store = PostgresStore::connect(database.url(), 1, None).await.unwrap();
    store.migrate().await.unwrap();
    database.run(&format!("{LATER} values (9999, 'later', true, '', 0)")).await;
    assert!(refused(&moved(folder.path(), database.url()), 1).contains("tables of a newer Karibu"));
    database.run("delete from _sqlx_migrations").await;
    assert!(refused(&moved(folder.path(), database.url()), 1).contains("tables of an older Karibu"));

    let newer = format!("{LATER} values (9999, 'later', true, x'00', 0)");
    assert!(Command::new("sqlite3").arg(data.join("karibu.db")).arg(newer).status().unwrap().success());
    assert!(refused(&moved(folder.path(), database.url()), 1).contains("made by a newer Karibu"));
    assert_eq!(all_rows(&database).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_targets_are_told_without_their_password() {
    let (folder, _) = folder_with(0).await;
    for (to, code) in [("mysql://u:hunter2@h/d", 2), ("sqlite:x.db", 2), ("postgres://u:hunter2@127.0.0.1:1/d", 1)] {
        let sentence = refused(&moved(folder.path(), to), code);
        assert!(sentence.contains("--to") && !sentence.contains("hunter2"), "{sentence}");
    }
    let settings = [("DATABASE_URL", "postgres://u@127.0.0.1:1/d")];
    let output = karibu(folder.path(), &["move", "--to", "postgres://u@h/d"], &settings).output().unwrap();
    assert!(refused(&output, 1).contains("names PostgreSQL already"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(&moved(empty.path(), "postgres://u@127.0.0.1:1/d"), 1).contains("there is no database"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_or_interrupted_leaves_an_empty_target_and_can_be_repeated() {
    let (folder, data) = folder_with(3).await;
    let database = database().await;
    PostgresStore::connect(database.url(), 1, None).await.unwrap().migrate().await.unwrap();
    for signal in ["KILL", "TERM"] {
        // Holds the move up in the middle: everything before this table is written, this one waits.
        database
            .run(
                "create or replace function wait() returns trigger language plpgsql as
                 $$ begin perform pg_advisory_xact_lock(7); return new; end $$;
                 create trigger wait before insert on attachment for each row execute function wait()",
            )
            .await;
        let held = database.hold("select pg_advisory_lock(7)").await;
        let mut command = karibu(folder.path(), &["move", "--to", database.url()], &[]);
        let moving = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("a move in the middle", async || {
            let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted and database =
                           (select oid from pg_database where datname = current_database())";
            (database.number(waiting).await > 0).then_some(())
        })
        .await;
        let told = Command::new("kill").args(["-s", signal, &moving.id().to_string()]).status().unwrap();
        assert!(told.success());
        let output = moving.wait_with_output().unwrap();
        if signal == "TERM" {
            assert!(refused(&output, 1).contains("interrupted: nothing was left behind"));
        }
        drop(held);
        database.run("drop function wait cascade").await;
        assert_eq!(all_rows(&database).await, 0);
    }

    done(&moved(folder.path(), database.url()));
    assert_eq!(of_postgres(&database).await, of_sqlite(&data.join("karibu.db")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_cannot_keep_moves_nothing() {
    let (folder, data) = folder_with(2).await;
    let database = database().await;
    // An old or repaired database may hold what no form lets in.
    let nul = "update history set detail = 'a' || char(0) || 'b' where id = (select max(id) from history)";
    assert!(Command::new("sqlite3").arg(data.join("karibu.db")).arg(nul).status().unwrap().success());
    let sentence = refused(&moved(folder.path(), database.url()), 1);
    assert!(sentence.contains("nothing was moved"), "{sentence}");
    assert_eq!(all_rows(&database).await, 0);
}

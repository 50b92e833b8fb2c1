//! Backup and restore.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use testkit::letters::wait_for_letters;
use testkit::registrant::{Attached, Filled, Registrant};
use testkit::serve::{Served, free_port, wait_for};

use crate::{Crowd, KARIBU, checksums, done, karibu, of_sqlite, refused, register, rows};

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn backup(served: &Served, file: &Path) -> String {
    let (code, out, complaint) = served.command(&["backup", file.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{complaint}");
    assert_eq!(complaint, "", "nothing is drawn into a pipe");
    out
}

fn restore(folder: &Path, file: &Path) -> std::process::Output {
    karibu(folder, &["restore", file.to_str().unwrap()], &[]).output().unwrap()
}

/// A backup of a server that is gone, in a folder.
async fn some_backup(folder: &Path) -> std::path::PathBuf {
    let served = Served::start(KARIBU, &[]).await;
    register(&served, 2).await;
    let file = folder.join("backup.tar");
    backup(&served, &file).await;
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_one_moment_and_restores_to_it() {
    let served = Served::start(KARIBU, &[]).await;
    let there = tempfile::tempdir().unwrap();
    let file = there.path().join("backup.tar");
    let crowd = Crowd::come(&served);
    crowd.reaches(30).await;
    let before = crowd.registered() as u64;
    backup(&served, &file).await;
    let during = crowd.registered();
    // Writers went on.
    crowd.reaches(during + 1).await;
    let after = crowd.go_home().await as u64;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(names(there.path()).len(), 1, "nothing but the backup is left");

    let told = done(&restore(there.path(), &file));
    assert!(told.contains("every row and every checksum is right"), "{told}");
    let data = there.path().join("data");
    let restored = of_sqlite(&data.join("karibu.db")).await;
    // Byte for byte what the file holds, read by another program.
    let unpacked = there.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&unpacked).status().unwrap().success());
    assert_eq!(of_sqlite(&unpacked.join("karibu.db")).await, restored);
    // One moment: everybody from before, each whole.
    let people = rows(&restored, "registration");
    assert!(before <= people && people < after, "{before} <= {people} < {after}");
    assert_eq!(rows(&restored, "attachment"), people);
    for broken in [
        "select count(*) from attachment a where size <> (select coalesce(sum(length(data)), 0) from file_chunk
         where file_id = a.id)",
        "select count(*) from registration r where not exists (select 1 from notification where registration_id = r.id)",
        "select count(*) from registration r where not exists (select 1 from history where registration_id = r.id)",
    ] {
        let output = Command::new("sqlite3").arg(data.join("karibu.db")).arg(broken).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "0", "{broken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_backup_equals_its_source_and_the_restored_folder_serves() {
    let mut served = Served::start(KARIBU, &[]).await;
    let person = Registrant::new(served.client(), &served.url(), "connect");
    let file = Attached::large_pdf("student.pdf", 2 << 20);
    let page = person.register(&Filled::sample("Keeper"), Some(&file)).await;
    wait_for_letters(&served.mails(), 2).await;
    assert_eq!(served.terminate().await, Some(0));
    let there = tempfile::tempdir().unwrap();
    std::fs::write(served.data().join("../karibu.toml"), "log = \"info\"\n").unwrap();
    let archive = there.path().join("backup.tar");
    let told = backup(&served, &archive).await;
    assert!(told.contains("1 registrations, 1 attachments and 2 mails"), "{told}");
    let source = of_sqlite(&served.data().join("karibu.db")).await;

    let told = done(&restore(there.path(), &archive));
    assert!(told.contains("karibu.toml") && told.contains("key that signs links"), "{told}");
    let data = there.path().join("data");
    assert_eq!(
        names(&data),
        ["karibu.db", "karibu.toml", "lock", "mail", "secret.key", "tls"].map(str::to_owned).into()
    );
    assert_eq!(mode(&data), 0o700);
    for private in ["karibu.db", "secret.key", "tls/key.pem", "karibu.toml"] {
        assert_eq!(mode(&data.join(private)), 0o600, "{private}");
    }
    assert_eq!(of_sqlite(&data.join("karibu.db")).await, source);

    // In place of the old folder it serves the old links.
    std::fs::rename(served.data(), there.path().join("old")).unwrap();
    std::fs::rename(&data, served.data()).unwrap();
    served.start_again().await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    let metrics = format!("{}/metrics", served.ops_url());
    assert!(!reqwest::get(&metrics).await.unwrap().text().await.unwrap().contains("karibu_backup_last"));
    backup(&served, &there.path().join("second.tar")).await;
    wait_for("the time of the backup", async || {
        let told = reqwest::get(&metrics).await.ok()?.text().await.ok()?;
        told.contains("karibu_backup_last_success_timestamp_seconds ").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_made_leaves_nothing() {
    let served = Served::start(KARIBU, &[]).await;
    register(&served, 2).await;
    let there = tempfile::tempdir().unwrap();
    std::fs::write(there.path().join("taken.tar"), "mine").unwrap();
    for (file, told) in [
        (there.path().join("taken.tar"), "is there already"),
        (there.path().join("nowhere/backup.tar"), "in a folder that is there"),
        ("/proc/backup.tar".into(), "nothing was left behind"),
    ] {
        let (code, _, complaint) = served.command(&["backup", file.to_str().unwrap()]).await;
        assert_eq!(code, 1);
        assert!(complaint.contains(told) && complaint.lines().count() == 1, "{complaint}");
    }
    assert_eq!(std::fs::read_to_string(there.path().join("taken.tar")).unwrap(), "mine");
    assert_eq!(names(there.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_while_the_backup_is_written_is_told_and_nothing_is_left() {
    let mut served = Served::start(KARIBU, &[]).await;
    register(&served, 6).await;
    wait_for_letters(&served.mails(), 12).await;
    assert_eq!(served.terminate().await, Some(0));
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = elsewhere.path().join("whole.tar");
    backup(&served, &whole).await;
    // The copy of the database is smaller than this by the mails.
    let nearly = (std::fs::metadata(whole).unwrap().len() / 1_024 - 4).to_string();
    let there = tempfile::tempdir().unwrap();
    // A limit on the size of files is what a full disk is to a writer. SIGXFSZ is ignored, so that writing fails instead.
    for blocks in ["200", &nearly] {
        let output = karibu(there.path(), &[], &[("DATA_DIR", served.data().to_str().unwrap())]);
        let mut limited = Command::new("bash");
        for (name, value) in output.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        let output = limited
            .current_dir(there.path())
            .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" backup full.tar", "bash", blocks, KARIBU])
            .output()
            .unwrap();
        let told = refused(&output, 1);
        assert!(told.contains("nothing was left behind"), "{told}");
        assert_eq!(names(there.path()), BTreeSet::new(), "{blocks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_refuses_what_would_lose_something_and_leaves_the_folder_as_it_was() {
    let there = tempfile::tempdir().unwrap();
    let file = some_backup(there.path()).await;
    let whole = std::fs::read(&file).unwrap();
    let bad = there.path().join("bad.tar");
    let mut changed = whole.clone();
    changed[300_000] ^= 1;
    for (content, told) in [
        (&whole[..whole.len() / 2], "is cut off or was changed"),
        (&whole[..whole.len() - 2_048], "is cut off or was changed"),
        (&changed[..], "is cut off or was changed"),
        (&b"#!/bin/sh\necho hello\n"[..], "is no backup of Karibu"),
        (&[][..], "is no backup of Karibu"),
    ] {
        std::fs::write(&bad, content).unwrap();
        let sentence = refused(&restore(there.path(), &bad), 1);
        assert!(sentence.contains(told), "{sentence}");
        assert!(!there.path().join("data").exists(), "{told}");
    }
    let sentence = refused(&restore(there.path(), &there.path().join("gone.tar")), 1);
    assert!(sentence.contains("cannot be read"), "{sentence}");

    let data = there.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("karibu.db"), "precious").unwrap();
    let sentence = refused(&restore(there.path(), &file), 1);
    assert!(sentence.contains("is not empty (it holds karibu.db)"), "{sentence}");
    assert_eq!(std::fs::read_to_string(data.join("karibu.db")).unwrap(), "precious");
    assert_eq!(names(&data).len(), 1);

    let postgres = [("DATABASE_URL", "postgres://karibu@localhost/karibu")];
    let output = karibu(there.path(), &["restore", file.to_str().unwrap()], &postgres).output().unwrap();
    assert!(refused(&output, 1).contains("unset it"));
    let output = karibu(there.path(), &["backup", "postgres.tar"], &postgres).output().unwrap();
    assert!(refused(&output, 1).contains("pg_dump"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_newer_version_is_refused() {
    let served = Served::start(KARIBU, &[]).await;
    let there = tempfile::tempdir().unwrap();
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'later', true, x'00', 0)";
    let written = Command::new("sqlite3")
        .args(["-cmd", ".timeout 5000"])
        .arg(served.data().join("karibu.db"))
        .arg(newer)
        .status();
    assert!(written.unwrap().success());
    let file = there.path().join("backup.tar");
    backup(&served, &file).await;
    let sentence = refused(&restore(there.path(), &file), 1);
    assert!(sentence.contains("newer database than this version"), "{sentence}");
    assert!(!there.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_serves_from_a_folder_that_is_half_restored() {
    let there = tempfile::tempdir().unwrap();
    let data = there.path().join("data");
    std::fs::create_dir_all(data.join("restoring")).unwrap();
    let settings = [("LISTEN", &*format!("127.0.0.1:{}", free_port())), ("OPS_LISTEN", "127.0.0.1:0")];
    let output = karibu(there.path(), &["serve"], &settings).output().unwrap();
    assert!(refused(&output, 1).contains("run `karibu restore` again"));
    let file = some_backup(there.path()).await;
    let sentence = refused(&restore(there.path(), &file), 1);
    assert!(sentence.contains("it holds restoring"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_folder_on_postgres_is_nothing_that_backup_promises() {
    // The other way round: what was restored can move on.
    let there = tempfile::tempdir().unwrap();
    let file = some_backup(there.path()).await;
    done(&restore(there.path(), &file));
    let database = testkit::postgres::database().await;
    let output = karibu(there.path(), &["move", "--to", database.url()], &[]).output().unwrap();
    let told = done(&output);
    assert!(told.contains("as many rows with the same checksums"), "{told}");
    let target = store_postgres::PostgresStore::connect(database.url(), 1, None).await.unwrap();
    let theirs = checksums(&mut target.snapshot().await.unwrap()).await;
    assert_eq!(of_sqlite(&there.path().join("data/karibu.db")).await, theirs);
}

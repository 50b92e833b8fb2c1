//! Disks that are full, out of inodes or read-only: nothing is half written, answers are kept, and it heals by itself.

use std::time::Duration;

use reqwest::StatusCode;
use testkit::disk::Disk;
use testkit::postgres::{Options, Postgres};
use testkit::registrant::{Attached, Filled, OpenedForm, location};
use testkit::serve::{wait_at_most, wait_for};

use crate::books::{Entry, outbox_is_empty, reckon, register, somebody};
use crate::house::{Engine, House};

/// More people than any slack of a database file takes.
const MANY: usize = 300;

/// Registers people until one of them gets the page that says "not now". Gives that one's form as it came back, with the
/// answers in it. All who were answered 303 are among the entries then.
async fn register_until_refused(house: &House, entries: &mut Vec<Entry>) -> Entry {
    let person = house.person();
    for _ in 0..MANY {
        let (filled, _) = somebody(entries.len());
        let filled = filled.with("comments", "Zikomo, I come by the night bus.");
        let file = Attached::pdf_of("drill-big.pdf", 700_000, entries.len() as u32);
        let form = person.open().await;
        let answer = person.send(&form, &filled, Some(&file)).await;
        if answer.status() == StatusCode::SEE_OTHER {
            let page = location(&answer);
            entries.push(Entry { form, filled, file: Some(file), page });
            continue;
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", house.served.log());
        assert!(answer.headers().contains_key("retry-after"));
        let page = answer.text().await.unwrap();
        for key in ["email", "last_name", "comments"] {
            assert!(page.contains(filled.get(key)), "{key} is kept: {page}");
        }
        let again = OpenedForm::read(&page, &form.action);
        assert_eq!(again.submission_id, form.submission_id, "pressing again cannot register twice");
        return Entry { form: again, filled, file: Some(file), page: None };
    }
    panic!("{MANY} people and {MANY} files found room on a full disk");
}

/// A person without a file is refused with the answers kept, too.
async fn small_form_is_refused(house: &House) -> Entry {
    let (person, filled) = (house.person(), Filled::sample("Drillsmall"));
    let form = person.open().await;
    let answer = person.send(&form, &filled, None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = answer.text().await.unwrap();
    assert!(page.contains(filled.get("email")), "{page}");
    Entry { form: OpenedForm::read(&page, &form.action), filled, file: None, page: None }
}

async fn ready_is(house: &House, status: u16) {
    wait_at_most(Duration::from_secs(60), &format!("/readyz to say {status}"), async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (house.ops("/readyz").await.0 == status).then_some(())
    })
    .await;
}

/// Whoever was refused presses again, and is registered.
async fn press_again(house: &House, refused: Vec<Entry>, entries: &mut Vec<Entry>) {
    let person = house.person();
    for mut entry in refused {
        let answer = person.send(&entry.form, &entry.filled, entry.file.as_ref()).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", house.served.log());
        entry.page = location(&answer);
        entries.push(entry);
    }
}

/// All is there in the end.
async fn all_is_well(house: &House, entries: &[Entry], fault: &str, engine: Engine) {
    outbox_is_empty(house).await;
    let (counts, wrong) = reckon(house, entries).await;
    counts.note(fault, engine.name(), 1);
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", house.served.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_outlives_a_full_disk() {
    let Some(disk) = Disk::in_memory(24, 2_000) else { return };
    let folder = disk.path().join("data").display().to_string();
    // Mails are files on the same disk.
    let mut house = House::with_settings(&[("DATA_DIR", &folder)], 300).await;
    let person = house.person();
    let mut entries = Vec::new();
    for n in 0..3 {
        let (filled, file) = somebody(n);
        entries.push(register(&person, filled, file).await);
    }
    let process = house.served.pid();
    disk.fill();
    let mut refused = vec![register_until_refused(&house, &mut entries).await];
    ready_is(&house, 503).await;
    refused.push(small_form_is_refused(&house).await);
    assert_eq!(house.person().get("/soak/register").await.status(), StatusCode::OK, "the form is still shown");
    assert_eq!(house.served.pid(), process, "it lives on");
    disk.free();
    ready_is(&house, 200).await;
    press_again(&house, refused, &mut entries).await;
    all_is_well(&house, &entries, "disk full, mails as files on it", Engine::Sqlite).await;
    let left: Vec<_> = std::fs::read_dir(house.served.mails()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|file| file.extension().is_some_and(|end| end == "eml")), "no half mail stays: {left:?}");
    assert_eq!(house.served.terminate().await, Some(0), "{}", house.served.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_inodes_mails_wait_and_registering_goes_on() {
    let Some(disk) = Disk::in_memory(64, 400) else { return };
    let folder = disk.path().join("data").display().to_string();
    let house = House::with_settings(&[("DATA_DIR", &folder)], 300).await;
    let person = house.person();
    let mut entries = Vec::new();
    let (filled, file) = somebody(0);
    entries.push(register(&person, filled, file).await);
    outbox_is_empty(&house).await;
    disk.use_up_inodes();
    let before = house.letters().len();
    for n in 1..5 {
        let (filled, file) = somebody(n);
        entries.push(register(&person, filled, file).await);
    }
    wait_for("the mail folder's trouble on /readyz", async || {
        let (status, parts) = house.ops("/readyz").await;
        assert_eq!(status, 200, "it can still register: {parts}");
        parts.contains("degraded").then_some(())
    })
    .await;
    assert_eq!(house.letters().len(), before, "no mail finds a name");
    disk.free();
    all_is_well(&house, &entries, "no inode left, mails as files", Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_outlives_a_disk_that_becomes_read_only() {
    let Some(disk) = Disk::ext4(48) else { return };
    let folder = disk.path().join("data").display().to_string();
    let mut house = House::with_settings(&[("DATA_DIR", &folder)], 300).await;
    let person = house.person();
    let mut entries = Vec::new();
    for n in 0..3 {
        let (filled, file) = somebody(n);
        entries.push(register(&person, filled, file).await);
    }
    outbox_is_empty(&house).await;
    // Files that nobody may write: it heals by itself when they may be written again.
    disk.set_immutable(true);
    let refused = vec![register_until_refused(&house, &mut entries).await, small_form_is_refused(&house).await];
    ready_is(&house, 503).await;
    disk.set_immutable(false);
    ready_is(&house, 200).await;
    press_again(&house, refused, &mut entries).await;
    outbox_is_empty(&house).await;
    disk.break_off();
    let refused = vec![register_until_refused(&house, &mut entries).await, small_form_is_refused(&house).await];
    ready_is(&house, 503).await;
    // No file system heals while it is in use: the operator mends the disk and starts again.
    house.served.kill().await;
    disk.mend();
    house.served.start_again().await;
    press_again(&house, refused, &mut entries).await;
    all_is_well(&house, &entries, "disk becomes read-only, is mended", Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_outlives_a_full_disk() {
    let Some(disk) = Disk::in_memory(400, 20_000) else { return };
    let mut postgres = Postgres::start_in(&disk.path(), Options::default()).await;
    let house = House::with_settings(&[("DATABASE_URL", &postgres.url("postgres"))], 300).await;
    let person = house.person();
    let mut entries = Vec::new();
    for n in 0..3 {
        let (filled, file) = somebody(n);
        entries.push(register(&person, filled, file).await);
    }
    disk.fill();
    let refused = vec![register_until_refused(&house, &mut entries).await];
    assert_eq!(house.person().get("/soak/register").await.status(), StatusCode::OK, "the form is still shown");
    disk.free();
    // A server whose log of writes finds no room goes down, and is started again by its operator.
    if !postgres.answers() {
        postgres.start_again().await;
    }
    ready_is(&house, 200).await;
    press_again(&house, refused, &mut entries).await;
    all_is_well(&house, &entries, "disk of the database full", Engine::Postgres).await;
}

//! What happens to a notifier and its mails on bad days; mails are files.

use std::sync::Arc;

use crate::support::{DESK, Held, House, PanicsAt, SystemClock};
use jiff::SignedDuration;
use mail::FolderTransport;
use registration::ids::{FileId, SubmissionId};
use registration::notification::MailState;
use registration::ports::{Clock as _, Events as _, Outbox as _, Registrations as _, Uploads as _};
use registration::stored::{EventImport, FileRow};
use testkit::letters::wait_for_letters;
use testkit::serve::wait_for;
use uuid::Uuid;

#[tokio::test]
async fn without_a_relay_mails_are_files() {
    let house = House::open().await;
    let folder = house.data.path().join("mail");
    let notifier = house.notifier(Arc::new(FolderTransport::new(&folder)));
    notifier.wake(house.register("t.banda@example.org").await);
    let mut to: Vec<_> = wait_for_letters(&folder, 2).await.into_iter().map(|letter| letter.to).collect();
    to.sort();
    assert_eq!(to, [DESK, "t.banda@example.org"]);
    notifier.stop().await;
    assert_eq!(house.store.unassigned(SystemClock.now(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn two_notifiers_share_the_work_and_send_nothing_twice() {
    let house = House::open().await;
    let folders = ["a", "b"].map(|name| house.data.path().join(name));
    let notifiers = folders.each_ref().map(|folder| house.notifier(Arc::new(FolderTransport::new(folder))));
    for n in 0..20 {
        let id = house.register(&format!("person{n}@example.org")).await;
        for notifier in &notifiers {
            notifier.wake(id);
        }
    }
    wait_for("all are sent", async || {
        let mails = house.mails().await;
        (mails.len() == 40 && mails.iter().all(|mail| mail.state == MailState::Sent)).then_some(())
    })
    .await;
    for notifier in notifiers {
        notifier.stop().await;
    }
    let mut ids: Vec<_> =
        folders.iter().flat_map(|folder| testkit::letters::letters(folder)).map(|letter| letter.message_id).collect();
    assert_eq!(ids.len(), 40);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40);
    assert!(house.mails().await.iter().all(|mail| mail.attempts == 1));
}

#[tokio::test]
async fn what_was_begun_is_finished_at_the_end_and_nothing_else() {
    let house = House::open().await;
    let held = Arc::new(Held::default());
    let notifier = house.notifier(held.clone());
    notifier.wake(house.register("t.banda@example.org").await);
    held.wait_for(2).await;
    notifier.begin_to_stop();
    notifier.wake(house.register("c.mwila@example.org").await);
    assert!(!notifier.has_stopped());
    held.release();
    notifier.stop().await;
    let sent = house.mails().await.into_iter().filter(|mail| mail.state == MailState::Sent).count();
    assert_eq!(sent, 2);
    assert_eq!(
        house.store.unassigned(SystemClock.now(), 10).await.unwrap().len(),
        2,
        "the second registration waits for the next start"
    );
}

#[tokio::test]
async fn a_mail_whose_event_this_version_cannot_read_waits_with_a_reason() {
    let house = House::open().await;
    house.register("t.banda@example.org").await;
    let broken = EventImport {
        slug: "connect".to_owned(),
        source: "slug = 7".to_owned(),
        form: serde_json::json!({"fields": []}),
        limits: Vec::new(),
        sample: false,
        at: SystemClock.now(),
    };
    assert_eq!(house.store.import(&broken).await.unwrap().id, house.event);
    let notifier = house.notifier(Arc::new(FolderTransport::new(house.data.path().join("mail"))));
    let put_back =
        wait_for("it is put back", async || house.mail_to(DESK).await.filter(|mail| mail.attempts > 0)).await;
    assert_eq!(put_back.state, MailState::Pending);
    assert_eq!(put_back.last_error.as_deref(), Some("its event file cannot be read"));
    assert_eq!(notifier.relay_fault(), None);
    notifier.stop().await;
}

#[tokio::test]
async fn a_panic_at_one_mail_puts_it_back_and_the_others_go() {
    let house = House::open().await;
    let folder = house.data.path().join("mail");
    let transport = PanicsAt { recipient: DESK, others: FolderTransport::new(&folder) };
    let notifier = house.notifier(Arc::new(transport));
    notifier.wake(house.register("t.banda@example.org").await);
    wait_for_letters(&folder, 1).await;
    let put_back =
        wait_for("it is put back", async || house.mail_to(DESK).await.filter(|mail| mail.attempts > 0)).await;
    assert_eq!(put_back.state, MailState::Pending);
    notifier.stop().await;
}

#[tokio::test]
async fn a_database_that_comes_back_is_found() {
    let house = House::open().await;
    let folder = house.data.path().join("mail");
    house.register("t.banda@example.org").await;
    let (here, away) = (house.data.path().join("karibu.db"), house.data.path().join("away.db"));
    std::fs::rename(&here, &away).unwrap();
    let notifier = house.notifier(Arc::new(FolderTransport::new(&folder)));
    let heartbeat = async || notifier.metric("karibu_notifier_heartbeat_timestamp_seconds");
    let first = wait_for("a heartbeat", heartbeat).await;
    wait_for("another heartbeat", async || heartbeat().await.filter(|next| *next != first)).await;
    assert!(testkit::letters::letters(&folder).is_empty());
    std::fs::rename(&away, &here).unwrap();
    wait_for_letters(&folder, 2).await;
    notifier.stop().await;
}

#[tokio::test]
async fn the_summary_is_folded_and_stays_what_it_was() {
    let house = House::open().await;
    for n in 0..5 {
        house.register(&format!("person{n}@example.org")).await;
    }
    let before = house.store.summary(house.event).await.unwrap();
    let notifier = house.notifier(Arc::new(Held::default()));
    let folded = house.data.path().join("karibu.db");
    wait_for("the deltas are folded", async || {
        let store = store_sqlite::SqliteStore::open(&folded, 1).await.unwrap();
        let left = store.fold_summary(1).await.unwrap();
        store.close().await;
        (left == 0).then_some(())
    })
    .await;
    notifier.kill().await;
    assert_eq!(house.store.summary(house.event).await.unwrap(), before);
    assert_eq!(before.total(), 5);
}

#[tokio::test]
async fn uploads_that_nobody_claimed_for_a_day_are_thrown_away() {
    let house = House::open().await;
    let submissions = [25, 23].map(|hours| (SubmissionId(Uuid::from_u128(hours)), hours));
    for (submission, hours) in submissions {
        let file = FileRow {
            id: FileId(submission.0),
            field: "attachment".to_owned(),
            name: "cv.pdf".to_owned(),
            media: registration::attachment::Media::Pdf,
            size: 4,
            sha256: [0; 32],
        };
        let begun = SystemClock.now() - SignedDuration::from_hours(hours as i64);
        house.store.begin(file.id, submission, &file.field, begun).await.unwrap();
        house.store.append(file.id, 0, b"%PDF").await.unwrap();
        house.store.finish(submission, &file).await.unwrap();
    }
    let [old, young] = submissions.map(|(submission, _)| submission);
    let notifier = house.notifier(Arc::new(Held::default()));
    wait_for("the old one is gone", async || house.store.kept(old).await.unwrap().is_empty().then_some(())).await;
    assert_eq!(house.store.kept(young).await.unwrap().len(), 1);
    notifier.stop().await;
}

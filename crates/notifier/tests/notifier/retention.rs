//! What an event file says is kept only for a while.

use std::sync::Arc;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use mail::FolderTransport;
use registration::attachment::Media;
use registration::ids::FileId;
use registration::ports::{Clock, Registrations as _};
use registration::stored::{FileContent, NewAttachment};
use testkit::letters::{letters, wait_for_letters};
use testkit::serve::wait_for;

use crate::support::{House, SystemClock};

/// A clock that stands still until it is set.
struct Set(Mutex<Timestamp>);

impl Set {
    fn to(&self, at: Timestamp) {
        *self.0.lock().expect("nobody panics with it") = at;
    }
}

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("nobody panics with it")
    }
}

#[tokio::test]
async fn files_go_first_then_answers_and_mails_and_the_counts_stay() {
    let house = House::open().await;
    let file = NewAttachment {
        id: FileId("019a0000-0000-7000-8000-0000000000aa".parse().expect("an id")),
        field: "attachment".to_owned(),
        name: "passport.pdf".to_owned(),
        media: Media::Pdf,
        size: 9,
        sha256: [1; 32],
        content: FileContent::Small(b"%PDF-1.4 ".to_vec()),
    };
    let with_file = house.register_with("thoko@example.org", vec![file]).await;
    let without = house.register("other@example.org").await;
    let folder = house.data.path().join("mail");
    let clock = Arc::new(Set(Mutex::new(SystemClock.now())));
    let running = house.notifier_at(Arc::new(FolderTransport::new(&folder)), clock.clone());
    wait_for_letters(&folder, 4).await;
    let kept = async || house.store.kept_data(house.event).await.expect("it is counted");
    assert_eq!((kept().await.attachments, kept().await.erased), (1, 0));

    let attachments_end = house.parsed.attachments_end().expect("the sample has one");
    clock.to(attachments_end);
    wait_for("the file goes", async || (kept().await.attachments == 0).then_some(())).await;
    assert_eq!(kept().await.erased, 0, "answers stay longer");
    assert_eq!(letters(&folder).len(), 4);

    clock.to(house.parsed.answers_end().expect("the sample has one"));
    wait_for("the answers go", async || (kept().await.erased == 2).then_some(())).await;
    wait_for("the mails go", async || letters(&folder).is_empty().then_some(())).await;
    for id in [with_file, without] {
        let record = house.store.get(id).await.expect("it is read").expect("it is there");
        assert_eq!((record.columns.email.as_str(), record.answers.to_string()), ("", "{}".to_owned()));
    }
    assert_eq!(house.store.summary(house.event).await.expect("it is counted").total(), 2);
    // Nobody is told of each of them.
    assert!(house.mails().await.iter().all(|mail| mail.kind != registration::notification::Kind::Erased));

    // Somebody who is registered by hand after all of that goes at the next hour.
    house.register("late@example.org").await;
    clock.to(clock.now() + SignedDuration::from_mins(61));
    wait_for("the late one goes", async || (kept().await.erased == 3).then_some(())).await;
    running.stop().await;
}

//! From notifications to mails that are sent.

use futures_util::future::join_all;
use jiff::SignedDuration;

use super::setting::{
    at, camp, confirmed, fresh_uuid, import, mail_of, make_all, small_file, somebody, stranger, taker, upload,
};
use crate::event::WhenFull;
use crate::ids::MailId;
use crate::language::Language;
use crate::notification::{Kind, LeasedEntry, LeasedMail, MailRow, MailState, NewMail};
use crate::ports::Store;
use crate::stored::{NewRegistration, OutboxDepth};

/// Longer than any test takes.
const LONG: SignedDuration = SignedDuration::from_mins(10);

async fn lease(store: &dyn Store, limit: u32) -> Vec<LeasedMail> {
    store.lease(limit, LONG).await.expect("leases")
}

/// Somebody registers, and each of the two is to get a mail.
async fn two_mails(store: &dyn Store) -> Vec<NewMail> {
    let event = camp(store, &[]).await;
    confirmed(store, &somebody(event)).await;
    make_all(store).await
}

/// What `list` says of a mail.
async fn state(store: &dyn Store, id: MailId) -> MailRow {
    let rows = store.list(None, None, 100).await.expect("lists");
    rows.into_iter().find(|row| row.id == id).expect("is listed")
}

pub async fn notifications_wait_in_order_until_a_mail_carries_them(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (first, second) = (somebody(event), somebody(event));
    confirmed(store, &first).await;
    confirmed(store, &second).await;
    let waiting = store.unassigned(at(60), 10).await.expect("reads");
    assert!(waiting.is_sorted_by(|one, next| one.id < next.id), "oldest first");
    let what: Vec<_> = waiting
        .iter()
        .map(|one| (one.event, one.registration, one.recipient.as_str(), one.kind, one.language))
        .collect();
    let expected = |id| {
        [
            (event, id, "desk@example.org", Kind::Registered, Language::En),
            (event, id, "t.banda@example.org", Kind::Confirmation, Language::Fr),
        ]
    };
    assert_eq!(what, [expected(first.id), expected(second.id)].concat());
    assert_eq!(store.unassigned(at(60), 3).await.expect("reads"), waiting[..3]);

    assert_eq!(store.make(&[mail_of(&waiting[0]), mail_of(&waiting[2])]).await.expect("makes").mails, 2);
    assert_eq!(store.unassigned(at(60), 10).await.expect("reads"), [waiting[1].clone(), waiting[3].clone()]);
    assert_eq!(store.make(&[]).await.expect("makes").mails, 0);
}

pub async fn the_mails_of_a_registration_are_found(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (first, second) = (somebody(event), somebody(event));
    confirmed(store, &first).await;
    assert_eq!(store.mails_of(first.id).await.expect("lists"), Vec::new());
    make_all(store).await;
    confirmed(store, &second).await;
    make_all(store).await;
    let all = store.list(None, None, 10).await.expect("lists");
    for one in [&first, &second] {
        let own: Vec<_> =
            all.iter().filter(|row| row.references.contains(&one.reference.to_string())).cloned().collect();
        assert_eq!(own.len(), 2);
        assert_eq!(store.mails_of(one.id).await.expect("lists"), own);
    }
}

pub async fn a_mail_whose_notification_is_carried_is_left_out_whole(store: &dyn Store) {
    let event = camp(store, &[]).await;
    for _ in 0..2 {
        confirmed(store, &somebody(event)).await;
    }
    let waiting = store.unassigned(at(60), 10).await.expect("reads");
    assert_eq!(store.make(&[mail_of(&waiting[1])]).await.expect("makes").mails, 1);

    let mixed = NewMail { notifications: vec![waiting[0].id, waiting[1].id], ..mail_of(&waiting[0]) };
    let (again, fine) = (mail_of(&waiting[1]), mail_of(&waiting[2]));
    assert_eq!(store.make(&[mixed.clone(), again.clone(), fine.clone()]).await.expect("makes").mails, 1);
    let rest = [waiting[0].clone(), waiting[3].clone()];
    assert_eq!(
        store.unassigned(at(60), 10).await.expect("reads"),
        rest,
        "the other notification of the mixed mail still waits"
    );
    let listed: Vec<MailId> = store.list(None, None, 10).await.expect("lists").iter().map(|row| row.id).collect();
    assert!(listed.contains(&fine.id) && !listed.contains(&mixed.id) && !listed.contains(&again.id));
}

pub async fn two_notifiers_make_each_mail_once(store: &dyn Store) {
    let event = camp(store, &[]).await;
    for _ in 0..10 {
        confirmed(store, &stranger(event)).await;
    }
    let waiting = store.unassigned(at(60), 100).await.expect("reads");
    let batches: Vec<Vec<NewMail>> = (0..4).map(|_| waiting.iter().map(mail_of).collect()).collect();
    let made = join_all(batches.iter().map(|batch| store.make(batch))).await;
    assert_eq!(made.into_iter().map(|made| made.expect("makes").mails).sum::<usize>(), 20);
    assert_eq!(store.unassigned(at(60), 100).await.expect("reads"), Vec::new());
    assert_eq!(store.list(None, None, 100).await.expect("lists").len(), 20);
}

pub async fn a_leased_mail_tells_everything_about_itself(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let ids = [confirmed(store, &somebody(event)).await, confirmed(store, &somebody(event)).await];
    let waiting = store.unassigned(at(60), 10).await.expect("reads");
    let digest = NewMail { notifications: vec![waiting[0].id, waiting[2].id], ..mail_of(&waiting[0]) };
    assert_eq!(store.make(std::slice::from_ref(&digest)).await.expect("makes").mails, 1);
    let leased = lease(store, 10).await;
    let expected = LeasedMail {
        id: digest.id,
        event,
        recipient: digest.recipient,
        kind: Kind::Registered,
        language: Language::En,
        message_id: digest.message_id,
        attempts: 0,
        created_at: leased[0].created_at,
        window: None,
        part: 1,
        entries: vec![
            LeasedEntry { registration: ids[0], kind: Kind::Registered, at: waiting[0].created_at },
            LeasedEntry { registration: ids[1], kind: Kind::Registered, at: waiting[2].created_at },
        ],
    };
    assert_eq!(leased, [expected]);
}

pub async fn two_lessees_never_share_a_mail(store: &dyn Store) {
    let event = camp(store, &[]).await;
    for _ in 0..25 {
        confirmed(store, &stranger(event)).await;
    }
    let mails = make_all(store).await;
    let leased = join_all((0..10).map(|_| store.lease(8, LONG))).await;
    let mut leased: Vec<MailId> =
        leased.into_iter().flat_map(|leased| leased.expect("leases")).map(|mail| mail.id).collect();
    assert!(leased.len() <= mails.len(), "none is leased twice");
    leased.extend(lease(store, 100).await.iter().map(|mail| mail.id));
    leased.sort_unstable();
    assert_eq!(leased, mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), "each is leased once");
    assert_eq!(lease(store, 100).await, Vec::new());
}

pub async fn a_lease_that_ended_is_given_again(store: &dyn Store) {
    let mails = two_mails(store).await;
    let first = store.lease(1, SignedDuration::ZERO).await.expect("leases");
    assert_eq!(first[0].id, mails[0].id, "oldest first");
    let second = lease(store, 1).await;
    assert_eq!(second, first, "the lease had no length, so it is over");
    assert_eq!(lease(store, 10).await.iter().map(|mail| mail.id).collect::<Vec<_>>(), [mails[1].id]);
}

pub async fn what_is_sent_is_not_leased_again(store: &dyn Store) {
    let mails = two_mails(store).await;
    let leased = store.lease(1, SignedDuration::ZERO).await.expect("leases");
    store.sent(leased[0].id).await.expect("marks");
    assert_eq!(lease(store, 10).await.iter().map(|mail| mail.id).collect::<Vec<_>>(), [mails[1].id]);
    let row = state(store, leased[0].id).await;
    assert_eq!((row.state, row.attempts, row.next_attempt_at, row.last_error), (MailState::Sent, 1, None, None));
    assert!(row.sent_at.is_some_and(|sent| sent >= row.created_at));
}

pub async fn a_mail_put_back_is_due_after_its_wait(store: &dyn Store) {
    two_mails(store).await;
    let leased = lease(store, 10).await;
    store.retry(leased[0].id, SignedDuration::ZERO, "451 4.3.0 try later").await.expect("puts back");
    store.retry(leased[1].id, SignedDuration::from_hours(1), "no connection").await.expect("puts back");
    let again = lease(store, 10).await;
    assert_eq!(again, [LeasedMail { attempts: 1, ..leased[0].clone() }], "its lease ended with its return");

    let (now, later) = (state(store, leased[0].id).await, state(store, leased[1].id).await);
    assert_eq!(
        (later.state, later.attempts, later.last_error.as_deref()),
        (MailState::Pending, 1, Some("no connection"))
    );
    assert_eq!(now.last_error.as_deref(), Some("451 4.3.0 try later"));
    let wait = later.next_attempt_at.expect("is due").duration_since(now.next_attempt_at.expect("is due"));
    assert!((SignedDuration::from_mins(59)..SignedDuration::from_mins(61)).contains(&wait), "{wait:?}");

    store.retry(leased[0].id, SignedDuration::ZERO, "again").await.expect("puts back");
    assert_eq!(lease(store, 10).await[0].attempts, 2);
}

pub async fn a_late_worker_does_not_undo_what_is_sent(store: &dyn Store) {
    let mails = two_mails(store).await;
    store.sent(mails[0].id).await.expect("marks");
    store.retry(mails[0].id, SignedDuration::ZERO, "late").await.expect("nothing happens");
    store.park(mails[0].id, "later").await.expect("nothing happens");
    assert_eq!(state(store, mails[0].id).await.state, MailState::Sent);
    assert_eq!(lease(store, 10).await.len(), 1);
}

pub async fn a_parked_mail_waits_for_resend(store: &dyn Store) {
    let mails = two_mails(store).await;
    for mail in lease(store, 10).await {
        store.park(mail.id, "550 5.1.1 no such user").await.expect("parks");
    }
    assert_eq!(lease(store, 10).await, Vec::new());
    let row = state(store, mails[0].id).await;
    assert_eq!((row.state, row.attempts, row.next_attempt_at), (MailState::Parked, 1, None));
    assert_eq!(row.last_error.as_deref(), Some("550 5.1.1 no such user"));

    assert_eq!(store.resend(Some(mails[0].id)).await.expect("resends"), 1);
    assert_eq!(store.resend(Some(mails[0].id)).await.expect("resends"), 0, "it is not parked any more");
    let again = lease(store, 10).await;
    assert_eq!((again.len(), again[0].attempts), (1, 0));
    assert_eq!((again[0].id, &again[0].message_id), (mails[0].id, &mails[0].message_id));
    assert_eq!(store.resend(None).await.expect("resends"), 1);
    assert_eq!(lease(store, 10).await[0].id, mails[1].id);
}

pub async fn any_mail_can_be_sent_again_under_its_message_id(store: &dyn Store) {
    let mails = two_mails(store).await;
    lease(store, 10).await;
    store.sent(mails[0].id).await.expect("marks");
    store.retry(mails[1].id, LONG, "later").await.expect("puts back");
    for mail in &mails {
        assert!(store.resend_any(mail.id).await.expect("resends"));
        let leased = lease(store, 10).await;
        assert_eq!((leased.len(), &leased[0].message_id), (1, &mail.message_id));
        assert_eq!(state(store, mail.id).await.sent_at, None);
    }
    assert!(!store.resend_any(MailId(fresh_uuid())).await.expect("resends"));
}

pub async fn mails_are_listed_newest_first_by_event_and_state(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    let (first, second) = (somebody(event), somebody(event));
    confirmed(store, &first).await;
    confirmed(store, &second).await;
    let waiting = store.unassigned(at(60), 10).await.expect("reads");
    let digest = NewMail { notifications: vec![waiting[0].id, waiting[2].id], ..mail_of(&waiting[0]) };
    assert_eq!(store.make(&[digest.clone(), mail_of(&waiting[1])]).await.expect("makes").mails, 2);
    store.park(digest.id, "552 too large").await.expect("parks");
    confirmed(store, &somebody(other)).await;
    make_all(store).await;

    let all = store.list(None, None, 100).await.expect("lists");
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|one, next| one.created_at >= next.created_at), "newest first");
    assert_eq!(store.list(None, None, 2).await.expect("lists"), all[..2]);
    assert_eq!(store.list(Some("summit"), None, 100).await.expect("lists").len(), 2);
    assert_eq!(store.list(Some("camping"), None, 100).await.expect("lists"), Vec::new());
    assert_eq!(store.list(Some("summit"), Some(MailState::Parked), 100).await.expect("lists"), Vec::new());
    assert_eq!(store.list(None, Some(MailState::Sent), 100).await.expect("lists"), Vec::new());
    let parked = store.list(Some("camp"), Some(MailState::Parked), 100).await.expect("lists");
    let [parked] = parked.as_slice() else { panic!("one is parked: {parked:?}") };
    assert_eq!((parked.id, parked.event.as_str(), parked.kind), (digest.id, "camp", Kind::Registered));
    assert_eq!((&parked.recipient, &parked.message_id), (&digest.recipient, &digest.message_id));
    assert_eq!(parked.references, [first.reference.as_str(), second.reference.as_str()]);
}

pub async fn depth_tells_what_is_waiting(store: &dyn Store) {
    assert_eq!(store.depth().await.expect("reads"), OutboxDepth::default());
    let event = camp(store, &[("event", 1)]).await;
    let mut new = taker(event, &["event"], WhenFull::Waiting);
    let large = upload(store, new.submission, "cv", &[7; 1000]).await;
    new.attachments = vec![small_file("photo", &[7; 200]), large];
    confirmed(store, &new).await;
    let kept = small_file("cv", &[7; 30]);
    store.keep(somebody(event).submission, &kept, at(0)).await.expect("keeps");

    let depth = store.depth().await.expect("reads");
    assert_eq!((depth.pending, depth.parked, depth.registrations_without_notification), (2, 0, 0));
    assert_eq!((depth.attachment_bytes, depth.waiting_upload_bytes), (1230, 30));
    let age = depth.oldest_pending_seconds.expect("two wait");
    assert!((0.0..60.0).contains(&age), "by the database's clock, not by the registration's: {age}");

    let mails = make_all(store).await;
    lease(store, 10).await;
    assert_eq!(store.depth().await.expect("reads").pending, 2, "a mail under way is still pending");
    store.sent(mails[0].id).await.expect("marks");
    store.park(mails[1].id, "550").await.expect("parks");
    let depth = store.depth().await.expect("reads");
    assert_eq!((depth.pending, depth.oldest_pending_seconds, depth.parked), (0, None, 1));

    confirmed(store, &NewRegistration { notifications: Vec::new(), ..somebody(event) }).await;
    assert_eq!(store.depth().await.expect("reads").registrations_without_notification, 1);
}

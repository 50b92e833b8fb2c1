//! Notifications of digests, withheld ones, and mails whose relay is at fault.

use jiff::SignedDuration;

use super::setting::{at, camp, confirmed, fresh_uuid, mail_of, make_all, note, somebody};
use crate::ids::{MailId, RegistrationId};
use crate::notification::{Kind, MAILS_A_DAY, MailState, NewMail, Window};
use crate::ports::Store;
use crate::stored::NewRegistration;

const LONG: SignedDuration = SignedDuration::from_mins(10);

/// Somebody of whom the desk is told at the end of a window.
fn in_window(new: NewRegistration, window: Window) -> NewRegistration {
    let mut new = new;
    new.notifications[0].window = Some(window);
    new
}

pub async fn a_digests_notifications_wait_for_the_end_of_their_window(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (early, late) = (Window { starts: at(0), ends: at(1800) }, Window { starts: at(1800), ends: at(3600) });
    let (second, first) = (in_window(somebody(event), late), in_window(somebody(event), early));
    confirmed(store, &second).await;
    confirmed(store, &first).await;
    let windows = async |now: i64| {
        let waiting = store.unassigned(at(now), 10).await.expect("reads");
        waiting.iter().map(|one| one.window).collect::<Vec<_>>()
    };
    assert_eq!(windows(1799).await, [None, None], "the confirmations");
    assert_eq!(windows(1800).await, [None, None, Some(early)]);
    assert_eq!(windows(9999).await, [None, None, Some(early), Some(late)], "by window, not by when they were written");
    let depth = store.depth().await.expect("reads");
    assert_eq!(depth.pending, 4, "their time is over by the database's clock");
    let answers = store.unassigned(at(9999), 10).await.expect("reads")[2].answers_bytes;
    assert!((60..200).contains(&answers), "{answers}");
}

pub async fn mails_of_one_window_are_its_parts(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let window = Window { starts: at(0), ends: at(1800) };
    for _ in 0..3 {
        confirmed(store, &in_window(somebody(event), window)).await;
    }
    let waiting = store.unassigned(at(1800), 10).await.expect("reads");
    let digests: Vec<_> = waiting.iter().filter(|one| one.window.is_some()).collect();
    let whole = NewMail { notifications: vec![digests[0].id, digests[1].id], ..mail_of(digests[0]) };
    let mails = [whole, mail_of(digests[2])];
    // Another notifier read the same ones at the same time.
    let others: Vec<NewMail> = mails.iter().map(|mail| NewMail { id: MailId(fresh_uuid()), ..mail.clone() }).collect();
    let others: Vec<NewMail> =
        others.into_iter().map(|mail| NewMail { message_id: format!("<{}@example.org>", mail.id.0), ..mail }).collect();
    let (one, other) = futures_util::future::join(store.make(&mails), store.make(&others)).await;
    assert_eq!(one.expect("makes").mails + other.expect("makes").mails, 2, "each once");
    let leased = store.lease(10, LONG).await.expect("leases");
    let mut parts: Vec<_> = leased.iter().map(|mail| (mail.part, mail.window, mail.entries.len())).collect();
    parts.sort_unstable_by_key(|(part, ..)| *part);
    assert_eq!(parts, [(1, Some(window), 2), (2, Some(window), 1)]);
}

pub async fn an_address_gets_so_many_mails_a_day_and_no_more(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let all = MAILS_A_DAY as usize + 2;
    for _ in 0..all {
        confirmed(store, &somebody(event)).await;
    }
    let waiting = store.unassigned(at(60), 100).await.expect("reads");
    let mails: Vec<_> = waiting.iter().map(mail_of).collect();
    let made = store.make(&mails).await.expect("makes");
    assert_eq!((made.mails, made.withheld), (all + MAILS_A_DAY as usize, 2), "organisers get all of theirs");
    assert_eq!(store.unassigned(at(60), 100).await.expect("reads"), []);
    let mut again = somebody(event);
    "T.BANDA@example.org".clone_into(&mut again.notifications[1].recipient);
    confirmed(store, &again).await;
    let waiting = store.unassigned(at(60), 100).await.expect("reads");
    let mails: Vec<_> = waiting.iter().map(mail_of).collect();
    let made = store.make(&mails).await.expect("makes");
    assert_eq!((made.mails, made.withheld), (1, 1), "capitals make no other address");
    let depth = store.depth().await.expect("reads");
    assert_eq!(depth.registrations_without_notification, 0);

    // Who is to know that no mail comes, does: before mails are made, and after.
    assert!(store.withheld(again.id).await.expect("reads"));
    let next = somebody(event);
    confirmed(store, &next).await;
    assert!(store.withheld(next.id).await.expect("reads"), "it will be");
    let mut other = somebody(event);
    "another@example.org".clone_into(&mut other.notifications[1].recipient);
    confirmed(store, &other).await;
    assert!(!store.withheld(other.id).await.expect("reads"));

    // What organisers have sent has no limit, and counts for nobody.
    let waiting = store.unassigned(at(60), 100).await.expect("reads");
    let made = store.make(&waiting.iter().map(mail_of).collect::<Vec<_>>()).await.expect("makes");
    assert_eq!((made.mails, made.withheld), (3, 1));
    for _ in 0..2 {
        assert!(store.notify(again.id, &[note("t.banda@example.org", Kind::Notice)], at(70)).await.expect("writes"));
    }
    let mails = make_all(store).await;
    assert_eq!(mails.iter().map(|mail| mail.kind).collect::<Vec<_>>(), [Kind::Notice; 2]);
    for _ in 0..MAILS_A_DAY {
        assert!(store.notify(other.id, &[note("another@example.org", Kind::Notice)], at(70)).await.expect("writes"));
    }
    make_all(store).await;
    assert!(!store.withheld(other.id).await.expect("reads"));
    let history = store.history(again.id).await.expect("reads");
    assert_eq!(history.iter().filter(|row| row.action == "resent").count(), 2);
    store.erase(again.id, &[], at(80)).await.expect("erases");
    assert!(!store.notify(again.id, &[note("t.banda@example.org", Kind::Notice)], at(90)).await.expect("writes"));
    assert!(!store.notify(RegistrationId(fresh_uuid()), &[], at(90)).await.expect("writes"));
}

pub async fn a_fault_of_the_relay_does_not_count_and_does_not_delay(store: &dyn Store) {
    let event = camp(store, &[]).await;
    confirmed(store, &somebody(event)).await;
    let mails = make_all(store).await;
    let leased = store.lease(1, LONG).await.expect("leases");
    store.relay_fault(leased[0].id, "no connection").await.expect("marks");
    let again = store.lease(1, LONG).await.expect("leases");
    assert_eq!((again[0].id, again[0].attempts), (mails[0].id, 0), "it is still the first one, with all its patience");
    let row = store.list(None, None, 10).await.expect("lists").into_iter().find(|row| row.id == mails[0].id);
    let row = row.expect("is listed");
    assert_eq!((row.state, row.attempts, row.last_error.as_deref()), (MailState::Pending, 1, Some("no connection")));
    store.retry(again[0].id, SignedDuration::ZERO, "451 later").await.expect("marks");
    let third = store.lease(10, LONG).await.expect("leases");
    assert_eq!(third.iter().find(|mail| mail.id == mails[0].id).map(|mail| mail.attempts), Some(1));
}

pub async fn a_lease_can_be_prolonged_until_the_mail_is_sent(store: &dyn Store) {
    let event = camp(store, &[]).await;
    confirmed(store, &somebody(event)).await;
    make_all(store).await;
    let leased = store.lease(1, SignedDuration::ZERO).await.expect("leases");
    assert!(store.renew(leased[0].id, LONG).await.expect("renews"));
    let others = store.lease(10, LONG).await.expect("leases");
    assert!(others.iter().all(|mail| mail.id != leased[0].id), "it is still somebody's");
    store.sent(leased[0].id).await.expect("marks");
    assert!(!store.renew(leased[0].id, LONG).await.expect("asks"));
    assert!(!store.renew(MailId(fresh_uuid()), LONG).await.expect("asks"));
}

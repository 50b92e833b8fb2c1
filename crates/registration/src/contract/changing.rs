//! What happens to a registration after it came in: cancelled, erased, given other files, found again.

use jiff::SignedDuration;
use serde_json::json;

use super::setting::{
    at, camp, confirmed, content, count, download, fresh_uuid, mail_of, make_all, note, small_file, somebody, taken,
    taker, upload,
};
use crate::event::WhenFull;
use crate::ids::{EventId, FileId, RegistrationId, SubmissionId};
use crate::notification::{Kind, NewMail};
use crate::places::PlaceKey;
use crate::ports::Store;
use crate::stored::{
    Change, Erasure, FileChange, KeptData, NewRegistration, Registered, Removal, Status, StatusChange,
};
use crate::summary::SummaryDelta;

fn cancellation(new: &NewRegistration) -> StatusChange {
    let less = |delta: &SummaryDelta| SummaryDelta { n: -1, ..delta.clone() };
    let mut summary: Vec<_> = new.summary.iter().filter(|delta| delta.dimension != "day").map(less).collect();
    summary.push(count("status", "cancelled"));
    StatusChange {
        id: new.id,
        from: Status::Confirmed,
        to: Status::Cancelled,
        places: new.places.clone(),
        summary,
        notifications: vec![note("desk@example.org", Kind::Cancelled)],
        at: at(120),
    }
}

pub async fn a_cancelled_registration_gives_its_places_back_and_is_counted_as_cancelled(store: &dyn Store) {
    let event = camp(store, &[("meal=fish", 5), ("event", 5)]).await;
    let new = taker(event, &["meal=fish", "sex=none", "event"], WhenFull::Waiting);
    confirmed(store, &new).await;
    make_all(store).await;
    assert_eq!(store.change_status(&cancellation(&new)).await.expect("changes"), Change::Done);
    assert_eq!((taken(store, event, "meal=fish").await, taken(store, event, "event").await), (Some(0), Some(0)));
    let summary = store.summary(event).await.expect("reads");
    assert_eq!((summary.total(), summary.count("status", "cancelled")), (0, 1));
    assert_eq!(summary.count("field:category", "student"), 0);
    assert_eq!(summary.count("day", "2026-06-01"), 1, "it came in that day");
    let record = store.get(new.id).await.expect("reads").expect("is there");
    assert_eq!((record.status, record.shown_status), (Status::Cancelled, Status::Cancelled));
    assert!(record.updated_at > record.created_at);
    assert_eq!(store.latest(event, 10).await.expect("reads"), []);
    let told = store.unassigned(at(200), 10).await.expect("reads");
    assert_eq!(told.iter().map(|one| (one.registration, one.kind)).collect::<Vec<_>>(), [(new.id, Kind::Cancelled)]);
    let history = store.history(new.id).await.expect("reads");
    let actions: Vec<_> = history.iter().map(|row| (row.action.as_str(), row.at)).collect();
    assert_eq!(actions, [("registered", at(60)), ("cancelled", at(120))]);

    assert_eq!(store.change_status(&cancellation(&new)).await.expect("is told"), Change::Stale, "not twice");
    assert_eq!(store.summary(event).await.expect("reads").count("status", "cancelled"), 1);
    assert_eq!(store.unassigned(at(200), 10).await.expect("reads").len(), 1);
}

pub async fn twenty_cancellations_at_once_are_one(store: &dyn Store) {
    let event = camp(store, &[("event", 5)]).await;
    for _ in 0..3 {
        confirmed(store, &taker(event, &["event"], WhenFull::Waiting)).await;
    }
    let new = taker(event, &["event"], WhenFull::Waiting);
    confirmed(store, &new).await;
    let change = cancellation(&new);
    let done = futures_util::future::join_all((0..20).map(|_| store.change_status(&change))).await;
    assert_eq!(done.iter().filter(|done| **done == Ok(Change::Done)).count(), 1);
    assert_eq!(taken(store, event, "event").await, Some(3));
}

pub async fn an_erased_registration_leaves_its_counts_and_nothing_else(store: &dyn Store) {
    let event = camp(store, &[("event", 5)]).await;
    let file = small_file("passport", &content(3000));
    let new = NewRegistration { attachments: vec![file.clone()], ..taker(event, &["event"], WhenFull::Waiting) };
    confirmed(store, &new).await;
    let before = store.summary(event).await.expect("reads");
    let mut mails = make_all(store).await;
    store.sent(mails[0].id).await.expect("marks");
    // Organisers sent a notice, which was not taken; neither was what tells them, and the relay quoted it.
    store.notify(new.id, &[note(&new.columns.email, Kind::Notice)], at(200)).await.expect("writes");
    mails.extend(make_all(store).await);
    store.resend_any(mails[0].id).await.expect("marks");
    store.retry(mails[0].id, SignedDuration::from_hours(1), "554 Thoko Banda").await.expect("marks");

    let notes = [note("desk@example.org", Kind::Erased)];
    let Erasure::Done(mut gone) = store.erase(new.id, &notes, at(300)).await.expect("erases") else {
        panic!("it is there to be erased")
    };
    gone.sort_unstable();
    let mut expected: Vec<_> = mails.iter().map(|mail| mail.message_id.clone()).collect();
    expected.sort_unstable();
    assert_eq!(gone, expected, "all three mails told of it");

    let record = store.get(new.id).await.expect("reads").expect("its row is there");
    assert_eq!((record.answers, record.columns), (json!({}), crate::stored::Columns::default()));
    assert_eq!((record.reference, record.status), (new.reference.clone(), Status::Confirmed));
    assert_eq!(record.erased_at, Some(at(300)));
    assert_eq!(store.files(new.id).await.expect("reads"), []);
    assert_eq!(store.chunk(file.id, 0).await.expect("reads"), None);
    assert_eq!(store.summary(event).await.expect("reads"), before, "the counts stay");
    assert_eq!(taken(store, event, "event").await, Some(1), "and so does the place");

    let listed = store.list(None, None, 10).await.expect("lists");
    assert_eq!(listed.len(), 1, "the mails to the person, which were not sent, are gone");
    assert_eq!((listed[0].recipient.as_str(), &listed[0].last_error), ("desk@example.org", &None));
    let waiting = store.unassigned(at(400), 10).await.expect("reads");
    assert_eq!(waiting.iter().map(|one| one.kind).collect::<Vec<_>>(), [Kind::Erased], "nothing is mailed to nobody");
    store.overwrite_erased().await.expect("overwrites");

    assert_eq!(store.erase(new.id, &notes, at(500)).await.expect("is told"), Erasure::Already(at(300)));
    assert_eq!(store.unassigned(at(600), 10).await.expect("reads").len(), 1, "told once");
    let nobody = RegistrationId(fresh_uuid());
    assert_eq!(store.erase(nobody, &notes, at(500)).await.expect("is told"), Erasure::Unknown);
    let cancel = cancellation(&new);
    assert_eq!(store.change_status(&cancel).await.expect("is told"), Change::Stale, "nobody knows its places");
}

pub async fn a_sent_mail_forgets_its_registrant(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let new = somebody(event);
    confirmed(store, &new).await;
    let mails = make_all(store).await;
    store.sent(mails[1].id).await.expect("marks");
    assert!(matches!(store.erase(new.id, &[], at(300)).await, Ok(Erasure::Done(_))));
    let listed = store.list(None, None, 10).await.expect("lists");
    let row = listed.iter().find(|row| row.id == mails[1].id).expect("its row stays");
    assert_eq!(row.recipient, "");
    assert!(!store.resend_any(mails[1].id).await.expect("asks"), "it cannot be sent again");
}

fn files(id: RegistrationId, since: i64, files: Vec<crate::stored::NewAttachment>) -> FileChange {
    FileChange {
        id,
        unchanged_since: at(since),
        answers: json!({"passport": "a file"}),
        files,
        notifications: vec![note("desk@example.org", Kind::Attached)],
        at: at(700),
    }
}

pub async fn a_file_that_comes_later_replaces_the_earlier_one(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (first, other) = (small_file("passport", &content(300)), small_file("photo", &content(20)));
    let new = NewRegistration { attachments: vec![first.clone(), other.clone()], ..somebody(event) };
    confirmed(store, &new).await;
    make_all(store).await;
    let large = content(700_000);
    let uploaded = upload(store, SubmissionId(fresh_uuid()), "passport", &large).await;
    let change = files(new.id, 60, vec![uploaded.clone()]);
    assert_eq!(store.change_files(&change).await.expect("changes"), Change::Done);
    let mut now: Vec<FileId> = store.files(new.id).await.expect("reads").iter().map(|row| row.id).collect();
    now.sort_unstable();
    let mut expected = vec![other.id, uploaded.id];
    expected.sort_unstable();
    assert_eq!(now, expected);
    assert_eq!(download(store, uploaded.id).await, large);
    assert_eq!(store.chunk(first.id, 0).await.expect("reads"), None, "the earlier one is gone");
    assert_eq!(store.unclaimed().await.expect("reads"), 0);
    let record = store.get(new.id).await.expect("reads").expect("is there");
    assert_eq!(record.answers, json!({"passport": "a file"}));
    let told = store.unassigned(at(800), 10).await.expect("reads");
    assert_eq!(told.iter().map(|one| one.kind).collect::<Vec<_>>(), [Kind::Attached]);

    let small = small_file("photo", b"%PDF-1.4");
    assert_eq!(store.change_files(&files(new.id, 60, vec![small.clone()])).await, Ok(Change::Stale), "read too early");
    let mut change = files(new.id, 60, vec![small.clone()]);
    change.unchanged_since = record.updated_at;
    assert_eq!(store.change_files(&change).await, Ok(Change::Done));
    assert_eq!(download(store, small.id).await, b"%PDF-1.4");
}

pub async fn a_late_file_that_is_gone_changes_nothing(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let new = somebody(event);
    confirmed(store, &new).await;
    make_all(store).await;
    let gone = upload(store, SubmissionId(fresh_uuid()), "passport", &content(10)).await;
    store.discard(gone.id).await.expect("discards");
    let change = files(new.id, 60, vec![small_file("photo", b"%PDF-1.4"), gone.clone()]);
    assert_eq!(store.change_files(&change).await.expect("is told"), Change::UploadGone(gone.id));
    assert_eq!(store.files(new.id).await.expect("reads"), []);
    assert_eq!(store.get(new.id).await.expect("reads").expect("is there").answers, new.answers);
    assert_eq!(store.unassigned(at(800), 10).await.expect("reads"), []);
}

pub async fn registrations_are_found_and_streamed_in_every_status(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let all: Vec<_> = (0..5).map(|_| somebody(event)).collect();
    for new in &all {
        confirmed(store, new).await;
    }
    store.change_status(&cancellation(&all[1])).await.expect("changes");
    store.erase(all[2].id, &[], at(300)).await.expect("erases");
    let first = store.stream(event, None, 3).await.expect("reads");
    let rest = store.stream(event, Some(first[2].id), 3).await.expect("reads");
    let ids: Vec<_> = first.iter().chain(&rest).map(|record| record.id).collect();
    assert_eq!(ids, all.iter().map(|new| new.id).collect::<Vec<_>>());
    assert_eq!(store.find(event, &all[3].reference).await.expect("reads"), Some(all[3].id));
    assert_eq!(store.find(EventId(event.0 + 1), &all[3].reference).await.expect("reads"), None);
    let kept = store.not_erased(event, Some(all[0].id), 10).await.expect("reads");
    assert_eq!(kept, [all[1].id, all[3].id, all[4].id]);
}

pub async fn attachments_of_an_event_are_dropped_a_few_at_a_time(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let with = |n: usize| NewRegistration {
        attachments: (0..n).map(|n| small_file(&format!("file_{n}"), &content(100))).collect(),
        ..somebody(event)
    };
    confirmed(store, &with(2)).await;
    confirmed(store, &with(1)).await;
    let kept = KeptData { registrations: 2, erased: 0, attachments: 3, attachment_bytes: 300 };
    assert_eq!(store.kept_data(event).await.expect("reads"), kept);
    assert_eq!(store.drop_attachments(event, 2).await.expect("drops"), 2);
    assert_eq!(store.drop_attachments(event, 2).await.expect("drops"), 1);
    assert_eq!(store.drop_attachments(event, 2).await.expect("drops"), 0);
    let kept = KeptData { attachments: 0, attachment_bytes: 0, ..kept };
    assert_eq!(store.kept_data(event).await.expect("reads"), kept);
}

pub async fn the_same_address_or_name_and_organisation_is_the_same_person(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let named = |name: &str, email: &str, organization: Option<&str>| {
        let mut new = somebody(event);
        name.clone_into(&mut new.columns.name);
        email.clone_into(&mut new.columns.email);
        new.columns.organization = organization.map(str::to_owned);
        new
    };
    let one = named("Thoko  Banda", "T.Banda@example.org", Some("KUHeS"));
    let address = named("T. B.", "t.banda@EXAMPLE.org", None);
    let person = named("thoko banda", "other@example.org", Some(" kuhes "));
    let nobody = named("Thoko Banda", "third@example.org", None);
    let cancelled = named("Thoko Banda", "t.banda@example.org", None);
    for new in [&one, &address, &person, &nobody, &cancelled] {
        confirmed(store, new).await;
    }
    store.change_status(&cancellation(&cancelled)).await.expect("changes");
    let same = async |new: &NewRegistration| {
        let [dossier] = &store.dossiers(&[new.id]).await.expect("reads")[..] else { panic!("one") };
        dossier.same_person.clone()
    };
    assert_eq!(same(&one).await, [address.reference.clone(), person.reference.clone()]);
    assert_eq!(same(&nobody).await, []);
    store.erase(one.id, &[], at(300)).await.expect("erases");
    assert_eq!(same(&one).await, [], "nobody is like one who is erased");
    assert_eq!(same(&address).await, []);
}

pub async fn dossiers_come_in_the_order_asked_for_and_each_with_its_own(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let mut of_one_person = Vec::new();
    for n in 0..12 {
        let mut new = somebody(event);
        new.attachments = vec![small_file(&format!("{n}.pdf"), &[7; 3])];
        confirmed(store, &new).await;
        of_one_person.push(new);
    }
    let mut alone = somebody(event);
    "another@example.org".clone_into(&mut alone.columns.email);
    "Chikondi Phiri".clone_into(&mut alone.columns.name);
    confirmed(store, &alone).await;
    let [first, .., last] = &of_one_person[..] else { panic!("twelve") };

    let unknown = somebody(event).id;
    let dossiers = store.dossiers(&[last.id, unknown, alone.id, first.id]).await.expect("reads");
    let found: Vec<_> = dossiers.iter().map(|dossier| dossier.record.id).collect();
    assert_eq!(found, [last.id, alone.id, first.id]);
    for dossier in &dossiers {
        assert_eq!(Some(&dossier.record), store.get(dossier.record.id).await.expect("reads").as_ref());
        assert_eq!(dossier.files, store.files(dossier.record.id).await.expect("reads"));
    }
    assert_eq!(dossiers[0].files.len(), 1);
    let references: Vec<_> = of_one_person.iter().map(|new| new.reference.clone()).collect();
    assert_eq!(dossiers[0].same_person, references[..10], "the ten oldest");
    assert_eq!(dossiers[1].same_person, []);
    assert_eq!(dossiers[2].same_person, references[1..11]);
    assert_eq!(store.dossiers(&[]).await.expect("reads"), []);
}

fn once(event: EventId, when_full: WhenFull) -> NewRegistration {
    let new = taker(event, &["event"], when_full);
    NewRegistration { if_duplicate: Some(note(&new.columns.email, Kind::Duplicate)), ..new }
}

pub async fn an_address_that_registers_twice_is_kept_aside_where_one_is_allowed(store: &dyn Store) {
    let event = camp(store, &[("event", 2)]).await;
    let first = once(event, WhenFull::Waiting);
    confirmed(store, &first).await;
    let before = store.summary(event).await.expect("reads");
    make_all(store).await;
    let second = once(event, WhenFull::Waiting);
    assert_eq!(store.register(&second).await, Ok(Registered::Duplicate(Status::Confirmed)));
    let record = store.get(second.id).await.expect("reads").expect("is there");
    assert_eq!((record.status, record.duplicate_of), (Status::Rejected, Some(first.id)));
    assert_eq!(record.shown_status, Status::Confirmed);
    assert_eq!(taken(store, event, "event").await, Some(1));
    assert_eq!(store.summary(event).await.expect("reads"), before);
    let told = store.unassigned(at(100), 10).await.expect("reads");
    let told: Vec<_> = told.iter().map(|one| (one.recipient.as_str(), one.kind)).collect();
    assert_eq!(told, [("t.banda@example.org", Kind::Duplicate)], "its address and nobody else");
    let again = store.register(&second).await.expect("is told");
    assert!(matches!(again, Registered::Existing(existing) if existing.id == second.id), "it is idempotent");

    let mut other = once(event, WhenFull::Waiting);
    "other@example.org".clone_into(&mut other.columns.email);
    confirmed(store, &other).await;
    let third = once(event, WhenFull::Waiting);
    assert_eq!(store.register(&third).await, Ok(Registered::Duplicate(Status::Waiting)), "as a first one would be");
    let fourth = once(event, WhenFull::Closed);
    assert_eq!(store.register(&fourth).await, Ok(Registered::Full(PlaceKey::event())));
    store.change_status(&cancellation(&first)).await.expect("changes");
    let fifth = once(event, WhenFull::Waiting);
    assert_eq!(store.register(&fifth).await, Ok(Registered::New(Status::Confirmed)), "the first one is over");
}

pub async fn of_twenty_with_one_address_at_once_one_stands(store: &dyn Store) {
    let event = camp(store, &[("event", 100)]).await;
    let all: Vec<_> = (0..20).map(|_| once(event, WhenFull::Waiting)).collect();
    let done = futures_util::future::join_all(all.iter().map(|new| store.register(new))).await;
    assert_eq!(done.iter().filter(|done| **done == Ok(Registered::New(Status::Confirmed))).count(), 1);
    assert_eq!(done.iter().filter(|done| **done == Ok(Registered::Duplicate(Status::Confirmed))).count(), 19);
    assert_eq!(taken(store, event, "event").await, Some(1));
    assert_eq!(store.summary(event).await.expect("reads").total(), 1);
}

pub async fn a_removed_registration_leaves_nothing_and_others_stay(store: &dyn Store) {
    let event = camp(store, &[("meal=fish", 5), ("event", 5)]).await;
    let other = taker(event, &["meal=fish", "event"], WhenFull::Waiting);
    confirmed(store, &other).await;
    let before = (store.summary(event).await.expect("reads"), store.depth().await.expect("reads").attachment_bytes);
    let file = small_file("passport", &content(3000));
    let new =
        NewRegistration { attachments: vec![file.clone()], ..taker(event, &["meal=fish", "event"], WhenFull::Waiting) };
    confirmed(store, &new).await;
    let upload = upload(store, new.submission, "cv", &content(500)).await;
    // One mail tells of both, and the registrant's of one.
    let waiting = store.unassigned(at(60), 10).await.expect("reads");
    let both: Vec<_> = waiting.iter().filter(|one| one.kind == Kind::Registered).collect();
    let ours = waiting.iter().find(|one| one.registration == new.id && one.kind == Kind::Confirmation);
    let digest = NewMail { notifications: both.iter().map(|one| one.id).collect(), ..mail_of(both[0]) };
    let mails = [digest, mail_of(ours.expect("the registrant is told"))];
    assert_eq!(store.make(&mails).await.expect("makes").mails, 2);
    store.fold_summary(2).await.expect("folds");

    let less = |delta: &SummaryDelta| SummaryDelta { n: -1, ..delta.clone() };
    let removal = Removal {
        id: new.id,
        status: Status::Confirmed,
        places: new.places.clone(),
        summary: new.summary.iter().map(less).collect(),
    };
    let stale = Removal { status: Status::Waiting, ..removal.clone() };
    assert!(!store.remove(&stale).await.expect("is told"), "it is no such registration");
    assert!(store.remove(&removal).await.expect("removes"));

    assert_eq!(store.get(new.id).await.expect("reads"), None);
    assert_eq!(store.by_submission(new.submission).await.expect("reads"), None);
    assert_eq!(store.files(new.id).await.expect("reads"), []);
    assert_eq!(store.history(new.id).await.expect("reads"), []);
    for id in [file.id, upload.id] {
        assert_eq!(store.chunk(id, 0).await.expect("reads"), None);
    }
    let depth = store.depth().await.expect("reads");
    assert_eq!((store.summary(event).await.expect("reads"), depth.attachment_bytes), before);
    while store.fold_summary(100).await.expect("folds") > 0 {}
    assert_eq!(store.summary(event).await.expect("reads"), before.0, "folded, too");
    assert_eq!((taken(store, event, "meal=fish").await, taken(store, event, "event").await), (Some(1), Some(1)));
    let listed = store.list(None, None, 10).await.expect("lists");
    assert_eq!(listed.len(), 1, "what told of it alone is gone");
    assert_eq!(listed[0].references, [other.reference.as_str()]);

    // A notifier that was sending its mail finds nothing to mark.
    store.sent(mails[1].id).await.expect("is no mistake");
    assert!(!store.renew(mails[1].id, SignedDuration::from_mins(1)).await.expect("is told"));
    assert!(!store.remove(&removal).await.expect("is told"), "not twice");
    assert!(store.get(other.id).await.expect("reads").is_some());
}

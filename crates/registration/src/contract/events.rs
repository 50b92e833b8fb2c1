//! Imports, form versions, limits and the pulse.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::civil::date;
use serde_json::json;

use super::setting::{at, camp, confirmed, count, counter, import, somebody, taken, taker};
use crate::event::WhenFull;
use crate::ids::EventId;
use crate::ports::Store;
use crate::stored::{EventImport, Imported, NewRegistration, Page, Registered, Status, ViewCount};

pub async fn a_first_import_makes_the_event_with_form_version_one(store: &dyn Store) {
    let import = EventImport { sample: true, ..import("camp", &[]) };
    let imported = store.import(&import).await.expect("imports");
    assert_eq!(imported, Imported { id: imported.id, created: true, form_version: 1, form_changed: true });

    let event = store.by_slug("camp").await.expect("reads").expect("is there");
    assert_eq!((event.id, event.slug.as_str()), (imported.id, "camp"));
    assert_eq!((event.source.as_str(), event.imported_at), (import.source.as_str(), at(0)));
    assert_eq!((event.form_version, event.sample), (1, true));
    assert_eq!(store.form(imported.id, 1).await.expect("reads"), Some(import.form));
}

pub async fn the_same_form_again_makes_no_new_version(store: &dyn Store) {
    let first = store.import(&import("camp", &[])).await.expect("imports");
    let before = store.by_slug("camp").await.expect("reads").expect("is there");
    let again = EventImport { source: "# other words".to_owned(), at: at(60), ..import("camp", &[]) };
    let second = store.import(&again).await.expect("imports");
    assert_eq!(second, Imported { id: first.id, created: false, form_version: 1, form_changed: false });

    let after = store.by_slug("camp").await.expect("reads").expect("is there");
    assert_eq!((after.source.as_str(), after.imported_at), ("# other words", at(60)));
    assert!(after.revision > before.revision, "the revision grows");
}

pub async fn a_changed_form_is_a_new_version_and_the_old_one_stays(store: &dyn Store) {
    let old = import("camp", &[]);
    let event = store.import(&old).await.expect("imports").id;
    let new = EventImport { form: json!({"fields": [{"key": "diet"}]}), ..old.clone() };
    let imported = store.import(&new).await.expect("imports");
    assert_eq!(imported, Imported { id: event, created: false, form_version: 2, form_changed: true });
    assert_eq!(store.form(event, 1).await.expect("reads"), Some(old.form.clone()));
    assert_eq!(store.form(event, 2).await.expect("reads"), Some(new.form));

    let back = store.import(&old).await.expect("imports");
    assert_eq!((back.form_version, back.form_changed), (3, true), "only the newest version is compared");
}

pub async fn imports_at_once_number_their_versions_without_gaps(store: &dyn Store) {
    let imports: Vec<_> = (0..8)
        .map(|n| EventImport { form: json!({"fields": [], "n": n}), ..import("camp", &[("event", 5)]) })
        .collect();
    let imported = join_all(imports.iter().map(|import| store.import(import))).await;
    let imported: Vec<_> = imported.into_iter().map(|imported| imported.expect("imports")).collect();
    assert_eq!(imported.iter().filter(|imported| imported.created).count(), 1);
    assert_eq!(imported.iter().map(|imported| imported.id).collect::<BTreeSet<_>>().len(), 1);
    let versions: BTreeSet<i32> = imported.iter().map(|imported| imported.form_version).collect();
    assert_eq!(versions, (1..=8).collect());
}

pub async fn events_are_listed_by_slug(store: &dyn Store) {
    for slug in ["winter-school", "camp", "summit"] {
        store.import(&import(slug, &[])).await.expect("imports");
    }
    let slugs: Vec<String> = store.all().await.expect("reads").into_iter().map(|event| event.slug).collect();
    assert_eq!(slugs, ["camp", "summit", "winter-school"]);
}

pub async fn what_is_not_there_is_none(store: &dyn Store) {
    let event = camp(store, &[]).await;
    assert_eq!(store.by_slug("camping").await.expect("reads"), None);
    assert_eq!(store.form(event, 2).await.expect("reads"), None);
    assert_eq!(store.form(EventId(event.0 + 1), 1).await.expect("reads"), None);
    let nobody = somebody(event);
    assert_eq!(store.get(nobody.id).await.expect("reads"), None);
    assert_eq!(store.files(nobody.id).await.expect("reads"), Vec::new());
    assert_eq!(store.by_submission(nobody.submission).await.expect("reads"), None);
}

pub async fn the_pulse_tells_places_views_and_revision(store: &dyn Store) {
    let event = camp(store, &[("event", 10), ("tour=lake", 3)]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    confirmed(store, &taker(event, &["tour=lake", "event"], WhenFull::Waiting)).await;
    let shown = |event, page, n| ViewCount { event, day: date(2026, 6, 1), page, n };
    store.add(&[shown(event, Page::Event, 3), shown(event, Page::Form, 9)]).await.expect("adds");

    let pulse = store.pulse().await.expect("reads");
    assert_eq!(pulse.len(), 2);
    let of = |id| pulse.iter().find(|pulse| pulse.id == id).expect("is there");
    assert_eq!((of(event).slug.as_str(), of(event).views), ("camp", 3), "only the event page counts");
    let revision = store.by_slug("camp").await.expect("reads").expect("is there").revision;
    assert_eq!(of(event).revision, revision);
    let mut places: Vec<_> =
        of(event).places.iter().map(|count| (count.key.0.as_str(), count.taken, count.limit)).collect();
    places.sort_unstable();
    assert_eq!(places, [("event", 1, 10), ("tour=lake", 1, 3)]);
    assert_eq!((of(other).places.len(), of(other).views), (0, 0));
}

pub async fn a_limit_that_moves_keeps_what_is_taken(store: &dyn Store) {
    let event = camp(store, &[("event", 2)]).await;
    let register = async || store.register(&taker(event, &["event"], WhenFull::Waiting)).await.expect("registers");
    assert_eq!(register().await, Registered::New(Status::Confirmed));
    assert_eq!(register().await, Registered::New(Status::Confirmed));
    assert_eq!(register().await, Registered::New(Status::Waiting));

    camp(store, &[("event", 3)]).await;
    assert_eq!(register().await, Registered::New(Status::Confirmed));
    assert_eq!(register().await, Registered::New(Status::Waiting));

    camp(store, &[("event", 1)]).await;
    assert_eq!(register().await, Registered::New(Status::Waiting));
    let count = counter(store, event, "event").await.expect("is there");
    assert_eq!((count.taken, count.limit, count.left()), (3, 1, 0));
}

pub async fn a_counter_that_appears_counts_what_is_taken(store: &dyn Store) {
    let event = camp(store, &[("tour=hill", 0)]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    let with = |event, answers| NewRegistration { answers, ..somebody(event) };
    confirmed(store, &with(event, json!({"tour": "lake", "note": "lunch"}))).await;
    confirmed(store, &with(event, json!({"tour": "lakeside", "meals": ["lunch", "dinner"]}))).await;
    confirmed(store, &with(event, json!({"tour": "lake", "meals": ["dinner"], "count": 1}))).await;
    confirmed(store, &with(other, json!({"tour": "lake", "meals": ["lunch"]}))).await;
    let waits = taker(event, &["tour=hill"], WhenFull::Waiting);
    let waits = NewRegistration { answers: json!({"tour": "lake", "meals": ["dinner"]}), ..waits };
    assert_eq!(store.register(&waits).await.expect("registers"), Registered::New(Status::Waiting));

    let limits = [("meals=breakfast", 9), ("meals=dinner", 9), ("meals=lunch", 9), ("tour=lake", 9), ("event", 9)];
    camp(store, &limits).await;
    for (key, expected) in
        [("meals=breakfast", 0), ("meals=dinner", 2), ("meals=lunch", 1), ("tour=lake", 2), ("event", 3)]
    {
        assert_eq!(taken(store, event, key).await, Some(expected), "{key}");
    }
    assert_eq!(taken(store, event, "tour=hill").await, None);
}

pub async fn a_limit_that_goes_takes_its_counter_along(store: &dyn Store) {
    let event = camp(store, &[("event", 1)]).await;
    let new = taker(event, &["event"], WhenFull::Closed);
    confirmed(store, &NewRegistration { summary: vec![count("status", "confirmed")], ..new }).await;
    camp(store, &[]).await;
    assert_eq!(taken(store, event, "event").await, None);
    confirmed(store, &taker(event, &["event"], WhenFull::Closed)).await;
}

//! Summaries, page views, and whether the store is well.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::civil::date;

use super::setting::{camp, confirmed, count, import, somebody, taker};
use crate::event::WhenFull;
use crate::ids::EventId;
use crate::ports::Store;
use crate::stored::{NewRegistration, Page, ViewCount, ViewTotals};
use crate::summary::{Summary, SummaryDelta};

/// The counts that are not 0; whether a store keeps others is its own business.
async fn counts(store: &dyn Store, event: EventId) -> BTreeMap<(String, String), i64> {
    let Summary { counts } = store.summary(event).await.expect("reads");
    let flat = counts
        .into_iter()
        .flat_map(|(dimension, values)| values.into_iter().map(move |(value, n)| ((dimension.clone(), value), n)));
    flat.filter(|(_, n)| *n != 0).collect()
}

pub async fn the_summary_is_the_same_before_and_after_folding(store: &dyn Store) {
    let event = camp(store, &[]).await;
    for _ in 0..2 {
        confirmed(store, &somebody(event)).await;
    }
    let minus = SummaryDelta { n: -1, ..count("field:category", "student") };
    confirmed(store, &NewRegistration { summary: vec![minus, count("day", "2026-06-02")], ..somebody(event) }).await;
    let before = counts(store, event).await;
    let key = |dimension: &str, value: &str| (dimension.to_owned(), value.to_owned());
    let expected = [
        (key("status", "confirmed"), 2),
        (key("day", "2026-06-01"), 2),
        (key("day", "2026-06-02"), 1),
        (key("field:category", "student"), 1),
    ];
    assert_eq!(before, expected.into_iter().collect());

    assert_eq!(store.fold_summary(3).await.expect("folds"), 3);
    assert_eq!(counts(store, event).await, before);
    assert_eq!(store.fold_summary(100).await.expect("folds"), 5);
    assert_eq!(counts(store, event).await, before);
    assert_eq!(store.fold_summary(100).await.expect("folds"), 0);
    assert_eq!(counts(store, event).await, before);
}

pub async fn the_summary_equals_a_recount_after_concurrent_folding(store: &dyn Store) {
    let event = camp(store, &[("event", 20)]).await;
    let takers: Vec<NewRegistration> = (0..60)
        .map(|n| {
            let country = ["MW", "ZM", "TZ"][n % 3];
            let mut taker = taker(event, &["event"], WhenFull::Waiting);
            taker.columns.country = Some(country.to_owned());
            taker.summary.push(count("field:country", country));
            taker
        })
        .collect();
    let registering = join_all(takers.iter().map(|taker| store.register(taker)));
    let folding = join_all((0..5).map(|_| async {
        for _ in 0..10 {
            store.fold_summary(7).await.expect("folds");
            assert!(store.summary(event).await.expect("reads").total() <= 60, "nothing is counted twice");
        }
    }));
    let (registered, _) = futures_util::future::join(registering, folding).await;
    for one in registered {
        one.expect("registers");
    }

    let mut recount: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in store.page(event, None, 1000).await.expect("reads") {
        let category = row.category.unwrap_or_default();
        let country = row.country.unwrap_or_default();
        for (dimension, value) in [
            ("status", row.status.as_str()),
            ("day", "2026-06-01"),
            ("field:category", &category),
            ("field:country", &country),
        ] {
            *recount.entry((dimension.to_owned(), value.to_owned())).or_default() += 1;
        }
    }
    assert_eq!(counts(store, event).await, recount);
    while store.fold_summary(50).await.expect("folds") > 0 {}
    assert_eq!(counts(store, event).await, recount);
    assert_eq!(recount[&("status".to_owned(), "waiting".to_owned())], 40);
}

pub async fn summaries_of_events_do_not_mix(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    confirmed(store, &somebody(event)).await;
    store.fold_summary(100).await.expect("folds");
    for _ in 0..2 {
        confirmed(store, &somebody(other)).await;
    }
    assert_eq!(store.summary(event).await.expect("reads").total(), 1);
    assert_eq!(store.summary(other).await.expect("reads").total(), 2);
    store.fold_summary(100).await.expect("folds");
    assert_eq!(store.summary(event).await.expect("reads").total(), 1);
    assert_eq!(store.summary(other).await.expect("reads").total(), 2);
}

pub async fn views_add_up_over_days_and_writers(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let other = store.import(&import("summit", &[])).await.expect("imports").id;
    assert_eq!(store.totals(event).await.expect("reads"), ViewTotals::default());
    let counts = [
        ViewCount { event, day: date(2026, 6, 1), page: Page::Event, n: 3 },
        ViewCount { event, day: date(2026, 6, 2), page: Page::Event, n: 4 },
        ViewCount { event, day: date(2026, 6, 2), page: Page::Form, n: 2 },
        ViewCount { event, day: date(2026, 6, 2), page: Page::Submitted, n: 1 },
        ViewCount { event: other, day: date(2026, 6, 2), page: Page::Event, n: 100 },
    ];
    for added in join_all((0..10).map(|_| store.add(&counts))).await {
        added.expect("adds");
    }
    store.add(&[]).await.expect("adds nothing");
    let totals = store.totals(event).await.expect("reads");
    assert_eq!(totals, ViewTotals { views: 70, opened: 20, submitted: 10 });
}

pub async fn a_fresh_store_is_writable(store: &dyn Store) {
    store.writable().await.expect("is writable");
    store.writable().await.expect("and still is");
}

//! Signs of life.

use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::ports::{Sign, Store};

async fn age(store: &dyn Store, name: &str) -> Option<SignedDuration> {
    let signs = store.signs().await.expect("reads");
    signs.into_iter().find(|sign| sign.name == name).map(|sign| sign.age)
}

pub async fn a_sign_tells_how_long_ago_it_was_set(store: &dyn Store) {
    assert_eq!(store.signs().await.expect("reads"), Vec::<Sign>::new());
    store.set_sign("watchdog").await.expect("sets");
    store.set_sign("another").await.expect("sets");
    let mut old = SignedDuration::ZERO;
    while old < SignedDuration::from_millis(20) {
        let grown = age(store, "watchdog").await.expect("is there");
        assert!(grown >= old && grown < SignedDuration::from_secs(30), "{grown:?} after {old:?}");
        old = grown;
    }
    store.set_sign("watchdog").await.expect("sets again");
    let (anew, another) = (age(store, "watchdog").await, age(store, "another").await);
    assert!(anew < another, "it begins anew, the other one does not: {anew:?}, {another:?}");

    assert!(store.drop_sign("watchdog").await.expect("drops"));
    assert!(!store.drop_sign("watchdog").await.expect("drops"), "it was gone");
    assert_eq!(age(store, "watchdog").await, None);
}

pub async fn of_twenty_claims_at_once_one_holds_until_its_pause_is_over(store: &dyn Store) {
    let claims = || async {
        let hour = SignedDuration::from_hours(1);
        let claims = join_all((0..20).map(|_| store.claim_sign("alarm", hour))).await;
        claims.into_iter().filter(|claimed| *claimed.as_ref().expect("claims")).count()
    };
    assert_eq!(claims().await, 1);
    assert_eq!(claims().await, 0, "the pause is not over");
    assert!(store.claim_sign("alarm", SignedDuration::ZERO).await.expect("claims"), "no pause at all");
    assert!(store.drop_sign("alarm").await.expect("drops"));
    assert_eq!(claims().await, 1, "a sign that was taken away is free");
}

//! A machine whose clock is an hour off, and one whose clock is set right: forms are taken, and mails leave in time.

use std::time::Duration;

use testkit::registrant::location;
use testkit::serve::wait_at_most;
use testkit::smtp::Mode;

use crate::books::{Entry, outbox_is_empty, reckon, register, somebody};
use crate::house::{Engine, House};

/// How long a mail may take that met a relay's fault: half a minute until its second turn, and room for a slow machine.
const IN_TIME: Duration = Duration::from_secs(90);

/// Starts the server again with a clock that is off by this much, such as `+1h`.
async fn set_clock(house: &mut House, off: &str) {
    assert_eq!(house.served.terminate().await, Some(0), "{}", house.served.log());
    house.served.set_clock(off);
    house.served.start_again().await;
}

/// Whether a mail waits for its second turn while the clock is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outbox {
    Empty,
    Waiting,
}

/// The clock is set to one after the other, each time with a form open.
async fn clock_off(engine: Engine, clocks: &[&str], outbox: Outbox) {
    let mut house = House::open(engine, 300).await;
    let mut entries: Vec<Entry> = Vec::new();
    for clock in clocks {
        let person = house.person();
        let form = person.open().await;
        if outbox == Outbox::Waiting {
            house.relay().set_mode(Mode::Refuse);
        }
        let (filled, file) = somebody(entries.len());
        entries.push(register(&person, filled, file).await);
        if outbox == Outbox::Waiting {
            let met = "select count(*) as n from mail where state = 'pending' and last_error is not null";
            wait_at_most(IN_TIME, "a mail that meets the fault", async || {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let told = house.ops("/readyz").await.1.contains("degraded");
                (told || house.ledger.number(met).await > 0).then_some(())
            })
            .await;
        } else {
            outbox_is_empty(&house).await;
        }
        set_clock(&mut house, clock).await;
        house.relay().set_mode(Mode::Healthy);

        // The form that was opened before is taken, and so is a fresh one.
        let person = house.person();
        let (filled, file) = somebody(entries.len());
        let answer = person.send(&form, &filled, file.as_ref()).await;
        assert_eq!(answer.status(), 303, "a form from before the clock was at {clock}");
        entries.push(Entry { form, filled, file, page: location(&answer) });
        let (filled, file) = somebody(entries.len());
        entries.push(register(&person, filled, file).await);
        // Three mails each: two organisers and the registrant.
        wait_at_most(IN_TIME, &format!("all mails while the clock is at {clock}"), async || {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (house.letters().len() >= entries.len() * 3).then_some(())
        })
        .await;
    }
    outbox_is_empty(&house).await;
    let (counts, wrong) = reckon(&house, &entries).await;
    let waiting = if outbox == Outbox::Waiting { ", mails waiting" } else { "" };
    counts.note(&format!("clock set to {}{waiting}", clocks.join(" and ")), engine.name(), clocks.len());
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", house.served.log());
}

mod sqlite {
    use super::{Engine, Outbox, clock_off};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_hour_ahead_with_mails_waiting() {
        clock_off(Engine::Sqlite, &["+1h"], Outbox::Waiting).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_hour_behind() {
        clock_off(Engine::Sqlite, &["-1h", "+0h"], Outbox::Empty).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "a minute; ci/soak runs it"]
    async fn set_back_an_hour_with_mails_waiting() {
        clock_off(Engine::Sqlite, &["-1h"], Outbox::Waiting).await;
    }
}

mod postgres {
    use super::{Engine, Outbox, clock_off};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_hour_ahead_and_back() {
        clock_off(Engine::Postgres, &["+1h", "+0h"], Outbox::Waiting).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "a minute; ci/soak runs it"]
    async fn an_hour_behind_and_back() {
        clock_off(Engine::Postgres, &["-1h", "+0h"], Outbox::Waiting).await;
    }
}

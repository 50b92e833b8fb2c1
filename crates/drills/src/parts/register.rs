//! Accepted registrations a second, against the same statements in the bare database.

use std::io::{Error, Result};
use std::time::Duration;

use testkit::postgres::{Options, Postgres};
use testkit::serve::free_port;

use super::{Run, ms};
use crate::comparators::{BareSqlite, pgbench, prepare_postgres};
use crate::house::{FREE, House, LIMITED};
use crate::load::{self, Load, quantile};
use crate::people;
use crate::report::{Section, Want, verdict};

/// More than are registered in a second.
const MOST_A_SECOND: usize = 6_000;

/// Clients at once.
const CLIENTS: [usize; 2] = [8, 32];

/// Measures both engines.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let mut section = Section::new(
        "register",
        &["engine, event, clients", "accepted/s", "p50", "p99", "load's CPU", "bare/s", "ratio", "target"],
    );
    // Nobody listens there: mails wait, so that both sides do the same work.
    let away = format!("smtp://127.0.0.1:{}?tls=none", free_port());

    let house = House::start(&run.binary, None, &away).await?;
    let folder = tempfile::tempdir()?;
    let mut bare = BareSqlite::make(folder.path()).await?;
    for (slug, limited) in [(FREE, false), (LIMITED, true)] {
        for clients in CLIENTS {
            let rate = bare.run(limited, Duration::from_secs(run.scale(3, 1))).await?;
            let load = accepted(run, &house, "sqlite", slug, clients).await?;
            row(&mut section, &format!("SQLite, {}, {clients}", event(limited)), &load, rate, (0.4, 0.6));
        }
    }
    drop(house);

    let server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    server.run("create database bare").await;
    server.run("create database karibu").await;
    prepare_postgres(&server.url("bare")).await?;
    let house = House::start(&run.binary, Some(&server.url("karibu")), &away).await?;
    let mut turn = 0;
    for (slug, limited) in [(FREE, false), (LIMITED, true)] {
        for clients in CLIENTS {
            turn += 1;
            let rate = pgbench(&server.url("bare"), folder.path(), limited, clients, run.scale(4, 2), turn)?;
            let load = accepted(run, &house, "postgres", slug, clients).await?;
            row(&mut section, &format!("PostgreSQL, {}, {clients}", event(limited)), &load, rate, (0.5, 0.7));
        }
    }
    section.note(
        "A POST of the sample's form with a 20 kB PDF, answered 303 after the commit is on the disk. “bare” is pgbench, or a loop \
         over SQLite, running the statements of the store's transaction with the same file, with the same durability. The relay is \
         away meanwhile, so that mails are planned and wait. The load shares the processors; its CPU is how much of one it took."
            .to_owned(),
    );

    Ok(section)
}

fn event(limited: bool) -> &'static str {
    if limited { "with a limit of places" } else { "no limit" }
}

/// Everybody registers who can in some seconds.
async fn accepted(run: &Run, house: &House, engine: &str, slug: &str, clients: usize) -> Result<Load> {
    let seconds = run.scale(5, 2);
    let people = people::open(house.port, &house.trust, slug, MOST_A_SECOND * seconds).await?;
    let limit = Duration::from_secs(seconds as u64);
    let mut profile = run.profile(&format!("register-{engine}-{clients}"), house.served.pid(), limit)?;
    let load = load::run(house.port, &house.trust, clients, people, limit).await?;
    if let Some(profile) = &mut profile {
        profile.wait()?;
    }
    if load.other > 0 {
        return Err(Error::other(format!("{} registrations were not accepted", load.other)));
    }
    Ok(load)
}

fn row(section: &mut Section, what: &str, load: &Load, bare: f64, targets: (f64, f64)) {
    let ratio = load.rate() / bare;
    section.row([
        what.to_owned(),
        format!("{:.0}", load.rate()),
        ms(quantile(&load.answers, 0.5)),
        ms(quantile(&load.answers, 0.99)),
        format!("{:.2}", load.own_cpu.as_secs_f64() / load.took.as_secs_f64()),
        format!("{bare:.0}"),
        format!("{ratio:.2}"),
        verdict(ratio, Want::AtLeast, targets.0, Some(targets.1)),
    ]);
}

//! Accepted registrations a second, against the same statements in the bare database; and what one costs.

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
use crate::sink::Sink;

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
    drop(house);
    section.note(
        "A POST of the sample's form with a 20 kB PDF, answered 303 after the commit is on the disk. “bare” is pgbench, or a loop \
         over SQLite, running the statements of the store's transaction with the same file, with the same durability. The relay is \
         away meanwhile, so that mails are planned and wait. The load shares the processors; its CPU is how much of one it took."
            .to_owned(),
    );

    for engine in ["SQLite", "PostgreSQL"] {
        let sink = Sink::start().await?;
        server.run("drop database if exists cost").await;
        server.run("create database cost").await;
        let url = server.url("cost");
        let house = House::start(&run.binary, (engine == "PostgreSQL").then_some(url.as_str()), &sink.url()).await?;
        cost(run, &mut section, engine, &house, &sink).await?;
    }
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

/// Processor time of a registration, from the first request to the last mail.
async fn cost(run: &Run, section: &mut Section, engine: &str, house: &House, sink: &Sink) -> Result<()> {
    let many = run.scale(2_000, 400);
    let people = people::open(house.port, &house.trust, FREE, many).await?;
    let (before, mails) = (house.cpu(), sink.count());
    let mut profile =
        run.profile(&format!("cost-{}", engine.to_lowercase()), house.served.pid(), Duration::from_secs(6))?;
    let load = load::run(house.port, &house.trust, 8, people, Duration::from_secs(30)).await?;
    // Each registrant's own; how many the organiser gets is the notifier's business.
    settle(sink, mails + load.accepted).await;
    let cpu = house.cpu().saturating_sub(before);
    if let Some(profile) = &mut profile {
        profile.wait()?;
    }
    let each = cpu.as_secs_f64() * 1e3 / load.accepted as f64;
    section.note(format!(
        "{engine}: **{each:.2} ms CPU per registration**, web and notifier, {} registrations and {} mails, {:.0}/s accepted while \
         mails went out. {}",
        load.accepted,
        sink.count() - mails,
        load.rate(),
        verdict(each, Want::AtMost, 0.6, Some(0.4))
    ));
    Ok(())
}

/// Waits until at least so many mails came and no more follow.
async fn settle(sink: &Sink, least: usize) {
    let mut seen = sink.wait_for(least, Duration::from_secs(60)).await;
    loop {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        if sink.count() == seen {
            return;
        }
        seen = sink.count();
    }
}

//! Processor time of a registration, from the first request to the last mail.

use std::io::Result;
use std::time::Duration;

use testkit::postgres::{Options, Postgres};

use super::Run;
use crate::house::{FREE, House};
use crate::load;
use crate::machine::{self, Cpu};
use crate::people;
use crate::report::{Section, Want, verdict};
use crate::sink::Sink;

/// Measures both engines.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let mut section = Section::new(
        "cost",
        &["engine", "registrations", "mails", "accepted/s", "in user mode", "in the kernel", "CPU each", "target"],
    );
    let server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    for engine in ["SQLite", "PostgreSQL"] {
        let sink = Sink::start().await?;
        server.run("create database cost").await;
        let url = server.url("cost");
        let house = House::start(&run.binary, (engine == "PostgreSQL").then_some(url.as_str()), &sink.url()).await?;
        measure(run, &mut section, engine, &house, &sink).await?;
        drop(house);
        server.run("drop database cost with (force)").await;
    }
    section.note(
        "The sample's form with a 20 kB PDF from 8 clients, over TLS; web and notifier in one process; a registrant's and an \
         organiser's mails, all taken by a relay, without TLS."
            .to_owned(),
    );
    Ok(section)
}

async fn measure(run: &Run, section: &mut Section, engine: &str, house: &House, sink: &Sink) -> Result<()> {
    let many = run.scale(2_000, 400);
    let people = people::open(house.port, &house.trust, FREE, many).await?;
    let pid = house.served.pid();
    let (before, mails) = (machine::cpu(pid), sink.count());
    let mut profile = run.profile(&format!("cost-{}", engine.to_lowercase()), pid, Duration::from_secs(6))?;
    let load = load::run(house.port, &house.trust, 8, people, Duration::from_secs(30)).await?;
    // Each registrant's own; how many the organiser gets is the notifier's business.
    settle(sink, mails + load.accepted).await;
    let after = machine::cpu(pid);
    if let Some(profile) = &mut profile {
        profile.wait()?;
    }
    let spent =
        Cpu { user: after.user.saturating_sub(before.user), kernel: after.kernel.saturating_sub(before.kernel) };
    let each = |time: Duration| time.as_secs_f64() * 1e3 / load.accepted as f64;
    section.row([
        engine.to_owned(),
        load.accepted.to_string(),
        (sink.count() - mails).to_string(),
        format!("{:.0}", load.rate()),
        format!("{:.2} ms", each(spent.user)),
        format!("{:.2} ms", each(spent.kernel)),
        format!("{:.2} ms", each(spent.total())),
        verdict(each(spent.total()), Want::AtMost, 0.6, Some(0.4)),
    ]);
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

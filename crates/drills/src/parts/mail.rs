//! Mails: how fast a backlog goes out, and how long one takes.

use std::collections::HashMap;
use std::io::Result;
use std::time::{Duration, Instant};

use testkit::postgres::{Options, Postgres};

use super::{Run, ms};
use crate::generate::{self, Store};
use crate::house::{FREE, House};
use crate::http::Client;
use crate::load::quantile;
use crate::people;
use crate::report::{Section, Want, verdict};
use crate::sink::Sink;

/// Registrations a second while latency is measured.
const PACE: u64 = 20;

/// Measures both engines.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let mut section = Section::new("mail", &["what", "SQLite", "PostgreSQL", "target"]);
    let server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    server.run("create database karibu").await;
    let url = server.url("karibu");
    let (mut drained, mut halves, mut lates) = (Vec::new(), Vec::new(), Vec::new());
    for database in [None, Some(url.as_str())] {
        drained.push(drain(run, database).await?);
        let sink = Sink::start().await?;
        let latencies = latency(run, database, &sink).await?;
        halves.push(quantile(&latencies, 0.5));
        lates.push(quantile(&latencies, 0.99));
    }
    let worst = drained.iter().copied().fold(f64::INFINITY, f64::min);
    let each = drained.iter().map(|rate| format!("{rate:.0}/s"));
    section.row(["mails drained with 8 connections".to_owned()].into_iter().chain(each).chain([verdict(
        worst,
        Want::AtLeast,
        150.0,
        Some(500.0),
    )]));
    let name = |share: &str| [format!("registration sent → 250 at the relay, {share}, {PACE} registrations/s")];
    section.row(name("p50").into_iter().chain(halves.into_iter().map(ms)).chain([String::new()]));
    let worst = lates.iter().max().copied().unwrap_or_default().as_secs_f64() * 1e3;
    section.row(name("p99").into_iter().chain(lates.into_iter().map(ms)).chain([verdict(
        worst,
        Want::AtMost,
        150.0,
        None,
    )]));
    Ok(section)
}

/// Mails a second of a backlog of confirmations that waits when Karibu starts.
async fn drain(run: &Run, database: Option<&str>) -> Result<f64> {
    let many = run.scale(3_000, 600);
    let sink = Sink::start().await?;
    let mut house = House::start(&run.binary, database, &sink.url()).await?;
    house.served.terminate().await;
    let store = Store::of(database, &house.served.data());
    generate::registrations(&store, FREE, many as u64, true).await?;
    house.served.start_again().await;
    let mut profile = run.profile(
        if database.is_some() { "drain-postgres" } else { "drain-sqlite" },
        house.served.pid(),
        Duration::from_secs(3),
    )?;
    sink.wait_for(many, Duration::from_secs(60)).await;
    if let Some(profile) = &mut profile {
        profile.wait()?;
    }
    let taken = sink.taken();
    let time = match (taken.first(), taken.last()) {
        (Some(first), Some(last)) => last.at.duration_since(first.at),
        _ => Duration::ZERO,
    };
    Ok((taken.len().saturating_sub(1)) as f64 / time.as_secs_f64())
}

/// From sending the form to each mail's 250, shortest first.
async fn latency(run: &Run, database: Option<&str>, sink: &Sink) -> Result<Vec<Duration>> {
    // A database of its own, so that nothing waits there.
    let fresh = database.map(|url| format!("{url}_latency"));
    if let (Some(url), Some(fresh)) = (database, &fresh) {
        let name = fresh.rsplit('/').next().unwrap_or_default();
        testkit::postgres::run(url, &format!("create database {name}")).await;
    }
    let house = House::start(&run.binary, fresh.as_deref(), &sink.url()).await?;
    let many = PACE * run.scale(15, 5);
    let people = people::open(house.port, &house.trust, FREE, many as usize).await?;
    let file = std::sync::Arc::new(people::file());
    let free = std::sync::Arc::new(tokio::sync::Mutex::new(Vec::new()));
    for _ in 0..4 {
        free.lock().await.push(Client::connect(house.port, &house.trust).await?);
    }
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / PACE));
    let mut tasks = Vec::new();
    for person in people {
        ticks.tick().await;
        let file = file.clone();
        let (free, port, trust) = (free.clone(), house.port, house.trust.clone());
        tasks.push(tokio::spawn(async move {
            // Whoever finds no free connection makes one, as browsers do.
            let kept = free.lock().await.pop();
            let mut client = match kept {
                Some(client) => client,
                None => Client::connect(port, &trust).await?,
            };
            let sent = Instant::now();
            let answer = person.register(&mut client, &file).await?;
            free.lock().await.push(client);
            Ok::<_, std::io::Error>((answer.header("x-request-id").unwrap_or_default().to_owned(), sent))
        }));
    }
    let mut sent = HashMap::new();
    for task in tasks {
        let (request, at) = task.await.map_err(std::io::Error::other)??;
        sent.insert(request, at);
    }
    sink.wait_for(2 * many as usize, Duration::from_secs(10)).await;
    let taken = sink.taken();
    let late = taken.iter().filter_map(|mail| Some(mail.at.duration_since(*sent.get(mail.request.as_ref()?)?)));
    let mut late: Vec<Duration> = late.collect();
    late.sort_unstable();
    if late.len() < many as usize {
        return Err(std::io::Error::other(format!("{} mails came, not {many}", late.len())));
    }
    Ok(late)
}

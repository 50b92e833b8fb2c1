//! What costs how much with a thousand, a hundred thousand and a million registrations of one event.

use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use registration::ports;
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;
use testkit::postgres::{Options, Postgres};

use super::Run;
use crate::generate::{self, Store};
use crate::house::{FREE, House, help};
use crate::http::Client;
use crate::load::quantile;
use crate::people;
use crate::report::{Section, Want, verdict};
use crate::sink::Sink;

/// What is measured, in the order of the table.
const MEASURES: [&str; 10] = [
    "summary, p50",
    "summary, p99",
    "gauges (`depth`), p50",
    "pulse of the events, p50",
    "CPU at rest, % of one",
    "form GET, p50",
    "POST → 303, p50",
    "page after registering, p50",
    "POST → organiser's mail at the relay, p50",
    "`karibu registrations list`, all",
];

/// Measures both engines at each size.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let sizes: &[u64] = if run.quick { &[1_000, 20_000] } else { &[1_000, 100_000, 1_000_000] };
    let mut section = Section::new("scale", &["engine, what", "1 k", "100 k", "1 M", "1 M against 1 k"]);
    let (mut worst_summary, mut worst_person) = (0.0_f64, 0.0_f64);
    for engine in ["SQLite", "PostgreSQL"] {
        let mut columns = Vec::new();
        for &size in sizes {
            columns.push(measure(run, engine, size).await?);
        }
        for (index, what) in MEASURES.iter().enumerate() {
            let values: Vec<Option<f64>> = columns.iter().map(|column| column[index]).collect();
            let mut shown: Vec<String> = values.iter().map(|value| show(what, *value)).collect();
            // A quick run has no million.
            shown.resize(3, "–".to_owned());
            let ratio = match (values.first().copied().flatten(), values.last().copied().flatten()) {
                (Some(first), Some(last)) if first > 0.0 => Some(last / first),
                _ => None,
            };
            let last = values.last().copied().flatten().unwrap_or_default();
            if index == 1 {
                worst_summary = worst_summary.max(last);
            }
            if (5..=7).contains(&index) {
                worst_person = worst_person.max(ratio.unwrap_or_default());
            }
            let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            section.row([format!("{engine}, {what}")].into_iter().chain(shown).chain([ratio]));
        }
    }
    section.note(format!(
        "Summary at the largest size, p99 {worst_summary:.1} ms: {}",
        verdict(worst_summary, Want::AtMost, 20.0, None)
    ));
    section.note(format!(
        "What a registrant does, largest against smallest, the worst of GET, POST and the page after: {worst_person:.2} ({})",
        verdict(worst_person, Want::AtMost, 1.25, None)
    ));
    Ok(section)
}

fn show(what: &str, value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if what.contains('%') => format!("{value:.1} %"),
        Some(value) if value >= 1_000.0 => format!("{:.1} s", value / 1e3),
        Some(value) => format!("{value:.2} ms"),
    }
}

/// All [`MEASURES`] at one size: milliseconds, or `None` where there is nothing to measure.
async fn measure(run: &Run, engine: &str, size: u64) -> Result<Vec<Option<f64>>> {
    let server = match engine {
        "PostgreSQL" => Some(Postgres::start(Options { fsync: true, ..Options::default() }).await),
        _ => None,
    };
    let url = server.as_ref().map(|server| server.url("postgres"));
    let sink = Sink::start().await?;
    let mut house = House::start(&run.binary, url.as_deref(), &sink.url()).await?;
    house.served.terminate().await;
    let began = Instant::now();
    generate::registrations(&Store::of(url.as_deref(), &house.served.data()), FREE, size, false).await?;
    println!("  {engine}: {size} registrations made in {:.1} s", began.elapsed().as_secs_f64());
    house.served.start_again().await;

    let mut values = Vec::new();
    {
        let store = open(url.as_deref(), &house.served.data()).await?;
        values.extend(inside(store.as_ref(), run.scale(100, 30)).await?);
    }
    // After what the start left to do.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, began) = (house.cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(run.scale(6, 3))).await;
    let busy = house.cpu().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64();
    values.push(Some(busy * 100.0));
    values.extend(outside(run, &house, &sink).await?);
    values.push(list(run, &house).await?);
    Ok(values)
}

async fn open(url: Option<&str>, data: &Path) -> Result<Arc<dyn ports::Store>> {
    Ok(match url {
        Some(url) => Arc::new(PostgresStore::connect(url, 2, None).await.map_err(Error::other)?),
        None => Arc::new(SqliteStore::open(&data.join("karibu.db"), 2).await.map_err(Error::other)?),
    })
}

/// Some runs of one thing after a first that does not count, shortest first.
async fn times<F: Future<Output = Result<()>>>(many: usize, mut one: impl FnMut() -> F) -> Result<Vec<Duration>> {
    one().await?;
    let mut times = Vec::with_capacity(many);
    for _ in 0..many {
        let began = Instant::now();
        one().await?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn millis(times: &[Duration], share: f64) -> f64 {
    quantile(times, share).as_secs_f64() * 1e3
}

/// What the store does.
async fn inside(store: &dyn ports::Store, many: usize) -> Result<Vec<Option<f64>>> {
    let stored = store.by_slug(FREE).await.map_err(Error::other)?.ok_or_else(|| Error::other("the event is there"))?;
    let summary = times(many, || async move { store.summary(stored.id).await.map(drop).map_err(Error::other) }).await?;
    let few = many.min(20);
    let depth = times(few, || async move { store.depth().await.map(drop).map_err(Error::other) }).await?;
    let pulse = times(few, || async move { store.pulse().await.map(drop).map_err(Error::other) }).await?;
    Ok(vec![
        Some(millis(&summary, 0.5)),
        Some(millis(&summary, 0.99)),
        Some(millis(&depth, 0.5)),
        Some(millis(&pulse, 0.5)),
    ])
}

/// What a registrant does, one after the other.
async fn outside(run: &Run, house: &House, sink: &Sink) -> Result<Vec<Option<f64>>> {
    let many = run.scale(300, 100);
    let people = people::open(house.port, &house.trust, FREE, many + WARM).await?;
    let mut client = Client::connect(house.port, &house.trust).await?;
    let (mut gets, mut posts, mut afters, file) = (Vec::new(), Vec::new(), Vec::new(), people::file());
    for (nth, person) in people.iter().enumerate() {
        let began = Instant::now();
        client.get(&format!("/{FREE}/register?lang=en"), true).await?;
        let got = began.elapsed();
        let began = Instant::now();
        let answer = person.register(&mut client, &file).await?;
        let posted = began.elapsed();
        let began = Instant::now();
        let after = client.get(answer.header("location").unwrap_or_default(), true).await?;
        if (answer.status, after.status) != (303, 200) {
            return Err(Error::other(format!("answered {} and {}", answer.status, after.status)));
        }
        // The first ones warm up.
        if nth >= WARM {
            gets.push(got);
            posts.push(posted);
            afters.push(began.elapsed());
        }
    }
    let half = |mut times: Vec<Duration>| {
        times.sort_unstable();
        Some(millis(&times, 0.5))
    };
    let mut values = vec![half(gets), half(posts), half(afters)];
    // One at a time, so that no mail waits for another: the last of each registration is the organiser's or comes after it.
    let mut mails = Vec::new();
    for person in people::open(house.port, &house.trust, FREE, run.scale(40, 15)).await? {
        sink.quiet().await;
        let (sent, before) = (Instant::now(), sink.count());
        person.register(&mut client, &file).await?;
        sink.wait_for(before + 2, Duration::from_secs(5)).await;
        if let Some(last) = sink.taken().get(before + 1) {
            mails.push(last.at.duration_since(sent));
        }
    }
    values.push(half(mails));
    Ok(values)
}

/// Registrations that come first and do not count.
const WARM: usize = 20;

/// The operators' list of everybody, if this binary has it.
async fn list(run: &Run, house: &House) -> Result<Option<f64>> {
    let commands = help(&run.binary)?;
    if !commands.lines().any(|line| line.starts_with("  registrations")) {
        return Ok(None);
    }
    let began = Instant::now();
    let (code, _, told) = house.served.command(&["registrations", "list", FREE]).await;
    if code == 0 { Ok(Some(began.elapsed().as_secs_f64() * 1e3)) } else { Err(Error::other(told)) }
}

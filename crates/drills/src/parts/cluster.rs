//! The cluster on one machine: two webs behind nginx, two notifiers, PostgreSQL, Redis, TLS to the browser.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use testkit::nginx::Nginx;
use testkit::postgres::{Options, Postgres};
use testkit::redis::Redis;
use testkit::serve::Served;

use super::{Run, ms};
use crate::bare_nginx::{BareNginx, CONNECTIONS, wrk, wrk_anew};
use crate::comparators::{pgbench, prepare_postgres};
use crate::house::{FREE, WIDE_OPEN, event_file};
use crate::http::{Client, Trust};
use crate::load::{self, quantile};
use crate::machine;
use crate::people;
use crate::report::{Section, Want, median, verdict};
use crate::sink::Sink;

/// Clients at once.
const CLIENTS: usize = 32;

/// How long mails may take to leave after the load.
const DRAIN: Duration = Duration::from_secs(180);

/// Memory that has not fallen for so long does not.
const SETTLES: Duration = Duration::from_secs(5);

/// Everything that runs.
struct Cluster {
    nginx: Nginx,
    webs: Vec<Served>,
    /// Not started yet.
    notifiers: Vec<Served>,
    trust: Trust,
    _redis: Redis,
}

impl Cluster {
    async fn start(binary: &str, database: &str, smtp: &str) -> Result<Self> {
        let redis = Redis::start(&["maxmemory 64mb", "maxmemory-policy noeviction"]).await;
        let nginx = front();
        let (url, redis_url) = (nginx.url(), redis.url());
        let mut settings = vec![
            ("DATABASE_URL", database),
            ("REDIS_URL", redis_url.as_str()),
            ("SECRET_KEY", "benchbenchbenchbenchbenchbenchbench"),
            ("PUBLIC_URL", url.as_str()),
            ("TLS", "off"),
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("SMTP_URL", smtp),
            ("MAIL_FROM", "bench@example.org"),
            ("ORGANIZERS", "desk@example.org"),
            ("LOG", "info"),
        ];
        settings.extend(WIDE_OPEN);
        let migrate = Served::stopped(binary, "web", &settings);
        let (code, _, told) = migrate.command(&["migrate"]).await;
        if code != 0 {
            return Err(Error::other(told));
        }
        let file = std::env::temp_dir().join("cluster-event.toml");
        std::fs::write(&file, event_file(FREE, None)?)?;
        let (code, _, told) = migrate.command(&["event", "import", &file.display().to_string()]).await;
        if code != 0 {
            return Err(Error::other(told));
        }
        let (mut webs, mut notifiers) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            webs.push(Served::start_as(binary, "web", &settings).await);
            notifiers.push(Served::stopped(binary, "notifier", &settings));
        }
        let ports: Vec<u16> = webs.iter().map(Served::port).collect();
        let nginx = nginx.in_front_of(&ports).await;
        let ca = std::env::temp_dir().join("cluster-ca.pem");
        std::fs::write(&ca, &nginx.certificates().ca)?;
        Ok(Self { trust: Trust::file(&ca)?, nginx, webs, notifiers, _redis: redis })
    }
}

/// nginx as it is delivered: the test kit's looks for new certificates much more often.
fn front() -> Nginx {
    Nginx::prepare().with("LOOK", "10")
}

/// Measures.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let sink = Sink::start().await?;
    let server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    server.run("create database bare").await;
    server.run("create database karibu").await;
    prepare_postgres(&server.url("bare")).await?;
    let mut cluster = Cluster::start(&run.binary, &server.url("karibu"), &sink.url()).await?;
    let mut section =
        Section::new("cluster", &["through nginx over TLS, two webs", "per second", "against", "ratio", "target"]);

    form(run, &cluster, &mut section).await?;
    register(run, &mut cluster, &server, &sink, &mut section).await?;
    memory(&cluster, &mut section).await;
    section.note(format!(
        "Form: {CONNECTIONS} connections by wrk, gzip; in turns with a nginx that serves the same bytes as a static file, without a log, and with \
         our nginx before that one. Registrations: a POST of the sample's form with a 20 kB PDF by {CLIENTS} clients, answered 303 after the \
         commit is on the disk, first while no notifier runs and mails wait; against pgbench with the same statements just before. \
         Everything, loads too, shares the processors."
    ));
    Ok(section)
}

async fn form(run: &Run, cluster: &Cluster, section: &mut Section) -> Result<()> {
    let path = format!("/{FREE}/register?lang=en");
    let mut client = Client::connect(cluster.nginx.port(), &cluster.trust).await?;
    let answer = client.get(&path, true).await?;
    let (folder, secrets) = (tempfile::tempdir()?, cluster.nginx.secrets());
    let tls = (secrets.join("fullchain.pem"), secrets.join("privkey.pem"));
    let bare = BareNginx::start(folder.path(), &answer, (&tls.0, &tls.1), &cluster.trust).await?;
    // The same nginx as ours, and behind it no web but the file.
    let passing = front().in_front_of(&[bare.plain()]).await;
    let of = |nginx: &Nginx| format!("https://127.0.0.1:{}{path}", nginx.port());
    let (ours, passing_url, alone) = (of(&cluster.nginx), of(&passing), bare.url());
    let (rounds, seconds) = (run.scale(5, 2), run.scale(3, 2));
    for url in [&ours, &passing_url, &alone] {
        wrk(url, 1)?;
    }
    let mut rates: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        rates[0].push(wrk_anew(&ours, seconds)?);
        rates[1].push(wrk_anew(&alone, seconds)?);
        rates[2].push(wrk(&ours, seconds)?);
        rates[3].push(wrk(&alone, seconds)?);
        rates[4].push(wrk(&passing_url, seconds)?);
    }
    let ratio = |own: usize, other: usize| median(rates[own].iter().zip(&rates[other]).map(|(a, b)| a / b).collect());
    let rows = [
        ("form GET, a new connection for each", 0, 1, "nginx alone", Some(0.6)),
        ("form GET, kept connections", 2, 3, "nginx alone", Some(0.6)),
        ("form GET, kept connections", 2, 4, "this nginx, and behind it one with a file", None),
        ("that, without a web", 4, 3, "nginx alone", None),
    ];
    for (what, own, other, named, target) in rows {
        let ratio = ratio(own, other);
        section.row([
            what.to_owned(),
            format!("{:.0}", median(rates[own].clone())),
            format!("{:.0} ({named})", median(rates[other].clone())),
            format!("{ratio:.2}"),
            target.map_or_else(String::new, |target| verdict(ratio, Want::AtLeast, target, None)),
        ]);
    }
    Ok(())
}

/// First while the notifiers are away, so that both sides do the same work, then while mails leave.
async fn register(
    run: &Run,
    cluster: &mut Cluster,
    server: &Postgres,
    sink: &Sink,
    section: &mut Section,
) -> Result<()> {
    let (folder, seconds) = (tempfile::tempdir()?, run.scale(8, 2));
    let mut bare = Vec::new();
    let mut accepted = 0;
    for (turn, (what, target)) in
        [("accepted registrations", Some(0.4)), ("the same while both notifiers send its three mails", None)]
            .into_iter()
            .enumerate()
    {
        bare.push(pgbench(&server.url("bare"), folder.path(), false, CLIENTS, run.scale(5, 2), turn as u32 + 1)?);
        let (port, trust) = (cluster.nginx.port(), &cluster.trust);
        let people = people::open(port, trust, FREE, 3_000 * seconds as usize).await?;
        let load = load::run(port, trust, CLIENTS, people, Duration::from_secs(seconds)).await?;
        if load.other > 0 {
            return Err(Error::other(format!("{} registrations were not accepted", load.other)));
        }
        accepted += load.accepted;
        let ratio = load.rate() / bare[turn];
        section.row([
            format!("{what} (p50 {}, p99 {})", ms(quantile(&load.answers, 0.5)), ms(quantile(&load.answers, 0.99))),
            format!("{:.0}", load.rate()),
            format!("{:.0} (pgbench)", bare[turn]),
            format!("{ratio:.2}"),
            target.map_or_else(String::new, |target| verdict(ratio, Want::AtLeast, target, None)),
        ]);
        let began = Instant::now();
        for notifier in cluster.notifiers.iter_mut().filter(|_| turn == 0) {
            notifier.start_again().await;
        }
        // A confirmation to each; organisers' mails are put together.
        let mails = sink.wait_for(accepted, DRAIN).await;
        let drained = began.elapsed();
        if mails < accepted {
            return Err(Error::other(format!("{mails} mails for {accepted} registrations")));
        }
        sink.quiet().await;
        section.note(format!(
            "{} registrations in {:.1} s; the last confirmation was taken {:.1} s after {}.",
            load.accepted,
            load.took.as_secs_f64(),
            drained.as_secs_f64(),
            if turn == 0 { "the notifiers were started" } else { "the last answer" }
        ));
    }
    Ok(())
}

/// What each process holds after the load, when it gives no more back: allocators do so for some seconds.
async fn memory(cluster: &Cluster, section: &mut Section) {
    for (name, processes, limit) in [("web", &cluster.webs, 40.0), ("notifier", &cluster.notifiers, 25.0)] {
        let held = || processes.iter().map(|process| machine::rss_mb(process.pid())).fold(0.0, f64::max);
        let mut megabytes = held();
        loop {
            tokio::time::sleep(SETTLES).await;
            let now = held();
            if now > megabytes - 0.1 {
                break;
            }
            megabytes = now;
        }
        section.row([
            format!("memory of a {name} after the load"),
            format!("{megabytes:.1} MB"),
            String::new(),
            String::new(),
            verdict(megabytes, Want::AtMost, limit, None),
        ]);
    }
}

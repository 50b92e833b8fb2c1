//! The cluster on one machine: two webs behind nginx, two notifiers, PostgreSQL, Redis, TLS to the browser.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use testkit::nginx::Nginx;
use testkit::postgres::{Options, Postgres};
use testkit::redis::Redis;
use testkit::serve::Served;

use super::{Run, ms};
use crate::bare_nginx::{BareNginx, CONNECTIONS, wrk};
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

/// Everything that runs.
struct Cluster {
    nginx: Nginx,
    webs: Vec<Served>,
    notifiers: Vec<Served>,
    trust: Trust,
    _redis: Redis,
}

impl Cluster {
    async fn start(binary: &str, database: &str, smtp: &str) -> Result<Self> {
        let redis = Redis::start(&["maxmemory 64mb", "maxmemory-policy noeviction"]).await;
        let nginx = Nginx::prepare();
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
            notifiers.push(Served::start_as(binary, "notifier", &settings).await);
        }
        let ports: Vec<u16> = webs.iter().map(Served::port).collect();
        let nginx = nginx.in_front_of(&ports).await;
        let ca = std::env::temp_dir().join("cluster-ca.pem");
        std::fs::write(&ca, &nginx.certificates().ca)?;
        Ok(Self { trust: Trust::file(&ca)?, nginx, webs, notifiers, _redis: redis })
    }
}

/// Measures.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let sink = Sink::start().await?;
    let server = Postgres::start(Options { fsync: true, ..Options::default() }).await;
    server.run("create database bare").await;
    server.run("create database karibu").await;
    prepare_postgres(&server.url("bare")).await?;
    let cluster = Cluster::start(&run.binary, &server.url("karibu"), &sink.url()).await?;
    let mut section =
        Section::new("cluster", &["through nginx over TLS, two webs", "per second", "against", "ratio", "target"]);

    form(run, &cluster, &mut section).await?;
    register(run, &cluster, &server, &sink, &mut section).await?;
    memory(&cluster, &mut section);
    section.note(format!(
        "Form: {CONNECTIONS} kept connections by wrk, gzip; against nginx serving the same bytes as a static file, in turns. Registrations: a POST of \
         the sample's form with a 20 kB PDF by {CLIENTS} clients, answered 303 after the commit is on the disk, while both notifiers send \
         three mails for each; against pgbench with the same statements. Everything, loads too, shares two processors."
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
    let url = format!("https://127.0.0.1:{}{path}", cluster.nginx.port());
    let (rounds, seconds) = (run.scale(5, 2), run.scale(4, 2));
    wrk(&url, 1)?;
    wrk(&bare.url(), 1)?;
    let (mut ours, mut theirs, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let rate = wrk(&bare.url(), seconds)?;
        let own = wrk(&url, seconds)?;
        ours.push(own);
        theirs.push(rate);
        ratios.push(own / rate);
    }
    let ratio = median(ratios);
    section.row([
        "form GET".to_owned(),
        format!("{:.0}", median(ours)),
        format!("{:.0} (nginx alone)", median(theirs)),
        format!("{ratio:.2}"),
        verdict(ratio, Want::AtLeast, 0.6, None),
    ]);
    Ok(())
}

async fn register(run: &Run, cluster: &Cluster, server: &Postgres, sink: &Sink, section: &mut Section) -> Result<()> {
    let (folder, seconds) = (tempfile::tempdir()?, run.scale(8, 2));
    let (port, trust) = (cluster.nginx.port(), &cluster.trust);
    let people = people::open(port, trust, FREE, 3_000 * seconds as usize).await?;
    let before = sink.count();
    let load = load::run(port, trust, CLIENTS, people, Duration::from_secs(seconds)).await?;
    if load.other > 0 {
        return Err(Error::other(format!("{} registrations were not accepted", load.other)));
    }
    let began = Instant::now();
    // A confirmation to each; organisers' mails are put together.
    let mails = sink.wait_for(before + load.accepted, DRAIN).await - before;
    let drained = began.elapsed();
    if mails < load.accepted {
        return Err(Error::other(format!("{mails} mails for {} registrations", load.accepted)));
    }
    sink.quiet().await;
    let rate = pgbench(&server.url("bare"), folder.path(), false, CLIENTS, run.scale(5, 2), 1)?;
    let ratio = load.rate() / rate;
    section.row([
        format!(
            "accepted registrations (p50 {}, p99 {})",
            ms(quantile(&load.answers, 0.5)),
            ms(quantile(&load.answers, 0.99))
        ),
        format!("{:.0}", load.rate()),
        format!("{rate:.0} (pgbench)"),
        format!("{ratio:.2}"),
        verdict(ratio, Want::AtLeast, 0.4, None),
    ]);
    section.note(format!(
        "{} registrations in {:.1} s; the last confirmation was taken {:.1} s after the last answer.",
        load.accepted,
        load.took.as_secs_f64(),
        drained.as_secs_f64()
    ));
    Ok(())
}

/// What each process holds after the load.
fn memory(cluster: &Cluster, section: &mut Section) {
    for (name, processes, limit) in [("web", &cluster.webs, 40.0), ("notifier", &cluster.notifiers, 25.0)] {
        let megabytes = processes.iter().map(|process| machine::rss_mb(process.pid())).fold(0.0, f64::max);
        section.row([
            format!("memory of a {name} after the load"),
            format!("{megabytes:.1} MB"),
            String::new(),
            String::new(),
            verdict(megabytes, Want::AtMost, limit, None),
        ]);
    }
}

//! Breaks the cluster of docker-compose.yml while people register through nginx, one thing at a time, and reckons: `drills faults
//! --relay FOLDER [--quick] [WORD…]`, where words choose the faults whose names hold one. `ci/drill` starts the cluster and this.

mod compose;
mod front;
mod mails;
mod stores;

use std::io::{Error, Result};
use std::path::Path;

use testkit::drill::{Allowed, Crowd, Drill, Outcome, Site, event_file};
use testkit::ledger::Ledger;
use testkit::serve::root;
use testkit::smtp::SmtpServer;
use tokio::time::{Duration, Instant};

use self::compose::Compose;

/// The event that people register for.
const EVENT: &str = "drill";

/// Who gets a mail about every registration.
const ORGANIZER: &str = "organizer@example.org";

/// Registrations a second.
const RATE: f64 = 55.0;

/// During long faults fewer people come: what is promised then is as good as lost if it is lost.
const RATE_OF_LONG_FAULTS: f64 = 4.0;

/// How long everybody comes at the beginning of a long fault.
const RUSH: Duration = Duration::from_secs(15);

/// Everything that a fault needs.
struct Stage {
    drill: Drill,
    /// Which faults are wanted; all if there is no word.
    words: Vec<String>,
    quick: bool,
    outcomes: Vec<Outcome>,
    /// Faults that could not be done or mended.
    broken: Vec<String>,
}

impl Stage {
    /// Runs a fault if it is wanted.
    async fn run(
        &mut self,
        name: &str,
        allowed: Allowed,
        fault: impl AsyncFnOnce(&Crowd) -> Result<Instant>,
    ) -> Option<&Outcome> {
        if !self.words.is_empty() && !self.words.iter().any(|word| name.contains(word.as_str())) {
            return None;
        }
        let mut failed = None;
        let outcome = self.drill.run(name, allowed, async |crowd| match fault(crowd).await {
            Ok(ended) => ended,
            Err(error) => {
                failed = Some(format!("{name}: {error}"));
                Instant::now()
            }
        });
        let outcome = outcome.await;
        self.broken.extend(failed);
        self.outcomes.push(outcome);
        self.outcomes.last()
    }

    /// A time of a fault: as it is asked for, or a sixth of it.
    fn long(&self, seconds: u64) -> Duration {
        Duration::from_secs(if self.quick { seconds.div_ceil(6) } else { seconds })
    }
}

/// Lets a fault last so long: everybody comes in its first seconds, some after them, and everybody again at its end.
async fn endure(crowd: &Crowd, time: Duration) {
    if time <= 2 * RUSH {
        tokio::time::sleep(time).await;
        return;
    }
    tokio::time::sleep(RUSH).await;
    crowd.set_rate(RATE_OF_LONG_FAULTS);
    tokio::time::sleep(time.saturating_sub(RUSH)).await;
    crowd.set_rate(RATE);
}

/// Fills the folder that the relay's container and this program share.
pub(crate) fn prepare(folder: &Path) {
    drop(SmtpServer::elsewhere(folder));
}

/// Runs the faults.
pub(crate) async fn run(relay: &Path, url: &str, quick: bool, words: Vec<String>) -> Result<()> {
    let cluster = Compose::from_environment()?;
    let authority = cluster.exec("postgres", &["cat", "/run/karibu/ca.pem"], None).await?;
    let sample = std::fs::read_to_string(root().join("events/connect.toml"))?;
    cluster
        .exec("notifier-1", &["karibu", "event", "import", "-"], Some(&event_file(&sample, EVENT, ORGANIZER)))
        .await?;
    let site = Site { url: url.to_owned(), slug: EVENT.to_owned(), authority };
    let mut drill = Drill::new(site, Ledger::Psql(cluster.psql()), relay.join("mails"), &[ORGANIZER]);
    (drill.rate, drill.clients, drill.around) = (RATE, 24, Duration::from_secs(3));
    drill.patience = Duration::from_secs(240);
    drill.form_is_served().await;
    let relay = SmtpServer::joined(relay);
    let mut stage = Stage { drill, words, quick, outcomes: Vec::new(), broken: Vec::new() };

    front::webs(&mut stage, &cluster).await;
    front::nginx(&mut stage, &cluster).await;
    mails::notifiers(&mut stage, &cluster, &relay).await;
    mails::relays(&mut stage, &cluster, &relay).await;
    stores::redis(&mut stage, &cluster).await;
    stores::postgres(&mut stage, &cluster).await;
    front::slow(&mut stage, &cluster).await;

    let wrong: usize = stage.outcomes.iter().map(|outcome| outcome.wrong.len()).sum();
    let promised: usize = stage.outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    println!("{} faults, {promised} registrations acknowledged, {wrong} things wrong", stage.outcomes.len());
    for broken in &stage.broken {
        println!("  not done: {broken}");
    }
    if wrong > 0 || !stage.broken.is_empty() || stage.outcomes.is_empty() {
        return Err(Error::other("something was lost, failed or not done: it is named above"));
    }
    Ok(())
}

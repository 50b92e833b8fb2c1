//! The parts that are processes of Karibu, each by its private listener.

use jiff::{SignedDuration, Timestamp};
use registration::ports::Clock;
use serde_json::Value;

use super::super::{Finding, found};
use super::{PATIENCE, shown};
use crate::cli::COMMIT;
use crate::health;
use crate::ports::SystemClock;
use crate::settings::PartAddress;

/// A notifier goes round each second; one that did not for so long stands still, in seconds.
const STANDS_STILL: f64 = 15.0;

/// A part and what it says of itself.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) answer: Result<Report, String>,
}

/// What a part says of itself.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) role: String,
    pub(super) instance: String,
    /// Version and commit.
    pub(super) build: String,
    /// How far its clock is ahead of ours.
    pub(super) ahead: Option<SignedDuration>,
    ready: bool,
    draining: bool,
    /// What does not work, in sentences.
    degraded: Vec<String>,
    /// Seconds since the notifier in it last went round.
    stood_still: Option<f64>,
    /// When it says that a backup was last made.
    pub(super) backup: Option<Timestamp>,
    /// What it says of those who watch.
    pub(super) watch: Watch,
}

/// What a notifier says of those who watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Seconds since the monitoring pinged it, and since Prometheus asked it; `None` when that never happened.
    pub(super) pinged: Option<f64>,
    pub(super) asked: Option<f64>,
    /// Whether alerts have a second relay; `None` when no monitoring is expected.
    pub(super) second_relay: Option<bool>,
    /// Whether somebody outside watches this host.
    pub(super) host_watched: Option<bool>,
}

/// Asks all of them at once.
pub(super) async fn ask(addresses: &[PartAddress]) -> Vec<Part> {
    let mut asked = tokio::task::JoinSet::new();
    for (n, address) in addresses.iter().cloned().enumerate() {
        asked.spawn(async move { (n, Part { answer: report(&address).await, name: address.name }) });
    }
    let mut parts = asked.join_all().await;
    parts.sort_by_key(|(n, _)| *n);
    parts.into_iter().map(|(_, part)| part).collect()
}

async fn report(address: &PartAddress) -> Result<Report, String> {
    let at = shown(&address.place);
    let asked = async {
        let before = SystemClock.now();
        let (_, readyz) = health::get(&at, "/readyz").await?;
        let after = SystemClock.now();
        let (_, metrics) = health::get(&at, "/metrics").await?;
        Ok::<_, std::io::Error>((before + after.duration_since(before) / 2, readyz, metrics))
    };
    let (asked_at, readyz, metrics) = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(format!("nobody answers at http://{at} ({error})")),
        Err(_) => return Err(format!("nobody answers at http://{at} in time")),
    };
    let readyz: Value = serde_json::from_str(&readyz).map_err(|_| format!("another program answers at http://{at}"))?;
    Ok(Report::read(&readyz, &metrics, asked_at))
}

impl Report {
    fn read(readyz: &Value, metrics: &str, asked_at: Timestamp) -> Self {
        let text = |name: &str| readyz[name].as_str().unwrap_or("unknown").to_owned();
        let now: Option<Timestamp> = readyz["now"].as_str().and_then(|now| now.parse().ok());
        let parts = readyz["parts"].as_object().into_iter().flatten();
        let degraded = parts.filter(|(_, part)| part["state"] != "ok").map(|(name, part)| {
            let what = part["what"].as_str().or(part["state"].as_str()).unwrap_or("unknown");
            format!("{name}: {}", what.trim_end_matches('.'))
        });
        let ago = |name| {
            let at = gauge(metrics, name)?;
            // By its own clock, whatever that says.
            Some(now?.as_duration().as_secs_f64() - at)
        };
        let truth = |name| gauge(metrics, name).map(|value| value > 0.0);
        Self {
            role: text("role"),
            instance: text("instance"),
            build: format!("{} ({})", text("version"), text("commit")),
            ahead: now.map(|now| now.duration_since(asked_at)),
            ready: readyz["ready"] == true,
            draining: readyz["draining"] == true,
            degraded: degraded.collect(),
            stood_still: ago("karibu_notifier_heartbeat_timestamp_seconds"),
            watch: Watch {
                pinged: ago("karibu_watchdog_last_ping_timestamp_seconds"),
                asked: ago("karibu_watchdog_last_scrape_timestamp_seconds"),
                second_relay: truth("karibu_alert_second_relay"),
                host_watched: truth("karibu_host_watched"),
            },
            backup: gauge(metrics, "karibu_backup_last_success_timestamp_seconds")
                .and_then(|at| Timestamp::from_second(at as i64).ok()),
        }
    }

    /// Whether pages are to be expected of it.
    pub(super) fn is_ready_web(&self) -> bool {
        self.role == "web" && self.ready
    }
}

/// The value of a metric without labels.
fn gauge(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// What to say of a part.
pub(super) fn finding(part: &Part) -> Finding {
    let finding = found(&part.name);
    let report = match &part.answer {
        Ok(report) => report,
        Err(why) => {
            return finding.fail(why, format!("start {} and see its log, or correct it in KARIBU_PARTS", part.name));
        }
    };
    let see = format!("see the log of {}", part.name);
    if report.draining {
        return finding.warn("it is ending", "wait until it is back, and look again");
    }
    if !report.ready {
        let why =
            if report.degraded.is_empty() { "it does not say why".to_owned() } else { report.degraded.join("; ") };
        return finding.fail(format!("it is not ready; {why}"), see);
    }
    if report.role == "notifier" {
        match report.stood_still {
            Some(seconds) if seconds > STANDS_STILL => {
                return finding.fail(
                    format!("its last heartbeat was {seconds:.0} s ago: it sends nothing"),
                    format!("start {} again, and report a bug with its log", part.name),
                );
            }
            None => return finding.fail("it has no heartbeat: it sends nothing", see),
            Some(_) => {}
        }
    }
    let told = format!("{}, ready, {}", report.role, report.build);
    if report.degraded.is_empty() {
        finding.ok(told)
    } else {
        finding.warn(format!("{told}; {}", report.degraded.join("; ")), see)
    }
}

/// Whether all are of one build, and of ours.
pub(super) fn versions(parts: &[Part]) -> Finding {
    let finding = found("versions");
    let ours = format!("{} ({COMMIT})", env!("CARGO_PKG_VERSION"));
    let builds: Vec<(&str, &str)> =
        parts.iter().filter_map(|part| Some((part.name.as_str(), part.answer.as_ref().ok()?.build.as_str()))).collect();
    if builds.is_empty() {
        return finding.skipped("no part answers");
    }
    let others: Vec<String> =
        builds.iter().filter(|(_, build)| *build != ours).map(|(name, build)| format!("{name} runs {build}")).collect();
    if others.is_empty() {
        return finding.ok(format!("{ours} everywhere"));
    }
    finding.warn(
        format!("two builds run side by side: this is {ours}, {}", others.join(", ")),
        "if no upgrade is under way, start all parts from one image (KARIBU_VERSION)",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::State;
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn part(readyz: &Value, metrics: &str) -> Part {
        Part { name: "part-1".to_owned(), answer: Ok(Report::read(readyz, metrics, NOW)) }
    }

    fn web(commit: &str) -> Value {
        json!({
            "role": "web", "instance": "web-1", "version": env!("CARGO_PKG_VERSION"), "commit": commit,
            "now": "2027-01-15T08:00:00Z", "ready": true, "draining": false, "parts": {"database": {"state": "ok"}},
        })
    }

    #[test]
    fn parts_are_judged_by_what_they_say() {
        assert_eq!(finding(&part(&web(COMMIT), "")).state, State::Ok);
        let mut redis = web(COMMIT);
        redis["parts"]["redis"] = json!({"state": "degraded", "what": "Redis is out of reach."});
        let told = finding(&part(&redis, ""));
        assert!(told.state == State::Warn && told.found.contains("redis: Redis is out of reach"), "{told:?}");
        redis["ready"] = json!(false);
        assert_eq!(finding(&part(&redis, "")).state, State::Fail);
        redis["draining"] = json!(true);
        assert_eq!(finding(&part(&redis, "")).state, State::Warn);
        let gone = Part { name: "web-2".to_owned(), answer: Err("nobody answers".to_owned()) };
        assert!(finding(&gone).todo.unwrap().contains("KARIBU_PARTS"));
    }

    #[test]
    fn a_notifier_without_a_heartbeat_stands_still() {
        let mut notifier = web(COMMIT);
        notifier["role"] = json!("notifier");
        let beat = |at: &str| finding(&part(&notifier, &format!("karibu_notifier_heartbeat_timestamp_seconds {at}\n")));
        assert_eq!(beat("1799999999.5").state, State::Ok);
        let told = beat("1799999900");
        assert!(told.state == State::Fail && told.found.contains("100 s ago"), "{told:?}");
        assert_eq!(finding(&part(&notifier, "")).state, State::Fail);
    }

    #[test]
    fn two_builds_side_by_side_are_named() {
        assert_eq!(versions(&[part(&web(COMMIT), "")]).state, State::Ok);
        let told = versions(&[part(&web(COMMIT), ""), part(&web("0123456789ab"), "")]);
        assert!(told.state == State::Warn && told.found.contains("part-1 runs "), "{told:?}");
        assert!(told.found.contains("(0123456789ab)") && told.found.contains(COMMIT), "{told:?}");
    }
}

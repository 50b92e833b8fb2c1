//! `karibu check`: looks at everything that Karibu needs, side by side and in bounded time, and says what to do about what it
//! finds. It changes nothing; in a cluster it registers, and takes that back.

mod certificate;
mod client;
mod cluster;
mod data;
mod dns;
mod public;
mod sender;

use std::time::Duration;

use jiff::SignedDuration;
use mail::{Transport, Verdict};
use registration::ports::Clock;
use serde::Serialize;

use self::data::{database, folder};
use crate::columns::{print, print_json};
use crate::mails::transport;
use crate::ports::{SystemClock, SystemRandom};
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};
use crate::settings::values::Database;
use crate::settings::{MailWay, Role, ServeSettings, Settings};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warn,
    /// Does not work.
    Fail,
    /// Could not be looked at.
    #[serde(rename = "not checked")]
    Skipped,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skipped => "not checked",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    check: String,
    state: State,
    found: String,
    /// What to do about it.
    todo: Option<String>,
}

/// Begins a finding.
fn found(check: impl Into<String>) -> Finding {
    Finding { check: check.into(), state: State::Skipped, found: String::new(), todo: None }
}

impl Finding {
    fn ok(self, found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), ..self }
    }

    fn warn(self, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { state: State::Warn, found: found.into(), todo: Some(todo.into()), ..self }
    }

    fn fail(self, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { state: State::Fail, found: found.into(), todo: Some(todo.into()), ..self }
    }

    fn skipped(self, why: impl Into<String>) -> Self {
        Self { found: why.into(), ..self }
    }

    /// A refusal is a finding too: its sentence says both, parted by the first colon that explains.
    fn refusal(self, refusal: &Refusal) -> Self {
        let sentence = refusal.to_string();
        match sentence.split_once(": ") {
            Some((found, todo)) => self.fail(found, todo),
            None => self.fail(sentence, "see docs/operating.md"),
        }
    }
}

/// Looks at everything.
pub(crate) async fn run(flags: Vec<(&'static str, String)>, json: bool) -> Outcome {
    let findings = {
        let _progress = Progress::unknown("looking");
        look(flags).await
    };
    if json {
        print_json(&findings)?;
    } else {
        let mut rows = Vec::new();
        for finding in &findings {
            rows.push(vec![finding.state.as_str().to_owned(), finding.check.clone(), finding.found.clone()]);
            rows.extend(finding.todo.iter().map(|todo| vec![String::new(), String::new(), format!("→ {todo}")]));
        }
        print(&["RESULT", "CHECK", "FOUND, AND → WHAT TO DO"], &rows);
    }
    let failed: Vec<&str> =
        findings.iter().filter(|finding| finding.state == State::Fail).map(|finding| finding.check.as_str()).collect();
    match failed.len() {
        0 => Ok(()),
        n => Err(Refusal::found(format!("{n} of {} checks failed: {}", findings.len(), failed.join(", ")))),
    }
}

async fn look(flags: Vec<(&'static str, String)>) -> Vec<Finding> {
    let (settings, unknown) = Settings::read_with_unknown(flags);
    let mut findings: Vec<_> = unknown.iter().map(|refusal| found("settings").refusal(refusal)).collect();
    let settings = match settings {
        Ok(settings) => settings,
        Err(refusal) => {
            findings.push(found("settings").refusal(&refusal));
            return findings;
        }
    };
    let cluster = match settings.cluster() {
        Ok(cluster) => cluster,
        Err(refusal) => {
            findings.push(found("settings").refusal(&refusal));
            return findings;
        }
    };
    let serve = match settings.of(if cluster.is_some() { Role::Notifier } else { Role::Serve }) {
        Ok(serve) => Some(serve),
        Err(refusal) => {
            findings.push(found("settings").refusal(&refusal));
            None
        }
    };
    if findings.is_empty() {
        findings.push(found("settings").ok("known, and fit together; `karibu config` shows them"));
    }
    let resolver = std::fs::read_to_string("/etc/resolv.conf").ok().as_deref().and_then(dns::resolver);
    let address = serve.as_ref().and_then(|serve| serve.mail_from.as_ref()).map(|from| from.address.clone());
    let selector = settings.given("DKIM_SELECTOR").map(str::to_owned);
    let records = async {
        if serve.as_ref().is_some_and(|serve| serve.demo) {
            return ["SPF", "DKIM", "DMARC"].map(|name| found(name).skipped("the mails of a demo stay here")).to_vec();
        }
        sender::records(address.as_deref(), selector.as_deref(), resolver, &SystemRandom).await
    };
    // Many looks at once are a large future.
    let looks = async {
        match &cluster {
            Some(cluster) => Box::pin(cluster::look(&settings, cluster, serve.as_ref())).await,
            None => Box::pin(alone(&settings, serve.as_ref())).await,
        }
    };
    let (looks, records) = tokio::join!(looks, records);
    findings.extend(looks);
    findings.extend(records);
    findings
}

/// Looks at what one process needs that does everything.
async fn alone(settings: &Settings, serve: Option<&ServeSettings>) -> Vec<Finding> {
    let (folder, database, certificate, clock, relay, public) = tokio::join!(
        within("data folder", async { folder(settings) }),
        within("database", database(settings)),
        within("certificate", async { certificate::look(settings, serve, SystemClock.now()) }),
        within("clock", clock(settings)),
        within("mail relay", relay(settings, serve)),
        within("public address", public::look(settings, serve)),
    );
    vec![folder, database, certificate, clock, relay, public]
}

/// Gives up on what takes too long.
async fn within(check: &'static str, look: impl Future<Output = Finding>) -> Finding {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(finding) => finding,
        Err(_) => found(check).warn(
            format!("no result within {} s", PATIENCE.as_secs()),
            "see whether it is very slow or very large, and look again",
        ),
    }
}

/// Whether the clock can be right: not before this program was made, and not another than the database's.
async fn clock(settings: &Settings) -> Finding {
    let Database::Postgres(url) = &settings.database else { return clock_state(found("clock"), &[]) };
    let theirs = async {
        let store = store_postgres::PostgresStore::connect(url, 1, settings.ca_file.as_deref()).await?;
        let theirs = store.now().await;
        store.close().await;
        theirs
    };
    if let Ok(theirs) = theirs.await {
        return clock_state(found("clock"), &[("the database".to_owned(), theirs.duration_since(SystemClock.now()))]);
    }
    let finding = clock_state(found("clock"), &[]);
    Finding { found: format!("{}; the database's is not known", finding.found), ..finding }
}

/// Judges this machine's clock, and how far those of others are ahead of it.
fn clock_state(finding: Finding, ahead: &[(String, SignedDuration)]) -> Finding {
    const SYNCHRONISE: &str = "let the machine synchronise its clock (timedatectl set-ntp true, or chrony)";
    /// A difference that people would notice, and one that breaks links and mails, in seconds.
    const NOTICED: i64 = 2;
    const WRONG: i64 = 60;
    let now = SystemClock.now();
    let made: i64 = env!("KARIBU_BUILD_TIME").parse().unwrap_or_default();
    if now.as_second() < made {
        return finding.fail(format!("it says {now:.0}, before this program was made"), SYNCHRONISE);
    }
    let synchronised = std::path::Path::new("/run/systemd/timesync/synchronized").exists();
    let known = if synchronised { ", synchronised by systemd-timesyncd" } else { "" };
    let most = ahead.iter().map(|(_, by)| by.as_secs().abs()).max().unwrap_or_default();
    let off: Vec<String> = ahead
        .iter()
        .filter(|(_, by)| by.as_secs().abs() >= NOTICED)
        .map(|(name, by)| {
            let way = if by.is_negative() { "behind" } else { "ahead" };
            format!("{name} is {} s {way}", by.as_secs().abs())
        })
        .collect();
    let told = match (ahead, &off[..]) {
        ([], _) => format!("{now:.0}{known}"),
        ([(name, _)], []) => format!("{now:.0}, {most} s from {name}'s{known}"),
        (_, []) => format!("{now:.0}, the same everywhere within {NOTICED} s{known}"),
        (_, off) => format!("{now:.0} here, {}{known}", off.join(", ")),
    };
    match most {
        WRONG.. => finding.fail(told, SYNCHRONISE),
        NOTICED.. => finding.warn(told, SYNCHRONISE),
        _ => finding.ok(told),
    }
}

/// Whether the relay would take a mail of ours: EHLO, TLS, AUTH and the sender, without a recipient.
async fn relay(settings: &Settings, serve: Option<&ServeSettings>) -> Finding {
    let finding = found("mail relay");
    let Some(serve) = serve else { return finding.skipped("the settings come first") };
    let MailWay::Smtp { url, from } = &serve.mail else {
        return finding.ok("none is set: mails are kept as files in the data folder and leave for nobody");
    };
    let transport: std::sync::Arc<dyn Transport> = match transport(settings, serve, 1) {
        Ok(Some(transport)) => transport,
        Ok(None) => return finding.skipped("another process sends the mails"),
        Err(refusal) => return finding.refusal(&refusal),
    };
    let host = url.host_str().unwrap_or_default();
    let dialogue = transport.diagnose(None).await;
    let told: Vec<String> = dialogue.steps.iter().map(|step| format!("{}: {}", step.name, step.told)).collect();
    match dialogue.steps.iter().find(|step| step.verdict == Verdict::Failed) {
        None => finding.ok(format!("{host} takes {} as sender; {}", from.address, told.join("; "))),
        Some(failed) => finding.fail(
            format!("{host} would take no mail; {}: {}", failed.name, failed.told),
            failed.advice.clone().unwrap_or_else(|| {
                "see that host, port, user, password and ?tls= of KARIBU_SMTP_URL are right, and that the relay lets this sender send".to_owned()
            }),
        ),
    }
}

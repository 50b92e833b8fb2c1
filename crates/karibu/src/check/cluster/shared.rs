//! What all parts share: PostgreSQL, Redis, clocks, the outbox, backups, disks.

use std::fmt::Write;
use std::sync::Arc;

use conveyor::redis::Address;
use jiff::{SignedDuration, Timestamp};
use registration::ports::{Clock, Health, Outbox, StoreError};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use store_postgres::{Ground, PostgresStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::super::{Finding, clock_state, found};
use super::PATIENCE;
use super::front::end_of;
use super::parts::Part;
use crate::backup;
use crate::ports::SystemClock;
use crate::settings::Settings;
use crate::tls::known_roots;

/// A mail that waits for so long is late, in seconds.
const LATE: f64 = 300.0;

/// What is written is in the backups a minute later. After so long somebody should know, and after so long it is lost with the machine.
const BEHIND: SignedDuration = SignedDuration::from_mins(10);
const FAR_BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// A daily base backup that is older is missing, and one that is older still was missed twice.
const OLD: SignedDuration = SignedDuration::from_hours(26);
const TOO_OLD: SignedDuration = SignedDuration::from_hours(50);

/// A certificate of the database that ends within this time should have been renewed by now.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How a client of PostgreSQL asks for TLS: a length of 8, and the number 80877103.
const TLS_PLEASE: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Of a hundred connections, so many in use are many.
const MANY: i64 = 80;

/// Begins the finding about the database, and says that it cannot be reached.
pub(super) fn unreachable(error: &StoreError) -> Finding {
    found("database").fail(
        format!("PostgreSQL: {error}"),
        "see that it runs, and that host, port, user, password and database of KARIBU_DATABASE_URL are right",
    )
}

/// Whether it takes registrations, and has room.
pub(super) async fn database(store: &PostgresStore, settings: &Settings, url: &str) -> Finding {
    let finding = found("database");
    let look = match store.look().await {
        Ok(look) => look,
        Err(error) => return unreachable(&error),
    };
    let server = format!("PostgreSQL {}", look.version);
    if look.standby {
        return finding.fail(
            format!("{server}: it is a standby, which takes no registration"),
            "name the primary in KARIBU_DATABASE_URL, or promote this one if the primary is lost for good",
        );
    }
    if look.read_only {
        return finding.fail(
            format!("{server}: the user of KARIBU_DATABASE_URL can only read, so nothing can be stored"),
            "set default_transaction_read_only off for this server, database and user",
        );
    }
    match store.ground().await {
        Err(error) => return unreachable(&error),
        Ok(Ground::Bare) => return finding.fail(format!("{server}: it is empty"), "run `karibu migrate`"),
        Ok(Ground::Foreign) => {
            return finding.fail(
                format!("{server}: it holds tables of another program"),
                "name a database of Karibu's own in KARIBU_DATABASE_URL",
            );
        }
        Ok(Ground::Older) => {
            let pending = store.pending_migrations().await.map_or(0, |pending| pending.len());
            return finding.fail(
                format!("{server}: its tables are older than this version, {pending} migrations are pending"),
                "run `karibu migrate` with the owner's role",
            );
        }
        Ok(Ground::Newer) => {
            return finding
                .warn(format!("{server}: a newer Karibu has changed its tables"), "bring all parts to that version");
        }
        Ok(Ground::Ready) => {}
    }
    if let Err(error) = store.writable().await {
        return finding
            .fail(format!("{server}: no registration can be stored: {error}"), "see whether it is full or locked");
    }
    let (used, most) = look.connections;
    let told = format!("{server}: writable, tables of this version, {used} of {most} connections in use");
    if used * 100 > most * MANY {
        return finding.warn(told, "raise max_connections, or lower KARIBU_DB_CONNECTIONS of the parts");
    }
    if !look.private {
        return finding.warn(
            format!("{told}; the connection is not encrypted"),
            "add ?sslmode=verify-full to KARIBU_DATABASE_URL, and name its authority in KARIBU_CA_FILE",
        );
    }
    if look.may_change_tables {
        return finding.warn(
            format!("{told}; the user of KARIBU_DATABASE_URL may change tables"),
            "give parts that serve a role without that right: only `karibu migrate` needs it",
        );
    }
    let ends = tokio::time::timeout(PATIENCE, certificate_end(settings, url)).await.ok().flatten();
    match ends {
        Some(ends) if ends.duration_since(SystemClock.now()) < SOON => finding.warn(
            format!("{told}; its certificate ends at {ends:.0}, and then nobody reaches it"),
            "renew it; deploy/up renews the cluster's own",
        ),
        _ => finding.ok(told),
    }
}

/// When the certificate ends that PostgreSQL shows, where that can be told.
async fn certificate_end(settings: &Settings, url: &str) -> Option<Timestamp> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut stream = TcpStream::connect((host.as_str(), url.port().unwrap_or(5432))).await.ok()?;
    stream.write_all(&TLS_PLEASE).await.ok()?;
    if stream.read_u8().await.ok()? != b'S' {
        return None;
    }
    let mut roots = known_roots();
    if let Some(file) = &settings.ca_file {
        roots.add_parsable_certificates(CertificateDer::pem_file_iter(file).ok()?.flatten());
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host).ok()?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    end_of(stream.get_ref().1.peer_certificates()?.first()?)
}

/// Whether wake-ups go through.
pub(super) async fn redis(address: Option<&Address>) -> Finding {
    let finding = found("redis");
    let Some(address) = address else {
        return finding.warn("none is set: mails leave up to a second later", "set KARIBU_REDIS_URL for all parts");
    };
    let look = match conveyor::redis::look(address).await {
        Ok(look) => look,
        Err(why) => {
            return finding.fail(
                format!("{}: {why}; mails leave up to a second later", address.shown()),
                "start it, and see that host, port and password of KARIBU_REDIS_URL are right",
            );
        }
    };
    let (used, most) = look.memory;
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    let room = if most == 0 {
        format!("{} MB in use, without a limit", megabytes(used))
    } else {
        format!("{} of {} MB in use", megabytes(used), megabytes(most))
    };
    let told = format!(
        "Redis {}: maxmemory-policy {}, {room}, {} wake-ups waiting",
        look.version, look.eviction, look.waiting
    );
    if look.eviction != "noeviction" {
        return finding.warn(
            format!("{told}; when it is full it throws wake-ups away"),
            "set maxmemory-policy noeviction in its configuration",
        );
    }
    if most > 0 && used * 10 > most * 9 {
        return finding.warn(told, "raise its maxmemory: full it takes no wake-ups");
    }
    finding.ok(told)
}

/// Whether mails leave.
pub(super) async fn outbox(store: &PostgresStore) -> Finding {
    let finding = found("outbox");
    let depth = match store.depth().await {
        Ok(depth) => depth,
        Err(error) => return finding.skipped(format!("the database comes first ({error})")),
    };
    let oldest = depth.oldest_pending_seconds.unwrap_or_default();
    let told = match depth.pending {
        0 => "nothing waits".to_owned(),
        pending => format!("{pending} wait, the oldest for {oldest:.0} s"),
    };
    if depth.registrations_without_notification > 0 {
        return finding.fail(
            format!("of {} registrations nobody is told", depth.registrations_without_notification),
            "report this as a bug; `karibu registrations resend` tells the registrants",
        );
    }
    if depth.parked > 0 {
        return finding.warn(
            format!("{told}; {} mails were refused for good", depth.parked),
            "`karibu notifications list --state parked` says why",
        );
    }
    if oldest > LATE {
        return finding
            .warn(told, "see the notifiers and the mail relay; `karibu notifications list --state pending` says more");
    }
    finding.ok(told)
}

/// Whether all clocks are the same: ours, the database's and the parts'.
pub(super) async fn clocks(store: Option<&PostgresStore>, parts: &[Part]) -> Finding {
    let mut ahead: Vec<(String, SignedDuration)> =
        parts.iter().filter_map(|part| Some((part.name.clone(), part.answer.as_ref().ok()?.ahead?))).collect();
    if let Some(store) = store {
        let before = SystemClock.now();
        if let Ok(look) = store.look().await {
            // What it took to be answered is no difference.
            let after = SystemClock.now();
            let theirs = look.now;
            let off = if theirs < before { theirs.duration_since(before) } else { theirs.duration_since(after) };
            let between = (before..=after).contains(&theirs);
            ahead.push(("the database".to_owned(), if between { SignedDuration::ZERO } else { off }));
        }
    }
    clock_state(found("clock"), &ahead)
}

/// When a backup was last made.
pub(super) fn backups(settings: &Settings, parts: &[Part], demo: bool, now: Timestamp) -> Finding {
    let told = parts.iter().filter_map(|part| part.answer.as_ref().ok()?.backup);
    let last = told.chain(backup::last(&settings.data_dir)).max();
    let base = noted(settings, "last-base").and_then(|text| text.trim().parse().ok());
    let room = noted(settings, "room").and_then(|text| {
        let (free, needed) = text.trim().split_once(' ')?;
        Some((free.parse().ok()?, needed.parse().ok()?))
    });
    judge_backup(&Noted { last, base, room }, demo, now)
}

/// What the cluster's backup wrote down; its folder is the data folder of a check, or lies in it.
fn noted(settings: &Settings, name: &str) -> Option<String> {
    let data = &settings.data_dir;
    [data.join(name), data.join("backup-state").join(name)].iter().find_map(|file| std::fs::read_to_string(file).ok())
}

/// What is known of backups.
struct Noted {
    /// Until when everything is in them.
    last: Option<Timestamp>,
    /// When the newest base backup was made, where it is told.
    base: Option<Timestamp>,
    /// Free megabytes of their disk, and those that the next base backup may take.
    room: Option<(u64, u64)>,
}

fn judge_backup(noted: &Noted, demo: bool, now: Timestamp) -> Finding {
    const TODO: &str = "see the log of the service backup, and that its target has room (KARIBU_BACKUP_DIR)";
    let finding = found("backup");
    let Some(last) = noted.last else {
        let told = "none was made yet";
        return if demo { finding.warn(told, TODO) } else { finding.fail(told, TODO) };
    };
    let age = now.duration_since(last);
    let base_age = noted.base.map(|base| now.duration_since(base)).unwrap_or_default();
    let ago = if age < OLD { format!("{} min", age.as_mins()) } else { format!("{} h", age.as_hours()) };
    let mut told = format!("the last one was made {ago} ago, {last:.0}");
    if noted.base.is_some() {
        let _ = write!(told, ", the newest base backup {} h ago", base_age.as_hours());
    }
    if (age > FAR_BEHIND || base_age > TOO_OLD) && !demo {
        return finding.fail(told, TODO);
    }
    if age > BEHIND || base_age > OLD {
        return finding.warn(told, TODO);
    }
    match noted.room {
        Some((free, needed)) if free < needed => finding.warn(
            format!("{told}; the next one may need {needed} MB, and its disk has {free} MB"),
            "make room, let KARIBU_BACKUP_DIR name another disk, or lower KARIBU_BACKUP_DAYS",
        ),
        _ => finding.ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::State;
    use super::*;

    #[test]
    fn backups_go_all_the_time_and_base_backups_daily() {
        let now = Timestamp::constant(1_800_000_000, 0);
        for (minutes, hours, room, demo, state) in [
            (Some(1), Some(1), Some((2_000, 1_100)), false, State::Ok),
            (Some(1), None, None, false, State::Ok),
            (Some(11), Some(1), None, false, State::Warn),
            (Some(61), Some(1), None, false, State::Fail),
            (Some(61), Some(1), None, true, State::Warn),
            (Some(1), Some(27), None, false, State::Warn),
            (Some(1), Some(51), None, false, State::Fail),
            (Some(1), Some(51), None, true, State::Warn),
            (Some(1), Some(1), Some((1_000, 1_100)), false, State::Warn),
            (None, None, None, false, State::Fail),
            (None, None, None, true, State::Warn),
        ] {
            let last = minutes.map(|minutes| now - SignedDuration::from_mins(minutes));
            let base = hours.map(|hours| now - SignedDuration::from_hours(hours));
            let finding = judge_backup(&Noted { last, base, room }, demo, now);
            assert_eq!(finding.state, state, "{finding:?}");
        }
    }
}

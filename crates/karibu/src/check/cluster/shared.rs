//! What all parts share: PostgreSQL, Redis, clocks, the outbox, backups, disks.

use conveyor::redis::Address;
use jiff::{SignedDuration, Timestamp};
use registration::ports::{Clock, Health, Outbox, StoreError};
use store_postgres::{Ground, PostgresStore};

use super::super::{Finding, clock_state, found};
use super::parts::Part;
use crate::backup;
use crate::ports::SystemClock;
use crate::settings::Settings;

/// A mail that waits for so long is late, in seconds.
const LATE: f64 = 300.0;

/// A daily backup that is older is missing, and one that is older still was missed twice.
const OLD: SignedDuration = SignedDuration::from_hours(26);
const TOO_OLD: SignedDuration = SignedDuration::from_hours(50);

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
pub(super) async fn database(store: &PostgresStore) -> Finding {
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
    finding.ok(told)
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
    judge_backup(told.chain(backup::last(&settings.data_dir)).max(), demo, now)
}

fn judge_backup(last: Option<Timestamp>, demo: bool, now: Timestamp) -> Finding {
    const TODO: &str = "see the log of the service backup, and that its target has room (KARIBU_BACKUP_DIR)";
    let finding = found("backup");
    let Some(last) = last else {
        let told = "none was made yet";
        return if demo { finding.warn(told, TODO) } else { finding.fail(told, TODO) };
    };
    let age = now.duration_since(last);
    let told = format!("the last one was made {} h ago, {last:.0}", age.as_hours());
    match age {
        age if age > TOO_OLD && !demo => finding.fail(told, TODO),
        age if age > OLD => finding.warn(told, TODO),
        _ => finding.ok(told),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::State;
    use super::*;

    #[test]
    fn backups_are_made_daily() {
        let now = Timestamp::constant(1_800_000_000, 0);
        for (hours, demo, state) in [
            (Some(1), false, State::Ok),
            (Some(27), false, State::Warn),
            (Some(51), false, State::Fail),
            (Some(51), true, State::Warn),
            (None, false, State::Fail),
            (None, true, State::Warn),
        ] {
            let last = hours.map(|hours| now - SignedDuration::from_hours(hours));
            let finding = judge_backup(last, demo, now);
            assert_eq!(finding.state, state, "{finding:?}");
        }
    }
}

//! PostgreSQL and Redis that die, stall, are full or cut off.

use testkit::disk::Disk;
use testkit::drill::{Allowed, take_all_connections};
use testkit::postgres::{Options, Postgres};
use tokio::time::{Duration, Instant, sleep};

use super::ground::Ground;

/// So long something is away or stands still.
const AWAY: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_missed_by_nobody() {
    let ground = &mut Ground::open().await;
    let Ground { redis, redis_line, notifiers, webs, drill, nginx: _nginx, postgres: _postgres, .. } = ground;
    let killed = drill.run("Redis kill -9", Allowed::Nothing, async |_| {
        redis.kill().await;
        sleep(AWAY).await;
        redis.start_again().await;
        Instant::now()
    });
    killed.await.is_well();
    let emptied = drill.run("Redis FLUSHALL, three times", Allowed::Nothing, async |_| {
        for _ in 0..3 {
            redis.ask(&["FLUSHALL"]).await;
            sleep(AWAY / 10).await;
        }
        Instant::now()
    });
    emptied.await.is_well();
    let full = drill.run("Redis full", Allowed::Nothing, async |_| {
        redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
        sleep(AWAY).await;
        redis.ask(&["CONFIG", "SET", "maxmemory", "64mb"]).await;
        Instant::now()
    });
    full.await.is_well();
    let paused = drill.run("Redis paused", Allowed::Nothing, async |_| {
        redis.freeze();
        sleep(AWAY).await;
        redis.thaw();
        Instant::now()
    });
    paused.await.is_well();
    let cut = drill.run("network cut between a notifier and Redis", Allowed::Nothing, async |_| {
        redis_line.cut();
        sleep(AWAY).await;
        redis_line.mend();
        Instant::now()
    });
    cut.await.is_well();
    let absent = drill.run("Redis absent at the start of everything", Allowed::Nothing, async |_| {
        redis.kill().await;
        for process in webs.iter_mut().chain(notifiers.iter_mut()) {
            assert_eq!(process.terminate().await, Some(0));
            process.start_again().await;
        }
        let now = Instant::now();
        sleep(AWAY).await;
        redis.start_again().await;
        now
    });
    absent.await.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_comes_back_to_all_that_was_promised() {
    let ground = &mut Ground::open().await;
    let Ground { postgres, database_line, drill, nginx: _nginx, webs: _webs, notifiers: _notifiers, .. } = ground;
    let cut = drill.run("network cut between a web and PostgreSQL", Allowed::Nothing, async |_| {
        database_line.cut();
        sleep(AWAY).await;
        database_line.mend();
        Instant::now()
    });
    cut.await.is_well();
    // From its next start on: fewer to be taken away.
    postgres.run("alter system set max_connections = 60").await;
    let crash = drill.run("PostgreSQL crash", Allowed::Pages, async |_| {
        postgres.stop().await;
        // Longer than both webs, one after the other, wait for a connection.
        sleep(3 * AWAY).await;
        postgres.start_again().await;
        Instant::now()
    });
    let crash = crash.await;
    crash.is_well();
    assert!(crash.kept > 0, "people saw web's page: {crash}");
    let paused = drill.run("PostgreSQL paused", Allowed::Pages, async |_| {
        postgres.freeze();
        sleep(2 * AWAY).await;
        postgres.thaw();
        Instant::now()
    });
    paused.await.is_well();
    let exhausted = drill.run("PostgreSQL's connections exhausted", Allowed::Pages, async |_| {
        take_all_connections(&postgres.url("postgres"), AWAY).await;
        Instant::now()
    });
    exhausted.await.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_loses_nothing() {
    let Some(disk) = Disk::in_memory(400, 20_000) else { return };
    let postgres = Postgres::start_in(&disk.path(), Options::default()).await;
    let ground = &mut Ground::on(postgres).await;
    let Ground { postgres, drill, nginx: _nginx, webs: _webs, notifiers: _notifiers, .. } = ground;
    let full = drill.run("PostgreSQL's disk full (processes)", Allowed::Pages, async |_| {
        disk.fill();
        sleep(AWAY).await;
        disk.free();
        // A server whose log of writes finds no room goes down, and is started again.
        if !postgres.answers() {
            postgres.start_again().await;
        }
        Instant::now()
    });
    full.await.is_well();
}

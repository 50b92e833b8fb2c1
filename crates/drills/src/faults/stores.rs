//! Redis and PostgreSQL that restart, die, stall, are full or cut off.

use std::time::Duration;

use testkit::drill::Allowed;
use tokio::time::{Instant, sleep};

use super::compose::Compose;
use super::{Stage, endure};

pub(super) async fn redis(stage: &mut Stage, cluster: &Compose) {
    stage
        .run("Redis: restart", Allowed::Nothing, async |_| {
            cluster.tell("restart", &["redis"]).await?;
            Ok(Instant::now())
        })
        .await;
    stage
        .run("Redis: kill -9", Allowed::Nothing, async |_| {
            let now = Instant::now();
            cluster.end(&["redis"], "KILL").await?;
            Ok(now)
        })
        .await;
    stage
        .run("Redis: FLUSHALL, ten times", Allowed::Nothing, async |_| {
            for _ in 0..10 {
                cluster.redis("FLUSHALL").await?;
                sleep(Duration::from_millis(500)).await;
            }
            Ok(Instant::now())
        })
        .await;
    let time = stage.long(15);
    stage
        .run("Redis: full", Allowed::Nothing, async |crowd| {
            cluster.redis("CONFIG SET maxmemory 1").await?;
            endure(crowd, time).await;
            cluster.redis("CONFIG SET maxmemory 64mb").await?;
            Ok(Instant::now())
        })
        .await;
    let time = stage.long(30);
    stage
        .run("Redis: paused for 30 s", Allowed::Nothing, async |crowd| {
            cluster.tell("pause", &["redis"]).await?;
            endure(crowd, time).await;
            cluster.tell("unpause", &["redis"]).await?;
            Ok(Instant::now())
        })
        .await;
    stage
        .run("Redis: absent when everybody starts", Allowed::Nothing, async |_| {
            cluster.tell("stop", &["redis"]).await?;
            for part in ["web-1", "web-2", "notifier-1", "notifier-2"] {
                cluster.tell("restart", &[part]).await?;
                cluster.are_healthy(&[part]).await?;
            }
            let now = Instant::now();
            cluster.tell("start", &["redis"]).await?;
            Ok(now)
        })
        .await;
    let time = stage.long(20);
    stage
        .run("network: cut between notifiers, webs and Redis", Allowed::Nothing, async |crowd| {
            cluster.cut("redis").await?;
            endure(crowd, time).await;
            cluster.join("redis").await?;
            Ok(Instant::now())
        })
        .await;
}

pub(super) async fn postgres(stage: &mut Stage, cluster: &Compose) {
    let time = stage.long(20);
    stage
        .run("network: cut between one web and PostgreSQL", Allowed::Nothing, async |crowd| {
            cluster.cut("web-1").await?;
            endure(crowd, time).await;
            cluster.join("web-1").await?;
            let now = Instant::now();
            cluster.are_healthy(&["web-1"]).await?;
            Ok(now)
        })
        .await;
    stage
        .run("PostgreSQL: restart", Allowed::Pages, async |_| {
            cluster.tell("restart", &["postgres"]).await?;
            let now = Instant::now();
            cluster.are_healthy(&["postgres"]).await?;
            Ok(now)
        })
        .await;
    stage
        .run("PostgreSQL: kill -9", Allowed::Pages, async |_| {
            let now = Instant::now();
            cluster.end(&["postgres"], "KILL").await?;
            Ok(now)
        })
        .await;
    let time = stage.long(10);
    stage
        .run("PostgreSQL: paused for 10 s", Allowed::Pages, async |crowd| {
            cluster.tell("pause", &["postgres"]).await?;
            endure(crowd, time).await;
            cluster.tell("unpause", &["postgres"]).await?;
            Ok(Instant::now())
        })
        .await;
    stage
        .run("PostgreSQL: connections exhausted", Allowed::Pages, async |_| {
            let ends = "select pg_terminate_backend(pid) from pg_stat_activity
                where backend_type = 'client backend' and usename = 'karibu' and application_name <> 'taker'";
            let taken = cluster.take_all_connections(12);
            let end = async {
                sleep(Duration::from_secs(4)).await;
                cluster.sql(ends).await
            };
            let (taken, ended) = tokio::join!(taken, end);
            taken.and(ended)?;
            Ok(Instant::now())
        })
        .await;
}

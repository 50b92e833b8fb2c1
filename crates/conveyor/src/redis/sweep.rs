//! What apalis leaves in Redis: jobs that are done, and what it knew of workers that are gone.

use apalis_core::backend::Vacuum;
use apalis_redis::ConnectionManager;
use redis::RedisResult;

use super::{QUEUE, config, storage};

/// Removes what is done and workers that are gone.
pub(super) async fn sweep(connection: &mut ConnectionManager) -> RedisResult<()> {
    let config = config();
    let mut done = redis::cmd("UNLINK");
    done.arg(config.done_jobs_set()).arg(config.dead_jobs_set()).arg(config.failed_jobs_set());
    storage(connection.clone()).vacuum().await.map_err(|error| match error {
        apalis_redis::Error::Database(error) => error,
        other => {
            redis::RedisError::from((redis::ErrorKind::Client, "done jobs could not be removed", other.to_string()))
        }
    })?;
    done.query_async::<()>(connection).await?;
    let metadata = format!("{QUEUE}:workers:metadata:");
    for key in keys(connection, &format!("{metadata}*")).await? {
        let worker = key.strip_prefix(&metadata).unwrap_or_default();
        let mut score = redis::cmd("ZSCORE");
        let alive: Option<f64> = score.arg(config.workers_set()).arg(worker).query_async(connection).await?;
        if alive.is_none() {
            redis::cmd("UNLINK").arg(&key).query_async::<()>(connection).await?;
        }
    }
    Ok(())
}

/// Removes everything of ours.
pub(super) async fn clear(connection: &mut ConnectionManager) -> RedisResult<()> {
    for keys in keys(connection, &format!("{QUEUE}:*")).await?.chunks(500) {
        redis::cmd("UNLINK").arg(keys).query_async::<()>(connection).await?;
    }
    Ok(())
}

async fn keys(connection: &mut ConnectionManager, pattern: &str) -> RedisResult<Vec<String>> {
    let (mut cursor, mut found) = (0_u64, Vec::new());
    loop {
        let mut scan = redis::cmd("SCAN");
        let (next, some): (u64, Vec<String>) =
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1_000).query_async(connection).await?;
        found.extend(some);
        if next == 0 {
            return Ok(found);
        }
        cursor = next;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use registration::ids::RegistrationId;
    use registration::ports::Conveyor;
    use testkit::redis::Redis;
    use testkit::serve::wait_for;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::super::{Address, Pusher, Taker, connect};
    use super::*;

    #[tokio::test]
    async fn nothing_is_left_of_what_is_done_and_of_who_is_gone() {
        let redis = Redis::start(&[]).await;
        let address = Address::parse(&redis.url(), None).unwrap();
        let (sender, pusher) = Pusher::new(address.clone(), Arc::new(|_| {}));
        let (wake, _receiver) = crate::in_memory(64);
        let stop = CancellationToken::new();
        tokio::spawn(pusher.run(stop.clone()));
        let taker = Taker { address: address.clone(), instance: "test".to_owned(), tell: Arc::new(|_| {}), wake };
        let taking = tokio::spawn(taker.run(stop.clone()));
        let mut connection = connect::connect(&address).await.unwrap();
        let done = config().done_jobs_set();
        let all_done = async |connection: &mut ConnectionManager| {
            let count: u64 = redis::cmd("SCARD").arg(&done).query_async(connection).await.unwrap();
            (count == 20).then_some(())
        };
        wait_for("the pusher", async || {
            let worker: bool =
                redis::cmd("EXISTS").arg(config().workers_set()).query_async(&mut connection).await.unwrap();
            worker.then_some(())
        })
        .await;
        for n in 0..20 {
            sender.wake(RegistrationId(Uuid::from_u128(n)));
        }
        wait_for("all jobs to be done", async || all_done(&mut connection).await).await;
        sweep(&mut connection).await.unwrap();
        let left = keys(&mut connection, &format!("{QUEUE}:*")).await.unwrap();
        assert!(left.iter().all(|key| key.contains(":workers")), "{left:?}");
        assert!(left.iter().any(|key| key.contains(":metadata:")), "the living worker is known: {left:?}");

        stop.cancel();
        taking.await.unwrap();
        redis::cmd("DEL").arg(config().workers_set()).query_async::<()>(&mut connection).await.unwrap();
        sweep(&mut connection).await.unwrap();
        let left = keys(&mut connection, &format!("{QUEUE}:*")).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

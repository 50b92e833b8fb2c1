//! Tells a watcher outside, by asking for a URL of it, that this host lives.

use std::time::Duration;

use registration::ports::Signs;
use registration::signs;
use telemetry::Metrics;
use tokio::time::{Instant, MissedTickBehavior, interval};
use url::Url;

use crate::Fetch;

/// How often the URL is asked for.
const EVERY: Duration = Duration::from_secs(60);

/// How often it is looked whether somebody watches.
const LOOK: Duration = Duration::from_secs(15);

/// For so long whoever asked counts as watching.
const WATCHES: Duration = Duration::from_secs(5 * 60);

/// Asks for `url`, if there is one, each minute, and tells by `karibu_host_watched` whether that or somebody with
/// `karibu watch` would notice the loss of this host. For ever.
pub async fn heartbeat(url: Option<Url>, fetch: Fetch, signs_of: &dyn Signs, metrics: Metrics) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut asked, mut answered): (Option<Instant>, Option<Instant>) = (None, None);
    let mut failing = false;
    loop {
        looks.tick().await;
        if let Some(url) = &url
            && asked.is_none_or(|asked| asked.elapsed() >= EVERY)
        {
            asked = Some(Instant::now());
            let why = match fetch.get(url).await {
                Ok((200..=299, _)) => None,
                Ok((status, _)) => Some(format!("it answers with status {status}")),
                Err(why) => Some(why),
            };
            // The URL itself is a secret of its kind: whoever knows it can pretend that we live.
            match &why {
                None => answered = Some(Instant::now()),
                Some(why) if !failing => tracing::warn!(why, "KARIBU_HEARTBEAT_URL takes no heartbeat"),
                Some(_) => {}
            }
            failing = why.is_some();
        }
        let outside = signs_of.signs().await.is_ok_and(|signs| {
            signs.iter().any(|sign| sign.name == signs::OUTSIDE && sign.age.unsigned_abs() < WATCHES)
        });
        metrics.host_watched(outside || answered.is_some_and(|answered| answered.elapsed() < WATCHES));
    }
}

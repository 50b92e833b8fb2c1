//! What `serve` does beside serving: looks at the database for `/readyz` and `/metrics`, keeps the sample event open, and
//! takes renewed certificates.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use registration::event::{Event, Phase};
use registration::event_file;
use registration::ports::{Clock, Store, StoreResult};
use rustls::ServerConfig;
use telemetry::{DatabaseGauges, Metrics, Part};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::backup;
use crate::refusal::Outcome;
use crate::sample;

/// How often the database is asked whether it could store a registration.
const LOOK: Duration = Duration::from_secs(2);

/// After a reading of the gauges, the database is left alone for so many times as long as it took: counting costs more the
/// more there is to count.
const REST: u32 = 50;

/// How often it is asked when a backup was last made.
const BACKUPS: Duration = Duration::from_secs(5);

/// How often what changes in weeks is looked at.
const SELDOM: Duration = Duration::from_secs(3_600);

/// Tells readiness and gauges what the database says, for ever.
pub(crate) async fn watch_database(store: Arc<dyn Store>, clock: Arc<dyn Clock>, part: Part, metrics: Metrics) {
    let mut looks = every(LOOK);
    let mut known = HashMap::new();
    let mut next_reading = Instant::now();
    loop {
        looks.tick().await;
        match store.writable().await {
            Ok(()) => part.ok(),
            Err(error) => {
                part.degraded(clock.now(), format!("No registration can be stored: {error}."));
                metrics.set_database(None);
                next_reading = Instant::now();
                continue;
            }
        }
        let began = Instant::now();
        if began >= next_reading {
            let gauges = read_gauges(store.as_ref(), clock.as_ref(), &mut known).await;
            if let Err(error) = &gauges {
                tracing::warn!(%error, "gauges cannot be read");
            }
            metrics.set_database(gauges.ok());
            next_reading = Instant::now() + began.elapsed() * REST;
        }
    }
}

/// Events that were parsed already, by slug, with their revision.
type Known = HashMap<String, (i64, Option<Event>)>;

async fn read_gauges(store: &dyn Store, clock: &dyn Clock, known: &mut Known) -> StoreResult<DatabaseGauges> {
    let depth = store.depth().await?;
    for event in store.all().await? {
        if known.get(&event.slug).is_none_or(|(revision, _)| *revision != event.revision) {
            let parsed = event_file::parse(&event.source, event.imported_at).ok();
            known.insert(event.slug, (event.revision, parsed));
        }
    }
    let now = clock.now();
    let open = |event: &Option<Event>| event.as_ref().is_some_and(|event| matches!(event.phase(now), Phase::Open(_)));
    Ok(DatabaseGauges {
        notifications_pending: depth.pending,
        notification_oldest_pending_seconds: depth.oldest_pending_seconds,
        mails_parked: depth.parked,
        registrations_without_notification: depth.registrations_without_notification,
        attachment_bytes: depth.attachment_bytes,
        upload_waiting_bytes: depth.waiting_upload_bytes,
        events_open: known.iter().map(|(slug, (_, event))| (slug.clone(), open(event))).collect(),
    })
}

/// Tells when a backup was last made with this data folder, for ever.
pub(crate) async fn watch_backups(data_dir: PathBuf, metrics: Metrics) {
    let mut looks = every(BACKUPS);
    loop {
        looks.tick().await;
        if let Some(at) = backup::last(&data_dir) {
            metrics.backup_made(at);
        }
        if let Some(at) = backup::noted(&data_dir, backup::BEGUN) {
            metrics.backups_began(at);
        }
        if let Some(at) = backup::noted(&data_dir, backup::RESTORE_TEST) {
            metrics.restore_tested(at);
        }
    }
}

/// Puts the sample event into an empty store, and moves it on whenever it is about to close; keeps the hidden event that probes
/// open. For ever.
pub(crate) async fn keep_sample_open(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    let mut ticks = every(SELDOM);
    loop {
        ticks.tick().await;
        // A new house is without any event until it works: the database may be away just then.
        let mut told = false;
        loop {
            let kept = sample::keep_open(store.as_ref(), clock.now()).await;
            match kept.and(sample::keep_probe(store.as_ref(), clock.now()).await) {
                Ok(()) => break,
                // Once: it is tried every other second.
                Err(refusal) if !std::mem::replace(&mut told, true) => {
                    tracing::warn!(%refusal, "the sample event could not be looked after");
                }
                Err(_) => {}
            }
            sleep(LOOK).await;
        }
    }
}

/// Takes up certificates that were renewed, for ever. One that cannot be used leaves the old one in place.
pub(crate) async fn renew_certificate<F>(current: RustlsConfig, load: F)
where
    F: Fn() -> Outcome<Arc<ServerConfig>> + Send,
{
    let mut ticks = every(SELDOM);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match load() {
            Ok(config) => current.reload_from_config(config),
            Err(refusal) => tracing::warn!(%refusal, "the certificate could not be read again"),
        }
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

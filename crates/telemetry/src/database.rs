//! Gauges that are read from the database and vanish with it.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts};

/// What the database told last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseGauges {
    /// Notifications not yet sent.
    pub notifications_pending: u64,
    /// Age of the oldest of them in seconds; `None` when there is none, told as 0.
    pub notification_oldest_pending_seconds: Option<f64>,
    /// Mails that are parked.
    pub mails_parked: u64,
    /// Registrations without any notification; anything but 0 is a fault.
    pub registrations_without_notification: u64,
    /// Bytes of all attachments and uploads.
    pub attachment_bytes: u64,
    /// Bytes of the uploads among them that wait for their form.
    pub upload_waiting_bytes: u64,
    /// Slugs of all events, and whether each takes registrations now.
    pub events_open: Vec<(String, bool)>,
}

/// Collects nothing while the database is gone: an absent gauge is the truth, a 0 would not be.
#[derive(Clone)]
pub(crate) struct DatabaseCollector {
    gauges: Arc<Gauges>,
    /// Held while the gauges are set and while they are read, so that no scrape mixes two readings.
    present: Arc<Mutex<bool>>,
}

struct Gauges {
    pending: IntGauge,
    oldest: Gauge,
    parked: IntGauge,
    without_notification: IntGauge,
    attachment_bytes: IntGauge,
    upload_waiting_bytes: IntGauge,
    event_open: IntGaugeVec,
}

impl Gauges {
    fn all(&self) -> [&dyn Collector; 7] {
        [
            &self.pending,
            &self.oldest,
            &self.parked,
            &self.without_notification,
            &self.attachment_bytes,
            &self.upload_waiting_bytes,
            &self.event_open,
        ]
    }
}

impl DatabaseCollector {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let gauges = Gauges {
            pending: IntGauge::new("karibu_notifications_pending", "Notifications not yet sent.")?,
            oldest: Gauge::new(
                "karibu_notification_oldest_pending_seconds",
                "Age of the oldest notification not yet sent.",
            )?,
            parked: IntGauge::new("karibu_mails_parked", "Mails refused for good that somebody must look at.")?,
            without_notification: IntGauge::new(
                "karibu_registrations_without_notification",
                "Registrations without any notification; must be 0.",
            )?,
            attachment_bytes: IntGauge::new("karibu_attachment_bytes", "Bytes of all attachments and uploads.")?,
            upload_waiting_bytes: IntGauge::new(
                "karibu_upload_waiting_bytes",
                "Bytes of files that wait for their form.",
            )?,
            event_open: IntGaugeVec::new(
                Opts::new("karibu_event_open", "Whether the event takes registrations now."),
                &["event"],
            )?,
        };
        Ok(Self { gauges: Arc::new(gauges), present: Arc::new(Mutex::new(false)) })
    }

    pub(crate) fn set(&self, reading: Option<DatabaseGauges>) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        *present = reading.is_some();
        let gauges = &self.gauges;
        gauges.event_open.reset();
        let Some(reading) = reading else { return };
        gauges.pending.set(reading.notifications_pending as i64);
        gauges.oldest.set(reading.notification_oldest_pending_seconds.unwrap_or(0.0));
        gauges.parked.set(reading.mails_parked as i64);
        gauges.without_notification.set(reading.registrations_without_notification as i64);
        gauges.attachment_bytes.set(reading.attachment_bytes as i64);
        gauges.upload_waiting_bytes.set(reading.upload_waiting_bytes as i64);
        for (event, open) in &reading.events_open {
            gauges.event_open.with_label_values(&[event]).set(i64::from(*open));
        }
    }
}

impl Collector for DatabaseCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if *present { self.gauges.all().into_iter().flat_map(Collector::collect).collect() } else { Vec::new() }
    }
}

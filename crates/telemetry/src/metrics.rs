//! Every metric that Karibu feeds, by typed methods.

use std::sync::{Arc, Once};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::database::{DatabaseCollector, DatabaseGauges};

/// What came of a submission: the label `outcome` of `karibu_registrations_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// Stored with a place.
    Confirmed,
    /// Stored, waits for an organiser's decision.
    Pending,
    /// Stored on the waiting list.
    Waiting,
    /// Was stored before; the first result was shown again.
    Repeated,
    /// No place was left; not stored.
    Full,
    /// Problems at fields; not stored.
    Invalid,
    /// Refused before it was judged: a foreign origin, a bad token, not open, other content under a used id.
    Refused,
    /// The database could not store it.
    Unavailable,
}

impl RegistrationOutcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Confirmed,
        Self::Pending,
        Self::Waiting,
        Self::Repeated,
        Self::Full,
        Self::Invalid,
        Self::Refused,
        Self::Unavailable,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Repeated => "repeated",
            Self::Full => "full",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What came of an attempt to hand a mail to the relay: the label `outcome` of `karibu_mail_attempts_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    /// The relay took it.
    Sent,
    /// Not taken for a passing reason of this mail; tried again later.
    Retried,
    /// The relay is at fault (unreachable, TLS, sign-in …); tried again later.
    RelayFault,
    /// Refused for good.
    Parked,
}

impl MailOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Retried, Self::RelayFault, Self::Parked];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retried => "retried",
            Self::RelayFault => "relay_fault",
            Self::Parked => "parked",
        }
    }
}

/// The route label of requests that match no route, so that strangers cannot make labels.
pub const UNMATCHED: &str = "unmatched";

/// All metrics, in a registry of their own. Cheap to clone; clones feed the same numbers.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    registrations: IntCounterVec,
    page_views: IntCounterVec,
    http_requests: IntCounterVec,
    http_duration: HistogramVec,
    mail_attempts: IntCounterVec,
    delivery: Histogram,
    heartbeat: Gauge,
    last_backup: TellTale,
    first_backup: TellTale,
    last_restore_test: TellTale,
    last_ping: TellTale,
    last_scrape: TellTale,
    second_relay: TellTale,
    host_watched: TellTale,
    upload_limit: TellTale,
    database: DatabaseCollector,
}

/// A gauge that is absent until it is told for the first time: a 0 would be a lie.
struct TellTale {
    gauge: Gauge,
    told: Once,
}

impl TellTale {
    fn new(name: &str, help: &str) -> prometheus::Result<Self> {
        Ok(Self { gauge: Gauge::new(name, help)?, told: Once::new() })
    }

    fn tell(&self, registry: &Registry, value: f64) {
        self.gauge.set(value);
        self.told.call_once(|| {
            if let Err(error) = registry.register(Box::new(self.gauge.clone())) {
                tracing::error!(%error, "a metric could not be told");
            }
        });
    }
}

impl Metrics {
    /// All counters at zero, the database's gauges absent, `karibu_build_info` with this version and commit.
    ///
    /// # Panics
    /// Never: the names and labels are constants, proven by the tests.
    pub fn new(version: &str, commit: &str) -> Self {
        Self::build(version, commit).expect("names and labels of metrics are valid constants")
    }

    fn build(version: &str, commit: &str) -> prometheus::Result<Self> {
        let inner = Inner {
            registry: Registry::new(),
            registrations: IntCounterVec::new(
                Opts::new("karibu_registrations_total", "Submitted registrations by what came of them."),
                &["event", "outcome"],
            )?,
            page_views: IntCounterVec::new(
                Opts::new("karibu_page_views_total", "Pages shown to visitors."),
                &["event", "page"],
            )?,
            http_requests: IntCounterVec::new(
                Opts::new("karibu_http_requests_total", "Requests answered."),
                &["method", "route", "status"],
            )?,
            http_duration: HistogramVec::new(
                HistogramOpts::new("karibu_http_request_duration_seconds", "From the head of a request to its answer.")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
                &["method", "route"],
            )?,
            mail_attempts: IntCounterVec::new(
                Opts::new("karibu_mail_attempts_total", "Attempts to hand a mail to the relay."),
                &["outcome"],
            )?,
            delivery: Histogram::with_opts(
                HistogramOpts::new(
                    "karibu_notification_delivery_seconds",
                    "From a mail's making to the relay's taking it.",
                )
                .buckets(vec![
                    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0,
                ]),
            )?,
            heartbeat: Gauge::new(
                "karibu_notifier_heartbeat_timestamp_seconds",
                "When the notifier last went round its loop, in Unix time.",
            )?,
            last_backup: TellTale::new(
                "karibu_backup_last_success_timestamp_seconds",
                "When a backup was last made, in Unix time.",
            )?,
            first_backup: TellTale::new(
                "karibu_backup_begun_timestamp_seconds",
                "When the first backup of this house was made, in Unix time.",
            )?,
            last_restore_test: TellTale::new(
                "karibu_restore_test_last_success_timestamp_seconds",
                "When a backup was last restored on trial, in Unix time.",
            )?,
            last_ping: TellTale::new(
                "karibu_watchdog_last_ping_timestamp_seconds",
                "When the monitoring last said that it works, in Unix time.",
            )?,
            last_scrape: TellTale::new(
                "karibu_watchdog_last_scrape_timestamp_seconds",
                "When Prometheus last asked this process, in Unix time.",
            )?,
            second_relay: TellTale::new(
                "karibu_alert_second_relay",
                "Whether alerts have a second mail relay, for when the first one is down.",
            )?,
            host_watched: TellTale::new(
                "karibu_host_watched",
                "Whether somebody outside would tell that this whole host is down.",
            )?,
            upload_limit: TellTale::new(
                "karibu_upload_waiting_limit_bytes",
                "Most bytes of files that may wait for their form.",
            )?,
            database: DatabaseCollector::new()?,
        };
        let registry = &inner.registry;
        registry.register(Box::new(inner.registrations.clone()))?;
        registry.register(Box::new(inner.page_views.clone()))?;
        registry.register(Box::new(inner.http_requests.clone()))?;
        registry.register(Box::new(inner.http_duration.clone()))?;
        registry.register(Box::new(inner.mail_attempts.clone()))?;
        registry.register(Box::new(inner.delivery.clone()))?;
        registry.register(Box::new(inner.heartbeat.clone()))?;
        registry.register(Box::new(inner.database.clone()))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build_info =
            IntGaugeVec::new(Opts::new("karibu_build_info", "Which build runs; always 1."), &["version", "commit"])?;
        build_info.with_label_values(&[version, commit]).set(1);
        registry.register(Box::new(build_info))?;
        for outcome in MailOutcome::ALL {
            inner.mail_attempts.with_label_values(&[outcome.as_str()]);
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Counts a submission. `event` is the slug of an event that exists, never what a stranger wrote into a URL.
    pub fn registration(&self, event: &str, outcome: RegistrationOutcome) {
        self.inner.registrations.with_label_values(&[event, outcome.as_str()]).inc();
    }

    /// Counts a page shown: `event`, `form` or `submitted`. `event` is the slug of an event that exists.
    pub fn page_view(&self, event: &str, page: &'static str) {
        self.inner.page_views.with_label_values(&[event, page]).inc();
    }

    /// Counts a request. `route` is the pattern of the route that matched (`/{event}/register`), or `None`.
    pub fn http_request(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        let route = route.unwrap_or(UNMATCHED);
        self.inner.http_requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.inner.http_duration.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Counts an attempt to hand a mail to the relay.
    pub fn mail_attempt(&self, outcome: MailOutcome) {
        self.inner.mail_attempts.with_label_values(&[outcome.as_str()]).inc();
    }

    /// A mail was taken by the relay this long after it was made.
    pub fn delivered(&self, after: Duration) {
        self.inner.delivery.observe(after.as_secs_f64());
    }

    /// The notifier goes round its loop.
    pub fn notifier_heartbeat(&self, now: Timestamp) {
        self.inner.heartbeat.set(now.as_duration().as_secs_f64());
    }

    /// A backup was last made then.
    pub fn backup_made(&self, at: Timestamp) {
        self.tell(&self.inner.last_backup, at.as_duration().as_secs_f64());
    }

    /// The first backup was made then.
    pub fn backups_began(&self, at: Timestamp) {
        self.tell(&self.inner.first_backup, at.as_duration().as_secs_f64());
    }

    /// A backup was last restored on trial then.
    pub fn restore_tested(&self, at: Timestamp) {
        self.tell(&self.inner.last_restore_test, at.as_duration().as_secs_f64());
    }

    /// The monitoring says that it works.
    pub fn watchdog_pinged(&self, at: Timestamp) {
        self.tell(&self.inner.last_ping, at.as_duration().as_secs_f64());
    }

    /// Prometheus has asked for the metrics.
    pub fn scraped(&self, at: Timestamp) {
        self.tell(&self.inner.last_scrape, at.as_duration().as_secs_f64());
    }

    /// Whether alerts have a second relay.
    pub fn second_relay(&self, there: bool) {
        self.tell(&self.inner.second_relay, f64::from(u8::from(there)));
    }

    /// Whether somebody outside watches this host.
    pub fn host_watched(&self, watched: bool) {
        self.tell(&self.inner.host_watched, f64::from(u8::from(watched)));
    }

    /// Most bytes of files that may wait for their form.
    #[expect(clippy::cast_precision_loss, reason = "nobody needs a petabyte to the byte")]
    pub fn upload_limit(&self, bytes: u64) {
        self.tell(&self.inner.upload_limit, bytes as f64);
    }

    fn tell(&self, gauge: &TellTale, value: f64) {
        gauge.tell(&self.inner.registry, value);
    }

    /// What was read from the database, or `None` when it could not be read: then these gauges vanish, for a 0 would be a
    /// lie. The counters of events seen for the first time begin at 0, so that their first increase is an increase.
    pub fn set_database(&self, gauges: Option<DatabaseGauges>) {
        for (event, _) in gauges.iter().flat_map(|gauges| &gauges.events_open) {
            for outcome in RegistrationOutcome::ALL {
                self.inner.registrations.with_label_values(&[event, outcome.as_str()]);
            }
            for page in ["event", "form", "submitted"] {
                self.inner.page_views.with_label_values(&[event, page]);
            }
        }
        self.inner.database.set(gauges);
    }

    /// Everything in the text format of Prometheus.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.inner.registry.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics could not be written");
            String::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(text: &'a str, start: &str) -> Option<&'a str> {
        text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim)
    }

    #[test]
    fn every_metric_is_told_under_its_name() {
        let metrics = Metrics::new("1.2.3", "abc");
        metrics.registration("connect", RegistrationOutcome::Waiting);
        metrics.page_view("connect", "form");
        metrics.http_request("GET", Some("/{event}/"), 200, Duration::from_millis(3));
        metrics.http_request("BREW", None, 404, Duration::ZERO);
        metrics.mail_attempt(MailOutcome::Sent);
        metrics.delivered(Duration::from_secs(2));
        metrics.notifier_heartbeat(Timestamp::from_second(1_700_000_000).unwrap());
        let text = metrics.render();
        for (start, value) in [
            ("karibu_registrations_total{event=\"connect\",outcome=\"waiting\"}", "1"),
            ("karibu_page_views_total{event=\"connect\",page=\"form\"}", "1"),
            ("karibu_http_requests_total{method=\"GET\",route=\"/{event}/\",status=\"200\"}", "1"),
            ("karibu_http_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"}", "1"),
            ("karibu_http_request_duration_seconds_count{method=\"GET\",route=\"/{event}/\"}", "1"),
            ("karibu_mail_attempts_total{outcome=\"sent\"}", "1"),
            ("karibu_mail_attempts_total{outcome=\"parked\"}", "0"),
            ("karibu_notification_delivery_seconds_sum", "2"),
            ("karibu_notifier_heartbeat_timestamp_seconds", "1700000000"),
            ("karibu_build_info{commit=\"abc\",version=\"1.2.3\"}", "1"),
        ] {
            assert_eq!(line(&text, start), Some(value), "{start} in\n{text}");
        }
        assert!(line(&text, "process_resident_memory_bytes").is_some(), "{text}");
    }

    #[test]
    fn the_last_backup_is_told_once_there_is_one() {
        let metrics = Metrics::new("1", "c");
        assert!(!metrics.render().contains("karibu_backup"));
        for second in [1_700_000_000, 1_800_000_000] {
            metrics.backup_made(Timestamp::from_second(second).unwrap());
        }
        let told = metrics.render();
        assert_eq!(line(&told, "karibu_backup_last_success_timestamp_seconds "), Some("1800000000"));
    }

    #[test]
    fn what_the_watch_tells_is_absent_until_it_is_told() {
        let metrics = Metrics::new("1", "c");
        let told = [
            ("karibu_backup_begun_timestamp_seconds", "7"),
            ("karibu_restore_test_last_success_timestamp_seconds", "8"),
            ("karibu_watchdog_last_ping_timestamp_seconds", "9"),
            ("karibu_watchdog_last_scrape_timestamp_seconds", "10"),
            ("karibu_alert_second_relay", "0"),
            ("karibu_host_watched", "1"),
            ("karibu_upload_waiting_limit_bytes", "11"),
        ];
        for (name, _) in told {
            assert!(!metrics.render().contains(name), "{name}");
        }
        let at = |second| Timestamp::from_second(second).unwrap();
        metrics.backups_began(at(7));
        metrics.restore_tested(at(8));
        metrics.watchdog_pinged(at(9));
        metrics.scraped(at(10));
        metrics.second_relay(false);
        metrics.host_watched(true);
        metrics.upload_limit(11);
        let text = metrics.render();
        for (name, value) in told {
            assert_eq!(line(&text, &format!("{name} ")), Some(value), "{name}");
        }
    }

    #[test]
    fn gauges_of_the_database_vanish_with_it() {
        let metrics = Metrics::new("1", "c");
        let names = [
            "karibu_notifications_pending",
            "karibu_notification_oldest_pending_seconds",
            "karibu_mails_parked",
            "karibu_registrations_without_notification",
            "karibu_attachment_bytes",
            "karibu_upload_waiting_bytes",
            "karibu_event_open",
        ];
        for name in names {
            assert!(!metrics.render().contains(name), "{name}");
        }
        metrics.set_database(Some(DatabaseGauges {
            notifications_pending: 3,
            notification_oldest_pending_seconds: None,
            mails_parked: 1,
            registrations_without_notification: 0,
            attachment_bytes: 7,
            upload_waiting_bytes: 2,
            events_open: vec![("connect".to_owned(), true), ("old".to_owned(), false)],
        }));
        let text = metrics.render();
        assert_eq!(line(&text, "karibu_notifications_pending "), Some("3"));
        assert_eq!(line(&text, "karibu_notification_oldest_pending_seconds "), Some("0"));
        assert_eq!(line(&text, "karibu_event_open{event=\"connect\"}"), Some("1"));
        assert_eq!(line(&text, "karibu_event_open{event=\"old\"}"), Some("0"));
        assert_eq!(line(&text, "karibu_registrations_total{event=\"old\",outcome=\"confirmed\"}"), Some("0"));
        metrics.set_database(None);
        for name in names {
            assert!(!metrics.render().contains(name), "{name}");
        }
    }
}

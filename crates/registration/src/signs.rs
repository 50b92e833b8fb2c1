//! The signs of life that processes leave for each other in the store, by name: see [`Signs`](crate::ports::Signs).

/// A notifier goes round.
pub const NOTIFIER: &str = "notifier";

/// The monitoring has pinged a notifier.
pub const MONITORING_PING: &str = "monitoring: ping";

/// Prometheus has asked a notifier for its metrics.
pub const MONITORING_SCRAPE: &str = "monitoring: scrape";

/// Somebody outside has asked how this host does.
pub const OUTSIDE: &str = "watched from outside";

/// That the monitoring is silent is being told.
pub const ALARM_BEING_TOLD: &str = "alarm: monitoring, being told";

/// That the monitoring is silent was told.
pub const ALARM_TOLD: &str = "alarm: monitoring, told";

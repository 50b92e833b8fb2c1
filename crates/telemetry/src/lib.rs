//! Logging, metrics and the private listener.
//!
//! Every metric has its name in [`metrics`]; whoever counts something calls a typed method there. [`parts`] is what `/readyz`
//! tells, [`ops`] the pages of the private listener, [`logging`] how log lines look. Nothing in here may carry a name, a
//! mail address, an answer or a file name.

mod database;
pub mod logging;
pub mod metrics;
pub mod ops;
pub mod parts;

pub use database::DatabaseGauges;
pub use metrics::{MailOutcome, Metrics, RegistrationOutcome};
pub use parts::{Need, Part, Parts};

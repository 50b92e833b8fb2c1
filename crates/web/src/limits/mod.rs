//! Bounds on what one address may do. They are kept in memory, by process, for a bounded number of addresses.

mod rate;
mod recent;
mod texts;
mod uploads;

use std::time::Duration;

pub(crate) use rate::Registrations;
pub(crate) use recent::Client;
pub(crate) use texts::{Share, Texts};
pub(crate) use uploads::{Over, Uploads};

/// Bounds for hostile clients, wide enough for a campus behind one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A form that comes back sooner than this after it was opened is asked about once more; zero asks nobody.
    pub min_fill: Duration,
    /// Registrations of one address; `None` is without limit.
    pub rate: Option<RateLimit>,
    /// Bytes of files.
    pub uploads: UploadQuota,
}

/// So many registrations at once, and so many more as time goes by, from one address (IPv6: from one /64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Time after which one more is allowed.
    pub each: Duration,
    /// How many at once, at least 1.
    pub burst: u32,
}

/// Bytes of files that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadQuota {
    /// From one address (IPv6: from one /64) in a day of UTC.
    pub per_address_and_day: u64,
    /// Of files that belong to no registration yet, from all addresses together.
    pub unclaimed: u64,
}

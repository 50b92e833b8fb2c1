//! The registration desk: events, forms, answers, registrations, attachments, notifications and their rules.
//!
//! No IO and no framework: whatever touches a disk, a socket, a clock or a random source comes in through the traits of
//! [`ports`]. The way of a registration begins in [`register`].

pub mod answers;
pub mod attach;
pub mod attachment;
pub mod cancel;
pub mod country;
pub mod digest;
pub mod erase;
pub mod event;
pub mod event_file;
pub mod form;
pub mod ids;
pub mod language;
pub mod notification;
mod organizers;
pub mod phone;
pub mod places;
pub mod ports;
pub mod probe;
pub mod reference;
pub mod register;
pub mod resend;
pub mod signs;
pub mod stored;
pub mod summary;
pub mod token;
pub mod transfer;
pub mod validate;

#[cfg(feature = "contract")]
pub mod contract;

/// The sample event file, compiled in: it fills an empty data folder at first start.
pub const SAMPLE_EVENT: &str = include_str!("../../../events/connect.toml");

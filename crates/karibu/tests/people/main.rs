//! What people live to see: the real binary, real browsers, real databases and a real relay.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
mod budget;
mod discretion;
mod engines;
mod guards;
mod pictures;
mod promises;
mod relay;
mod script;
mod thin;

//! Faults on purpose, again and again: nothing that was promised is lost, and nothing happens twice.
//!
//! Each drill has a short form, which runs with all tests, and a long one, which is ignored here and run by `ci/soak`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod books;
mod clock;
mod disks;
mod house;
mod kills;
mod relays;
mod report;

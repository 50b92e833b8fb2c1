//! The parts of a cluster together, as plain processes: nginx, two webs, PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
mod nginx;

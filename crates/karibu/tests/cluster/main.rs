//! Many processes that share the work: webs and notifiers on one PostgreSQL, with Redis between them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
mod roles;
mod wake_ups;

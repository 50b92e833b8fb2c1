//! Many processes that share the work: webs and notifiers on one PostgreSQL, with Redis between them and nginx in front.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod check;
mod faults;
mod front;
mod house;
mod nginx;
mod roles;
mod wake_ups;
mod watch;

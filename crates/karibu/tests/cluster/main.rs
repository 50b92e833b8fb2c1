//! Many processes that share the work: webs and notifiers on one PostgreSQL, with Redis between them.

mod house;
mod roles;
mod wake_ups;

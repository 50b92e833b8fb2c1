//! nginx by the project's configuration, before real webs.

mod acme;
mod away;
mod certificates;
mod doors;
mod failing;
mod slow;
mod talk;

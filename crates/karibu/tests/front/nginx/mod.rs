//! nginx by the project's configuration, before real webs.

mod away;
mod doors;
mod failing;
mod slow;
mod certificates;
mod talk;

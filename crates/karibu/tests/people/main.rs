//! What people live to see: the real binary, real browsers, real databases and a real relay.

mod browser;
mod engines;
mod promises;
mod relay;

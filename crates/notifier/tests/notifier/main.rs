//! The notifier against a real store, real files and a real relay.

mod digests;
mod life;
mod relay;
mod retention;
mod support;

//! Public pages and organiser pages.
//!
//! A handler parses, calls a use case of `registration` and renders; every other rule lives elsewhere. The pages themselves
//! are in [`face`]. Forms are served from memory: [`Web::refresh`] re-reads what changed, once a second.

pub mod face;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;

mod client;
mod errors;
mod events;
mod limits;
mod middleware;
mod multipart;
mod origin;
mod pages;
mod pieces;
mod request_id;
mod router;
mod state;
mod views;
mod visit;

pub use limits::{Limits, RateLimit, UploadQuota};
pub use state::{Network, Web, WebSettings, web};

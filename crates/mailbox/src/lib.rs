//! The viewer of mails kept as files: every mail that is sent while no SMTP server is set is an `.eml` file in a folder,
//! and is read here in a browser.
//!
//! Mails hold personal data and there is no sign-in, so the viewer answers nobody but the machine it runs on: see [`Guard`].
//! What mails say is not trusted: all of it is escaped, and an HTML part is only ever shown in a sandbox without scripts.

mod folder;
mod guard;
mod message;
mod pages;

pub use guard::{Guard, is_loopback_host};
pub use pages::router;

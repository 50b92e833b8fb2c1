//! Mails: each is a subject, a text and an HTML part by template, all words from Fluent; transports that hand them over;
//! and what a relay's refusals mean.
//!
//! [`compose`] makes a [`Message`] of domain data; a [`Transport`] sends it: [`SmtpTransport`] to a relay,
//! [`FolderTransport`] as `.eml` files.

pub mod classify;
pub mod compose;
mod dialogue;
mod dkim;
mod folder;
pub mod mentions;
mod message;
pub mod samples;
mod smtp;
mod transport;

pub use dialogue::{Dialogue, Step, Verdict};
pub use dkim::{Dkim, DkimError};
pub use folder::FolderTransport;
pub use message::{Message, Person};
pub use smtp::{SmtpSettings, SmtpSettingsError, SmtpTransport};
pub use transport::{SendError, Transport};

//! Throw-away servers, users with verbs, mailbox and HTML assertions for tests.

#![expect(clippy::missing_panics_doc, reason = "that is how a test fails")]

pub mod acme;
pub mod browser;
pub mod discretion;
pub mod disk;
pub mod drill;
pub mod ledger;
pub mod letters;
pub mod nginx;
pub mod observatory;
pub mod postgres;
pub mod redis;
pub mod registrant;
pub mod serve;
pub mod smtp;
pub mod throttle;
pub mod tls;

/// Makes rustls use ring; every test that speaks TLS needs it once per process, and may call it any number of times.
pub fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

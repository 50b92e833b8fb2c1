//! `karibu mailbox`: the viewer of a demo's mails as a process of its own. A proxy in front asks for a login; nobody else is
//! answered. Where this is no demo it runs and shows nothing.

use axum::Router;
use axum_server::Handle;
use mailbox::Guard;
use telemetry::{Metrics, Parts};

use crate::cli;
use crate::doors;
use crate::lifecycle::{DRAIN, Running, Signals};
use crate::patience::Limits;
use crate::refusal::Outcome;
use crate::settings::Settings;

/// Serves until a signal comes.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let viewer = settings.viewer()?;
    telemetry::logging::init(settings.log.clone(), settings.log_format, &settings.instance);
    let mut signals = Signals::listen()?;
    let pages = doors::bind(settings, "LISTEN", viewer.listen)?;
    let ops = doors::bind(settings, "OPS_LISTEN", viewer.ops_listen)?;
    let proxies = viewer.trusted_proxies.clone();
    let trusts = move |peer: std::net::IpAddr| proxies.iter().any(|network| network.contains(peer));
    let router =
        if viewer.demo { mailbox::router(settings.mail_folder(), Guard::behind(trusts)) } else { Router::new() };
    let mut parts = Running::default();
    let (pages_handle, ops_handle) = (Handle::new(), Handle::new());
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), cli::COMMIT);
    let private = telemetry::ops::router(metrics, Parts::new(), doors::about(settings, "mailbox"));
    parts.start("private listener", doors::ops(ops, private, ops_handle.clone())?);
    let (proxies, handle) = (&viewer.trusted_proxies, pages_handle.clone());
    parts.start("pages", doors::pages(pages, None, router, &viewer.public_url, proxies, Limits::SERVER, handle)?);
    tracing::info!(demo = viewer.demo, "ready");
    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        refusal = parts.first_end() => Err(refusal),
    };
    pages_handle.graceful_shutdown(Some(DRAIN));
    ops_handle.shutdown();
    parts.all_end().await;
    ended
}

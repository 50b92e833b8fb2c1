//! Who watches, wired: the dead-man receiver of a notifier, the heartbeat to a watcher outside, and `karibu watch`.

use std::sync::Arc;
use std::time::Duration;

use mail::Transport;
use presentation::urls::Urls;
use registration::ports::{Clock, Store};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use telemetry::{Metrics, Need};
use tokio::task::JoinSet;
use url::Url;
use watch::{DeadMan, Fetch, Outside, Post};

use crate::columns::say;
use crate::house::House;
use crate::lifecycle::Signals;
use crate::mails;
use crate::ports::{SystemClock, SystemRandom};
use crate::refusal::{Outcome, Refusal};
use crate::settings::{MailWay, Role, ServeSettings, Settings, values};
use crate::tls::known_roots;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to a relay for alarms: they must not wait behind the mails of a burst.
const CONNECTIONS: u32 = 1;

/// The dead-man receiver of a process with mails, if a monitoring is to ask and ping it.
pub(crate) fn dead_man(house: &House<'_>) -> Outcome<Option<DeadMan>> {
    let watch = &house.serve.watch;
    if !house.role.has_mails() || !watch.watchdog {
        return Ok(None);
    }
    if watch.oncall.is_empty() {
        let oncall = house.parts.add("on-call", Need::Told);
        oncall.missing(SystemClock.now(), "KARIBU_ONCALL is not set: nobody is told when something breaks");
    }
    house.metrics.second_relay(watch.second_relay.is_some());
    // The mails of a demo stay here anyway.
    if watch.second_relay.is_none() && !house.serve.demo {
        let second = house.parts.add("second relay", Need::Told);
        second.missing(
            SystemClock.now(),
            "KARIBU_ALERT_SMTP_URL is not set: while the relay is down, no alert can be mailed",
        );
    }
    let post = post(house.settings, house.serve, &house.public_url)?;
    let part = house.parts.add("monitoring", Need::Told);
    let clock = Arc::new(SystemClock);
    Ok(Some(DeadMan::new(clock, house.metrics.clone(), part, post, house.settings.instance.clone())))
}

/// Tells outside that this host lives, and metrics whether anybody outside would notice that it does not. For ever.
pub(crate) async fn heartbeat(url: Option<Url>, fetch: Fetch, store: Arc<dyn Store>, metrics: Metrics) {
    watch::heartbeat(url, fetch, store.as_ref(), metrics).await;
}

/// `karibu watch URL…`: until a signal comes.
pub(crate) async fn run(settings: &Settings, urls: &[String]) -> Outcome {
    let hosts = urls.iter().map(|url| values::public_url(url).map_err(|why| Refusal::called(format!("{url}: {why}"))));
    let hosts: Vec<Url> = hosts.collect::<Outcome<_>>()?;
    let serve = settings.of(Role::Serve)?;
    if serve.watch.oncall.is_empty() {
        return Err(settings.wrong("ONCALL", "say who is to be told when a host is gone, such as devops@example.org"));
    }
    if !matches!(serve.mail, MailWay::Smtp { .. }) && settings.given("MAIL") != Some("file") {
        return Err(settings.wrong(
            "SMTP_URL",
            "alarms leave by a relay that is not the watched host's, such as smtp://user:password@mail.example.net:587",
        ));
    }
    telemetry::logging::init(settings.log.clone(), settings.log_format, &settings.instance);
    let mut signals = Signals::listen()?;
    let mut watching = JoinSet::new();
    for url in hosts {
        let outside = Outside {
            fetch: fetch(settings)?,
            post: post(settings, &serve, &url)?,
            instance: settings.instance.clone(),
            url,
        };
        match outside.look().await {
            Ok(()) => say(format_args!("{} is well; it is watched from now on.", outside.url)),
            Err(trouble) => say(format_args!("{} is watched from now on. {}", outside.url, trouble.why)),
        }
        watching.spawn(outside.run());
    }
    tokio::select! {
        _ = watching.join_next() => Err(Refusal::found("the watch ended by a bug of Karibu: see the log, and please report it")),
        () = signals.next() => Ok(()),
    }
}

/// A client that trusts whom browsers trust and the extra roots of the settings.
pub(crate) fn fetch(settings: &Settings) -> Outcome<Fetch> {
    let mut roots = known_roots();
    if let Some(file) = &settings.ca_file {
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| {
            settings.wrong("CA_FILE", &format!("it cannot be read ({error}): name a readable file of certificates"))
        })?;
        roots.add_parsable_certificates(certificates.flatten());
    }
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(Fetch { tls: Arc::new(tls), patience: PATIENCE })
}

/// The way of alarms about the host of `url` to the on-call.
fn post(settings: &Settings, serve: &ServeSettings, url: &Url) -> Outcome<Post> {
    let from = serve.mail_from.as_ref().map(|from| from.address.clone());
    let from = from.unwrap_or_else(|| format!("karibu@{}", url.domain().unwrap_or("localhost")));
    let mut relays: Vec<Arc<dyn Transport>> = mails::transport(settings, serve, CONNECTIONS)?.into_iter().collect();
    if let Some(second) = &serve.watch.second_relay {
        relays.push(mails::smtp(settings, "ALERT_SMTP_URL", second, &from, CONNECTIONS)?);
    }
    Ok(Post {
        oncall: serve.watch.oncall.clone(),
        from,
        urls: Urls::new(url.clone()),
        relays,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        demo: serve.demo,
    })
}

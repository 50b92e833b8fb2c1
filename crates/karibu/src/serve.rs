//! A process that serves: `karibu serve` does everything, `karibu web` the pages, `karibu notifier` the mails. Here is the
//! order in which its parts come up and go; what they are made of is in [`house`](crate::house).

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use registration::ports::Clock;
use tokio_util::sync::CancellationToken;

use crate::doors::{self, Certificate};
use crate::folder::DataFolder;
use crate::house::{Doors, House, Work};
use crate::lifecycle::{self, Running, Signals};
use crate::patience::Limits;
use crate::ports::{SystemClock, SystemRandom};
use crate::refusal::Outcome;
use crate::settings::values::Tls;
use crate::settings::{Role, Settings};
use crate::store::{self, Opened, Purpose};
use crate::watch::{dead_man, fetch, heartbeat};
use crate::{background, cli, mails, sample};

/// Serves until a signal comes or a part fails.
pub(crate) async fn run(settings: &Settings, role: Role) -> Outcome {
    let serve = settings.of(role)?;
    telemetry::logging::init(settings.log.clone(), settings.log_format, &settings.instance);
    let mut signals = Signals::listen()?;
    // What is shared has no folder, but for a certificate of our own.
    let has_folder = role == Role::Serve || (role.has_pages() && serve.tls == Tls::SelfSigned);
    let folder = has_folder.then(|| DataFolder::prepare(&settings.data_dir)).transpose()?;
    // Held until the end of this function, after the store is closed.
    let _folder_lock = match (&folder, role) {
        (Some(folder), Role::Serve) => Some(folder.lock()?),
        _ => None,
    };
    let _database_lock = if role == Role::Serve { store::lock_database(settings)? } else { None };
    let pages = role.has_pages().then(|| doors::bind(settings, "LISTEN", serve.listen)).transpose()?;
    let ops = doors::bind(settings, "OPS_LISTEN", serve.ops_listen)?;
    let public_url = doors::public_url(&serve, pages.as_ref().map_or(Ok(serve.listen), doors::address_of)?)?;
    let certificate = pages.is_some().then(|| Certificate::of(&serve.tls, folder.as_ref(), &public_url)).flatten();
    let tls = certificate.as_ref().map(|certificate| certificate.load(SystemClock.now())).transpose()?;
    let transport = mails::transport(settings, &serve, serve.mail_connections)?;
    let keys = match (&serve.secret_keys, &folder) {
        (Some(keys), _) => keys.clone(),
        (None, Some(folder)) => vec![folder.secret_key(&SystemRandom)?],
        (None, None) => Vec::new(),
    };
    let house = House::new(settings, &serve, role, folder, public_url, keys, transport);

    let mut watch = Running::default();
    let ops_handle = Handle::new();
    let ops_url = doors::local_url(doors::address_of(&ops)?);
    let private =
        telemetry::ops::router(house.metrics.clone(), house.parts.clone(), doors::about(settings, role.as_str()));
    let dead_man = dead_man(&house)?;
    let private = match &dead_man {
        Some(dead_man) => {
            watch.start("dead-man receiver", dead_man.clone().run());
            dead_man.listen(private)
        }
        None => private,
    };
    watch.start("private listener", doors::ops(ops, private, ops_handle.clone())?);
    let opened = if role == Role::Serve {
        Opened::open(settings, Purpose::SetUp, settings.migrate.unwrap_or(true)).await?
    } else {
        // It is waited for, so that all parts may be started in any order.
        tokio::select! {
            opened = Opened::open_when_there(settings, &house.database) => opened?,
            () = signals.next() => return Ok(()),
        }
    };
    if let Some(dead_man) = dead_man {
        dead_man.share(opened.ports());
    }
    let doors = Doors { pages, certificate, tls, ops_url };
    let done = open(&house, &opened, doors, &mut watch, signals).await;
    ops_handle.shutdown();
    watch.abort();
    if tokio::time::timeout(lifecycle::CLOSE, opened.close()).await.is_err() {
        tracing::warn!("the database was left while it still worked");
    }
    done
}

/// Starts all parts, waits for the end, and ends them in order.
async fn open(house: &House<'_>, opened: &Opened, doors: Doors, watch: &mut Running, mut signals: Signals) -> Outcome {
    let Work { store, clock, web, notifier, wake_ups } = house.work(opened);
    let with_sample = match house.role {
        Role::Serve => sample::keep_open(store.as_ref(), clock.now()).await?,
        _ => false,
    };
    watch.start("backup watch", background::watch_backups(house.settings.data_dir.clone(), house.metrics.clone()));
    let (mut front, mut work) = (Running::default(), Running::default());
    let (notifier_stop, web_stop) = (CancellationToken::new(), CancellationToken::new());
    for (name, part) in wake_ups.parts(&notifier_stop, &web_stop) {
        work.start(name, part);
    }
    if let Some((notifier, woken)) = notifier {
        watch.start("sample event", background::keep_sample_open(store.clone(), clock.clone()));
        let (url, fetch) = (house.serve.watch.heartbeat.clone(), fetch(house.settings)?);
        watch.start("heartbeat", heartbeat(url, fetch, store.clone(), house.metrics.clone()));
        let stop = notifier_stop.clone();
        work.start("notifier", async move { notifier.run(woken, stop).await });
    }
    let pages_handle = Handle::new();
    if let (Some(web), Some(listener)) = (web, doors.pages) {
        match web.refresh().await {
            Err(error) if house.role == Role::Serve => return Err(error.into()),
            // The database that was waited for went again: it is waited for once more, with pages that say so.
            Err(error) => tracing::warn!(%error, "events cannot be read yet"),
            Ok(()) => {}
        }
        work.start("web", {
            let (web, stop) = (web.clone(), web_stop.clone());
            async move { web.run_background(stop).await }
        });
        let tls = doors.tls.map(RustlsConfig::from_config);
        if let (Some(certificate), Some(current)) = (doors.certificate, tls.clone()) {
            let load = move || certificate.load(SystemClock.now());
            watch.start("certificate", background::renew_certificate(current, load));
        }
        let (router, url, proxies) = (house.pages(&web), &house.public_url, &house.serve.trusted_proxies);
        let handle = pages_handle.clone();
        front.start("pages", doors::pages(listener, tls, router, url, proxies, Limits::SERVER, handle)?);
    }
    if house.role == Role::Serve {
        house.banner(doors.ops_url, with_sample).print();
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), commit = cli::COMMIT, "ready");
    // Last of all: by it `/readyz` says that everything is up.
    watch.start(
        "database watch",
        background::watch_database(store, clock, house.database.clone(), house.metrics.clone()),
    );

    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        refusal = front.first_end() => Err(refusal),
        refusal = work.first_end() => Err(refusal),
        refusal = watch.first_end() => Err(refusal),
    };
    tracing::info!("ending: requests and mails on their way are finished");
    house.parts.drain();
    let in_order = async {
        notifier_stop.cancel();
        pages_handle.graceful_shutdown(Some(lifecycle::DRAIN));
        front.all_end().await;
        // After the last request, so that its page view is written too.
        web_stop.cancel();
        work.all_end().await;
    };
    tokio::select! {
        in_time = tokio::time::timeout(lifecycle::END, in_order) => {
            if in_time.is_err() {
                tracing::warn!("not all was finished in time; mails on their way are sent at the next start");
            }
        }
        () = signals.next() => {
            eprintln!("karibu: ended at once by a second signal; mails on their way are sent at the next start.");
            std::process::exit(1);
        }
    }
    tracing::info!("ended");
    ended
}

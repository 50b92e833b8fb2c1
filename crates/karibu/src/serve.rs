//! `karibu serve`: everything in one process, wired here.

use std::net::TcpListener;
use std::sync::Arc;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use mail::Transport;
use mailbox::Guard;
use notifier::Notifier;
use presentation::urls::Urls;
use registration::ports::Clock;
use registration::register::{Desk, SampleOrganizers};
use registration::token::Signer;
use rustls::ServerConfig;
use telemetry::{Metrics, Need, Parts};
use tokio_util::sync::CancellationToken;
use url::Url;
use web::WebSettings;

use crate::banner::Banner;
use crate::doors::{self, Certificate};
use crate::folder::DataFolder;
use crate::lifecycle::{self, Running, Signals};
use crate::patience::Limits;
use crate::ports::{SystemClock, SystemRandom};
use crate::refusal::Outcome;
use crate::settings::values::{Database, Tls, is_loopback};
use crate::settings::{MailWay, ServeSettings, Settings, server_of};
use crate::store::{self, Opened, Purpose};
use crate::{background, cli, mails, sample};

/// Serves until a signal comes or a part fails.
pub(crate) async fn serve(settings: &Settings) -> Outcome {
    let serve = settings.serve()?;
    telemetry::logging::init(settings.log.clone(), settings.log_format, &settings.instance);
    let signals = Signals::listen()?;
    let folder = DataFolder::prepare(&settings.data_dir)?;
    // Held until the end of this function, after the store is closed.
    let _folder_lock = folder.lock()?;
    let _database_lock = store::lock_database(settings)?;
    let pages = doors::bind(settings, "LISTEN", serve.listen)?;
    let ops = doors::bind(settings, "OPS_LISTEN", serve.ops_listen)?;
    let public_url = doors::public_url(&serve, doors::address_of(&pages)?)?;
    let certificate = Certificate::of(&serve.tls, &folder, &public_url);
    let tls = certificate.as_ref().map(|certificate| certificate.load(SystemClock.now())).transpose()?;
    let transport = mails::transport(settings, &serve)?;
    let keys = match &serve.secret_keys {
        Some(keys) => keys.clone(),
        None => vec![folder.secret_key(&SystemRandom)?],
    };
    let opened = Opened::open(settings, Purpose::SetUp, settings.migrate.unwrap_or(true)).await?;
    let house = House { settings, serve: &serve, folder, public_url, signer: Arc::new(Signer::new(keys)), transport };
    let done = house.open(&opened, Doors { pages, ops, certificate, tls }, signals).await;
    if tokio::time::timeout(lifecycle::CLOSE, opened.close()).await.is_err() {
        tracing::warn!("the database was left while it still worked");
    }
    done
}

/// What the parts are made of.
struct House<'a> {
    settings: &'a Settings,
    serve: &'a ServeSettings,
    folder: DataFolder,
    public_url: Url,
    signer: Arc<Signer>,
    transport: Arc<dyn Transport>,
}

/// Where the world comes in.
struct Doors {
    pages: TcpListener,
    ops: TcpListener,
    certificate: Option<Certificate>,
    tls: Option<Arc<ServerConfig>>,
}

impl House<'_> {
    /// Starts all parts, waits for the end, and ends them in order.
    async fn open(&self, opened: &Opened, doors: Doors, mut signals: Signals) -> Outcome {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = opened.ports();
        let with_sample = sample::keep_open(store.as_ref(), clock.now()).await?;
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), cli::COMMIT);
        let parts = Parts::new();
        let database = parts.add("database", Need::Required);
        let (wake, woken) = conveyor::in_memory(1_024);
        let desk = Desk {
            store: store.clone(),
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            conveyor: Arc::new(wake),
            sample_organizers: self.sample_organizers(),
        };
        let web = web::web(desk.clone(), self.signer.clone(), self.web_settings(), metrics.clone());
        web.refresh().await?;

        let (mut front, mut work, mut watch) = (Running::default(), Running::default(), Running::default());
        let (notifier_stop, web_stop) = (CancellationToken::new(), CancellationToken::new());
        let banner = self.banner(&doors, with_sample)?;
        let (pages_handle, ops_handle) = (Handle::new(), Handle::new());
        let ops = telemetry::ops::router(metrics.clone(), parts.clone());
        watch.start("private listener", doors::ops(doors.ops, ops, ops_handle.clone())?);
        watch.start(
            "database watch",
            background::watch_database(store.clone(), clock.clone(), database, metrics.clone()),
        );
        watch.start("backup watch", background::watch_backups(self.settings.data_dir.clone(), metrics.clone()));
        watch.start("sample event", background::keep_sample_open(store.clone(), clock.clone()));
        work.start("web", {
            let (web, stop) = (web.clone(), web_stop.clone());
            async move { web.run_background(stop).await }
        });
        let notifier = Notifier {
            store: desk.store,
            clock: desk.clock,
            random: desk.random,
            transport: self.transport.clone(),
            signer: self.signer.clone(),
            urls: Urls::new(self.public_url.clone()),
            from: self.mail_from(),
            metrics,
            relay: parts.add("mail", Need::Told),
            workers: self.serve.mail_connections as usize,
            rate: self.serve.smtp_rate,
            lease: notifier::LEASE,
        };
        work.start("notifier", {
            let stop = notifier_stop.clone();
            async move { notifier.run(woken, stop).await }
        });
        let tls = doors.tls.map(RustlsConfig::from_config);
        if let (Some(certificate), Some(current)) = (doors.certificate, tls.clone()) {
            let load = move || certificate.load(SystemClock.now());
            watch.start("certificate", background::renew_certificate(current, load));
        }
        let router = self.pages(&web);
        front.start("pages", {
            let proxies = &self.serve.trusted_proxies;
            doors::pages(doors.pages, tls, router, &self.public_url, proxies, Limits::SERVER, pages_handle.clone())?
        });
        banner.print();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), commit = cli::COMMIT, "ready");

        let ended = tokio::select! {
            () = signals.next() => Ok(()),
            refusal = front.first_end() => Err(refusal),
            refusal = work.first_end() => Err(refusal),
            refusal = watch.first_end() => Err(refusal),
        };
        tracing::info!("ending: requests and mails on their way are finished");
        parts.drain();
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
        ops_handle.shutdown();
        watch.abort();
        tracing::info!("ended");
        ended
    }

    fn is_local(&self) -> bool {
        self.public_url.host().is_some_and(|host| is_loopback(&host))
    }

    /// The sender's address. As files nobody answers them, so one that does not exist will do.
    fn mail_from(&self) -> String {
        let host = self.public_url.domain().unwrap_or("localhost");
        self.serve.mail_from.as_ref().map_or_else(|| format!("karibu@{host}"), |from| from.address.clone())
    }

    /// With real mail the sample's own organisers, who may be real people, are left in peace.
    fn sample_organizers(&self) -> SampleOrganizers {
        match self.serve.mail {
            MailWay::Folder(_) => SampleOrganizers::AsWritten,
            MailWay::Smtp { .. } => SampleOrganizers::Only(self.serve.organizers.clone()),
        }
    }

    fn web_settings(&self) -> WebSettings {
        WebSettings {
            public_url: self.public_url.clone(),
            instance: self.settings.instance.clone(),
            version: env!("CARGO_PKG_VERSION"),
            commit: cli::COMMIT,
            trusted_proxies: self.serve.trusted_proxies.clone(),
            // A browser that may not go on past a warning would be locked out by a certificate of our own.
            hsts: matches!(self.serve.tls, Tls::Files(..)) && self.public_url.scheme() == "https" && !self.is_local(),
            limits: self.serve.limits,
        }
    }

    /// All pages; the viewer of mails only where mails are files.
    fn pages(&self, web: &web::Web) -> axum::Router {
        match &self.serve.mail {
            MailWay::Smtp { .. } => web.router(),
            MailWay::Folder(folder) => {
                let guard = Guard { public_url_is_loopback: self.is_local() };
                web.router().merge(mailbox::router(folder.clone(), guard))
            }
        }
    }

    /// Where everything is kept, for people: what of it is not in the data folder, and is named without its password.
    fn data(&self) -> String {
        let folder = self.folder.shown();
        match &self.settings.database {
            Database::Postgres(url) => format!("PostgreSQL {}; keys in {folder}", server_of(url)),
            Database::Sqlite(path) if path.starts_with(&self.settings.data_dir) => format!("{folder} (SQLite)"),
            Database::Sqlite(path) => format!("{} (SQLite); keys in {folder}", DataFolder::shown_path(path)),
        }
    }

    fn banner(&self, doors: &Doors, with_sample: bool) -> Outcome<Banner<'_>> {
        let mails = match &self.serve.mail {
            MailWay::Folder(_) => Some((format!("{}/mail", self.folder.shown()), self.is_local())),
            MailWay::Smtp { .. } => None,
        };
        Ok(Banner {
            public_url: &self.public_url,
            self_signed: self.serve.tls == Tls::SelfSigned,
            silent_sample: with_sample && mails.is_none() && self.serve.organizers.is_empty(),
            mails,
            data: self.data(),
            ops_url: doors::local_url(doors::address_of(&doors.ops)?),
        })
    }
}

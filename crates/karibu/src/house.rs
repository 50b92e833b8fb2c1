//! What a process that serves is made of, by its role and its settings.

use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;

use conveyor::Receiver;
use conveyor::redis::{Address, Pusher, Taker, Tell};
use mail::Transport;
use mailbox::Guard;
use notifier::Notifier;
use presentation::urls::Urls;
use registration::ports::{Clock, Store};
use registration::register::{Desk, SampleOrganizers};
use registration::token::Signer;
use rustls::ServerConfig;
use telemetry::{Metrics, Need, Part, Parts};
use tokio_util::sync::CancellationToken;
use url::Url;
use web::{Web, WebSettings};

use crate::banner::Banner;
use crate::cli;
use crate::doors::Certificate;
use crate::folder::DataFolder;
use crate::ports::{SystemClock, SystemRandom};
use crate::settings::values::{Database, Tls, is_loopback};
use crate::settings::{MailWay, Role, ServeSettings, Settings, server_of};
use crate::store::Opened;

/// Wake-ups within a process that wait for its notifier; one look at the outbox serves them all.
const WAKE_UPS: usize = 1_024;

/// What the parts of a process have in common.
pub(crate) struct House<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) serve: &'a ServeSettings,
    pub(crate) role: Role,
    pub(crate) public_url: Url,
    pub(crate) metrics: Metrics,
    pub(crate) parts: Parts,
    /// The part of `/readyz` that says whether a registration could be stored.
    pub(crate) database: Part,
    folder: Option<DataFolder>,
    signer: Arc<Signer>,
    transport: Option<Arc<dyn Transport>>,
}

/// Where the world comes in.
pub(crate) struct Doors {
    pub(crate) pages: Option<TcpListener>,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) ops_url: String,
}

/// What does the work, ready to be started.
pub(crate) struct Work {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) web: Option<Web>,
    pub(crate) notifier: Option<(Notifier, Receiver)>,
    pub(crate) wake_ups: WakeUps,
}

/// What carries wake-ups between processes.
#[derive(Default)]
pub(crate) struct WakeUps {
    pusher: Option<Pusher>,
    taker: Option<Taker>,
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

impl WakeUps {
    /// Each as a part that runs until the stop of those whom it serves.
    pub(crate) fn parts(
        self,
        notifier_stop: &CancellationToken,
        web_stop: &CancellationToken,
    ) -> Vec<(&'static str, Run)> {
        let (notifier_stop, web_stop) = (notifier_stop.clone(), web_stop.clone());
        let taker = self.taker.map(|taker| ("wake-ups", Box::pin(taker.run(notifier_stop)) as Run));
        let pusher = self.pusher.map(|pusher| ("wake-ups", Box::pin(pusher.run(web_stop)) as Run));
        taker.into_iter().chain(pusher).collect()
    }
}

impl<'a> House<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        serve: &'a ServeSettings,
        role: Role,
        folder: Option<DataFolder>,
        public_url: Url,
        keys: Vec<Vec<u8>>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Self {
        let parts = Parts::new();
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), cli::COMMIT);
        if role.has_pages() {
            metrics.upload_limit(serve.limits.uploads.unclaimed);
        }
        Self {
            settings,
            serve,
            role,
            public_url,
            metrics,
            database: parts.add("database", Need::Required),
            parts,
            folder,
            signer: Arc::new(Signer::new(keys)),
            transport,
        }
    }

    /// Everything that does the work of this role.
    pub(crate) fn work(&self, opened: &Opened) -> Work {
        let (store, clock) = (opened.ports(), Arc::new(SystemClock));
        let (wake, woken) = conveyor::in_memory(WAKE_UPS);
        let mut wake_ups = WakeUps::default();
        let mut to_notifier = wake.clone();
        match (self.role, &self.serve.redis) {
            // Who does everything needs nobody between; without Redis the notifiers find everything by themselves.
            (Role::Serve, _) | (_, None) => {}
            (Role::Web, Some(redis)) => {
                let (sender, pusher) = Pusher::new(redis.clone(), self.tell_redis());
                to_notifier = sender;
                wake_ups.pusher = Some(pusher);
            }
            (Role::Notifier, Some(redis)) => wake_ups.taker = Some(self.taker(redis, wake)),
        }
        let desk = Desk {
            store: store.clone(),
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            conveyor: Arc::new(to_notifier),
            sample_organizers: self.sample_organizers(),
        };
        let notifier = self.transport.clone().map(|transport| (self.notifier(desk.clone(), transport), woken));
        let web = || web::web(desk, self.signer.clone(), self.web_settings(), self.metrics.clone());
        let web = self.role.has_pages().then(web);
        Work { store, clock, web, notifier, wake_ups }
    }

    fn taker(&self, redis: &Address, wake: conveyor::Sender) -> Taker {
        let (address, instance) = (redis.clone(), self.settings.instance.clone());
        Taker { address, instance, tell: self.tell_redis(), wake }
    }

    /// Redis only makes mails leave a second sooner: it is told, and fails nothing.
    fn tell_redis(&self) -> Tell {
        let part = self.parts.add("redis", Need::Told);
        Arc::new(move |state| match state {
            Ok(()) => part.ok(),
            Err(what) => part.degraded(SystemClock.now(), format!("{what}; mails leave up to a second later")),
        })
    }

    fn notifier(&self, desk: Desk, transport: Arc<dyn Transport>) -> Notifier {
        Notifier {
            store: desk.store,
            clock: desk.clock,
            random: desk.random,
            transport,
            signer: self.signer.clone(),
            urls: Urls::new(self.public_url.clone()),
            from: self.mail_from(),
            metrics: self.metrics.clone(),
            relay: self.parts.add("mail", Need::Told),
            workers: self.serve.mail_connections as usize,
            rate: self.serve.smtp_rate,
            lease: notifier::LEASE,
            demo: self.serve.demo,
        }
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
            _ if self.serve.demo => SampleOrganizers::AsWritten,
            MailWay::Smtp { .. } | MailWay::Elsewhere => SampleOrganizers::Only(self.serve.organizers.clone()),
        }
    }

    fn web_settings(&self) -> WebSettings {
        // A browser that may not go on past a warning would be locked out by a certificate of our own. Without TLS here, the
        // proxy in front has one that people trust.
        let trusted = self.serve.tls != Tls::SelfSigned;
        WebSettings {
            public_url: self.public_url.clone(),
            instance: self.settings.instance.clone(),
            version: env!("CARGO_PKG_VERSION"),
            commit: cli::COMMIT,
            trusted_proxies: self.serve.trusted_proxies.clone(),
            hsts: trusted && self.public_url.scheme() == "https" && !self.is_local(),
            limits: self.serve.limits,
            demo: self.serve.demo,
        }
    }

    /// All pages; the viewer of mails only where mails are files.
    pub(crate) fn pages(&self, web: &Web) -> axum::Router {
        match &self.serve.mail {
            MailWay::Smtp { .. } | MailWay::Elsewhere => web.router(),
            MailWay::Folder(folder) => {
                let guard = Guard::ThisMachine { public_url_is_loopback: self.is_local() };
                web.router().merge(mailbox::router(folder.clone(), guard))
            }
        }
    }

    /// Where everything is kept, for people: what of it is not in the data folder, and is named without its password.
    fn data(&self, folder: &str) -> String {
        match &self.settings.database {
            Database::Postgres(url) => format!("PostgreSQL {}; keys in {folder}", server_of(url)),
            Database::Sqlite(path) if path.starts_with(&self.settings.data_dir) => format!("{folder} (SQLite)"),
            Database::Sqlite(path) => format!("{} (SQLite); keys in {folder}", DataFolder::shown_path(path)),
        }
    }

    /// What `serve` says when it is ready.
    pub(crate) fn banner(&self, ops_url: String, with_sample: bool) -> Banner<'_> {
        let folder = self.folder.as_ref().map(DataFolder::shown).unwrap_or_default();
        let mails = match &self.serve.mail {
            MailWay::Folder(_) => Some((format!("{folder}/mail"), self.is_local())),
            MailWay::Smtp { .. } | MailWay::Elsewhere => None,
        };
        Banner {
            public_url: &self.public_url,
            self_signed: self.serve.tls == Tls::SelfSigned,
            silent_sample: with_sample && mails.is_none() && !self.serve.demo && self.serve.organizers.is_empty(),
            mails,
            data: self.data(&folder),
            ops_url,
        }
    }
}

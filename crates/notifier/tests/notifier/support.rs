//! A real store with the sample event, people who register, and a running notifier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conveyor::Sender;
use jiff::Timestamp;
use mail::{FolderTransport, Message, SendError, Transport};
use notifier::Notifier;
use presentation::urls::Urls;
use registration::answers::Answers;
use registration::event::{Event, WhenFull};
use registration::ids::{EventId, MailId, RegistrationId, SubmissionId};
use registration::language::Language;
use registration::notification::{Kind, MailRow, NewNotification};
use registration::places::limits;
use registration::ports::{Clock, Conveyor as _, Events as _, Outbox as _, Random, Registrations as _};
use registration::reference::Reference;
use registration::stored::{Columns, EventImport, NewAttachment, NewRegistration, Registered, Status, uuid_v7};
use registration::summary::deltas;
use registration::token::Signer;
use registration::{SAMPLE_EVENT, event_file};
use serde_json::json;
use store_sqlite::SqliteStore;
use telemetry::{Metrics, Need, Parts};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The organiser who is told of every registration.
pub(crate) const DESK: &str = "desk@example.org";

/// The world's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests run against databases and servers that have the world's time"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Bytes that never repeat within a test.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        buffer.fill(0);
        for (to, from) in buffer.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
    }
}

/// A store with the sample event.
pub(crate) struct House {
    pub(crate) data: TempDir,
    pub(crate) store: SqliteStore,
    pub(crate) event: EventId,
    pub(crate) parsed: Event,
    next: AtomicU64,
    random: Arc<Counting>,
}

impl House {
    pub(crate) async fn open() -> Self {
        let data = tempfile::tempdir().expect("a temporary folder can be made");
        let store = SqliteStore::open(&data.path().join("karibu.db"), 4).await.expect("the database opens");
        let at = SystemClock.now();
        let parsed = event_file::parse(SAMPLE_EVENT, at).expect("the sample is an event");
        let import = EventImport {
            slug: parsed.slug.clone(),
            source: SAMPLE_EVENT.to_owned(),
            form: serde_json::to_value(&parsed.form).expect("a form is JSON"),
            limits: limits(&parsed),
            sample: true,
            at,
        };
        let event = store.import(&import).await.expect("it is imported").id;
        Self { data, store, event, parsed, next: AtomicU64::new(1), random: Arc::default() }
    }

    /// Somebody registers with this mail address; the desk and the person are told.
    pub(crate) async fn register(&self, email: &str) -> RegistrationId {
        self.register_with(email, Vec::new()).await
    }

    /// The same with files.
    pub(crate) async fn register_with(&self, email: &str, attachments: Vec<NewAttachment>) -> RegistrationId {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&n.to_be_bytes());
        let at = SystemClock.now();
        let id = uuid_v7(at, random);
        let answers = json!({"last_name": "Banda", "email": email, "category": "student", "attendance": "onsite"});
        let form = &self.parsed.form;
        let counted = deltas(form, &Answers::from_json(form, &answers), Status::Confirmed, self.parsed.day(at));
        let to = |recipient: &str, kind, language| NewNotification {
            recipient: recipient.to_owned(),
            kind,
            language,
            window: None,
        };
        let new = NewRegistration {
            id: RegistrationId(id),
            event: self.event,
            form_version: 1,
            submission: SubmissionId(id),
            content_digest: [0; 32],
            reference: Reference::from_bits(n),
            answers,
            columns: Columns { name: "Thoko Banda".to_owned(), email: email.to_owned(), ..Columns::default() },
            language: Language::Fr,
            request_id: format!("request-{n}"),
            attachments,
            places: Vec::new(),
            when_full: WhenFull::Waiting,
            notifications: vec![to(DESK, Kind::Registered, Language::En), to(email, Kind::Confirmation, Language::Fr)],
            if_duplicate: None,
            summary: counted,
            at,
        };
        assert_eq!(self.store.register(&new).await.expect("it is stored"), Registered::New(Status::Confirmed));
        RegistrationId(id)
    }

    /// Starts a notifier.
    pub(crate) fn notifier(&self, transport: Arc<dyn Transport>) -> Running {
        self.notifier_at(transport, Arc::new(SystemClock))
    }

    /// Starts a notifier with a clock of its own.
    pub(crate) fn notifier_at(&self, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Running {
        self.start(transport, clock, notifier::LEASE)
    }

    /// Starts a notifier whose leases are so long.
    pub(crate) fn notifier_with_lease(&self, transport: Arc<dyn Transport>, lease: Duration) -> Running {
        self.start(transport, Arc::new(SystemClock), lease)
    }

    fn start(&self, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, lease: Duration) -> Running {
        let (metrics, parts) = (Metrics::new("test", "test"), Parts::new());
        let notifier = Notifier {
            demo: false,
            store: Arc::new(self.store.clone()),
            clock,
            random: self.random.clone(),
            transport,
            signer: Arc::new(Signer::new(vec![vec![1; 32]])),
            urls: Urls::new("https://register.example.org/".parse().expect("a URL")),
            from: "events@example.org".to_owned(),
            metrics: metrics.clone(),
            relay: parts.add("mail", Need::Told),
            workers: 4,
            rate: Some(Duration::from_millis(10)),
            lease,
        };
        let (wake, woken) = conveyor::in_memory(16);
        let stop = CancellationToken::new();
        let task = tokio::spawn(notifier.run(woken, stop.clone()));
        Running { task, stop, wake, metrics, parts }
    }

    /// All mails by recipient.
    pub(crate) async fn mails(&self) -> Vec<MailRow> {
        let mut mails = self.store.list(None, None, 1000).await.expect("mails can be listed");
        mails.sort_by(|a, b| a.recipient.cmp(&b.recipient));
        mails
    }

    /// The one mail to this recipient, if it was made.
    pub(crate) async fn mail_to(&self, recipient: &str) -> Option<MailRow> {
        self.mails().await.into_iter().find(|mail| mail.recipient == recipient)
    }

    /// Makes a mail due at once, whoever has leased it: what happens by itself when a lease or a wait ends.
    pub(crate) async fn end_of_lease(&self, mail: MailId) {
        assert!(self.store.resend_any(mail).await.expect("it can be written"));
    }
}

/// A notifier at work.
pub(crate) struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
    wake: Sender,
    pub(crate) metrics: Metrics,
    pub(crate) parts: Parts,
}

impl Running {
    /// Wakes it.
    pub(crate) fn wake(&self, registration: RegistrationId) {
        self.wake.wake(registration);
    }

    /// Ends it as a signal does and waits for it.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("it ends well");
    }

    /// Begins to end it.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// Whether it has ended.
    pub(crate) fn has_stopped(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it in the middle of whatever it does, as `kill -9` does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("it was ended").is_cancelled());
    }

    /// A line of its metrics.
    pub(crate) fn metric(&self, start: &str) -> Option<String> {
        self.metrics.render().lines().find_map(|line| line.strip_prefix(start).map(|rest| rest.trim().to_owned()))
    }

    /// What `/readyz` says of the relay, if it is at fault.
    pub(crate) fn relay_fault(&self) -> Option<String> {
        self.parts.report().parts["mail"].what.clone()
    }
}

/// Hands mails over and never returns, as somebody who is killed right after it.
pub(crate) struct NeverTold(pub(crate) Arc<dyn Transport>);

#[async_trait]
impl Transport for NeverTold {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        self.0.send(message).await?;
        std::future::pending().await
    }

    async fn probe(&self) -> Result<(), SendError> {
        self.0.probe().await
    }
}

/// Holds mails until they are released.
pub(crate) struct Held {
    began: AtomicU64,
    gate: Semaphore,
}

impl Default for Held {
    fn default() -> Self {
        Self { began: AtomicU64::new(0), gate: Semaphore::new(0) }
    }
}

impl Held {
    /// Waits until so many mails are being sent.
    pub(crate) async fn wait_for(&self, mails: u64) {
        testkit::serve::wait_for("mails are on their way", async || {
            (self.began.load(Ordering::SeqCst) >= mails).then_some(())
        })
        .await;
    }

    /// How many mails were begun to be sent.
    pub(crate) fn began(&self) -> u64 {
        self.began.load(Ordering::SeqCst)
    }

    /// Lets all mails go.
    pub(crate) fn release(&self) {
        self.gate.close();
    }
}

#[async_trait]
impl Transport for Held {
    async fn send(&self, _: &Message) -> Result<(), SendError> {
        self.began.fetch_add(1, Ordering::SeqCst);
        assert!(self.gate.acquire().await.is_err(), "it only ever closes");
        Ok(())
    }

    async fn probe(&self) -> Result<(), SendError> {
        Ok(())
    }
}

/// A transport with a fault of ours.
pub(crate) struct PanicsAt {
    pub(crate) recipient: &'static str,
    pub(crate) others: FolderTransport,
}

#[async_trait]
impl Transport for PanicsAt {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        assert_ne!(message.to, self.recipient, "the fault");
        self.others.send(message).await
    }

    async fn probe(&self) -> Result<(), SendError> {
        self.others.probe().await
    }
}

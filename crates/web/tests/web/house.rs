//! A web role with a store of its own, a clock that stands still, and a browser without JavaScript.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use registration::event_file;
use registration::ids::{EventId, RegistrationId};
use registration::places;
use registration::ports::{Clock, Conveyor, Events, Random, Registrations, Views};
use registration::register::{Desk, SampleOrganizers};
use registration::stored::{EventImport, ListRow, ViewTotals};
use registration::token::{OrganizerToken, Signer};
use store_sqlite::SqliteStore;
use telemetry::Metrics;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tower::ServiceExt;
use web::{Limits, Network, UploadQuota, Web, WebSettings, web};

/// When the story begins: the sample opened a week before and closes in 45 days.
pub(crate) const BEGINNING: i64 = 1_788_256_800;

/// A clock that moves when it is told to.
pub(crate) struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

impl StandingClock {
    /// From now on asking for the time panics.
    pub(crate) fn break_down(&self) {
        self.0.store(i64::MAX, Ordering::SeqCst);
    }

    pub(crate) fn forward(&self, by: SignedDuration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

/// Numbers that never repeat.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            // Growing, so that later ids sort after earlier ones although the clock stands still.
            let number = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

#[derive(Default)]
pub(crate) struct Wakes(pub(crate) AtomicU64);

impl Conveyor for Wakes {
    fn wake(&self, _: RegistrationId) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct House {
    make: Box<dyn Fn() -> Web>,
    pub(crate) web: Web,
    pub(crate) router: Router,
    pub(crate) store: SqliteStore,
    pub(crate) clock: Arc<StandingClock>,
    pub(crate) signer: Signer,
    pub(crate) metrics: Metrics,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) folder: TempDir,
}

/// The sample with other words in it.
pub(crate) fn sample(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(registration::SAMPLE_EVENT.to_owned(), |source, (from, to)| {
        assert!(source.contains(from), "the sample has {from:?}");
        source.replace(from, to)
    })
}

impl House {
    /// With the sample event.
    pub(crate) async fn new() -> Self {
        Self::with(&[&sample(&[])]).await
    }

    /// With these events.
    pub(crate) async fn with(events: &[&str]) -> Self {
        Self::at("https://localhost:8443", events).await
    }

    pub(crate) async fn at(public_url: &str, events: &[&str]) -> Self {
        Self::set_up(public_url, events, |_| {}).await
    }

    /// With the sample event and these limits, of which the others have none.
    pub(crate) async fn limited(limit: impl FnOnce(&mut Limits)) -> Self {
        Self::set_up("https://localhost:8443", &[&sample(&[])], |settings| limit(&mut settings.limits)).await
    }

    /// With settings that are changed.
    pub(crate) async fn set_up(public_url: &str, events: &[&str], change: impl FnOnce(&mut WebSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("karibu.sqlite"), 4).await.unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(BEGINNING)));
        let wakes = Arc::new(Wakes::default());
        let desk = Desk {
            store: Arc::new(store.clone()),
            clock: clock.clone(),
            random: Arc::new(Counting(AtomicU64::new(1))),
            conveyor: wakes.clone(),
            sample_organizers: SampleOrganizers::AsWritten,
        };
        let mut settings = WebSettings {
            demo: false,
            public_url: public_url.parse().unwrap(),
            instance: "test-1".to_owned(),
            version: "1.2.3",
            commit: "abcdef0",
            trusted_proxies: vec![Network { address: "10.0.0.0".parse().unwrap(), prefix: 8 }],
            hsts: false,
            limits: Limits {
                min_fill: Duration::ZERO,
                rate: None,
                uploads: UploadQuota { per_address_and_day: u64::MAX, unclaimed: u64::MAX },
            },
        };
        change(&mut settings);
        let metrics = Metrics::new("1.2.3", "abcdef0");
        let signer = Signer::new(vec![vec![7; 32]]);
        let make = {
            let (signer, metrics) = (Arc::new(signer.clone()), metrics.clone());
            Box::new(move || web(desk.clone(), signer.clone(), settings.clone(), metrics.clone()))
        };
        let web = make();
        let router = web.router();
        let house = Self { make, web, router, store, clock, signer, metrics, wakes, folder };
        for event in events {
            house.import(event).await;
        }
        house.web.refresh().await.unwrap();
        house
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Another web role over the same store that has read nothing yet.
    pub(crate) fn fresh_web(&self) -> Web {
        (self.make)()
    }

    pub(crate) async fn import(&self, source: &str) -> EventId {
        let event = event_file::parse(source, self.now()).unwrap();
        let import = EventImport {
            slug: event.slug.clone(),
            source: source.to_owned(),
            form: serde_json::to_value(&event.form).unwrap(),
            limits: places::limits(&event),
            sample: false,
            at: self.now(),
        };
        self.store.import(&import).await.unwrap().id
    }

    pub(crate) async fn event(&self) -> EventId {
        self.store.by_slug("connect").await.unwrap().unwrap().id
    }

    pub(crate) async fn registrations(&self) -> Vec<ListRow> {
        self.store.latest(self.event().await, 1000).await.unwrap()
    }

    /// Wants the one registration there is.
    pub(crate) async fn only_registration(&self) -> ListRow {
        let mut rows = self.registrations().await;
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    pub(crate) async fn views(&self) -> ViewTotals {
        self.web.flush_views().await.unwrap();
        self.store.totals(self.event().await).await.unwrap()
    }

    /// An organiser's link to a registration, or to the list.
    pub(crate) async fn organizer_link(&self, registration: Option<RegistrationId>) -> String {
        let expires = self.now() + SignedDuration::from_hours(24 * 30);
        let event = self.event().await;
        let organizer = "devops@ubuntunet.net".to_owned();
        format!("/organizer/{}", self.signer.organizer(&OrganizerToken { event, registration, organizer, expires }))
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(request(Method::GET, path, headers, Body::empty())).await
    }

    /// Opens the form in English.
    pub(crate) async fn open(&self) -> Opened {
        let answer = self.get("/connect/register?lang=en").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.opened()
    }

    pub(crate) async fn send(&self, form: &Sent) -> Answer {
        self.send_with(form, &[]).await
    }

    pub(crate) async fn send_with(&self, form: &Sent, headers: &[(&str, &str)]) -> Answer {
        self.ask(form.request("/connect/register?lang=en", headers)).await
    }

    /// Registers somebody and follows to the page after.
    pub(crate) async fn register(&self, form: &Sent) -> String {
        let answer = self.send(form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        answer.header("location").to_owned()
    }

    pub(crate) fn metric(&self, line: &str) -> u64 {
        let text = self.metrics.render();
        let value = text.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:8443");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4000))));
    request
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, decompressed if it is compressed.
    pub(crate) fn text(&self) -> String {
        if self.header("content-encoding") == "gzip" {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&self.body[..]).read_to_string(&mut text).unwrap();
            return text;
        }
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// What the form on this page carries.
    pub(crate) fn opened(&self) -> Opened {
        let page = self.text();
        let value = |name: &str| {
            let input = page.split("<input").find(|input| input.contains(&format!("name=\"{name}\""))).expect(name);
            input.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        Opened { submission_id: value("submission_id"), form_token: value("form_token") }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) submission_id: String,
    pub(crate) form_token: String,
}

/// A form as a browser sends it.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) parts: Vec<(String, Option<String>, Vec<u8>)>,
}

/// Bytes that come at once.
const PIECE: usize = 16 * 1024;

pub(crate) const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

impl Sent {
    /// Complete answers to the sample.
    pub(crate) fn sample(form: &Opened) -> Self {
        let mut sent = Self { parts: Vec::new() };
        for (name, value) in [
            ("submission_id", form.submission_id.as_str()),
            ("form_token", &form.form_token),
            ("title", ""),
            ("first_name", "Wanjiru"),
            ("last_name", "Kamau"),
            ("email", "wanjiru@example.org"),
            ("phone", "+254 712 345 678"),
            ("organization", "KENET"),
            ("position", ""),
            ("country", "KE"),
            ("category", "delegate"),
            ("attendance", "online"),
            ("comments", ""),
            ("consent", "yes"),
        ] {
            sent.parts.push((name.to_owned(), None, value.into()));
        }
        sent
    }

    /// With another answer, at the place of the old one.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        match self.parts.iter_mut().find(|(other, ..)| other == name) {
            Some(part) => part.2 = value.into(),
            None => self.parts.push((name.to_owned(), None, value.into())),
        }
        self
    }

    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.parts.push((name.to_owned(), None, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parts.retain(|(other, ..)| other != name);
        self
    }

    /// With a file, at any field.
    pub(crate) fn file(mut self, field: &str, name: &str, content: &[u8]) -> Self {
        self.parts.push((field.to_owned(), Some(name.to_owned()), content.to_vec()));
        self
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, file, content) in &self.parts {
            let file = file.as_ref().map_or(String::new(), |file| {
                let file = file.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
                format!("; filename=\"{file}\"\r\nContent-Type: application/octet-stream")
            });
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend(head.bytes());
            body.extend(content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        body
    }

    /// The same, stopped so many bytes before its end until it is let go.
    pub(crate) fn held(&self, path: &str, rest: usize) -> (Request<Body>, Held) {
        held(self.request(path, &[]), &self.body(), rest)
    }

    pub(crate) fn request(&self, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let mut all = vec![("content-type", content_type.as_str())];
        all.extend(headers);
        // In pieces, as it comes from a connection.
        let body = bytes::Bytes::from(self.body());
        let pieces = (0..body.len()).step_by(PIECE).map(move |at| body.slice(at..body.len().min(at + PIECE)));
        let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)));
        request(Method::POST, path, &all, body)
    }
}

/// A body that was stopped before its end.
pub(crate) struct Held {
    /// Comes when all before the end was read and worked on.
    pub(crate) read: oneshot::Receiver<()>,
    /// Lets the end go.
    pub(crate) go: oneshot::Sender<()>,
}

fn held(request: Request<Body>, body: &[u8], rest: usize) -> (Request<Body>, Held) {
    let ((was_read, read), (go, gone)) = (oneshot::channel(), oneshot::channel());
    let body = bytes::Bytes::copy_from_slice(body);
    let (head, tail) = (body.slice(..body.len() - rest), body.slice(body.len() - rest..));
    let pieces = (0..head.len()).step_by(PIECE).map(move |at| head.slice(at..head.len().min(at + PIECE)));
    let last = async move {
        let _ = was_read.send(());
        let _ = gone.await;
        tail
    };
    let body = Body::from_stream(stream::iter(pieces).chain(stream::once(last)).map(Ok::<_, Infallible>));
    (request.map(|_| body), Held { read, go })
}

/// A PDF of about this many bytes, every byte value in it.
pub(crate) fn pdf(size: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.4\n".to_vec();
    let mut state = 1_u32;
    while content.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.push((state >> 24) as u8);
    }
    content
}

//! The dead-man receiver by a clock that the test moves.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::routing::get;
use mail::{Message, SendError, Transport};
use presentation::urls::Urls;
use registration::ports::{Random, Sign, StoreError, StoreResult};
use telemetry::{Need, Parts};
use tokio::time::sleep;
use tower::ServiceExt;

use super::*;

/// The signs of a database, by the paused clock of the test.
#[derive(Default)]
struct Shared {
    signs: Mutex<BTreeMap<String, Instant>>,
    gone: AtomicBool,
}

impl Shared {
    fn open(&self) -> StoreResult<std::sync::MutexGuard<'_, BTreeMap<String, Instant>>> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("gone".to_owned()));
        }
        Ok(self.signs.lock().unwrap())
    }
}

#[async_trait]
impl Signs for Shared {
    async fn set_sign(&self, name: &str) -> StoreResult<()> {
        self.open()?.insert(name.to_owned(), Instant::now());
        Ok(())
    }

    async fn claim_sign(&self, name: &str, pause: SignedDuration) -> StoreResult<bool> {
        let mut signs = self.open()?;
        let held = signs.get(name).is_some_and(|set| set.elapsed() < pause.unsigned_abs());
        if !held {
            signs.insert(name.to_owned(), Instant::now());
        }
        Ok(!held)
    }

    async fn drop_sign(&self, name: &str) -> StoreResult<bool> {
        Ok(self.open()?.remove(name).is_some())
    }

    async fn signs(&self) -> StoreResult<Vec<Sign>> {
        let age = |set: &Instant| SignedDuration::try_from(set.elapsed()).unwrap();
        Ok(self.open()?.iter().map(|(name, set)| Sign { name: name.clone(), age: age(set) }).collect())
    }
}

/// Takes mails unless it is down or frozen.
#[derive(Default)]
struct Relay {
    mails: Mutex<Vec<Message>>,
    down: AtomicBool,
    frozen: AtomicBool,
}

#[async_trait]
impl Transport for Relay {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        if self.frozen.load(Ordering::Relaxed) {
            seconds(30).await;
            return Err(SendError::Relay("greeting: timed out".to_owned()));
        }
        if self.down.load(Ordering::Relaxed) {
            return Err(SendError::Relay("connect: refused".to_owned()));
        }
        self.mails.lock().unwrap().push(message.clone());
        Ok(())
    }

    async fn probe(&self) -> Result<(), SendError> {
        Ok(())
    }
}

impl Relay {
    fn subjects(&self) -> Vec<String> {
        self.mails.lock().unwrap().iter().map(|mail| mail.subject.clone()).collect()
    }
}

struct Here;

impl Clock for Here {
    fn now(&self) -> Timestamp {
        Timestamp::constant(1_800_000_000, 0)
    }
}

impl Random for Here {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

fn notifier(instance: &str, relays: &[&Arc<Relay>]) -> DeadMan {
    let post = Post {
        oncall: vec!["devops@example.org".to_owned()],
        from: "karibu@example.org".to_owned(),
        urls: Urls::new("https://register.example.org".parse().unwrap()),
        relays: relays.iter().map(|relay| Arc::clone(relay) as Arc<dyn Transport>).collect(),
        clock: Arc::new(Here),
        random: Arc::new(Here),
        demo: false,
    };
    let part = Parts::new().add("monitoring", Need::Told);
    DeadMan::new(Arc::new(Here), Metrics::new("1", "c"), part, post, instance.to_owned())
}

async fn both_speak(dead_man: &DeadMan, seconds: u64) {
    for _ in 0..seconds / 10 {
        dead_man.hear(Voice::Prometheus);
        dead_man.hear(Voice::Alertmanager);
        sleep(Duration::from_secs(10)).await;
    }
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

const SILENT: &str = "[CRITICAL] The monitoring is silent, register.example.org";
const SPEAKS: &str = "[RESOLVED] The monitoring speaks again, register.example.org";

#[tokio::test(start_paused = true)]
async fn of_two_notifiers_one_tells_and_one_tells_that_it_is_over() {
    let (relay, shared) = (Arc::new(Relay::default()), Arc::new(Shared::default()));
    let both = ["notifier-1", "notifier-2"].map(|name| notifier(name, &[&relay]));
    for one in &both {
        one.share(shared.clone());
        tokio::spawn(one.clone().run());
    }
    let speak = async |seconds| tokio::join!(both_speak(&both[0], seconds), both_speak(&both[1], seconds));
    speak(600).await;
    assert_eq!(relay.subjects(), [""; 0]);
    // The last word was said 10 s ago.
    seconds(30).await;
    assert_eq!(relay.subjects(), [""; 0], "40 s of silence are none");
    seconds(10).await;
    assert_eq!(relay.subjects(), [SILENT], "after 50 s, once");
    seconds(29 * 60).await;
    assert_eq!(relay.subjects().len(), 1);
    seconds(2 * 60).await;
    assert_eq!(relay.subjects(), [SILENT, SILENT], "again after half an hour");
    speak(60).await;
    assert_eq!(relay.subjects(), [SILENT, SILENT, SPEAKS]);
    speak(600).await;
    assert_eq!(relay.subjects().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_of_the_two_voices_is_missed() {
    for missing in Voice::ALL {
        let relay = Arc::new(Relay::default());
        let one = notifier("notifier-1", &[&relay]);
        one.share(Arc::new(Shared::default()));
        tokio::spawn(one.clone().run());
        both_speak(&one, 60).await;
        for _ in 0..6 {
            one.hear(Voice::ALL.into_iter().find(|voice| *voice != missing).unwrap());
            seconds(10).await;
        }
        assert_eq!(relay.subjects(), [SILENT], "{missing:?}");
        assert!(relay.mails.lock().unwrap()[0].text.contains(missing.silent()), "{missing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_frozen_has_missed_nothing() {
    let relay = Arc::new(Relay::default());
    let one = notifier("notifier-1", &[&relay]);
    one.share(Arc::new(Shared::default()));
    tokio::spawn(one.clone().run());
    both_speak(&one, 60).await;
    // Nobody runs meanwhile, as when the machine is suspended.
    tokio::time::advance(Duration::from_secs(600)).await;
    seconds(30).await;
    assert_eq!(relay.subjects(), [""; 0]);
    seconds(30).await;
    assert_eq!(relay.subjects(), [SILENT], "then its silence counts again");
}

#[tokio::test(start_paused = true)]
async fn without_a_database_it_is_told_all_the_same() {
    let (relay, shared) = (Arc::new(Relay::default()), Arc::new(Shared::default()));
    let one = notifier("notifier-1", &[&relay]);
    one.share(shared.clone());
    tokio::spawn(one.clone().run());
    both_speak(&one, 60).await;
    shared.gone.store(true, Ordering::Relaxed);
    seconds(60).await;
    assert_eq!(relay.subjects(), [SILENT]);
    seconds(31 * 60).await;
    assert_eq!(relay.subjects(), [SILENT, SILENT]);
    both_speak(&one, 30).await;
    assert_eq!(relay.subjects(), [SILENT, SILENT, SPEAKS]);
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_down_is_tried_again_and_the_second_takes_its_place() {
    let (first, second) = (Arc::new(Relay::default()), Arc::new(Relay::default()));
    first.down.store(true, Ordering::Relaxed);
    second.down.store(true, Ordering::Relaxed);
    let one = notifier("notifier-1", &[&first, &second]);
    one.share(Arc::new(Shared::default()));
    tokio::spawn(one.clone().run());
    both_speak(&one, 60).await;
    seconds(120).await;
    second.down.store(false, Ordering::Relaxed);
    seconds(20).await;
    assert_eq!((first.subjects().len(), second.subjects()), (0, vec![SILENT.to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_says_nothing_makes_no_silence_end() {
    let (first, second) = (Arc::new(Relay::default()), Arc::new(Relay::default()));
    first.frozen.store(true, Ordering::Relaxed);
    let one = notifier("notifier-1", &[&first, &second]);
    one.share(Arc::new(Shared::default()));
    tokio::spawn(one.clone().run());
    both_speak(&one, 60).await;
    seconds(300).await;
    assert_eq!(second.subjects(), [SILENT], "once, and it is not over");
    both_speak(&one, 90).await;
    assert_eq!(second.subjects(), [SILENT, SPEAKS]);
}

#[tokio::test(start_paused = true)]
async fn a_monitoring_that_was_never_heard_has_three_minutes_and_one_that_others_hear_is_not_silent() {
    let (relay, shared) = (Arc::new(Relay::default()), Arc::new(Shared::default()));
    let one = notifier("notifier-1", &[&relay]);
    one.share(shared.clone());
    tokio::spawn(one.clone().run());
    seconds(175).await;
    assert_eq!(relay.subjects(), [""; 0]);
    for _ in 0..20 {
        // As another notifier notes it.
        for voice in Voice::ALL {
            shared.set_sign(voice.sign()).await.unwrap();
        }
        seconds(10).await;
    }
    assert_eq!(relay.subjects(), [""; 0]);
    seconds(60).await;
    assert_eq!(relay.subjects(), [SILENT]);
}

#[tokio::test(start_paused = true)]
async fn only_a_firing_watchdog_is_a_ping_and_only_prometheus_counts_as_asking() {
    let one = notifier("notifier-1", &[]);
    let router = one.listen(Router::new().route("/metrics", get(async || "up 1\n")));
    let ask = async |request: Request| router.clone().oneshot(request).await.unwrap().status();
    let ping = |body: &str| Request::post("/watchdog").body(Body::from(body.to_owned())).unwrap();
    assert_eq!(ask(ping("?")).await, StatusCode::BAD_REQUEST);
    for other in [
        r#"{"alerts":[]}"#,
        r#"{"alerts":[{"status":"firing","labels":{"alertname":"WebDown"}}]}"#,
        r#"{"alerts":[{"status":"resolved","labels":{"alertname":"Watchdog"}}]}"#,
    ] {
        assert_eq!(ask(ping(other)).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(ask(Request::get("/metrics").body(Body::empty()).unwrap()).await, StatusCode::OK);
    assert_eq!(Voice::ALL.map(|voice| one.heard(voice)), [None, None]);

    let body = r#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"Watchdog"},"startsAt":"x"}]}"#;
    assert_eq!(ask(ping(body)).await, StatusCode::NO_CONTENT);
    assert!(one.heard(Voice::Alertmanager).is_some());
    let scrape = Request::get("/metrics").header(header::USER_AGENT, "Prometheus/2.53.3").body(Body::empty());
    assert_eq!(ask(scrape.unwrap()).await, StatusCode::OK);
    assert!(one.all_heard());
}

//! Wake-ups through a real Redis, and through what happens to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conveyor::redis::{Address, Pusher, Taker, Tell, look};
use conveyor::{Receiver, Sender, in_memory};
use registration::ids::RegistrationId;
use registration::ports::Conveyor;
use testkit::redis::Redis;
use testkit::serve::wait_for;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What an end told last of Redis.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Option<Result<(), String>>>>);

impl Told {
    fn tell(&self) -> Tell {
        let told = self.0.clone();
        Arc::new(move |state| *told.lock().expect("nobody panicked") = Some(state))
    }

    fn now(&self) -> Option<Result<(), String>> {
        self.0.lock().expect("nobody panicked").clone()
    }

    async fn becomes(&self, what: &str, state: impl Fn(&Result<(), String>) -> bool) {
        wait_for(what, async || self.now().filter(|now| state(now)).map(drop)).await;
    }
}

/// Both ends, running until they are dropped.
struct Line {
    sender: Sender,
    receiver: Receiver,
    pushing: Told,
    taking: Told,
    stop: CancellationToken,
}

impl Line {
    fn start(url: &str) -> Self {
        testkit::install_tls_provider();
        let address = Address::parse(url, None).expect("it names a Redis");
        let (pushing, taking, stop) = (Told::default(), Told::default(), CancellationToken::new());
        let (sender, pusher) = Pusher::new(address.clone(), pushing.tell());
        let (wake, receiver) = in_memory(64);
        let taker = Taker { address, instance: "test".to_owned(), tell: taking.tell(), wake };
        tokio::spawn(pusher.run(stop.clone()));
        tokio::spawn(taker.run(stop.clone()));
        Self { sender, receiver, pushing, taking, stop }
    }

    async fn works(&mut self) {
        self.pushing.becomes("the pusher to work", Result::is_ok).await;
        self.taking.becomes("the taker to work", Result::is_ok).await;
        self.a_wake_up_arrives().await;
    }

    /// One that is sent now does, or one of the next: what Redis lost is not sent again.
    async fn a_wake_up_arrives(&mut self) {
        for _ in 0..40 {
            self.sender.wake(somebody());
            if timeout(Duration::from_millis(500), self.receiver.woken()).await.is_ok() {
                return;
            }
        }
        panic!("no wake-up arrives: {:?}, {:?}", self.pushing.now(), self.taking.now());
    }

    async fn fails(&self, text: &str) {
        let fails = |state: &Result<(), String>| state.as_ref().is_err_and(|why| why.contains(text));
        self.pushing.becomes("the pusher to fail", fails).await;
        self.taking.becomes("the taker to fail", fails).await;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn somebody() -> RegistrationId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    RegistrationId(Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into()))
}

#[tokio::test]
async fn wake_ups_arrive_soon_and_again_and_again() {
    let redis = Redis::start(&[]).await;
    let mut line = Line::start(&redis.url());
    line.works().await;
    for _ in 0..10 {
        line.sender.wake(somebody());
        timeout(Duration::from_secs(5), line.receiver.woken()).await.expect("it arrives, idle as the line was");
        // So long that both ends have gone to rest.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn redis_may_come_later_be_killed_emptied_and_paused() {
    let mut redis = Redis::stopped(&[]);
    let mut line = Line::start(&redis.url());
    line.fails("out of reach").await;
    redis.start_again().await;
    line.works().await;

    redis.kill().await;
    line.fails("Redis").await;
    redis.start_again().await;
    line.works().await;

    assert_eq!(redis.ask(&["FLUSHALL"]).await.as_deref(), Some("OK"));
    line.a_wake_up_arrives().await;

    redis.freeze();
    line.sender.wake(somebody());
    line.fails("Redis").await;
    redis.thaw();
    line.works().await;
}

#[tokio::test]
async fn a_full_redis_is_emptied_of_wake_ups() {
    let redis = Redis::start(&["maxmemory 3mb", "maxmemory-policy noeviction"]).await;
    let mut line = Line::start(&redis.url());
    line.works().await;
    // Everything else of it is somebody else's.
    redis.ask(&["SET", "filler", &"x".repeat(100_000)]).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    line.sender.wake(somebody());
    line.fails("full").await;
    assert!(redis.ask(&["EXISTS", "filler"]).await.is_some_and(|n| n == "1"));
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    line.works().await;
}

#[tokio::test]
async fn what_is_wrong_with_redis_is_told_without_its_password() {
    let redis = Redis::start(&["maxmemory-policy allkeys-lru"]).await;
    let line = Line::start(&redis.url());
    line.taking
        .becomes("the policy to be told", |state| state.as_ref().is_err_and(|why| why.contains("noeviction")))
        .await;

    let wrong = redis.url().replace(Redis::PASSWORD, "hunter2");
    let line = Line::start(&wrong);
    line.fails("refuses the password").await;
    let told = look(&Address::parse(&wrong, None).unwrap()).await.unwrap_err();
    assert_eq!(told, "Redis refuses the password");
}

#[tokio::test]
async fn a_look_tells_policy_memory_and_what_waits() {
    let redis = Redis::start(&["maxmemory 64mb", "maxmemory-policy noeviction"]).await;
    let address = Address::parse(&redis.url(), None).unwrap();
    let pushing = Told::default();
    let (sender, pusher) = Pusher::new(address.clone(), pushing.tell());
    let stop = CancellationToken::new();
    tokio::spawn(pusher.run(stop.clone()));
    pushing.becomes("the pusher to work", Result::is_ok).await;
    for _ in 0..3 {
        sender.wake(somebody());
    }
    let waiting = async || look(&address).await.ok().filter(|look| look.waiting == 3);
    let found = wait_for("three wake-ups", waiting).await;
    assert_eq!(found.eviction, "noeviction");
    assert_eq!(found.memory.1, 64 << 20);
    stop.cancel();
}

#[tokio::test]
async fn sentinels_say_who_is_master_now() {
    let mut first = Redis::start(&[&format!("masterauth {}", Redis::PASSWORD)]).await;
    let mut second = Redis::stopped(&[]);
    second.start_as_replica_of(&first).await;
    let sentinel = Redis::sentinel(&first).await;
    let url = format!("redis+sentinel://:{}@127.0.0.1:{}/main", Redis::PASSWORD, sentinel.port());
    let mut line = Line::start(&url);
    line.works().await;
    // It has to know whom it may make master.
    let knows = async || sentinel.ask(&["SENTINEL", "replicas", "main"]).await?.contains("flags\nslave").then_some(());
    wait_for("the sentinel to know the replica", knows).await;
    first.kill().await;
    let port = second.port().to_string();
    let changed =
        async || sentinel.ask(&["SENTINEL", "get-master-addr-by-name", "main"]).await?.contains(&port).then_some(());
    wait_for("another master", changed).await;
    line.works().await;
}

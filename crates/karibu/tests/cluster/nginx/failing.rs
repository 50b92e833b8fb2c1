//! Webs that die, drain, do not answer or have no database, and an nginx that is reloaded: nobody's request fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use testkit::nginx::Nginx;
use testkit::postgres::{Options, Postgres};
use testkit::registrant::{Attached, Filled, Registrant, location};
use testkit::serve::{Served, free_port, wait_at_most, wait_for};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::front::Front;
use crate::house::BINARY;

/// How many are registered before a crowd goes.
const MANY: usize = 40;

/// People who register one after the other, until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    registered: Arc<AtomicUsize>,
    people: Vec<JoinHandle<Vec<String>>>,
}

impl Crowd {
    /// So many at a time; each person opens the form and sends it with a small file. Any other answer than the page after fails.
    fn come(person: &Registrant, many: usize) -> Self {
        let (stop, registered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let people = (0..many).map(|who| {
            let (person, stop, registered) = (person.clone(), stop.clone(), registered.clone());
            tokio::spawn(async move {
                let mut pages = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let form = person.open().await;
                    let file = Attached::pdf_of("cv.pdf", 20_000, pages.len() as u32);
                    let answer = person.send(&form, &Filled::sample(&format!("Crowd {who}")), Some(&file)).await;
                    let (status, to) = (answer.status(), location(&answer));
                    assert_eq!(status, StatusCode::SEE_OTHER);
                    pages.push(to.unwrap().split('?').next().unwrap().to_owned());
                    registered.fetch_add(1, Ordering::Relaxed);
                }
                pages
            })
        });
        let people = people.collect();
        Self { stop, registered, people }
    }

    /// Waits until nobody's request is still one of those that were under way.
    async fn pass(&self) {
        let until = self.registered.load(Ordering::Relaxed) + 3 * self.people.len();
        let passed =
            || self.people.iter().any(JoinHandle::is_finished) || self.registered.load(Ordering::Relaxed) >= until;
        wait_at_most(Duration::from_secs(60), "the crowd", async || passed().then_some(())).await;
    }

    /// Whether enough of them registered, and in enough rounds; or one of them failed.
    fn has_seen(&self, rounds: usize) -> bool {
        let failed = self.people.iter().any(JoinHandle::is_finished);
        failed || (rounds >= 4 && self.registered.load(Ordering::Relaxed) >= MANY)
    }

    /// Lets them finish. Gives the pages that they were led to.
    async fn go(self, front: &Front) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut pages = Vec::new();
        for person in self.people {
            let Ok(its) = person.await else {
                let log = front.nginx.access_log();
                let failed: Vec<_> = log.iter().filter(|line| line["status"].as_u64() >= Some(500)).collect();
                panic!("somebody failed: {failed:#?}\n{}", front.nginx.error_log());
            };
            pages.extend(its);
        }
        pages
    }
}

/// A machine that does much else at once takes its time.
fn patient(front: &Front) -> reqwest::ClientBuilder {
    front.nginx.client_builder().timeout(Duration::from_secs(120))
}

/// All that were answered are there, once.
async fn all_are_there(front: &Front, pages: &[String]) {
    assert!(pages.len() >= MANY);
    assert_eq!(pages.iter().collect::<BTreeSet<_>>().len(), pages.len());
    assert_eq!(front.registrations().await, pages.len() as i64);
    println!("{} registered", pages.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn webs_that_are_killed_fail_nobody() {
    let mut front = Front::open().await;
    let crowd = Crowd::come(&front.person_by(patient(&front)), 4);
    for round in 0.. {
        front.webs[round % 2].kill().await;
        crowd.pass().await;
        front.webs[round % 2].start_again().await;
        if crowd.has_seen(round) {
            break;
        }
        crowd.pass().await;
    }
    all_are_there(&front, &crowd.go(&front).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webs_that_are_asked_to_end_fail_nobody() {
    let mut front = Front::open().await;
    let crowd = Crowd::come(&front.person_by(patient(&front)), 4);
    for round in 0.. {
        assert_eq!(front.webs[round % 2].terminate().await, Some(0));
        front.webs[round % 2].start_again().await;
        if crowd.has_seen(round) {
            break;
        }
        crowd.pass().await;
    }
    all_are_there(&front, &crowd.go(&front).await).await;
}

/// Requests on connections of their own. One on a connection that has been idle may meet its end, with HTTP/2 by GOAWAY: browsers
/// send such a request again by themselves, since it was not processed (RFC 9113, 6.8; RFC 9112, 9.3.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_drops_no_request() {
    let front = Front::open().await;
    let client = patient(&front).http1_only().pool_max_idle_per_host(0);
    let crowd = Crowd::come(&front.person_by(client), 4);
    for round in 0.. {
        sleep(Duration::from_millis(400)).await;
        front.nginx.reload();
        if crowd.has_seen(round) {
            break;
        }
    }
    all_are_there(&front, &crowd.go(&front).await).await;
}

/// A listener whose queue is full: it does not even refuse, as a machine does that is switched off.
async fn silence() -> (tokio::net::TcpListener, Vec<TcpStream>, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("127.0.0.1:{}", free_port()).parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(("127.0.0.1", port))).await {
        waiting.push(connected.unwrap());
    }
    (listener, waiting, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_gone_makes_one_request_wait_a_second_and_no_other() {
    let front = Front::with(Nginx::prepare(), 1, &[]).await;
    let (_listener, _waiting, gone) = silence().await;
    let Front { nginx, webs, .. } = front;
    // Another nginx before the same web and the machine that is gone.
    let url = nginx.url();
    drop(nginx);
    let nginx = Nginx::prepare().with("PUBLIC_URL", &url).in_front_of(&[gone, webs[0].port()]).await;
    let client = nginx.client();
    let mut slow = Vec::new();
    for _ in 0..60 {
        let began = Instant::now();
        let answer = client.get(format!("{}/connect/register", nginx.url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(began.elapsed() < Duration::from_millis(1_900), "{:?}", began.elapsed());
        if began.elapsed() > Duration::from_millis(500) {
            slow.push(began.elapsed());
        }
        sleep(Duration::from_millis(30)).await;
    }
    assert!(!slow.is_empty() && slow.len() <= 2, "{slow:?}");
}

/// The pages of web with the answers on them, each time: both webs fail, and neither is left out for it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_everybody_gets_webs_own_page_with_the_answers_kept() {
    let mut postgres = Postgres::start(Options::default()).await;
    let url = postgres.url("postgres");
    let front = Front::on(Nginx::prepare(), 2, &url, &[]).await;
    let person = front.person();
    let (form, filled) = (person.open().await, Filled::sample("Rakoto"));
    postgres.stop().await;
    for round in 0..3 {
        let answer = person.send(&form, &filled, None).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("x-instance"), "round {round}: web says it, not nginx");
        let page = answer.text().await.unwrap();
        assert!(page.contains("value=\"Rakoto\""), "round {round}: the answers are kept");
    }
    postgres.start_again().await;
    let page = wait_for("the registration", async || {
        let answer = person.send(&form, &filled, None).await;
        (answer.status() == StatusCode::SEE_OTHER).then(|| location(&answer).unwrap())
    })
    .await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn it_starts_with_one_web_and_with_none() {
    let mut front = Front::open().await;
    let get = async |front: &Front| {
        let answer = front.nginx.client().get(format!("{}/connect/", front.nginx.url())).send().await;
        answer.unwrap().status().as_u16()
    };
    for (webs, status) in [(1, 200), (0, 503)] {
        front.nginx.kill();
        front.webs[webs].kill().await;
        front.nginx.start_again().await;
        assert_eq!(get(&front).await, status, "{webs} webs");
    }
    front.webs[1].start_again().await;
    assert_eq!(get(&front).await, 200, "a web that comes is found at once");
    front.nginx.stop().await;
    front.nginx.start_again().await;
    assert_eq!(get(&front).await, 200);
}

/// In a rolling deploy webs of two versions run side by side, and each knows only the files of its own pages. The other one is a
/// process here that knows none.
#[tokio::test]
async fn files_of_a_page_come_from_whichever_web_has_them() {
    let front = Front::with(Nginx::prepare(), 1, &[]).await;
    let settings = [("PUBLIC_URL", "https://localhost"), ("TRUSTED_PROXIES", "127.0.0.1/32")];
    let other = Served::start_as(BINARY, "mailbox", &settings).await;
    let page = front.person().get("/connect/").await.text().await.unwrap();
    let nginx = Nginx::prepare().in_front_of(&[other.port(), front.webs[0].port()]).await;
    let (_, rest) = page.split_once("href=\"/static/").unwrap();
    let url = format!("{}/static/{}", nginx.url(), rest.split('"').next().unwrap());
    for _ in 0..10 {
        assert_eq!(nginx.client().get(&url).send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(nginx.client().get(format!("{url}x")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

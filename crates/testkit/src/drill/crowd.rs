//! People who register while parts die. Each does what a browser does: opens the form, sends it with a file, and sends the same
//! bytes again when no answer comes, or one that says so.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use ring::digest::{SHA256, digest};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::registrant::{Attached, Filled, OpenedForm, Registrant, location};

/// Bytes of most files, and of one in [`LARGE_EVERY`].
const FILE: usize = 20_000;
const LARGE: usize = 300_000;
const LARGE_EVERY: usize = 20;

/// One in so many presses reload after the page that says "registered", too: that must lead to the same page.
const AGAIN_EVERY: usize = 10;

/// How long somebody waits before pressing reload: a person takes longer, and a drill has less time.
const PAUSE: Duration = Duration::from_millis(500);

/// Nobody waits longer than this for an answer.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Parts of a body are kept apart by this.
const BOUNDARY: &str = "drilldrilldrilldrill";

/// Of so many people it is checked that no log tells of them; more would take longer than the drill.
const SECRETIVE: usize = 5;

/// Where people register.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its address, without a slash at the end.
    pub url: String,
    /// The event.
    pub slug: String,
    /// The authority of its certificate (PEM).
    pub authority: String,
}

impl Site {
    /// A client that trusts it, as one browser more.
    pub(super) fn client(&self, http1: bool) -> Client {
        crate::install_tls_provider();
        let authority = reqwest::Certificate::from_pem(self.authority.as_bytes()).expect("it is a certificate");
        let mut builder = Client::builder()
            .add_root_certificate(authority)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT);
        if http1 {
            builder = builder.http1_only();
        }
        builder.build().expect("a client can be made")
    }

    /// Which web serves the form now, if one does.
    pub(super) async fn instance(&self, client: &Client) -> Option<String> {
        let answer = client.get(format!("{}/{}/register", self.url, self.slug)).send().await.ok()?;
        answer.status().is_success().then(|| by(&answer))
    }

    /// Somebody in front of it.
    pub fn person(&self) -> Registrant {
        Registrant::new(self.client(false), &self.url, &self.slug)
    }
}

/// What somebody was promised by a 303.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) email: String,
    pub(super) bytes: usize,
    /// Of the file, in hexadecimal digits.
    pub(super) sha256: String,
    pub(super) at: Instant,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// No answer or half of one. A browser says so itself and has the form still.
    Nothing,
    /// The form was not shown: nothing had been typed.
    NoForm,
    /// Not now, and the page holds the answers, or says that reload sends them again.
    AnswersKept,
    /// Not now, on a page that says nothing of the answers.
    AnswersGone,
}

/// A request that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) at: Instant,
    /// Whether it was somebody's first try.
    pub(super) first: bool,
    pub(super) met: Met,
    told: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.met, self.told)
    }
}

/// Everybody who registers at a time.
pub struct Crowd {
    shared: Arc<Shared>,
    people: Vec<JoinHandle<()>>,
    began: Instant,
}

struct Shared {
    site: Site,
    name: String,
    next: AtomicUsize,
    stop: AtomicBool,
    pace: Mutex<Pace>,
    books: Mutex<Books>,
}

/// When the next person comes. Whoever could not come in time does not come later: after a fault there is no flood.
struct Pace {
    every: Duration,
    next: Instant,
}

#[derive(Default)]
struct Books {
    promises: Vec<Promise>,
    failures: Vec<Failure>,
    /// What may never be.
    complaints: Vec<String>,
}

impl Crowd {
    /// So many people a second, and at most `clients` at a time. Their addresses begin with `name`.
    pub(super) fn come(site: &Site, name: &str, rate: f64, clients: usize) -> Self {
        let began = Instant::now();
        let shared = Arc::new(Shared {
            site: site.clone(),
            name: name.to_owned(),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            pace: Mutex::new(Pace { every: Duration::from_secs_f64(1.0 / rate), next: began }),
            books: Mutex::default(),
        });
        let people = (0..clients).map(|nth| {
            let (shared, client) = (shared.clone(), site.client(nth % 2 == 0));
            tokio::spawn(async move {
                while shared.turn().await {
                    let n = shared.next.fetch_add(1, Ordering::Relaxed);
                    let bytes = if n % LARGE_EVERY == LARGE_EVERY / 2 { LARGE } else { FILE };
                    shared.register(&client, &shared.site.url, n, bytes, "").await;
                }
            })
        });
        Self { people: people.collect(), shared, began }
    }

    /// Another number of people a second from now on.
    pub fn set_rate(&self, rate: f64) {
        self.shared.pace().every = Duration::from_secs_f64(1.0 / rate);
    }

    /// One person more, with a file of so many bytes and by a way of their own to the same site; the address begins with
    /// `local`. Ends when they are registered.
    pub fn one_more(&self, url: &str, bytes: usize, local: &str) -> JoinHandle<()> {
        let n = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (shared, url, local) = (self.shared.clone(), url.to_owned(), local.to_owned());
        tokio::spawn(async move {
            let client = shared.site.client(true);
            shared.register(&client, &url, n, bytes, &local).await;
        })
    }

    /// How many were promised something so far.
    pub fn promised(&self) -> usize {
        self.shared.books().promises.len()
    }

    /// The addresses of those who were promised something after this moment.
    pub(super) fn promised_after(&self, moment: Instant) -> BTreeSet<String> {
        let books = self.shared.books();
        books.promises.iter().filter(|promise| promise.at > moment).map(|promise| promise.email.clone()).collect()
    }

    /// Registrations a second so far.
    pub(super) fn pace(&self) -> f64 {
        f64::from(self.promised() as u32) / self.began.elapsed().as_secs_f64()
    }

    pub(super) fn failures(&self) -> Vec<Failure> {
        self.shared.books().failures.clone()
    }

    /// Lets them finish, which may take so long.
    pub(super) async fn go(self, patience: Duration) -> (Vec<Promise>, Vec<Failure>, Vec<String>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let ends = Instant::now() + patience;
        let mut unfinished = 0;
        for mut person in self.people {
            if let Ok(done) = tokio::time::timeout_at(ends, &mut person).await {
                done.expect("people do not panic");
            } else {
                person.abort();
                unfinished += 1;
            }
        }
        let mut books = self.shared.books();
        let books = std::mem::take(&mut *books);
        let mut complaints = books.complaints;
        if unfinished > 0 {
            complaints.push(format!("{unfinished} people are not registered {patience:?} after the fault"));
        }
        (books.promises, books.failures, complaints)
    }
}

impl Shared {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the next person comes; false when nobody comes any more.
    async fn turn(&self) -> bool {
        let at = {
            let mut pace = self.pace();
            let at = pace.next.max(Instant::now());
            pace.next = at + pace.every;
            at
        };
        tokio::time::sleep_until(at).await;
        !self.stop.load(Ordering::Relaxed)
    }

    async fn register(&self, client: &Client, url: &str, n: usize, bytes: usize, local: &str) {
        let (filled, file) = (somebody(&self.name, n, local), paper(&self.name, n, bytes));
        if n < SECRETIVE {
            filled.0.iter().for_each(|(_, value)| crate::discretion::keep(value));
        }
        let form = self.open(client, url).await;
        let body = bytes::Bytes::from(form.body(&filled, Some(&file), BOUNDARY));
        let page = self.send(client, url, &form, &filled, &body, true).await;
        let hash = digest(&SHA256, &file.content);
        let sha256 = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let email = filled.get("email").to_owned();
        self.books().promises.push(Promise { email: email.clone(), bytes, sha256, at: Instant::now() });
        if n.is_multiple_of(AGAIN_EVERY) {
            let again = self.send(client, url, &form, &filled, &body, true).await;
            if again != page {
                self.books().complaints.push(format!("{email} was led to {page} and, pressing reload, to {again}"));
            }
        }
    }

    /// Opens the form, and again until it is shown.
    async fn open(&self, client: &Client, url: &str) -> OpenedForm {
        let path = format!("/{}/register?lang=en", self.site.slug);
        let mut first = true;
        loop {
            let told = match ask(client.get(format!("{url}{path}"))).await {
                Ok(answer) if answer.status() == StatusCode::OK => match answer.text().await {
                    Ok(page) => return OpenedForm::read(&page, &path),
                    Err(error) => (Met::Nothing, told(&error)),
                },
                Ok(answer) if answer.status().is_server_error() => {
                    (Met::NoForm, format!("{} by {}", answer.status(), by(&answer)))
                }
                Ok(answer) => {
                    self.books().complaints.push(format!("the form is answered {}", answer.status()));
                    (Met::NoForm, answer.status().to_string())
                }
                Err(error) => (Met::Nothing, told(&error)),
            };
            self.failed(&mut first, told.0, format!("the form: {}", told.1)).await;
        }
    }

    /// Sends the same bytes until a 303 comes. Gives where it leads, without the signature.
    async fn send(
        &self,
        client: &Client,
        url: &str,
        form: &OpenedForm,
        filled: &Filled,
        body: &bytes::Bytes,
        mut first: bool,
    ) -> String {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        loop {
            let request = client.post(format!("{url}{}", form.action)).header("content-type", &kind);
            let request = request.header("accept", "text/html,*/*;q=0.8").body(body.clone());
            let (met, told) = match ask(request).await {
                Ok(answer) if answer.status() == StatusCode::SEE_OTHER => {
                    let to = location(&answer).unwrap_or_default();
                    return to.split('?').next().unwrap_or_default().to_owned();
                }
                Ok(answer) => {
                    let (status, by) = (answer.status(), by(&answer));
                    match answer.text().await {
                        Ok(page) => {
                            let kept = page.contains(&format!("value=\"{}\"", filled.get("last_name")))
                                || page.contains("press reload: nobody can be registered twice");
                            if !status.is_server_error() {
                                let beginning: String = page.chars().take(600).collect();
                                self.books().complaints.push(format!("a form is answered {status}: {beginning}"));
                            }
                            (if kept { Met::AnswersKept } else { Met::AnswersGone }, format!("{status} by {by}"))
                        }
                        Err(error) => (Met::Nothing, told(&error)),
                    }
                }
                Err(error) => (Met::Nothing, told(&error)),
            };
            self.failed(&mut first, met, format!("sending: {told}")).await;
        }
    }

    /// Writes a failure down, and waits as somebody does before pressing reload.
    async fn failed(&self, first: &mut bool, met: Met, told: String) {
        let failure = Failure { at: Instant::now(), first: std::mem::take(first), met, told };
        self.books().failures.push(failure);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Answers of somebody else each time: many of one name would be many possible duplicates.
fn somebody(crowd: &str, n: usize, local: &str) -> Filled {
    let ending: String = format!("{n:o}").bytes().map(|digit| char::from(b'a' + digit - b'0')).collect();
    let countries = ["KE", "ZM", "MW", "UG", "TZ"];
    let plus = if local.is_empty() { "" } else { "+" };
    Filled::sample(&format!("Drillperson {ending}"))
        .with("email", &format!("{local}{plus}{crowd}-{n}@example.org"))
        .with("country", countries[n % countries.len()])
}

/// Which part gave an answer.
fn by(answer: &reqwest::Response) -> String {
    let instance = answer.headers().get("x-instance").and_then(|value| value.to_str().ok());
    instance.unwrap_or("nginx").to_owned()
}

/// A file of so many bytes that nobody else has.
fn paper(crowd: &str, n: usize, bytes: usize) -> Attached {
    static PATTERN: OnceLock<Attached> = OnceLock::new();
    let Attached { mime, content, .. } = PATTERN.get_or_init(|| Attached::large_pdf("", LARGE));
    let ending = format!("\n% {crowd} {n}\n");
    let mut content: Vec<u8> = content.iter().copied().cycle().take(bytes - ending.len()).collect();
    content.extend(ending.as_bytes());
    Attached { name: format!("paper-{n}.pdf"), mime: mime.clone(), content }
}

/// Sends a request, and once more if its connection ended without a byte of an answer: so do browsers, as a server may end a kept
/// connection at any time (RFC 9112, 9.3.1).
async fn ask(request: RequestBuilder) -> reqwest::Result<reqwest::Response> {
    let again = request.try_clone().expect("its body is bytes");
    match request.send().await {
        Err(error) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
            let told = told(&error);
            let ended = ["connection closed before message completed", "Connection reset by peer", "Broken pipe"];
            if ended.iter().any(|ending| told.contains(ending)) { again.send().await } else { Err(error) }
        }
        other => other,
    }
}

/// An error with all that caused it.
fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

//! How long we wait for a client. Time alone ends nothing: a large file on a thin line may take as long as it takes, as long
//! as it moves. What ends is silence, and a trickle that would hold a place for ever.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, Version, header};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tower::Service;

/// What a client may take of us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a new connection may be silent.
    pub(crate) first_word: Duration,
    /// How long a TLS handshake may take.
    pub(crate) handshake: Duration,
    /// How long the head of a request may take (HTTP/1; with HTTP/2 [`Self::quiet`] bounds it).
    pub(crate) head: Duration,
    /// How long a connection may be without a request, whatever else it says.
    pub(crate) quiet: Duration,
    /// The time over which progress is measured. Only time that we spend waiting for the client counts.
    pub(crate) window: Duration,
    /// Fewest bytes that move in [`Self::window`], in a request's body and in an answer.
    pub(crate) least: u64,
}

impl Limits {
    /// Those of the running server: 1 kB/s over a minute, so that a line may be dead for half a minute and more.
    pub(crate) const SERVER: Self = Self {
        first_word: Duration::from_secs(10),
        handshake: Duration::from_secs(10),
        head: Duration::from_secs(10),
        quiet: Duration::from_secs(75),
        window: Duration::from_secs(60),
        least: 60_000,
    };
}

/// What happens on one connection.
#[derive(Default)]
pub(crate) struct Activity {
    /// Requests under way, from their head to the end of their answers.
    requests: AtomicUsize,
    /// Answers whose bodies are being sent.
    answers: AtomicUsize,
    /// Requests that there ever were.
    served: AtomicU64,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: it has no request, and had so many.
    Quiet(u64),
    /// A request comes in, or is worked on.
    Busy,
    /// An answer goes out.
    Answering,
}

impl Activity {
    pub(crate) fn phase(&self) -> Phase {
        if self.answers.load(Ordering::Acquire) > 0 {
            Phase::Answering
        } else if self.requests.load(Ordering::Acquire) > 0 {
            Phase::Busy
        } else {
            Phase::Quiet(self.served.load(Ordering::Acquire))
        }
    }
}

/// One more request, or one more answer, for as long as this lives.
struct Counted {
    activity: Arc<Activity>,
    of: fn(&Activity) -> &AtomicUsize,
}

impl Counted {
    fn new(activity: &Arc<Activity>, of: fn(&Activity) -> &AtomicUsize) -> Self {
        of(activity).fetch_add(1, Ordering::AcqRel);
        Self { activity: activity.clone(), of }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.of)(&self.activity).fetch_sub(1, Ordering::AcqRel);
    }
}

/// The service of one connection: tells what it does, and ends bodies that do not move.
#[derive(Clone)]
pub(crate) struct Patient<S> {
    service: S,
    activity: Arc<Activity>,
    limits: Limits,
}

impl<S> Patient<S> {
    pub(crate) fn new(service: S, activity: Arc<Activity>, limits: Limits) -> Self {
        Self { service, activity, limits }
    }
}

impl<S, B> Service<Request<B>> for Patient<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.activity.served.fetch_add(1, Ordering::AcqRel);
        let under_way = Counted::new(&self.activity, |activity| &activity.requests);
        let too_slow = Arc::new(AtomicBool::new(false));
        let version = request.version();
        let request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            Body::new(Incoming { body, progress: Progress::new(&self.limits), too_slow: too_slow.clone() })
        });
        let answer = self.service.call(request);
        let activity = self.activity.clone();
        Box::pin(async move {
            let Ok(mut response) = answer.await;
            // What is left of the body would be taken for the next request.
            if too_slow.load(Ordering::Acquire) && version < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            let answering = Counted::new(&activity, |activity| &activity.answers);
            Ok(response.map(|body| Body::new(Outgoing { body, _counted: [under_way, answering] })))
        })
    }
}

/// A request's body that fails with [`io::ErrorKind::TimedOut`] when it does not move.
struct Incoming<B> {
    body: B,
    progress: Progress,
    too_slow: Arc<AtomicBool>,
}

impl<B> HttpBody for Incoming<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
            this.progress.moved(bytes as u64);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.progress.poll_too_slow(cx));
        this.too_slow.store(true, Ordering::Release);
        Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; while it lives the connection is answering.
struct Outgoing {
    body: Body,
    _counted: [Counted; 2],
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes against the time spent waiting for them, window by window.
struct Progress {
    window: Duration,
    least: u64,
    bytes: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    /// Made when there is first something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Progress {
    fn new(limits: &Limits) -> Self {
        let (window, least) = (limits.window, limits.least);
        Self { window, least, bytes: 0, waited: Duration::ZERO, waiting_since: None, timer: None }
    }

    /// The wait is over: so many bytes came.
    fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits; ready when a window is over in which too little came.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            let end = now + self.window.saturating_sub(self.waited);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(end),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(end))),
            }
        }
        while let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            if self.bytes < self.least {
                break;
            }
            let now = Instant::now();
            (self.bytes, self.waited, self.waiting_since) = (0, Duration::ZERO, Some(now));
            timer.as_mut().reset(now + self.window);
        }
        Poll::Ready(())
    }
}

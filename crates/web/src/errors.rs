//! What a page says when it cannot be what was asked for.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use registration::event::Phase;
use registration::ports::StoreError;
use registration::token::TokenError;

use crate::events::Entry;
use crate::face::{StatePage, state_page};
use crate::multipart::Broken;
use crate::visit::Visit;

/// Seconds after which somebody may try again when the database is away.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a page is not shown, and the event it belongs to.
pub(crate) struct PageError {
    why: Why,
    event: Option<Arc<Entry>>,
}

enum Why {
    State(StatusCode, StatePage),
    Store(StoreError),
    /// Our mistake; what it was is in the log.
    Bug,
}

impl PageError {
    pub(crate) fn state(status: StatusCode, page: StatePage) -> Self {
        Self { why: Why::State(status, page), event: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::state(StatusCode::NOT_FOUND, StatePage::NotFound)
    }

    pub(crate) fn unavailable() -> Self {
        Self::state(StatusCode::SERVICE_UNAVAILABLE, StatePage::Unavailable)
    }

    pub(crate) fn bug() -> Self {
        Self { why: Why::Bug, event: None }
    }

    /// The page to show to somebody who wants the form of an event that is not open.
    pub(crate) fn closed(phase: Phase, early: StatusCode) -> Option<Self> {
        match phase {
            Phase::NotYetOpen(opens) => Some(Self::state(early, StatePage::NotYetOpen(opens))),
            Phase::Closed(closed) => Some(Self::state(StatusCode::GONE, StatePage::Closed(closed))),
            Phase::Open(_) => None,
        }
    }

    /// A form that could not be read.
    pub(crate) fn broken(why: Broken) -> Self {
        match why {
            Broken::Busy => Self::unavailable(),
            Broken::TooSlow => Self::state(StatusCode::REQUEST_TIMEOUT, StatePage::TooSlow),
            Broken::Malformed | Broken::TooMuch => Self::state(StatusCode::BAD_REQUEST, StatePage::Unreadable),
        }
    }

    pub(crate) fn full() -> Self {
        Self::state(StatusCode::GONE, StatePage::Full)
    }

    /// The same, on a page of this event.
    pub(crate) fn of(self, event: &Arc<Entry>) -> Self {
        Self { event: Some(event.clone()), ..self }
    }

    /// The answer. Faults are logged; the page tells nothing of them but the id of the request.
    pub(crate) fn answer(self, visit: &Visit) -> Response<Body> {
        let request_id = visit.request_id.as_str();
        let error = || StatePage::ServerError { request_id: request_id.to_owned() };
        let (status, page) = match self.why {
            Why::State(status, page) => (status, page),
            Why::Bug => (StatusCode::INTERNAL_SERVER_ERROR, error()),
            Why::Store(StoreError::Unavailable(reason)) => {
                tracing::warn!(request_id, reason, "the database is unavailable");
                (StatusCode::SERVICE_UNAVAILABLE, StatePage::Unavailable)
            }
            Why::Store(fault) => {
                tracing::error!(request_id, error = %fault, "a request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, error())
            }
        };
        let event = self.event.as_ref().map(|entry| entry.event.as_ref());
        // A page that will be something else tomorrow is not to be remembered, whatever its status.
        let mut response = visit.html(status, state_page(&visit.shell(event, true), &page));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Self { why: Why::Store(error), event: None }
    }
}

/// Of a signed link.
impl From<TokenError> for PageError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::state(StatusCode::NOT_FOUND, StatePage::LinkInvalid),
            TokenError::Expired => Self::state(StatusCode::GONE, StatePage::LinkExpired),
        }
    }
}

impl Visit {
    /// An event by the slug in the URL.
    pub(crate) fn event(&self, slug: &str) -> Result<Arc<Entry>, PageError> {
        let catalogue = &self.web.inner.catalogue;
        catalogue.event(slug).ok_or_else(|| {
            if catalogue.is_loaded() {
                PageError::state(StatusCode::NOT_FOUND, StatePage::UnknownEvent)
            } else {
                PageError::unavailable()
            }
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.web.now()
    }
}

//! What is asked once more before anybody is registered. No answer is ever dropped here and no success is pretended: the form
//! comes back as it was typed, says why, and pressing again is enough.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use registration::validate::validate;
use telemetry::RegistrationOutcome;

use super::post::Submitted;
use crate::errors::PageError;
use crate::face::Banner;
use crate::limits::Over;
use crate::multipart::Pass;
use crate::origin::Origin;

/// Seconds after which somebody may try again when too many files wait for their forms.
const FILES_AGAIN: u64 = 3600;

impl Submitted<'_> {
    /// Whether this form came back once with "press again".
    pub(super) fn was_asked(&self) -> bool {
        matches!(self.received.pass, Pass::Good(token) if token.asked)
    }

    /// What is answered whatever the answers are: the form in another language, to another site, or without a file that
    /// cannot be taken now.
    pub(super) async fn ask_before_judging(&self, opened: Timestamp) -> Result<Option<Response<Body>>, PageError> {
        let foreign = match self.origin {
            Origin::Own => false,
            Origin::Hidden => !self.was_asked(),
            Origin::Foreign => true,
        };
        if foreign {
            return Ok(Some(self.ask(StatusCode::FORBIDDEN, Banner::CrossSite, opened, None).await));
        }
        if self.visit.shows {
            let problems = self.problems();
            let again = self.again(self.received.submission, opened);
            return Ok(Some(again.page(StatusCode::OK, None, &problems).await));
        }
        match self.received.over {
            // What was registered is shown; its file is not needed again.
            Some(_) if self.is_registered().await? => Ok(None),
            Some(Over::Address(until)) => {
                let wait = until.duration_since(self.visit.now()).as_secs().max(1).unsigned_abs();
                let banner = Banner::QuotaOfAddress { until };
                Ok(Some(self.ask(StatusCode::TOO_MANY_REQUESTS, banner, opened, Some(wait)).await))
            }
            Some(Over::All) => {
                let (status, wait) = (StatusCode::SERVICE_UNAVAILABLE, Some(FILES_AGAIN));
                Ok(Some(self.ask(status, Banner::QuotaOfAll, opened, wait).await))
            }
            None => Ok(None),
        }
    }

    /// What is asked of a form whose answers are right, unless it is registered already: whether a person sent it, and to
    /// wait when too many came from its address. If nothing is asked, it is counted for its address.
    pub(super) async fn ask_before_registering(
        &mut self,
        opened: Timestamp,
    ) -> Result<Option<Response<Body>>, PageError> {
        let (inner, now) = (&self.visit.web.inner, self.visit.now());
        let trap = self.received.trap && !self.was_asked();
        // A form from the future comes from another machine, whose clock is ahead.
        let filled = SignedDuration::try_from(inner.settings.limits.min_fill).unwrap_or(SignedDuration::ZERO);
        let fast = (opened..opened + filled).contains(&now);
        let wait = if trap || fast { None } else { inner.registrations.take(self.visit.client, now).err() };
        if !trap && !fast && wait.is_none() {
            self.counted = true;
            return Ok(None);
        }
        if let Err(problems) = validate(&self.received.form, &self.received.typed) {
            self.count(RegistrationOutcome::Invalid);
            return Ok(Some(self.invalid(&problems, opened).await));
        }
        if self.is_registered().await? {
            return Ok(None);
        }
        let asked = if let Some(wait) = wait {
            let banner = Banner::TooMany { wait };
            self.ask(StatusCode::TOO_MANY_REQUESTS, banner, opened, Some(wait)).await
        } else {
            let banner = if trap { Banner::Trap } else { Banner::TooFast };
            self.ask(StatusCode::UNPROCESSABLE_ENTITY, banner, opened, None).await
        };
        Ok(Some(asked))
    }

    /// The form with a message, under the same submission.
    async fn ask(
        &self,
        status: StatusCode,
        banner: Banner,
        opened: Timestamp,
        retry_after: Option<u64>,
    ) -> Response<Body> {
        self.count(RegistrationOutcome::Refused);
        let mut again = self.again(self.received.submission, opened);
        // Whom an extension's guess or a strict browser stopped once is not stopped for ever. Waiting is never spared.
        again.asked |= matches!(banner, Banner::Trap | Banner::CrossSite);
        let mut response = again.page(status, Some(banner), &[]).await;
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

//! `POST /{event}/register`: somebody registers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode, header};
use futures_util::stream;
use jiff::Timestamp;
use presentation::urls;
use registration::form::FieldKind;
use registration::ids::{RegistrationId, SubmissionId};
use registration::ports::StoreError;
use registration::register::{OpenForm, Outcome, Submission};
use registration::stored::{FileRow, Page, Status};
use registration::validate::{Problem, ProblemKind, TypedFile, validate};
use telemetry::RegistrationOutcome;
use tokio::time::sleep;

use super::form_again::Again;
use crate::errors::{PageError, RETRY_AFTER};
use crate::events::Entry;
use crate::face::{Banner, StatePage};
use crate::limits::Share;
use crate::multipart::{Pass, Received, boundary, receive};
use crate::origin::{Origin, origin};
use crate::state::Web;
use crate::visit::{Params, Visit, redirect};

/// Bytes of an answer that are given out at once.
const ANSWERED: usize = 16 * 1024;

/// How often, and after what pause each time, a form looks for the registration of another send of it that has replaced its
/// upload: that one is about to register.
const LOOKS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// How often a registration is tried again when the same form, sent several times at once, has replaced its uploads.
const RACES: u32 = 50;

/// Reads the form, lets the desk register, and leads to the page after, or shows the form again.
pub(crate) async fn post(
    Extension(visit): Extension<Arc<Visit>>,
    Params(slug): Params<String>,
    request: Request,
) -> Response<Body> {
    let result = match visit.event(&slug) {
        // Or anybody could have mails sent to anybody by an event that nobody looks at.
        Ok(entry) if entry.is_probe() && !visit.checks() => Err(PageError::not_found()),
        Ok(entry) => submit(&visit, &entry, request).await.map_err(|error| error.of(&entry)),
        Err(error) => Err(error),
    };
    visit.answer(result)
}

async fn submit(visit: &Visit, entry: &Arc<Entry>, request: Request) -> Result<Response<Body>, PageError> {
    let (parts, body) = request.into_parts();
    let origin = origin(&parts.headers, &parts.uri, &visit.web.inner.settings.public_url);
    let unreadable = || PageError::state(StatusCode::BAD_REQUEST, StatePage::Unreadable);
    let boundary = boundary(&parts.headers).ok_or_else(unreadable)?;
    let received = receive(visit, entry, body, &boundary).await.map_err(PageError::broken)?;
    let mut submitted = Submitted { visit, entry, received, origin, counted: false, kept: Vec::new() };
    let done = submitted.judge().await;
    if done.is_err() {
        // No form comes back that would have the files.
        submitted.received.throw_away(visit).await;
    }
    Ok(hold(done?, submitted.received.share.take()).await)
}

/// The answer, which has the form's texts in it again: their room is given back when it is sent.
async fn hold(answer: Response<Body>, share: Option<Share>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    // It is in memory as a whole, so nothing is waited for and nothing copied.
    let page = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, page.len().into());
    // In pieces, for the server copies what it is given.
    let pieces = (0..page.len()).step_by(ANSWERED).map(move |at| {
        let _held = &share;
        Ok::<_, Infallible>(page.slice(at..page.len().min(at + ANSWERED)))
    });
    Response::from_parts(parts, Body::from_stream(stream::iter(pieces)))
}

fn count(web: &Web, entry: &Entry, outcome: RegistrationOutcome) {
    web.inner.metrics.registration(&entry.event.slug, outcome);
}

/// A form that was read to its end.
pub(super) struct Submitted<'a> {
    pub(super) visit: &'a Visit,
    pub(super) entry: &'a Arc<Entry>,
    pub(super) received: Received,
    pub(super) origin: Origin,
    /// Whether it was counted for its address.
    pub(super) counted: bool,
    /// Files that an earlier try of this form left.
    kept: Vec<FileRow>,
}

impl Submitted<'_> {
    async fn judge(&mut self) -> Result<Response<Body>, PageError> {
        let now = self.visit.now();
        let opened = match self.received.pass {
            Pass::Good(token) | Pass::Expired(token) => token.opened,
            Pass::Bad => now,
        };
        if !self.entry.event.accepts(opened, now) && !self.is_registered().await? {
            self.count(RegistrationOutcome::Refused);
            let closed = PageError::closed(self.entry.event.phase(now), StatusCode::FORBIDDEN);
            return Err(closed.unwrap_or_else(PageError::bug));
        }
        if self.received.busy {
            // Without a good token nobody knows whose answers these are, nor under which form they would come back.
            let Pass::Good(_) = self.received.pass else { return Err(PageError::unavailable()) };
            let problems = self.problems_of_left_out();
            return Ok(self.unavailable("too many forms come in at once", opened, &problems).await);
        }
        match self.received.pass {
            Pass::Good(_) => {}
            // What was registered is shown for ever.
            Pass::Expired(_) if self.is_registered().await? => {}
            Pass::Expired(token) => return Ok(self.expired(token.submission).await),
            // Nothing says that these answers were ever typed on a page of ours.
            Pass::Bad if self.origin == Origin::Foreign => {
                self.count(RegistrationOutcome::Refused);
                return Err(PageError::state(StatusCode::FORBIDDEN, StatePage::CrossSite));
            }
            Pass::Bad => return Ok(self.expired(self.visit.web.fresh_submission()).await),
        }
        if let Some(trouble) = self.received.trouble.take() {
            return self.trouble(trouble, opened).await;
        }
        if self.received.too_large {
            self.count(RegistrationOutcome::Invalid);
            let banner = Some(Banner::TooLarge { limit: self.received.limit });
            return Ok(self
                .again(self.received.submission, opened)
                .page(StatusCode::PAYLOAD_TOO_LARGE, banner, &[])
                .await);
        }
        if let Err(error) = self.adopt_kept().await {
            return self.trouble(error, opened).await;
        }
        if let Some(asked) = self.ask_before_judging(opened).await? {
            return Ok(asked);
        }
        if !self.received.cut.is_empty() {
            self.count(RegistrationOutcome::Invalid);
            return Ok(self.invalid(&self.problems_of_cut(), opened).await);
        }
        let lost = self.problems_of_missing();
        if !lost.is_empty() && !self.is_registered().await? {
            self.count(RegistrationOutcome::Invalid);
            return Ok(self.invalid(&lost, opened).await);
        }
        if let Some(asked) = self.ask_before_registering(opened).await? {
            return Ok(asked);
        }
        let outcome = self.register_with_uploads().await;
        if self.counted && !matches!(outcome, Ok(Ok(Outcome::Registered { .. }))) {
            // Only what is registered counts.
            self.visit.web.inner.registrations.give_back(self.visit.client, self.visit.now());
        }
        match outcome? {
            Ok(outcome) => self.answer(outcome, opened).await,
            Err(error) => self.trouble(error, opened).await,
        }
    }

    /// Registers. When the same form comes several times at once, the upload of one takes the place of another's: the
    /// content is the same, so that one will do.
    async fn register_with_uploads(&mut self) -> Result<Result<Outcome, StoreError>, PageError> {
        for _ in 0..RACES {
            match self.register().await? {
                Ok(Outcome::Invalid(problems)) if self.lost_an_upload(&problems) => match self.take_the_same().await {
                    Ok(true) => {}
                    Ok(false) => return Ok(Ok(Outcome::Invalid(problems))),
                    Err(error) => return Ok(Err(error)),
                },
                other => return Ok(other),
            }
        }
        self.register().await
    }

    /// Whether a file is missing that was stored a moment ago.
    fn lost_an_upload(&self, problems: &[Problem]) -> bool {
        let stored = |field: &str| {
            let files = self.received.typed.files.iter().filter_map(|file| file.file.as_ref().ok());
            files.filter(|row| row.field == field).any(|row| !self.received.small.iter().any(|(id, _)| *id == row.id))
        };
        problems.iter().any(|problem| problem.kind == ProblemKind::FileMissing && stored(&problem.field))
    }

    /// Takes uploads of the same content in place of those that are gone. False if there is nothing to try again with.
    async fn take_the_same(&mut self) -> Result<bool, StoreError> {
        let store = self.visit.web.inner.desk.store.as_ref();
        let (mut taken, mut replaced) = (false, false);
        for other in store.kept(self.received.submission).await? {
            let mine = self.received.typed.files.iter_mut().filter_map(|file| file.file.as_mut().ok());
            for row in mine.filter(|row| row.field == other.field && row.id != other.id) {
                if row.sha256 == other.sha256 {
                    *row = other.clone();
                    taken = true;
                } else {
                    replaced = true;
                }
            }
        }
        // Where it is gone because it was adopted, the registration is there.
        if taken || store.by_submission(self.received.submission).await?.is_some() {
            return Ok(true);
        }
        // Other content took its place. Whoever sent that is answered first, so that nobody is told that nothing is
        // registered while it is being registered.
        let mut looks = if replaced { LOOKS } else { 0 };
        while looks > 0 {
            looks -= 1;
            sleep(PAUSE).await;
            if store.by_submission(self.received.submission).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether this form was already registered: that result is shown for ever, closed or not.
    pub(super) async fn is_registered(&self) -> Result<bool, PageError> {
        let (Pass::Good(token) | Pass::Expired(token)) = self.received.pass else { return Ok(false) };
        Ok(self.visit.web.inner.desk.store.by_submission(token.submission).await?.is_some())
    }

    /// Takes over files that an earlier try left, unless they are to go or others came.
    async fn adopt_kept(&mut self) -> Result<(), StoreError> {
        let store = self.visit.web.inner.desk.store.as_ref();
        let sent: Vec<_> =
            self.received.typed.files.iter().filter_map(|file| Some(file.file.as_ref().ok()?.id)).collect();
        for row in store.kept(self.received.submission).await? {
            // A large file of this very request is among them.
            if sent.contains(&row.id) {
                continue;
            }
            if self.received.removed.contains(&row.field) {
                store.discard(row.id).await?;
                continue;
            }
            let field = self.received.form.field(&row.field);
            if field.is_some_and(|field| matches!(field.kind, FieldKind::File { .. })) {
                if !self.received.typed.files.iter().any(|file| file.field == row.field) {
                    let adopted = TypedFile { field: row.field.clone(), file: Ok(row.clone()) };
                    self.received.typed.files.push(adopted);
                }
                self.kept.push(row);
            }
        }
        Ok(())
    }

    /// Lets the desk register, in a task of its own: when the browser goes away in the middle, what was committed is still
    /// counted and announced.
    async fn register(&self) -> Result<Result<Outcome, StoreError>, PageError> {
        let submission = Submission {
            id: self.received.submission,
            typed: self.received.typed.clone(),
            small: self.received.small.clone(),
            language: self.visit.language(Some(&self.entry.event)),
            request_id: self.visit.request_id.clone(),
        };
        let open = self.entry.open(self.received.form_version, self.received.form.clone());
        let (web, entry) = (self.visit.web.clone(), self.entry.clone());
        tokio::spawn(register(web, entry, open, submission)).await.map_err(|_| PageError::bug())
    }

    async fn answer(&self, outcome: Outcome, opened: Timestamp) -> Result<Response<Body>, PageError> {
        self.note(&outcome);
        match outcome {
            Outcome::Registered { id, dropped, .. } => Ok(self.to_registered(id, &dropped)),
            Outcome::Repeated { id, dropped } => {
                self.throw_away_uploads().await;
                Ok(self.to_registered(id, &dropped))
            }
            Outcome::OtherContent { reference } => {
                let now = self.visit.now();
                if let Some(closed) = PageError::closed(self.entry.event.phase(now), StatusCode::FORBIDDEN)
                    && !self.entry.event.accepts(opened, now)
                {
                    return Err(closed);
                }
                let fresh = self.received.spare.unwrap_or_else(|| self.visit.web.fresh_submission());
                let banner = Some(Banner::OtherContent { reference: reference.to_string() });
                Ok(self.again(fresh, opened).page(StatusCode::CONFLICT, banner, &[]).await)
            }
            Outcome::Invalid(problems) => Ok(self.invalid(&problems, opened).await),
            Outcome::Full => Err(PageError::full()),
        }
    }

    /// Counts and logs what came of it; a new registration is counted where it is made.
    fn note(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Registered { .. } => return,
            Outcome::Repeated { .. } => RegistrationOutcome::Repeated,
            Outcome::OtherContent { .. } => RegistrationOutcome::Refused,
            Outcome::Invalid(_) => RegistrationOutcome::Invalid,
            Outcome::Full => RegistrationOutcome::Full,
        };
        self.count(outcome);
        let request_id = self.visit.request_id.as_str();
        tracing::info!(
            event = self.entry.event.slug,
            outcome = outcome.as_str(),
            request_id,
            "nothing new is registered"
        );
    }

    /// 303 to the page after.
    fn to_registered(&self, id: RegistrationId, dropped: &[String]) -> Response<Body> {
        let token = self.visit.web.inner.signer.registered(id);
        let event = &self.entry.event;
        let mut path = urls::in_language(&urls::registered(&event.slug, &token), self.visit.language(Some(event)));
        if !dropped.is_empty() {
            path.push_str("&dropped=");
            path.push_str(&dropped.join(","));
        }
        redirect(StatusCode::SEE_OTHER, &path)
    }

    pub(super) async fn invalid(&self, problems: &[Problem], opened: Timestamp) -> Response<Body> {
        self.again(self.received.submission, opened).page(StatusCode::UNPROCESSABLE_ENTITY, None, problems).await
    }

    /// The token is too old or not ours: the same answers under a fresh one.
    async fn expired(&self, submission: SubmissionId) -> Response<Body> {
        self.count(RegistrationOutcome::Refused);
        let problems = self.problems_of_left_out();
        self.again(submission, self.visit.now()).page(StatusCode::FORBIDDEN, Some(Banner::Expired), &problems).await
    }

    /// The store failed. When it is only away, the form comes back.
    async fn trouble(&self, error: StoreError, opened: Timestamp) -> Result<Response<Body>, PageError> {
        let StoreError::Unavailable(reason) = error else { return Err(error.into()) };
        Ok(self.unavailable(&reason, opened, &[]).await)
    }

    /// The form comes back, to be sent again in a moment.
    async fn unavailable(&self, reason: &str, opened: Timestamp, problems: &[Problem]) -> Response<Body> {
        self.count(RegistrationOutcome::Unavailable);
        tracing::warn!(
            event = self.entry.event.slug,
            request_id = self.visit.request_id,
            reason,
            "a registration cannot be stored"
        );
        let again = self.again(self.received.submission, opened);
        let mut response = again.page(StatusCode::SERVICE_UNAVAILABLE, Some(Banner::Unavailable), problems).await;
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        response
    }

    /// What is wrong with the answers. A file that came before the form's token was not read, so nothing is wrong with it but
    /// that it is not there.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let Received { form, typed, early, .. } = &self.received;
        let mut problems = validate(form, typed).err().unwrap_or_default();
        for problem in problems.iter_mut().filter(|problem| early.contains(&problem.field)) {
            if matches!(problem.kind, ProblemKind::File(_)) {
                problem.kind = ProblemKind::FileMissing;
            }
        }
        problems
    }

    /// Problems of a form without a file that somebody takes for sent: it showed a kept file which is gone (abandoned
    /// uploads are thrown away after a day), or the file came before the form's token. It must be chosen again, or nobody
    /// would learn that it is missing. Empty if none is.
    fn problems_of_missing(&self) -> Vec<Problem> {
        let Received { typed, shown, removed, early, .. } = &self.received;
        let sent = |key: &str| typed.files.iter().any(|file| file.field == key);
        let lost: Vec<&String> = shown.iter().filter(|key| !removed.contains(key) && !sent(key)).collect();
        if lost.is_empty() && early.is_empty() {
            return Vec::new();
        }
        let mut problems = self.problems();
        for key in lost {
            if !problems.iter().any(|problem| problem.field == *key) {
                problems.push(Problem { field: key.clone(), kind: ProblemKind::FileMissing });
            }
        }
        problems
    }

    /// Fields of a form that comes back without all that was typed there: they say that they want it again.
    fn problems_of_left_out(&self) -> Vec<Problem> {
        let left_out = self.received.cut.iter();
        left_out.map(|field| Problem { field: field.clone(), kind: ProblemKind::Missing }).collect()
    }

    /// Problems of a form with a text so long that its end was not kept: that text is too long, whatever the form says.
    fn problems_of_cut(&self) -> Vec<Problem> {
        let Received { form, cut, .. } = &self.received;
        let mut problems = self.problems();
        for name in cut {
            let most = match form.field(name).map(|field| &field.kind) {
                Some(FieldKind::Text { max, .. } | FieldKind::Textarea { max }) => *max,
                _ => 200,
            };
            let too_long = Problem { field: name.clone(), kind: ProblemKind::TooLong(most) };
            match problems.iter_mut().find(|problem| problem.field == *name) {
                Some(problem) => *problem = too_long,
                None => problems.push(too_long),
            }
        }
        problems
    }

    /// Large files of a form that was already registered are not needed. What stays is reaped.
    async fn throw_away_uploads(&self) {
        let store = self.visit.web.inner.desk.store.as_ref();
        for row in self.received.typed.files.iter().filter_map(|file| file.file.as_ref().ok()) {
            if !self.received.small.iter().any(|(id, _)| *id == row.id) {
                let _ = store.discard(row.id).await;
            }
        }
    }

    pub(super) fn again(&self, submission: SubmissionId, opened: Timestamp) -> Again<'_> {
        let asked = self.was_asked();
        let Self { visit, entry, received, kept, .. } = self;
        Again { visit, entry, received, submission, opened, asked, kept }
    }

    pub(super) fn count(&self, outcome: RegistrationOutcome) {
        count(&self.visit.web, self.entry, outcome);
    }
}

/// Registers, and counts and logs it.
async fn register(web: Web, entry: Arc<Entry>, open: OpenForm, submission: Submission) -> Result<Outcome, StoreError> {
    let request_id = submission.request_id.clone();
    let result = web.inner.desk.register(&open, submission).await;
    if let Ok(Outcome::Registered { status, .. }) = &result {
        let outcome = match status {
            Status::Pending => RegistrationOutcome::Pending,
            Status::Waiting => RegistrationOutcome::Waiting,
            _ => RegistrationOutcome::Confirmed,
        };
        count(&web, &entry, outcome);
        web.count(&entry, Page::Submitted);
        tracing::info!(event = entry.event.slug, outcome = outcome.as_str(), request_id, "registered");
    }
    result
}

//! `GET|POST /{event}/attachments/{token}`: a registrant adds or replaces attachments, until registration closes.

use std::mem::take;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, StatusCode, header};
use presentation::problems::sentence;
use presentation::urls;
use registration::answers::{Answer, Answers};
use registration::attach::Attached;
use registration::cancel::EventAt;
use registration::form::{Field, FieldKind, Form};
use registration::ids::FileId;
use registration::ports::StoreError;
use registration::stored::{FileContent, FileRow, NewAttachment, Record};
use registration::token::TokenError;
use registration::validate::{Problem, ProblemKind, file_fields};

use crate::errors::{PageError, RETRY_AFTER};
use crate::events::Entry;
use crate::face::{AttachmentField, AttachmentsFace, AttachmentsTold, StatePage, attachments_page};
use crate::limits::Over;
use crate::multipart::{Received, boundary, drain, receive_files};
use crate::origin::{Origin, origin};
use crate::visit::{Params, Visit, redirect};

/// Seconds after which somebody may try again when too many files wait for their forms.
const FILES_AGAIN: u64 = 3600;

/// What is there, and where to add or replace it.
pub(crate) async fn get(
    Extension(visit): Extension<Arc<Visit>>,
    Params((slug, token)): Params<(String, String)>,
) -> Response<Body> {
    let page = async |entry: &Arc<Entry>| {
        let told = visit.query("saved").next().map(|_| AttachmentsTold::Saved);
        Attaching::find(&visit, entry, &token).await?.page(StatusCode::OK, told, &[]).await
    };
    let result = match visit.event(&slug) {
        Ok(entry) => page(&entry).await.map_err(|error| error.of(&entry)),
        Err(error) => Err(error),
    };
    visit.answer(result)
}

/// Takes files.
pub(crate) async fn post(
    Extension(visit): Extension<Arc<Visit>>,
    Params((slug, token)): Params<(String, String)>,
    request: Request,
) -> Response<Body> {
    let result = match visit.event(&slug) {
        Ok(entry) => match Attaching::find(&visit, &entry, &token).await {
            Ok(attaching) => attaching.take(request).await,
            Err(error) => {
                drain(request.into_body()).await;
                Err(error)
            }
        }
        .map_err(|error| error.of(&entry)),
        Err(error) => Err(error),
    };
    visit.answer(result)
}

/// A registration behind its link, while attachments are taken.
struct Attaching<'a> {
    visit: &'a Visit,
    entry: &'a Arc<Entry>,
    token: &'a str,
    record: Record,
    form: Arc<Form>,
    answers: Answers,
}

impl<'a> Attaching<'a> {
    async fn find(visit: &'a Visit, entry: &'a Arc<Entry>, token: &'a str) -> Result<Self, PageError> {
        let id = visit.web.inner.signer.read_attachments(token)?;
        let store = visit.web.inner.desk.store.as_ref();
        let record = store.get(id).await?.filter(|record| record.event == entry.id).ok_or(TokenError::Invalid)?;
        if record.erased_at.is_some() || !record.shown_status.is_alive() {
            return Err(PageError::state(StatusCode::GONE, StatePage::RegistrationGone));
        }
        // An upload that began in time is taken to its end.
        let closes = entry.event.closes_at();
        if visit.now() >= closes {
            return Err(PageError::state(StatusCode::GONE, StatePage::AttachmentsClosed(closes)));
        }
        let form = visit.web.inner.catalogue.form(store, entry, record.form_version).await?;
        let form =
            form.ok_or_else(|| StoreError::Corrupt("the form version of a registration is missing".to_owned()))?;
        let answers = Answers::from_json(&form, &record.answers);
        Ok(Self { visit, entry, token, record, form, answers })
    }

    /// The file fields that apply.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        file_fields(&self.form, &self.answers)
    }

    async fn page(
        &self,
        status: StatusCode,
        told: Option<AttachmentsTold>,
        problems: &[Problem],
    ) -> Result<Response<Body>, PageError> {
        let files = self.visit.web.inner.desk.store.files(self.record.id).await?;
        let shell = self.visit.shell(Some(&self.entry.event), true);
        let language = shell.words.language();
        let fields = self.fields().filter_map(|field| {
            let FieldKind::File { types, max_bytes } = &field.kind else { return None };
            let problem = problems.iter().find(|problem| problem.field == field.key);
            Some(AttachmentField {
                key: &field.key,
                label: field.label.get(language),
                help: field.help.as_ref().map(|help| help.get(language)),
                types,
                max_bytes: *max_bytes,
                file: files.iter().find(|file| file.field == field.key),
                to_follow: self.answers.get(&field.key) == Some(&Answer::Later),
                error: problem.map(|problem| sentence(problem, &self.form, shell.words)),
            })
        });
        let face = AttachmentsFace {
            event: &self.entry.event,
            token: self.token,
            reference: self.record.reference.as_str(),
            fields: fields.collect(),
            told,
        };
        Ok(self.visit.html(status, attachments_page(&shell, &face)))
    }

    async fn take(&self, request: Request) -> Result<Response<Body>, PageError> {
        let (inner, visit) = (&self.visit.web.inner, self.visit);
        let (parts, body) = request.into_parts();
        if self.fields().next().is_none() {
            drain(body).await;
            return self.page(StatusCode::UNPROCESSABLE_ENTITY, None, &[]).await;
        }
        let unreadable = || PageError::state(StatusCode::BAD_REQUEST, StatePage::Unreadable);
        let boundary = boundary(&parts.headers).ok_or_else(unreadable)?;
        // Where the address says nothing, knowing the link is enough: no other site knows it.
        if origin(&parts.headers, &parts.uri, &inner.settings.public_url) == Origin::Foreign {
            drain(body).await;
            return self.page(StatusCode::FORBIDDEN, Some(AttachmentsTold::CrossSite), &[]).await;
        }
        if let Err(wait) = inner.registrations.take(visit.client, visit.now()) {
            drain(body).await;
            let page = self.page(StatusCode::TOO_MANY_REQUESTS, Some(AttachmentsTold::TooMany(wait)), &[]).await;
            return page.map(|mut page| {
                page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
                page
            });
        }
        let form = (self.record.form_version, self.form.clone());
        let done = match receive_files(visit, self.entry, form, body, &boundary).await {
            Ok(mut received) => {
                let done = self.attach(&mut received).await;
                if !is_saved(&done) {
                    // Nobody comes back for them.
                    received.throw_away(visit).await;
                }
                done
            }
            Err(broken) => Err(PageError::broken(broken)),
        };
        if !is_saved(&done) {
            // Only what is stored counts.
            inner.registrations.give_back(visit.client, visit.now());
        }
        done
    }

    /// Attaches what can be attached, and tells what cannot.
    async fn attach(&self, received: &mut Received) -> Result<Response<Body>, PageError> {
        let (mut problems, mut rows): (Vec<Problem>, Vec<FileRow>) = (Vec::new(), Vec::new());
        for sent in take(&mut received.typed.files) {
            let kind = match sent.file {
                _ if !self.fields().any(|field| field.key == sent.field) => ProblemKind::UnknownField,
                Ok(_) if rows.iter().any(|row| row.field == sent.field) => ProblemKind::Twice,
                Ok(row) => {
                    rows.push(row);
                    continue;
                }
                Err(problem) => ProblemKind::File(problem),
            };
            problems.push(Problem { field: sent.field, kind });
        }
        let too_large = received.too_large.then_some(received.limit);
        let busy = received.busy.then(|| StoreError::Unavailable("too many forms come in at once".to_owned()));
        if let Some(refused) = self.refused(received.trouble.take().or(busy), received.over, too_large).await {
            return refused;
        }
        if rows.is_empty() {
            let told = if problems.is_empty() { AttachmentsTold::NothingChosen } else { AttachmentsTold::Wrong };
            return self.page(StatusCode::UNPROCESSABLE_ENTITY, Some(told), &problems).await;
        }
        let files: Vec<NewAttachment> = rows.iter().map(|row| attachment(row, &received.small)).collect();
        match self.store(files).await? {
            Ok(Attached::Done) => {
                let outcome = if problems.is_empty() { "attached" } else { "attached in part" };
                let (event, request_id) = (self.entry.event.slug.as_str(), self.visit.request_id.as_str());
                tracing::info!(event, outcome, request_id, "files were added to a registration");
            }
            Ok(Attached::Over) => return Err(PageError::state(StatusCode::GONE, StatePage::RegistrationGone)),
            Ok(Attached::NoSuchField) => return Err(PageError::bug()),
            Ok(Attached::UploadGone(id)) => {
                let gone = rows.iter().filter(|row| row.id == id);
                problems.extend(gone.map(|row| Problem { field: row.field.clone(), kind: ProblemKind::FileMissing }));
                return self.page(StatusCode::UNPROCESSABLE_ENTITY, Some(AttachmentsTold::Wrong), &problems).await;
            }
            Err(error) => {
                return match self.refused(Some(error), None, None).await {
                    Some(refused) => refused,
                    None => Err(PageError::unavailable()),
                };
            }
        }
        if !problems.is_empty() {
            // What was right is stored; it shows as the file that is there.
            let token = self.token;
            let now = Self::find(self.visit, self.entry, token).await?;
            return now.page(StatusCode::UNPROCESSABLE_ENTITY, Some(AttachmentsTold::Wrong), &problems).await;
        }
        let path = urls::attachments(&self.entry.event.slug, self.token);
        let path = urls::in_language(&path, self.visit.language(Some(&self.entry.event)));
        Ok(redirect(StatusCode::SEE_OTHER, &format!("{path}&saved=yes")))
    }

    /// Stores, in a task of its own: when the browser goes away in the middle, what was committed is still announced.
    async fn store(&self, files: Vec<NewAttachment>) -> Result<Result<Attached, StoreError>, PageError> {
        let (web, id) = (self.visit.web.clone(), self.record.id);
        let Entry { id: event_id, event, sample, .. } = self.entry.as_ref();
        let event = EventAt { id: *event_id, event: event.clone(), sample: *sample };
        let attach = async move { web.inner.desk.attach(&event, id, &files).await };
        tokio::spawn(attach).await.map_err(|_| PageError::bug())
    }

    /// The page that says why nothing was taken, if something stood in the way of all of it.
    async fn refused(
        &self,
        trouble: Option<StoreError>,
        over: Option<Over>,
        too_large: Option<u64>,
    ) -> Option<Result<Response<Body>, PageError>> {
        let (status, told, wait) = match (trouble, over, too_large) {
            (Some(StoreError::Unavailable(reason)), ..) => {
                tracing::warn!(request_id = self.visit.request_id, reason, "attachments cannot be stored");
                (StatusCode::SERVICE_UNAVAILABLE, AttachmentsTold::Unavailable, Some(RETRY_AFTER))
            }
            (Some(fault), ..) => return Some(Err(fault.into())),
            (None, Some(Over::Address(until)), _) => {
                let wait = until.duration_since(self.visit.now()).as_secs().max(1);
                (StatusCode::TOO_MANY_REQUESTS, AttachmentsTold::QuotaOfAddress(until), Some(wait.into()))
            }
            (None, Some(Over::All), _) => {
                (StatusCode::SERVICE_UNAVAILABLE, AttachmentsTold::QuotaOfAll, Some(FILES_AGAIN.into()))
            }
            (None, None, Some(limit)) => (StatusCode::PAYLOAD_TOO_LARGE, AttachmentsTold::TooLarge(limit), None),
            (None, None, None) => return None,
        };
        let page = self.page(status, Some(told), &[]).await;
        Some(page.map(|mut page| {
            if let Some(wait) = wait {
                page.headers_mut().insert(header::RETRY_AFTER, wait);
            }
            page
        }))
    }
}

/// Whether all that was sent is stored.
fn is_saved(done: &Result<Response<Body>, PageError>) -> bool {
    done.as_ref().is_ok_and(|answer| answer.status() == StatusCode::SEE_OTHER)
}

/// A file as the desk takes it.
fn attachment(row: &FileRow, small: &[(FileId, Vec<u8>)]) -> NewAttachment {
    let content = small.iter().find(|(id, _)| *id == row.id);
    NewAttachment {
        id: row.id,
        field: row.field.clone(),
        name: row.name.clone(),
        media: row.media,
        size: row.size,
        sha256: row.sha256,
        content: content.map_or(FileContent::Uploaded, |(_, content)| FileContent::Small(content.clone())),
    }
}

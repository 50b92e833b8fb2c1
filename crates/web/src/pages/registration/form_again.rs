//! A form that comes back, with everything that was typed and sent.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use registration::ids::{FileId, SubmissionId};
use registration::ports::StoreResult;
use registration::register::OpenForm;
use registration::stored::{FileContent, FileRow, NewAttachment};
use registration::token::FormToken;
use registration::validate::Problem;

use crate::events::Entry;
use crate::face::{Banner, FormState, Visitor, form_page};
use crate::multipart::Received;
use crate::visit::Visit;

/// The form that was sent, and under which id it is to come back.
pub(super) struct Again<'a> {
    pub(super) visit: &'a Visit,
    pub(super) entry: &'a Entry,
    pub(super) received: &'a Received,
    /// The id of the form that comes back.
    pub(super) submission: SubmissionId,
    /// When the form was opened: a form that comes back is not younger for it.
    pub(super) opened: Timestamp,
    /// Whether it comes back with "press again" because something about it was not like a person's.
    pub(super) asked: bool,
    /// Files that were kept before.
    pub(super) kept: &'a [FileRow],
}

impl Again<'_> {
    /// The page.
    pub(super) async fn page(
        &self,
        status: StatusCode,
        banner: Option<Banner>,
        problems: &[Problem],
    ) -> Response<Body> {
        let kept = self.keep().await;
        let event = &self.entry.event;
        let open: OpenForm = self.entry.open(self.received.form_version, self.received.form.clone());
        let token = FormToken {
            event: self.entry.id,
            form_version: self.received.form_version,
            submission: self.submission,
            opened: self.opened,
            asked: self.asked,
        };
        let visitor = Visitor { token: self.visit.web.inner.signer.form(&token), submission: self.submission };
        let state = FormState { typed: &self.received.typed, problems, kept: &kept, banner };
        self.visit.html(status, form_page(&self.visit.shell(Some(event), true), &open, &state, &visitor))
    }

    /// Keeps what was sent, so that nothing is sent twice. Gives the files that are kept; what the store cannot take is
    /// not among them, and has to be chosen again.
    async fn keep(&self) -> Vec<FileRow> {
        let mut kept = Vec::new();
        let sent = self.received.typed.files.iter().filter_map(|file| file.file.as_ref().ok());
        for row in sent.filter(|row| !self.was_kept(row.id)) {
            let Some((_, content)) = self.received.small.iter().find(|(id, _)| *id == row.id) else {
                if self.received.spare.unwrap_or(self.received.submission) == self.submission {
                    kept.push(row.clone());
                } else {
                    // It lies under another id than the form's. What stays is reaped.
                    let _ = self.visit.web.inner.desk.store.discard(row.id).await;
                }
                continue;
            };
            let file = NewAttachment {
                id: row.id,
                field: row.field.clone(),
                name: row.name.clone(),
                media: row.media,
                size: row.size,
                sha256: row.sha256,
                content: FileContent::Small(content.clone()),
            };
            match self.store(&file).await {
                Ok(true) => kept.push(row.clone()),
                // It has to be chosen again.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(request_id = self.visit.request_id, %error, "a file cannot be kept for its form");
                    break;
                }
            }
        }
        if self.submission == self.received.submission {
            let before = self.kept.iter().filter(|row| !self.received.removed.contains(&row.field));
            let before: Vec<FileRow> =
                before.filter(|row| !kept.iter().any(|new| new.field == row.field)).cloned().collect();
            kept.extend(before);
        }
        kept
    }

    /// Stores a small file if there is room for what no registration claims.
    async fn store(&self, file: &NewAttachment) -> StoreResult<bool> {
        let inner = &self.visit.web.inner;
        let (store, now) = (inner.desk.store.as_ref(), self.visit.now());
        if inner.uploads.store(store, file.size, now).await?.is_err() {
            return Ok(false);
        }
        store.keep(self.submission, file, now).await.map(|()| true)
    }

    fn was_kept(&self, id: FileId) -> bool {
        self.kept.iter().any(|row| row.id == id)
    }
}

//! `GET /{event}/registered/{token}`: the page after registering.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use presentation::{answers, urls};
use registration::answers::{Answer, Answers};
use registration::places;
use registration::stored::Status;
use registration::token::TokenError;
use registration::validate::file_fields;

use super::read_answers;
use crate::errors::PageError;
use crate::events::Entry;
use crate::face::{RegisteredFace, StatePage, registered_page};
use crate::visit::{Params, Visit};

/// What was received, the reference, what happens next.
pub(crate) async fn get(
    Extension(visit): Extension<Arc<Visit>>,
    Params((slug, token)): Params<(String, String)>,
) -> Response<Body> {
    let result = match visit.event(&slug) {
        Ok(entry) => page(&visit, &entry, &token).await.map_err(|error| error.of(&entry)),
        Err(error) => Err(error),
    };
    visit.answer(result)
}

async fn page(visit: &Visit, entry: &Entry, token: &str) -> Result<Response<Body>, PageError> {
    let id = visit.web.inner.signer.read_registered(token)?;
    let store = visit.web.inner.desk.store.as_ref();
    let record = store.get(id).await?.filter(|record| record.event == entry.id).ok_or(TokenError::Invalid)?;
    if record.erased_at.is_some() {
        return Err(PageError::state(StatusCode::GONE, StatePage::RegistrationGone));
    }
    let shell = visit.shell(Some(&entry.event), true);
    let (form, sections) = read_answers(&visit.web, entry, &record, shell.words).await?;
    // The query only chooses among labels of the form.
    let keys = visit.query("dropped").flat_map(|keys| keys.split(','));
    let dropped: Vec<String> = keys
        .filter_map(|key| form.field(key).filter(|field| field.takes_answer()))
        .map(|field| field.label.get(shell.words.language()).to_owned())
        .take(form.fields.len())
        .collect();
    let given = Answers::from_json(&form, &record.answers);
    let attach = file_fields(&form, &given).next().is_some()
        && record.shown_status.is_alive()
        && record.erased_at.is_none()
        && visit.now() < entry.event.closes_at();
    let lack = match record.shown_status {
        Status::Waiting => {
            // Not the catalogue's, which are a second old: the last place may just have been taken.
            let limited = store.places(entry.id).await?;
            answers::lack(&places::lack(&form, &given, &limited), &form, shell.words)
        }
        _ => String::new(),
    };
    let to_follow: Vec<String> = form
        .inputs()
        .filter(|field| given.get(&field.key) == Some(&Answer::Later))
        .map(|field| field.label.get(shell.words.language()).to_owned())
        .collect();
    let face = RegisteredFace {
        event: &entry.event,
        reference: record.reference.as_str(),
        status: record.shown_status,
        lack: &lack,
        email: &record.columns.email,
        mail_comes: !store.withheld(id).await?,
        sections: &sections,
        dropped: &dropped,
        attach: attach.then(|| urls::attachments(&entry.event.slug, &visit.web.inner.signer.attachments(id))),
        to_follow: &to_follow,
    };
    Ok(visit.html(StatusCode::OK, registered_page(&shell, &face)))
}

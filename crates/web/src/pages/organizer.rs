//! What an organiser reads behind a signed link: one registration, its files, or the list of an event.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use presentation::urls;
use registration::ids::{FileId, RegistrationId};
use registration::ports::{Store, StoreError, StoreResult};
use registration::register::SampleOrganizers;
use registration::stored::FileRow;
use registration::token::{OrganizerToken, TokenError};
use uuid::Uuid;

use crate::errors::PageError;
use crate::events::Entry;
use crate::face::{
    ListEntry, OrganizerList, OrganizerRegistration, StatePage, organizer_list_page, organizer_registration_page,
};
use crate::pages::registration::read_answers;
use crate::visit::{Params, Visit};

/// Registrations on one page of the list.
const PAGE: u32 = 100;

/// Said with a file: should a browser show it after all, it may do nothing.
const FILE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// `GET /organizer/{token}`.
pub(crate) async fn get(Extension(visit): Extension<Arc<Visit>>, Params(token): Params<String>) -> Response<Body> {
    visit.answer(page(&visit, &token).await)
}

/// `GET /organizer/{token}/files/{file}`.
pub(crate) async fn file(
    Extension(visit): Extension<Arc<Visit>>,
    Params((token, file)): Params<(String, String)>,
) -> Response<Body> {
    visit.answer(content(&visit, &token, &file).await)
}

/// The link and its event.
fn read(visit: &Visit, text: &str) -> Result<(OrganizerToken, Arc<Entry>), PageError> {
    let token = visit.web.inner.signer.read_organizer(text, visit.now())?;
    let catalogue = &visit.web.inner.catalogue;
    match catalogue.by_id(token.event) {
        Some(entry) if is_organizer(visit, &entry, &token.organizer) => Ok((token, entry)),
        Some(entry) => Err(PageError::state(StatusCode::NOT_FOUND, StatePage::OrganizerGone).of(&entry)),
        None if catalogue.is_loaded() => Err(TokenError::Invalid.into()),
        None => Err(PageError::unavailable()),
    }
}

/// Whether somebody still is an organiser of the event: who is taken off its file reads nothing any more.
fn is_organizer(visit: &Visit, entry: &Entry, email: &str) -> bool {
    let named = match &visit.web.inner.desk.sample_organizers {
        SampleOrganizers::Only(named) => named.as_slice(),
        SampleOrganizers::AsWritten => &[],
    };
    let written = entry.event.organizers.iter().map(|organizer| &organizer.email);
    written.chain(named).any(|known| known.eq_ignore_ascii_case(email))
}

async fn page(visit: &Visit, text: &str) -> Result<Response<Body>, PageError> {
    let (token, entry) = read(visit, text)?;
    let page = match token.registration {
        Some(id) => one(visit, &entry, text, id).await,
        None => list(visit, &entry, text, &token).await,
    };
    page.map_err(|error| error.of(&entry))
}

async fn one(visit: &Visit, entry: &Entry, text: &str, id: RegistrationId) -> Result<Response<Body>, PageError> {
    let store = visit.web.inner.desk.store.as_ref();
    let record = store.get(id).await?.filter(|record| record.event == entry.id).ok_or(TokenError::Invalid)?;
    let files = store.files(id).await?;
    let files: Vec<(FileRow, String)> = files
        .into_iter()
        .map(|file| {
            let path = urls::organizer_file(text, file.id);
            (file, path)
        })
        .collect();
    let shell = visit.shell(Some(&entry.event), true);
    let (_, sections) = read_answers(&visit.web, entry, &record, shell.words).await?;
    let face = OrganizerRegistration {
        event: &entry.event,
        reference: record.reference.as_str(),
        status: record.status,
        name: &record.columns.name,
        email: &record.columns.email,
        created_at: record.created_at,
        language: record.language,
        sections: &sections,
        files: &files,
        // A link to one registration opens that one only, so that it can be passed on.
        list: None,
    };
    Ok(visit.html(StatusCode::OK, organizer_registration_page(&shell, &face)))
}

async fn list(visit: &Visit, entry: &Entry, text: &str, token: &OrganizerToken) -> Result<Response<Body>, PageError> {
    let store = visit.web.inner.desk.store.as_ref();
    let before = visit.query("before").next().and_then(|id| id.parse::<Uuid>().ok()).map(RegistrationId);
    // One more than is shown tells whether there are older ones.
    let mut rows = store.page(entry.id, before, PAGE + 1).await?;
    let has_older = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let summary = store.summary(entry.id).await?;
    let shell = visit.shell(Some(&entry.event), true);
    let language = shell.words.language();
    let older = rows
        .last()
        .filter(|_| has_older)
        .map(|last| urls::in_language(&format!("{}?before={}", urls::organizer(text), last.id.0), language));
    let link = |id| {
        let token = OrganizerToken { registration: Some(id), ..token.clone() };
        urls::in_language(&urls::organizer(&visit.web.inner.signer.organizer(&token)), language)
    };
    let entries: Vec<ListEntry> = rows.into_iter().map(|row| ListEntry { href: link(row.id), row }).collect();
    let face = OrganizerList {
        event: &entry.event,
        form: &entry.form,
        summary: &summary,
        places: &entry.places,
        today: entry.event.day(visit.now()),
        entries: &entries,
        older,
    };
    Ok(visit.html(StatusCode::OK, organizer_list_page(&shell, &face)))
}

async fn content(visit: &Visit, text: &str, file: &str) -> Result<Response<Body>, PageError> {
    let (token, entry) = read(visit, text)?;
    let of_event = |error: PageError| error.of(&entry);
    let registration = token.registration.ok_or(TokenError::Invalid).map_err(|error| of_event(error.into()))?;
    let store = visit.web.inner.desk.store.clone();
    let id = file.parse::<Uuid>().ok().map(FileId);
    let files = store.files(registration).await.map_err(|error| of_event(error.into()))?;
    let file = files.into_iter().find(|file| Some(file.id) == id).ok_or_else(|| of_event(PageError::not_found()))?;
    // The first chunk is read before the answer begins, so that a fault is still told by its status.
    let first = store.chunk(file.id, 0).await.map_err(|error| of_event(error.into()))?;
    let first =
        first.ok_or_else(|| of_event(StoreError::Corrupt("the content of a file is missing".to_owned()).into()))?;
    let mut response = Response::new(Body::from_stream(chunks(store, file.id, first)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media.mime()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_POLICY));
    headers.insert(robots_tag(), HeaderValue::from_static("noindex"));
    if let Ok(disposition) = HeaderValue::from_str(&disposition(&file.name)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn robots_tag() -> header::HeaderName {
    header::HeaderName::from_static("x-robots-tag")
}

/// The content chunk by chunk. A fault on the way breaks the answer off, so that nobody takes half a file for a whole one.
fn chunks(store: Arc<dyn Store>, id: FileId, first: Vec<u8>) -> impl stream::Stream<Item = StoreResult<Bytes>> {
    stream::try_unfold((store, 0_u32, Some(first)), move |(store, index, ready)| async move {
        let chunk = match ready {
            Some(chunk) => Some(chunk),
            None => store.chunk(id, index).await?,
        };
        Ok(chunk.map(|chunk| (Bytes::from(chunk), (store, index + 1, None))))
    })
}

/// `Content-Disposition` with the name in ASCII for old programs and in UTF-8 for all others (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(disposition("cv.pdf"), "attachment; filename=\"cv.pdf\"; filename*=UTF-8''cv.pdf");
        assert_eq!(
            disposition("pässe\"; x=\r\n.pdf"),
            "attachment; filename=\"p_sse__ x___.pdf\"; filename*=UTF-8''p%C3%A4sse%22%3B%20x%3D%0D%0A.pdf"
        );
    }
}

//! The pages under `/mail/`.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::folder::Folder;
use crate::guard::{Guard, refuse_others};
use crate::message::{self, Line, Mail};

/// Mails on a page of the list.
const PER_PAGE: usize = 50;

/// What the pages themselves may load; they have no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What an HTML part may do, in the frame or opened by itself: show its own styles and pictures, and open links in new
/// tabs. No script, nothing from the network, and none of this origin's rights.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
    frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/// What a download may do if a browser shows it after all: nothing.
const FILE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// The viewer of the `.eml` files in `folder`, with its paths as they are seen from outside (`/mail/…`): to be merged, not
/// nested. It needs `ConnectInfo<SocketAddr>` (`into_make_service_with_connect_info`). `/mail` leads to `/mail/`.
pub fn router(folder: PathBuf, guard: Guard) -> Router {
    Router::new()
        .route("/mail", get(|| async { Redirect::permanent("/mail/") }))
        .route("/mail/", get(list))
        .route("/mail/style.css", get(style))
        .route("/mail/{name}", get(mail))
        .route("/mail/{name}/html", get(html))
        .route("/mail/{name}/raw", get(raw))
        .route("/mail/{name}/attachment/{number}", get(attachment))
        .with_state(Folder(folder))
        .route_layer(map_response(with_headers))
        .route_layer(from_fn_with_state(guard, refuse_others))
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    mails: Vec<Line>,
    total: usize,
    page: usize,
    pages: usize,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct MailPage {
    mail: Mail,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    title: &'static str,
    what: &'static str,
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("no such mail")]
    NoSuchMail,
    #[error("the folder cannot be read: {0}")]
    Folder(#[from] io::Error),
    #[error("the page cannot be rendered: {0}")]
    Template(#[from] askama::Error),
    #[error("reading did not end: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, what) = if let Self::NoSuchMail = self {
            (StatusCode::NOT_FOUND, "There is no such mail", "It may have been deleted from the folder.")
        } else {
            // The text of the error names no mail and nobody.
            tracing::error!(error = %self, "a page of the mail viewer failed");
            let what = "The folder of mails could not be read. Check that the server may read it, and look at its log.";
            (StatusCode::INTERNAL_SERVER_ERROR, "The mails cannot be shown", what)
        };
        (status, Html(ProblemPage { title, what }.render().unwrap_or_else(|_| title.to_owned()))).into_response()
    }
}

async fn list(State(folder): State<Folder>, query: Query<HashMap<String, String>>) -> Result<Response, PageError> {
    let asked = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize).max(1);
    let page = blocking(move || {
        let found = folder.names((asked - 1).saturating_mul(PER_PAGE), PER_PAGE)?;
        let mails = found.names.iter().map(|name| message::line(name, &folder.head(name))).collect();
        Ok(ListPage { mails, total: found.total, page: asked, pages: found.total.div_ceil(PER_PAGE).max(1) })
    });
    Ok(Html(page.await?.render()?).into_response())
}

async fn mail(State(folder): State<Folder>, Path(name): Path<String>) -> Result<Response, PageError> {
    let mail = blocking(move || Ok(message::mail(&name, &bytes(&folder, &name)?))).await?;
    Ok(Html(MailPage { mail }.render()?).into_response())
}

async fn html(State(folder): State<Folder>, Path(name): Path<String>) -> Result<Response, PageError> {
    let html = blocking(move || message::html(&bytes(&folder, &name)?).ok_or(PageError::NoSuchMail)).await?;
    Ok(([(header::CONTENT_SECURITY_POLICY, HTML_POLICY)], Html(html)).into_response())
}

async fn raw(State(folder): State<Folder>, Path(name): Path<String>) -> Result<Response, PageError> {
    let bytes = blocking(move || bytes(&folder, &name)).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, FILE_POLICY)];
    Ok((headers, bytes).into_response())
}

async fn attachment(
    State(folder): State<Folder>,
    Path((name, number)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let content = blocking(move || {
        let number = number.parse().map_err(|_| PageError::NoSuchMail)?;
        message::attachment(&bytes(&folder, &name)?, number).ok_or(PageError::NoSuchMail)
    });
    // Saved under a name of ours: the sender's is shown on the page, and goes into no header.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"attachment\""),
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY),
    ];
    Ok((headers, content.await?).into_response())
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../static/mailbox.css")).into_response()
}

fn bytes(folder: &Folder, name: &str) -> Result<Vec<u8>, PageError> {
    folder.mail(name)?.ok_or(PageError::NoSuchMail)
}

/// Files are read and mails are parsed off the threads that serve everybody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    tokio::task::spawn_blocking(work).await?
}

/// The headers of every answer; a handler's own policy stays.
async fn with_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 7] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE_POLICY));
    response
}

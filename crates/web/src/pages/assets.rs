//! Style sheet, script and icon, and the small files that browsers and robots ask for.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::errors::PageError;
use crate::face::{Assets, CSS, ICON, script};
use crate::pieces::gzip;
use crate::state::Web;
use crate::visit::{Params, Visit};

/// Hexadecimal digits of the hash in a path; 48 bits tell versions apart.
const HASH: usize = 12;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const FOR_A_DAY: &str = "public, max-age=86400";

/// Paths that hold nothing for search engines: what is behind a signed link.
const ROBOTS: &str = "User-agent: *\nDisallow: /organizer/\nDisallow: /*/registered/\nDisallow: /*/attachments/\n";

/// Everything under `/static/`, compressed once.
pub(crate) struct Statics {
    /// Where it is.
    pub(crate) paths: Assets,
    files: [Static; 3],
}

struct Static {
    stem: &'static str,
    extension: &'static str,
    media: &'static str,
    hash: String,
    plain: Bytes,
    gzip: Bytes,
}

impl Static {
    fn new(stem: &'static str, extension: &'static str, media: &'static str, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let digest = Sha256::digest(&plain);
        let number = digest.iter().take(HASH / 2).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let hash = format!("{number:0HASH$x}");
        let gzip = gzip(&plain, true).into();
        Self { stem, extension, media, hash, plain, gzip }
    }

    fn path(&self) -> String {
        format!("/static/{}.{}.{}", self.stem, self.hash, self.extension)
    }

    fn integrity(&self) -> String {
        format!("sha256-{}", STANDARD.encode(Sha256::digest(&self.plain)))
    }

    fn answer(&self, visit: &Visit, cache: &'static str) -> Response<Body> {
        let body = if visit.gzip { &self.gzip } else { &self.plain };
        let mut response = Response::new(Body::from(body.clone()));
        let headers = response.headers_mut();
        say(headers, self.media, cache);
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if visit.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl Statics {
    pub(crate) fn new() -> Self {
        let css = Static::new("karibu", "css", "text/css; charset=utf-8", CSS);
        let js = Static::new("karibu", "js", "text/javascript; charset=utf-8", script());
        let icon = Static::new("icon", "svg", "image/svg+xml", ICON);
        let paths = Assets { css: css.path(), js: js.path(), js_integrity: js.integrity(), icon: icon.path() };
        Self { paths, files: [css, js, icon] }
    }
}

/// `GET /static/{name}`. A hash of another version gets the present content, not to be kept: while replicas are changed
/// one by one, a page of an old one may ask a new one.
pub(crate) async fn get(
    State(web): State<Web>,
    Extension(visit): Extension<Arc<Visit>>,
    Params(name): Params<String>,
) -> Response<Body> {
    let parts: Vec<&str> = name.split('.').collect();
    let [stem, hash, extension] = parts[..] else { return PageError::not_found().answer(&visit) };
    let is_hash = hash.len() == HASH && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    let file = web.inner.statics.files.iter().find(|file| file.stem == stem && file.extension == extension);
    match file {
        Some(file) if file.hash == hash => file.answer(&visit, FOR_EVER),
        Some(file) if is_hash => file.answer(&visit, "no-store"),
        _ => PageError::not_found().answer(&visit),
    }
}

/// `GET /favicon.ico`, for browsers that do not read the page's link.
pub(crate) async fn favicon(State(web): State<Web>, Extension(visit): Extension<Arc<Visit>>) -> Response<Body> {
    let [.., icon] = &web.inner.statics.files;
    icon.answer(&visit, FOR_A_DAY)
}

/// `GET /robots.txt`.
pub(crate) async fn robots() -> Response<Body> {
    let mut response = Response::new(Body::from(ROBOTS));
    say(response.headers_mut(), "text/plain; charset=utf-8", FOR_A_DAY);
    response
}

fn say(headers: &mut HeaderMap, media: &'static str, cache: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
}

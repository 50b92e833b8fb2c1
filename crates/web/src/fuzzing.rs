//! Private parsers, shown to the targets in `fuzz/`.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures_util::{FutureExt, stream};

use crate::multipart::{Parser, boundary};

/// Name of an input, name of a file if it is one, content.
pub type Part = (String, Option<String>, Vec<u8>);

/// The parts of a form's body that comes in these pieces; `None` if it is none, or has more than `limit` bytes.
pub fn parts(content_type: &str, pieces: Vec<Bytes>, limit: u64) -> Option<Vec<Part>> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).ok()?);
    let boundary = boundary(&headers)?;
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    // All of it is there already, so nothing is waited for.
    read(Parser::new(body, &boundary, limit)).now_or_never()?
}

async fn read(mut parser: Parser) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some(part) = parser.part().await.ok()? {
        let mut content = Vec::new();
        while let Some(bytes) = parser.chunk().await.ok()? {
            content.extend_from_slice(&bytes);
        }
        parts.push((part.name, part.file, content));
    }
    Some(parts)
}

//! The parts of a multipart body, one after the other, with no more in memory than a chunk and a part's headers.

use std::io;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use memchr::memmem;

/// Most bytes of the headers of one part.
const MAX_HEADERS: usize = 8 * 1024;

/// Longest boundary; RFC 2046 has 70.
const MAX_BOUNDARY: usize = 100;

/// Why a body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It is not what the standard says, or was cut off.
    Malformed,
    /// More came than is read at all.
    TooMuch,
    /// It did not come on, so that nobody waits for it any more.
    TooSlow,
    /// Not even its beginning found room among the forms that come in.
    Busy,
}

/// What a part is, by its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Name of the input.
    pub(crate) name: String,
    /// Name of the file as the browser tells it; `None` for a text.
    pub(crate) file: Option<String>,
}

/// The boundary of a request with a form in it.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (media, rest) = value.split_once(';')?;
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then_some(boundary)
}

/// A body being read.
pub(crate) struct Parser {
    stream: BodyDataStream,
    buffer: BytesMut,
    /// CR LF `--` boundary.
    delimiter: memmem::Finder<'static>,
    state: State,
    received: u64,
    limit: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In what stands before a delimiter: a part's content, or the preamble.
    Content,
    /// Right after a delimiter.
    Delimiter,
    /// After the last delimiter; whatever comes is thrown away.
    End,
}

impl Parser {
    /// Reads at most `limit` bytes.
    pub(crate) fn new(body: Body, boundary: &str, limit: u64) -> Self {
        let delimiter = memmem::Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        Self {
            stream: body.into_data_stream(),
            // The first delimiter has no line end before it when there is no preamble, as there never is.
            buffer: BytesMut::from(&b"\r\n"[..]),
            delimiter,
            state: State::Content,
            received: 0,
            limit,
        }
    }

    /// Bytes that have come so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The next part, after what is left of this one; `None` after the last.
    pub(crate) async fn part(&mut self) -> Result<Option<Part>, Broken> {
        while self.chunk().await?.is_some() {}
        if self.state == State::End {
            return Ok(None);
        }
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.state = State::End;
            self.buffer.clear();
            self.drain().await?;
            return Ok(None);
        }
        let headers = self.headers().await?;
        self.state = State::Content;
        read_headers(&headers).ok_or(Broken::Malformed).map(Some)
    }

    /// The next bytes of the part's content; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.state != State::Content {
            return Ok(None);
        }
        loop {
            if let Some(at) = self.delimiter.find(&self.buffer) {
                if at > 0 {
                    return Ok(Some(self.buffer.split_to(at).freeze()));
                }
                let _delimiter = self.buffer.split_to(self.delimiter.needle().len());
                self.state = State::Delimiter;
                return Ok(None);
            }
            // The end may be the beginning of a delimiter.
            let safe = self.buffer.len().saturating_sub(self.delimiter.needle().len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            self.more().await?;
        }
    }

    /// Reads whatever is left, so that the browser, which shows no answer before it has sent everything, shows ours.
    pub(crate) async fn drain(&mut self) -> Result<(), Broken> {
        loop {
            self.buffer.clear();
            if !self.read().await? {
                return Ok(());
            }
        }
    }

    /// From behind a delimiter to the end of the part's headers.
    async fn headers(&mut self) -> Result<Bytes, Broken> {
        let mut looked = 0;
        loop {
            if let Some(at) = memmem::find(&self.buffer[looked..], b"\r\n\r\n") {
                return Ok(self.buffer.split_to(looked + at + 4).freeze());
            }
            if self.buffer.len() > MAX_HEADERS {
                return Err(Broken::Malformed);
            }
            looked = self.buffer.len().saturating_sub(3);
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Broken> {
        if self.read().await? { Ok(()) } else { Err(Broken::Malformed) }
    }

    /// Takes what comes next; false at the end.
    async fn read(&mut self) -> Result<bool, Broken> {
        match self.stream.next().await {
            None => Ok(false),
            Some(Err(error)) if is_timeout(&error) => Err(Broken::TooSlow),
            // The connection broke: nobody will read the answer.
            Some(Err(_)) => Err(Broken::Malformed),
            Some(Ok(bytes)) => {
                self.received += bytes.len() as u64;
                if self.received > self.limit {
                    return Err(Broken::TooMuch);
                }
                self.buffer.extend_from_slice(&bytes);
                Ok(true)
            }
        }
    }
}

/// Whether the server lost its patience with the body, and not the client with us.
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let own = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut);
    own || error.source().is_some_and(is_timeout)
}

/// A part's headers, from the rest of the delimiter's line to the empty line.
fn read_headers(block: &[u8]) -> Option<Part> {
    let block = String::from_utf8_lossy(block);
    let mut lines = block.split("\r\n");
    // White space may follow a delimiter (RFC 2046, 5.1.1), nothing else.
    if !lines.next()?.bytes().all(|byte| matches!(byte, b' ' | b'\t')) {
        return None;
    }
    let disposition = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, mut rest) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file) = (None, None);
    while let Some((parameter, value)) = rest.split_once('=') {
        let (value, after) = quoted(value)?;
        match parameter.trim().to_ascii_lowercase().as_str() {
            "name" if name.is_none() => name = Some(value),
            "filename" if file.is_none() => file = Some(value),
            _ => {}
        }
        rest = after.trim_start().strip_prefix(';').unwrap_or_default();
    }
    Some(Part { name: name?, file })
}

/// A value in quotes and what follows it; also a bare word. Browsers write `"` as `%22` and line breaks as `%0D%0A` (HTML
/// standard, "multipart form data"), older clients `"` as `\"`.
fn quoted(text: &str) -> Option<(String, &str)> {
    let Some(inside) = text.trim_start().strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = inside.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let value = value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
                return Some((value, &inside[at + 1..]));
            }
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                value.extend(characters.next().map(|(_, quote)| quote));
            }
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;

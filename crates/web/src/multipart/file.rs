//! One file on its way from the body to memory or to the store, never whole in memory when it is large.

use std::sync::Arc;

use bytes::BytesMut;
use registration::attachment::{CHUNK, FileProblem, Media, SMALL_FILE, judge, safe_name};
use registration::ids::{FileId, SubmissionId};
use registration::ports::{Store, StoreError, StoreResult};
use registration::stored::FileRow;
use sha2::{Digest, Sha256};

use super::parser::{Broken, Parser};
use super::receive::Received;
use crate::limits::Over;
use crate::visit::Visit;

/// What became of a file.
pub(super) enum Taken {
    /// An empty file input.
    Nothing,
    /// It is small.
    Small(FileRow, Vec<u8>),
    /// It is in the store.
    Stored(FileRow),
    /// It is refused.
    Refused(FileProblem),
    /// Nothing is wrong with it, but no more is taken now.
    Over(Over),
    /// The store could not take it.
    Lost(StoreError),
}

/// Takes the file of one field.
pub(super) struct Taker<'a> {
    pub(super) visit: &'a Visit,
    pub(super) received: &'a mut Received,
    pub(super) field: &'a str,
    pub(super) types: &'a [Media],
    pub(super) max_bytes: u64,
}

/// Where the bytes go.
enum Sink {
    Memory,
    Store(Upload),
    /// Nowhere: the rest is only read.
    Refused(FileProblem),
    Over(Over),
    Lost(StoreError),
}

/// A large file under way.
struct Upload {
    store: Arc<dyn Store>,
    id: FileId,
    submission: SubmissionId,
    media: Media,
    index: u32,
    /// Somebody threw it away meanwhile: the same form was sent twice at once and the other one was faster. It is still
    /// read and hashed, so that the desk can tell whether both were the same.
    gone: bool,
}

impl Taker<'_> {
    /// Reads the whole file, whatever becomes of it.
    pub(super) async fn take(&mut self, original: &str, parser: &mut Parser) -> Result<Taken, Broken> {
        let (mut sink, mut waiting) = (Sink::Memory, BytesMut::new());
        let (mut sha, mut size) = (Sha256::new(), 0_u64);
        loop {
            let bytes = match parser.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(broken) => {
                    give_up(&sink).await;
                    return Err(broken);
                }
            };
            size += bytes.len() as u64;
            if matches!(sink, Sink::Refused(_) | Sink::Over(_) | Sink::Lost(_)) {
                continue;
            }
            if size > self.max_bytes {
                give_up(&sink).await;
                sink = Sink::Refused(FileProblem::TooLarge(self.max_bytes));
                continue;
            }
            if let Err(over) = self.count(bytes.len(), matches!(sink, Sink::Store(_))).await {
                give_up(&sink).await;
                sink = over;
                continue;
            }
            sha.update(&bytes);
            waiting.extend_from_slice(&bytes);
            if matches!(sink, Sink::Memory) && waiting.len() > SMALL_FILE {
                sink = self.begin(&waiting, size).await;
            }
            if let Sink::Store(upload) = &mut sink
                && let Err(error) = upload.take(&mut waiting, CHUNK).await
            {
                give_up(&sink).await;
                sink = Sink::Lost(error);
            }
        }
        let row = |id, media| FileRow {
            id,
            field: self.field.to_owned(),
            name: safe_name(original, media),
            media,
            size,
            sha256: sha.finalize().into(),
        };
        Ok(match sink {
            Sink::Memory if size == 0 && original.is_empty() => Taken::Nothing,
            Sink::Memory => match judge(&waiting, size, self.types, self.max_bytes) {
                Ok(media) => Taken::Small(row(FileId(self.visit.web.fresh_uuid()), media), waiting.to_vec()),
                Err(problem) => Taken::Refused(problem),
            },
            Sink::Store(mut upload) => {
                let row = row(upload.id, upload.media);
                match upload.end(&mut waiting, &row).await {
                    Ok(()) => Taken::Stored(row),
                    Err(error) => Taken::Lost(error),
                }
            }
            Sink::Refused(problem) => Taken::Refused(problem),
            Sink::Over(over) => Taken::Over(over),
            Sink::Lost(error) => Taken::Lost(error),
        })
    }

    /// Counts what came; else says where the rest goes.
    async fn count(&self, bytes: usize, is_stored: bool) -> Result<(), Sink> {
        let (uploads, now) = (&self.visit.web.inner.uploads, self.visit.now());
        uploads.take(self.visit.client, bytes as u64, now).map_err(Sink::Over)?;
        if is_stored { self.count_stored(bytes as u64).await } else { Ok(()) }
    }

    /// Counts what goes into the store before a registration claims it.
    async fn count_stored(&self, bytes: u64) -> Result<(), Sink> {
        let inner = &self.visit.web.inner;
        match inner.uploads.store(inner.desk.store.as_ref(), bytes, self.visit.now()).await {
            Ok(counted) => counted.map_err(Sink::Over),
            Err(error) => Err(Sink::Lost(error)),
        }
    }

    /// Judges the beginning of a large file, and begins an upload if it may go on.
    async fn begin(&mut self, head: &[u8], size: u64) -> Sink {
        let media = match judge(&head[..SMALL_FILE], size, self.types, self.max_bytes) {
            Ok(media) => media,
            Err(problem) => return Sink::Refused(problem),
        };
        let submission = match self.received.shelf(self.visit).await {
            Ok(submission) => submission,
            Err(error) => return Sink::Lost(error),
        };
        if let Err(over) = self.count_stored(size).await {
            return over;
        }
        let store = self.visit.web.inner.desk.store.clone();
        let id = FileId(self.visit.web.fresh_uuid());
        match store.begin(id, submission, self.field, self.visit.now()).await {
            Ok(()) => Sink::Store(Upload { store, id, submission, media, index: 0, gone: false }),
            Err(error) => Sink::Lost(error),
        }
    }
}

impl Upload {
    /// Stores full chunks of what waits, until less than `least` bytes are left.
    async fn take(&mut self, waiting: &mut BytesMut, least: usize) -> StoreResult<()> {
        while waiting.len() >= least && !waiting.is_empty() {
            let chunk = waiting.split_to(waiting.len().min(CHUNK));
            if !self.gone {
                let appended = self.store.append(self.id, self.index, &chunk).await;
                self.unless_gone(appended)?;
            }
            self.index += 1;
        }
        Ok(())
    }

    async fn end(&mut self, waiting: &mut BytesMut, row: &FileRow) -> StoreResult<()> {
        self.take(waiting, 0).await?;
        if self.gone {
            return Ok(());
        }
        let finished = self.store.finish(self.submission, row).await;
        self.unless_gone(finished)
    }

    fn unless_gone(&mut self, done: StoreResult<()>) -> StoreResult<()> {
        self.gone |= matches!(done, Err(StoreError::Conflict(_)));
        if self.gone { Ok(()) } else { done }
    }
}

/// Throws away what was stored of a file. What cannot be thrown away now is reaped later.
async fn give_up(sink: &Sink) {
    if let Sink::Store(upload) = sink {
        let _ = upload.store.discard(upload.id).await;
    }
}

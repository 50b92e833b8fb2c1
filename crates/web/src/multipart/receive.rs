//! A submitted form, as it came: texts, files, token. Judging it is somebody else's work.

use std::sync::Arc;

use axum::body::Body;
use registration::attachment::FileProblem;
use registration::form::{FieldKind, Form, RESERVED_KEYS};
use registration::ids::{FileId, SubmissionId};
use registration::ports::{StoreError, StoreResult};
use registration::token::{FormToken, TokenError};
use registration::validate::{Typed, TypedFile};

use super::file::{Taken, Taker};
use super::parser::{Broken, Parser, Part};
use crate::events::Entry;
use crate::face::{KEPT_SUFFIX, REMOVE_SUFFIX, TRAP};
use crate::limits::{Over, Share};
use crate::visit::Visit;

/// Most bytes of a text that are kept; of a longer one its beginning.
const TEXT: usize = 64 * 1024;

/// Most bytes of all texts together, and what a body may have beside its files.
const TEXTS: usize = 1024 * 1024;

/// Most bytes of all texts together until a good token came: more than people type, so that a form whose token is not good
/// comes back with its answers, and no more, for anybody may send it.
const STRANGERS: usize = 64 * 1024;

/// Bytes of memory that a part takes beside its name and its text.
const PART: usize = 128;

/// Most parts of a body.
const PARTS: usize = 500;

/// Longest name of an input that is kept, in characters: more than any field has.
const NAME: usize = 100;

/// A body is read to its end up to this many bytes, or twice what it may have.
const DRAINED: u64 = 64 * 1024 * 1024;

/// What the form's token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is ours, of this event and of this submission.
    Good(FormToken),
    /// It was.
    Expired(FormToken),
    /// It is not, or there is none.
    Bad,
}

/// What was sent.
pub(crate) struct Received {
    /// From the first part.
    pub(crate) submission: SubmissionId,
    pub(crate) pass: Pass,
    /// The form that was shown; without a good token the newest.
    pub(crate) form_version: i32,
    pub(crate) form: Arc<Form>,
    pub(crate) typed: Typed,
    /// Content of the small files.
    pub(crate) small: Vec<(FileId, Vec<u8>)>,
    /// Fields whose kept file is to go.
    pub(crate) removed: Vec<String>,
    /// Fields that were shown with a kept file.
    pub(crate) shown: Vec<String>,
    /// Inputs whose file came before the form's token, so that it was not taken.
    pub(crate) early: Vec<String>,
    /// Inputs whose text is longer than what is kept of it.
    pub(crate) cut: Vec<String>,
    /// Large files that this request stored; of those that another one replaced, nothing is there any more.
    pub(crate) stored: Vec<FileId>,
    /// When the submission id was already used: the id that large files are stored under instead.
    pub(crate) spare: Option<SubmissionId>,
    /// The input that people do not see holds something.
    pub(crate) trap: bool,
    /// A file was not taken although nothing is wrong with it.
    pub(crate) over: Option<Over>,
    /// What the store said when it could not take a file.
    pub(crate) trouble: Option<StoreError>,
    /// Not all texts were kept, because too many come in at once.
    pub(crate) busy: bool,
    /// What it has of the room for texts, for as long as they are in memory.
    pub(crate) share: Option<Share>,
    /// More was sent than `limit`.
    pub(crate) too_large: bool,
    /// Most bytes that the form may have, files included.
    pub(crate) limit: u64,
}

/// Most bytes of a filled-in form.
fn limit(form: &Form) -> u64 {
    let files = form.inputs().filter_map(|field| match field.kind {
        FieldKind::File { max_bytes, .. } => Some(max_bytes),
        _ => None,
    });
    files.sum::<u64>() + TEXTS as u64
}

/// Reads a form. Whatever is wrong with it, it is read to its end, within bounds.
pub(crate) async fn receive(visit: &Visit, entry: &Entry, body: Body, boundary: &str) -> Result<Received, Broken> {
    let mut parser = Parser::new(body, boundary, DRAINED.max(2 * limit(&entry.form)));
    let mut reader = Reader::new(visit, entry);
    let read = reader.read(&mut parser).await;
    let mut received = reader.whole(read, parser.received()).await?;
    received.take_removals();
    Ok(received)
}

/// Reads files for the fields of a form that was sent before; whatever else is sent is ignored. Large ones are stored under
/// a submission id of their own.
pub(crate) async fn receive_files(
    visit: &Visit,
    entry: &Entry,
    (form_version, form): (i32, Arc<Form>),
    body: Body,
    boundary: &str,
) -> Result<Received, Broken> {
    let limit = limit(&form);
    let mut parser = Parser::new(body, boundary, DRAINED.max(2 * limit));
    let submission = visit.web.fresh_submission();
    let fresh = Received::new(submission, entry);
    let received = Some(Received { form_version, form, limit, spare: Some(submission), ..fresh });
    let mut reader = Reader { attaching: true, received, ..Reader::new(visit, entry) };
    let read = reader.read(&mut parser).await;
    reader.whole(read, parser.received()).await
}

/// Throws a body away, so that the browser shows the answer.
pub(crate) async fn drain(body: Body) {
    // Whether it ends or is cut off, there is nothing more to do.
    let _ = Parser::new(body, "", DRAINED).drain().await;
}

struct Reader<'a> {
    visit: &'a Visit,
    entry: &'a Entry,
    /// Files are for a registration that is there, not for one that is to be made.
    attaching: bool,
    /// `None` before the first part.
    received: Option<Received>,
    /// Bytes of texts and names that are kept.
    texts: usize,
    /// The room that they have.
    share: Share,
    /// There is no more room for any.
    busy: bool,
    has_token: bool,
}

impl<'a> Reader<'a> {
    fn new(visit: &'a Visit, entry: &'a Entry) -> Self {
        let share = visit.web.inner.texts.share(visit.client);
        Self { visit, entry, attaching: false, received: None, texts: 0, share, busy: false, has_token: false }
    }

    /// What came of reading so many bytes.
    async fn whole(self, read: Result<(), Broken>, bytes: u64) -> Result<Received, Broken> {
        let mut received = self.received.ok_or(read.err().unwrap_or(Broken::Malformed))?;
        match read {
            Ok(()) => {}
            Err(Broken::TooMuch) => received.too_large = true,
            Err(broken) => {
                // The form may be sent again and finds its files; under a spare id nobody does.
                if received.spare.is_some() {
                    received.throw_away(self.visit).await;
                }
                return Err(broken);
            }
        }
        // A file that is too large is told at its field.
        let told = received.typed.files.iter().any(|file| matches!(file.file, Err(FileProblem::TooLarge(_))));
        received.too_large |= bytes > received.limit && !told;
        received.busy = self.busy;
        received.share = Some(self.share);
        Ok(received)
    }

    async fn read(&mut self, parser: &mut Parser) -> Result<(), Broken> {
        let mut parts = 0;
        while let Some(Part { name, file }) = parser.part().await? {
            parts += 1;
            let name: String = name.chars().take(NAME).collect();
            if parts > PARTS {
                return Err(Broken::Malformed);
            }
            if self.attaching && file.is_none() {
                continue;
            }
            if !self.hold(name.len() + PART).await {
                self.leave_out(name, parser).await?;
                continue;
            }
            self.texts += name.len() + PART;
            match (&mut self.received, file) {
                (None, None) if name == "submission_id" => {
                    let text = self.text(parser).await?.0;
                    if self.busy {
                        return self.leave_out(name, parser).await;
                    }
                    let id = text.parse().map_err(|_| Broken::Malformed)?;
                    self.received = Some(Received::new(SubmissionId(id), self.entry));
                }
                (None, _) => return Err(Broken::Malformed),
                (Some(_), None) if name == "form_token" && !self.has_token => {
                    let text = self.text(parser).await?.0;
                    self.has_token = true;
                    self.token(&text).await;
                }
                (Some(_), None) if RESERVED_KEYS.contains(&name.as_str()) => self.own(&name, parser).await?,
                (Some(_), None) => self.answer(name, parser).await?,
                (Some(_), Some(original)) => self.file(name, &original, parser).await?,
            }
        }
        Ok(())
    }

    /// An input of the form's own.
    async fn own(&mut self, name: &str, parser: &mut Parser) -> Result<(), Broken> {
        // The form has each of them once.
        if matches!(name, "submission_id" | "form_token") {
            return Err(Broken::Malformed);
        }
        let text = self.text(parser).await?.0;
        if let Some(received) = &mut self.received {
            received.trap |= name == TRAP && !text.trim().is_empty();
        }
        Ok(())
    }

    /// Most bytes of all texts together, by what is known of who sends them.
    fn most(&self) -> usize {
        let is_stranger = self.received.as_ref().is_none_or(|received| received.pass == Pass::Bad);
        if is_stranger && !self.attaching { STRANGERS } else { TEXTS }
    }

    /// Whether there is room for so many bytes more.
    async fn hold(&mut self, bytes: usize) -> bool {
        if self.texts + bytes > self.most() {
            return false;
        }
        // Waited for once: whoever found none would wait at each part.
        self.busy = self.busy || !self.share.grow(self.texts + bytes).await;
        !self.busy
    }

    /// Reads over a part that there is no room for.
    async fn leave_out(&mut self, name: String, parser: &mut Parser) -> Result<(), Broken> {
        let (is_busy, is_known) = (self.busy, self.most() == TEXTS);
        let Some(received) = &mut self.received else {
            parser.drain().await?;
            return Err(Broken::Busy);
        };
        received.too_large |= is_known && !is_busy;
        received.cut(name);
        Ok(())
    }

    /// A text and whether there was more of it.
    async fn text(&mut self, parser: &mut Parser) -> Result<(String, bool), Broken> {
        let most = self.most();
        let mut room = TEXT.min(most.saturating_sub(self.texts));
        let (mut text, mut cut) = (Vec::new(), false);
        while let Some(bytes) = parser.chunk().await? {
            let fits = bytes.len().min(room - text.len());
            cut |= fits < bytes.len();
            if fits > 0 && self.hold(text.len() + fits).await {
                text.extend_from_slice(&bytes[..fits]);
            } else if fits > 0 {
                (room, cut) = (text.len(), true);
            }
        }
        if cut {
            // Not in the middle of a character.
            while text.last().is_some_and(|byte| byte & 0xc0 == 0x80) {
                text.pop();
            }
            text.pop();
        }
        text.shrink_to_fit();
        let held = text.len();
        // Pages are UTF-8, so browsers send nothing else. What stands for other bytes is longer than they were.
        let mut text =
            String::from_utf8(text).unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
        if text.len() > held && !self.hold(text.len()).await {
            (text, room, cut) = (String::new(), 0, true);
        }
        self.texts += text.len();
        if let Some(received) = &mut self.received {
            // Of what a stranger sent, nothing is judged.
            received.too_large |= cut && room < TEXT && most == TEXTS && !self.busy;
        }
        Ok((text, cut))
    }

    async fn answer(&mut self, name: String, parser: &mut Parser) -> Result<(), Broken> {
        let (text, cut) = self.text(parser).await?;
        if let Some(received) = &mut self.received {
            if cut {
                received.cut(name.clone());
            }
            received.typed.fields.push((name, text));
        }
        Ok(())
    }

    /// Judges the token and finds the form that it was made for.
    async fn token(&mut self, text: &str) {
        let (web, now) = (&self.visit.web, self.visit.now());
        let Some(received) = &mut self.received else { return };
        let signer = &web.inner.signer;
        let (token, pass): (_, fn(FormToken) -> Pass) = match signer.read_form(text, now) {
            Ok(token) => (token, Pass::Good),
            Err(TokenError::Expired) => match signer.read_form_of_any_age(text) {
                Ok(token) => (token, Pass::Expired),
                Err(_) => return,
            },
            Err(TokenError::Invalid) => return,
        };
        if token.event != self.entry.id || token.submission != received.submission {
            return;
        }
        received.pass = pass(token);
        let store = web.inner.desk.store.as_ref();
        match web.inner.catalogue.form(store, self.entry, token.form_version).await {
            Ok(Some(form)) => {
                received.limit = limit(&form);
                received.form_version = token.form_version;
                received.form = form;
            }
            // A version that is gone; the newest has to do.
            Ok(None) => {}
            Err(error) => received.trouble = Some(error),
        }
    }

    /// A file. It is kept only if the form's token is good, so that no stranger fills the store.
    async fn file(&mut self, name: String, original: &str, parser: &mut Parser) -> Result<(), Broken> {
        let now = self.visit.now();
        let Some(received) = &mut self.received else { return Ok(()) };
        if !self.attaching && !self.has_token {
            // Nobody knows yet whether it may be taken. It is told at its field, not left out in silence.
            let is_empty = parser.chunk().await?.is_none() && original.is_empty();
            if !is_empty && !received.early.contains(&name) {
                received.early.push(name.clone());
                received.typed.files.push(TypedFile { field: name, file: Err(FileProblem::Empty) });
            }
            return Ok(());
        }
        let opened = match received.pass {
            Pass::Good(token) | Pass::Expired(token) => Some(token.opened),
            Pass::Bad => None,
        };
        if !self.attaching && !opened.is_some_and(|opened| self.entry.event.accepts(opened, now)) {
            return Ok(());
        }
        let form = received.form.clone();
        let kind = form.field(&name).map(|field| &field.kind);
        let again = received.typed.files.iter().any(|file| file.field == name);
        let Some(FieldKind::File { types, max_bytes }) = kind.filter(|_| !again) else {
            // No field, or one that takes no file, or a second file: validation says so, whatever is in it.
            let is_empty = parser.chunk().await?.is_none() && original.is_empty();
            if !is_empty {
                let file = Err(FileProblem::Empty);
                received.typed.files.push(TypedFile { field: name, file });
            }
            return Ok(());
        };
        let mut taker = Taker { visit: self.visit, received, field: &name, types, max_bytes: *max_bytes };
        match taker.take(original, parser).await? {
            Taken::Nothing => {}
            Taken::Small(row, content) => {
                received.small.push((row.id, content));
                received.typed.files.push(TypedFile { field: name, file: Ok(row) });
            }
            Taken::Stored(row) => {
                received.stored.push(row.id);
                received.typed.files.push(TypedFile { field: name, file: Ok(row) });
            }
            Taken::Refused(problem) => received.typed.files.push(TypedFile { field: name, file: Err(problem) }),
            Taken::Over(over) => received.over = Some(over),
            Taken::Lost(error) => received.trouble = Some(error),
        }
        Ok(())
    }
}

impl Received {
    fn new(submission: SubmissionId, entry: &Entry) -> Self {
        Self {
            submission,
            pass: Pass::Bad,
            form_version: entry.form_version,
            form: entry.form.clone(),
            typed: Typed::default(),
            small: Vec::new(),
            removed: Vec::new(),
            shown: Vec::new(),
            early: Vec::new(),
            cut: Vec::new(),
            trap: false,
            over: None,
            stored: Vec::new(),
            spare: None,
            trouble: None,
            busy: false,
            share: None,
            too_large: false,
            limit: limit(&entry.form),
        }
    }

    /// The submission id that large files are stored under: this one, or a fresh one if a registration holds it.
    pub(super) async fn shelf(&mut self, visit: &Visit) -> StoreResult<SubmissionId> {
        if let Some(spare) = self.spare {
            return Ok(spare);
        }
        if visit.web.inner.desk.store.by_submission(self.submission).await?.is_none() {
            return Ok(self.submission);
        }
        Ok(*self.spare.insert(visit.web.fresh_submission()))
    }

    /// Notes that not all was kept of what came at a field.
    fn cut(&mut self, name: String) {
        if self.form.field(&name).is_some() && !self.cut.contains(&name) {
            self.cut.push(name);
        }
    }

    /// Throws away the large files that this request stored, unless a registration has them. What stays is reaped.
    pub(crate) async fn throw_away(&self, visit: &Visit) {
        for id in &self.stored {
            let _ = visit.web.inner.desk.store.discard(*id).await;
        }
    }

    /// What the form says about its kept files is no answer: boxes "remove this file", and which files were shown.
    fn take_removals(&mut self) {
        self.removed = self.take_own(REMOVE_SUFFIX);
        self.shown = self.take_own(KEPT_SUFFIX);
    }

    /// Takes the inputs out whose names end so after the key of a file field; gives the keys of those that say something.
    fn take_own(&mut self, suffix: &str) -> Vec<String> {
        let form = self.form.clone();
        let is_file = |key: &str| form.field(key).is_some_and(|field| matches!(field.kind, FieldKind::File { .. }));
        let mut keys = Vec::new();
        self.typed.fields.retain(|(name, value)| match name.strip_suffix(suffix).filter(|key| is_file(key)) {
            Some(key) => {
                if !value.is_empty() {
                    keys.push(key.to_owned());
                }
                false
            }
            None => true,
        });
        keys
    }
}

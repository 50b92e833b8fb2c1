//! Use case: somebody registers for an event.

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::answers::{Answer, Answers};
use crate::event::{Event, WhenFull};
use crate::form::Form;
use crate::ids::{EventId, FileId, RegistrationId, SubmissionId};
use crate::language::Language;
use crate::notification::{Kind, NewNotification};
use crate::places::{self, PlaceCount};
use crate::ports::{Clock, Conveyor, Random, Store, StoreError};
use crate::reference::Reference;
use crate::stored::{Columns, Existing, FileContent, NewAttachment, NewRegistration, Registered, Status, uuid_v7};
use crate::summary;
use crate::validate::{Problem, ProblemKind, Typed, Valid, dropped, validate};

/// The desk: where people register.
#[derive(Clone)]
pub struct Desk {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Wakes the notifier.
    pub conveyor: Arc<dyn Conveyor>,
    /// Whom the sample event's organiser mails go to; see [`SampleOrganizers`].
    pub sample_organizers: SampleOrganizers,
}

/// The sample event names example organisers, who must not get real mail by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleOrganizers {
    /// Mails are files: write to the sample's own addresses.
    AsWritten,
    /// Mails are real: write only to these addresses.
    Only(Vec<String>),
}

/// An event that can be registered for, with the form version that was shown.
#[derive(Clone, Debug)]
pub struct OpenForm {
    /// Key.
    pub id: EventId,
    /// The event.
    pub event: Arc<Event>,
    /// Whether it is the sample.
    pub sample: bool,
    /// Number of the form version that the person saw.
    pub form_version: i32,
    /// That version.
    pub form: Arc<Form>,
    /// Limited places as last read.
    pub places: Vec<PlaceCount>,
}

/// A submitted form.
#[derive(Clone, Debug)]
pub struct Submission {
    /// From the form.
    pub id: SubmissionId,
    /// What was typed.
    pub typed: Typed,
    /// Content of the small files in `typed`, by file id; every other file is an upload in the store.
    pub small: Vec<(FileId, Vec<u8>)>,
    /// Language used.
    pub language: Language,
    /// Id of the request.
    pub request_id: String,
}

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Registered {
        /// Key.
        id: RegistrationId,
        /// Reference.
        reference: Reference,
        /// `confirmed` or `waiting`.
        status: Status,
        /// Keys of answers that did not apply and were dropped.
        dropped: Vec<String>,
    },
    /// The same content was already stored under this submission id.
    Repeated {
        /// Key of what was stored then.
        id: RegistrationId,
        /// Keys of answers that did not apply and were dropped, as they were then.
        dropped: Vec<String>,
    },
    /// Other content was already stored under this submission id.
    OtherContent {
        /// Reference of what was stored then.
        reference: Reference,
    },
    /// Problems at fields; nothing is stored.
    Invalid(Vec<Problem>),
    /// No place is left and the event has no waiting list; nothing is stored.
    Full,
}

impl Desk {
    /// Registers somebody: a used submission id is answered first, then the answers are judged, then everything is written
    /// in one transaction, then the notifier is woken. The caller has checked the form's token and that the event accepts
    /// registrations. An option that lost its last place is a problem at its field when `when_full` is `closed`.
    pub async fn register(&self, open: &OpenForm, submission: Submission) -> Result<Outcome, StoreError> {
        let digest = digest(&submission.typed);
        if let Some(existing) = self.store.by_submission(submission.id).await? {
            return Ok(repeated(open, &submission.typed, &digest, existing));
        }
        let valid = match validate(&open.form, &submission.typed) {
            Ok(valid) => valid,
            Err(problems) => return Ok(Outcome::Invalid(problems)),
        };
        let full = full_options(open, &valid.answers);
        if !full.is_empty() {
            return Ok(Outcome::Invalid(full));
        }
        let mut new = self.new_registration(open, &submission, &valid, digest);
        for _ in 0..REFERENCES_TRIED {
            match self.store.register(&new).await? {
                Registered::New(status) | Registered::Duplicate(status) => {
                    self.conveyor.wake(new.id);
                    let dropped = valid.dropped;
                    return Ok(Outcome::Registered { id: new.id, reference: new.reference, status, dropped });
                }
                Registered::Existing(existing) => {
                    return Ok(repeated(open, &submission.typed, &digest, existing));
                }
                Registered::ReferenceTaken => new.reference = self.reference(),
                Registered::UploadGone(gone) => {
                    let field = new.attachments.into_iter().find(|file| file.id == gone).map(|file| file.field);
                    let field = field.unwrap_or_default();
                    return Ok(Outcome::Invalid(vec![Problem { field, kind: ProblemKind::FileMissing }]));
                }
                Registered::Full(key) => {
                    return Ok(match key.field_and_value() {
                        Some((field, value)) => Outcome::Invalid(vec![option_full(field, value)]),
                        None => Outcome::Full,
                    });
                }
            }
        }
        Err(StoreError::Bug(format!("no free reference in {REFERENCES_TRIED} tries")))
    }

    fn reference(&self) -> Reference {
        let mut bits = [0; 8];
        self.random.fill(&mut bits);
        Reference::from_bits(u64::from_be_bytes(bits))
    }

    fn new_registration(
        &self,
        open: &OpenForm,
        submission: &Submission,
        valid: &Valid,
        content_digest: [u8; 32],
    ) -> NewRegistration {
        let at = self.clock.now();
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let reference = self.reference();
        let answers = &valid.answers;
        let columns = columns(answers, &reference);
        NewRegistration {
            id: RegistrationId(uuid_v7(at, random)),
            event: open.id,
            form_version: open.form_version,
            submission: submission.id,
            content_digest,
            notifications: self.notifications(open, &columns.email, submission.language, at),
            if_duplicate: open.event.one_per_address.then(|| NewNotification {
                recipient: columns.email.clone(),
                kind: Kind::Duplicate,
                language: submission.language,
                window: None,
            }),
            reference,
            answers: answers.to_json(),
            columns,
            language: submission.language,
            request_id: submission.request_id.clone(),
            attachments: attachments(submission, answers),
            places: places::needed(&open.form, answers),
            when_full: open.event.when_full,
            summary: summary::deltas(&open.form, answers, Status::Confirmed, open.event.day(at)),
            at,
        }
    }

    /// One to each organiser who wants mails, one to the registrant.
    fn notifications(
        &self,
        open: &OpenForm,
        registrant: &str,
        language: Language,
        at: Timestamp,
    ) -> Vec<NewNotification> {
        let mut notifications = self.to_organizers(&open.event, open.sample, Kind::Registered, at);
        notifications.push(NewNotification {
            recipient: registrant.to_owned(),
            kind: Kind::Confirmation,
            language,
            window: None,
        });
        notifications
    }
}

/// How many references are tried: with 2^35 of them, a second try is already rare.
const REFERENCES_TRIED: u32 = 10;

/// SHA-256 over what was typed, whatever the order of the inputs and however many are empty.
fn digest(typed: &Typed) -> [u8; 32] {
    let mut fields: Vec<_> = typed.fields.iter().filter(|(_, value)| !value.is_empty()).collect();
    // Stable: several values of one name keep their order.
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut sha = Sha256::new();
    for part in fields.into_iter().flat_map(|(name, value)| [name, value]) {
        // Lengths keep ("a", "bc") and ("ab", "c") apart.
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

/// What a submission under a used id is: the same again, or something else. A file that is not sent again is no difference
/// (a reload after a kept upload does not send it), nor is one that was dropped because it did not apply.
fn repeated(open: &OpenForm, typed: &Typed, digest: &[u8; 32], existing: Existing) -> Outcome {
    let dropped = dropped(&open.form, typed);
    let same_files = typed.files.iter().all(|sent| {
        let stored = existing.files.iter().find(|(field, _)| *field == sent.field);
        match (&sent.file, stored) {
            (Ok(file), Some((_, sha256))) => file.sha256 == *sha256,
            (Ok(_), None) => dropped.contains(&sent.field),
            (Err(_), _) => false,
        }
    });
    if existing.event == open.id && existing.content_digest == *digest && same_files {
        Outcome::Repeated { id: existing.id, dropped }
    } else {
        Outcome::OtherContent { reference: existing.reference }
    }
}

/// Problems at options that have no place left, where there is no waiting list.
fn full_options(open: &OpenForm, answers: &Answers) -> Vec<Problem> {
    if open.event.when_full == WhenFull::Waiting {
        return Vec::new();
    }
    let needed = places::needed(&open.form, answers);
    let full = open.places.iter().filter(|count| count.left() == 0 && needed.contains(&count.key));
    full.filter_map(|count| count.key.field_and_value()).map(|(field, value)| option_full(field, value)).collect()
}

fn option_full(field: &str, value: &str) -> Problem {
    Problem { field: field.to_owned(), kind: ProblemKind::OptionFull(value.to_owned()) }
}

/// The files that the answers keep, with where their content is.
fn attachments(submission: &Submission, answers: &Answers) -> Vec<NewAttachment> {
    let files = submission.typed.files.iter().filter_map(|typed| Some((&typed.field, typed.file.as_ref().ok()?)));
    let kept = files.filter(|(field, file)| match answers.get(field) {
        Some(Answer::File(answer)) => answer.id == file.id,
        _ => false,
    });
    kept.map(|(_, file)| {
        let small = submission.small.iter().find(|(id, _)| *id == file.id);
        NewAttachment {
            id: file.id,
            field: file.field.clone(),
            name: file.name.clone(),
            media: file.media,
            size: file.size,
            sha256: file.sha256,
            content: small.map_or(FileContent::Uploaded, |(_, content)| FileContent::Small(content.clone())),
        }
    })
    .collect()
}

/// The plain columns that lists and searches use.
fn columns(answers: &Answers, reference: &Reference) -> Columns {
    let owned = |key: &str| answers.text(key).map(str::to_owned);
    let (name, email, organization) = (answers.name(), owned("email").unwrap_or_default(), owned("organization"));
    let searched = [name.as_str(), email.as_str(), organization.as_deref().unwrap_or_default(), reference.as_str()];
    let search_text = searched.join(" ").to_lowercase();
    Columns {
        search_text,
        name,
        email,
        organization,
        country: owned("country"),
        category: owned("category"),
        attendance: owned("attendance"),
    }
}

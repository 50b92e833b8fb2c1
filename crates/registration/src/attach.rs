//! Use case: a registrant adds a file later, or replaces one.

use crate::answers::{Answer, Answers, FileAnswer};
use crate::cancel::{EventAt, TRIES};
use crate::form::FieldKind;
use crate::ids::{FileId, RegistrationId};
use crate::notification::Kind;
use crate::ports::StoreError;
use crate::register::Desk;
use crate::stored::{Change, FileChange, NewAttachment};

/// What came of attaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The files are the registration's, and the organisers are told.
    Done,
    /// The registration is cancelled, erased or not there; nothing was changed.
    Over,
    /// A field is no file field of the registration's form; nothing was changed.
    NoSuchField,
    /// An upload is not there any more: it has to be sent again; nothing was changed.
    UploadGone(FileId),
}

impl Desk {
    /// Gives a registration of an event these files; each replaces what its field had. The caller has checked the link, the
    /// deadline and the files.
    pub async fn attach(
        &self,
        event: &EventAt,
        id: RegistrationId,
        files: &[NewAttachment],
    ) -> Result<Attached, StoreError> {
        for _ in 0..TRIES {
            let record = self.store.get(id).await?.filter(|record| record.event == event.id);
            let Some(record) = record.filter(|record| record.shown_status.is_alive() && record.erased_at.is_none())
            else {
                return Ok(Attached::Over);
            };
            let form = self.form_of(&record).await?;
            let mut answers = Answers::from_json(&form, &record.answers);
            for file in files {
                let field = form.field(&file.field);
                if !field.is_some_and(|field| matches!(field.kind, FieldKind::File { .. })) {
                    return Ok(Attached::NoSuchField);
                }
                let answer = FileAnswer { id: file.id, name: file.name.clone(), media: file.media, size: file.size };
                answers.0.insert(file.field.clone(), Answer::File(answer));
            }
            let at = self.clock.now().max(record.updated_at);
            // What stands for nobody is told to nobody.
            let told = record.status.is_alive();
            let notifications =
                if told { self.to_organizers(&event.event, event.sample, Kind::Attached, at) } else { Vec::new() };
            let change = FileChange {
                id,
                unchanged_since: record.updated_at,
                answers: answers.to_json(),
                files: files.to_vec(),
                notifications,
                at,
            };
            match self.store.change_files(&change).await? {
                Change::Done => {
                    self.conveyor.wake(id);
                    return Ok(Attached::Done);
                }
                Change::UploadGone(file) => return Ok(Attached::UploadGone(file)),
                Change::Stale => {}
            }
        }
        Err(StoreError::Unavailable("the registration changes all the time".to_owned()))
    }
}

//! Use case: an organiser cancels a registration.

use std::sync::Arc;

use crate::answers::Answers;
use crate::event::Event;
use crate::form::Form;
use crate::ids::{EventId, RegistrationId};
use crate::notification::Kind;
use crate::places;
use crate::ports::StoreError;
use crate::register::Desk;
use crate::resend::notice;
use crate::stored::{Change, Record, Status, StatusChange};
use crate::summary;

/// An event, where no form is filled in.
#[derive(Clone, Debug)]
pub struct EventAt {
    /// Key.
    pub id: EventId,
    /// The event.
    pub event: Arc<Event>,
    /// Whether it is the sample.
    pub sample: bool,
}

/// What came of cancelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled: its place is free, organisers are told, and so is the registrant if that was wanted.
    Done,
    /// It was over before, with this status; nothing was changed.
    AlreadyOver(Status),
    /// Its answers are erased, so nobody knows what it takes; nothing was changed.
    Erased,
    /// There is no such registration of this event.
    Unknown,
}

/// How often a change is tried when others change the same registration.
pub(crate) const TRIES: u32 = 5;

impl Desk {
    /// Cancels a registration of an event. Whoever waits for a place does not get it by this.
    pub async fn cancel(
        &self,
        event: &EventAt,
        id: RegistrationId,
        tell_registrant: bool,
    ) -> Result<Cancelled, StoreError> {
        for _ in 0..TRIES {
            let Some(record) = self.store.get(id).await?.filter(|record| record.event == event.id) else {
                return Ok(Cancelled::Unknown);
            };
            if !record.status.is_alive() {
                return Ok(Cancelled::AlreadyOver(record.status));
            }
            if record.erased_at.is_some() {
                return Ok(Cancelled::Erased);
            }
            let form = self.form_of(&record).await?;
            if self.store.change_status(&self.cancellation(event, &record, &form, tell_registrant)).await?
                == Change::Done
            {
                self.conveyor.wake(id);
                return Ok(Cancelled::Done);
            }
        }
        Err(StoreError::Unavailable("the registration changes all the time".to_owned()))
    }

    fn cancellation(&self, event: &EventAt, record: &Record, form: &Form, tell_registrant: bool) -> StatusChange {
        let at = self.clock.now();
        let answers = Answers::from_json(form, &record.answers);
        let to = Status::Cancelled;
        let mut notifications = self.to_organizers(&event.event, event.sample, Kind::Cancelled, at);
        notifications.extend(tell_registrant.then(|| notice(record)));
        StatusChange {
            id: record.id,
            from: record.status,
            to,
            places: if record.status.holds_place() { places::needed(form, &answers) } else { Vec::new() },
            summary: summary::ending(form, &answers, record.status, to),
            notifications,
            at,
        }
    }

    /// The form version that a registration answered.
    pub(crate) async fn form_of(&self, record: &Record) -> Result<Form, StoreError> {
        let form = self.store.form(record.event, record.form_version).await?;
        form.and_then(|json| serde_json::from_value(json).ok())
            .ok_or_else(|| StoreError::Corrupt("a form version".to_owned()))
    }
}

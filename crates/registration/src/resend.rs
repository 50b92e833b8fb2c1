//! Use case: an organiser has the registrant's mail sent again, as things stand now.

use crate::cancel::EventAt;
use crate::ids::RegistrationId;
use crate::notification::{Kind, NewNotification};
use crate::ports::StoreError;
use crate::register::Desk;
use crate::stored::{Record, Status};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// A mail is on its way.
    Done,
    /// There is nothing to tell in this status: it was rejected as the second one of its address.
    Rejected,
    /// Its answers are erased, the address among them.
    Erased,
    /// There is no such registration of this event.
    Unknown,
}

impl Desk {
    /// Sends the registrant a confirmation of how the registration stands now, however many mails the address got today.
    pub async fn resend(&self, event: &EventAt, id: RegistrationId) -> Result<Resent, StoreError> {
        let Some(record) = self.store.get(id).await?.filter(|record| record.event == event.id) else {
            return Ok(Resent::Unknown);
        };
        if record.erased_at.is_some() {
            return Ok(Resent::Erased);
        }
        if record.status == Status::Rejected {
            return Ok(Resent::Rejected);
        }
        if !self.store.notify(id, &[notice(&record)], self.clock.now()).await? {
            return Ok(Resent::Erased);
        }
        self.conveyor.wake(id);
        Ok(Resent::Done)
    }
}

/// Tells the registrant of a registration how it stands.
pub(crate) fn notice(record: &Record) -> NewNotification {
    NewNotification {
        recipient: record.columns.email.clone(),
        kind: Kind::Notice,
        language: record.language,
        window: None,
    }
}

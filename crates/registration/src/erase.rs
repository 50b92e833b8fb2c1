//! Use case: everything about a registrant is erased, because they asked for it. (What an event's
//! retention ends is erased by the notifier, and nobody is told of each.)

use crate::cancel::EventAt;
use crate::ids::RegistrationId;
use crate::notification::Kind;
use crate::ports::StoreError;
use crate::register::Desk;
use crate::stored::Erasure;

impl Desk {
    /// Erases the answers and files of a registration of an event, and the address from mails. Its reference, its status,
    /// its place and its share in the counts stay; organisers are told the reference. See [`Erasure::Done`] for what is
    /// left to the caller; [`crate::ports::Registrations::overwrite_erased`] is to be called after one or many.
    pub async fn erase(&self, event: &EventAt, id: RegistrationId) -> Result<Erasure, StoreError> {
        if self.store.get(id).await?.is_none_or(|record| record.event != event.id) {
            return Ok(Erasure::Unknown);
        }
        let at = self.clock.now();
        let notifications = self.to_organizers(&event.event, event.sample, Kind::Erased, at);
        let erasure = self.store.erase(id, &notifications, at).await?;
        if matches!(erasure, Erasure::Done(_)) {
            self.conveyor.wake(id);
        }
        Ok(erasure)
    }
}

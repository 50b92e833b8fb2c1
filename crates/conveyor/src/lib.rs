//! Wake-ups carrying an id and nothing else, from whoever commits a registration to the notifier.
//!
//! A wake-up only saves the notifier its wait: the outbox in the store is the truth, and whatever wake-up is lost here is
//! found there a second later. [`in_memory`] is for one process; [`redis`] carries them from any number of web processes to any
//! number of notifiers.

pub mod redis;

use registration::ids::RegistrationId;
use registration::ports::Conveyor;
use tokio::sync::mpsc;

/// A conveyor inside this process, holding at most `capacity` wake-ups (at least 1).
pub fn in_memory(capacity: usize) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (Sender(sender), Receiver(receiver))
}

/// The end that wakes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<RegistrationId>);

impl Conveyor for Sender {
    fn wake(&self, registration: RegistrationId) {
        // Full: the notifier is awake and busy. Closed: it is gone, or runs elsewhere. Neither concerns who registers.
        let _ = self.0.try_send(registration);
    }
}

/// The end that is woken.
#[derive(Debug)]
pub struct Receiver(mpsc::Receiver<RegistrationId>);

impl Receiver {
    /// Waits for a wake-up and takes all that have come, since one look at the outbox serves them all. When every sender is
    /// gone it waits for ever, as nothing can wake any more. Dropping the future loses no wake-up.
    pub async fn woken(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while self.0.try_recv().is_ok() {}
    }

    /// Waits for wake-ups and takes up to `limit` of those that have come. None when every sender is gone.
    pub(crate) async fn take(&mut self, limit: usize) -> Option<Vec<RegistrationId>> {
        let mut taken = Vec::new();
        (self.0.recv_many(&mut taken, limit).await > 0).then_some(taken)
    }

    /// Forgets the wake-ups that have come. Gives how many there were.
    pub(crate) fn forget(&mut self) -> usize {
        std::iter::from_fn(|| self.0.try_recv().ok()).count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;
    use uuid::Uuid;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn somebody() -> RegistrationId {
        RegistrationId(Uuid::nil())
    }

    #[tokio::test]
    async fn many_wake_ups_are_one_awakening() {
        let (sender, mut receiver) = in_memory(8);
        for _ in 0..5 {
            sender.wake(somebody());
        }
        receiver.woken().await;
        assert!(timeout(SOON, receiver.woken()).await.is_err(), "nothing is left");
        sender.wake(somebody());
        receiver.woken().await;
    }

    #[tokio::test]
    async fn a_full_conveyor_never_blocks() {
        let (sender, mut receiver) = in_memory(1);
        for _ in 0..1000 {
            sender.wake(somebody());
        }
        receiver.woken().await;
    }

    #[tokio::test]
    async fn a_conveyor_without_a_notifier_is_no_error() {
        let (sender, receiver) = in_memory(1);
        drop(receiver);
        sender.wake(somebody());
    }

    #[tokio::test]
    async fn a_notifier_without_senders_waits() {
        let (sender, mut receiver) = in_memory(1);
        drop(sender);
        assert!(timeout(SOON, receiver.woken()).await.is_err());
    }
}

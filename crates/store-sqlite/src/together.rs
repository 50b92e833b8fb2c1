//! What several callers want written at the same time is written in one transaction: a commit waits for the disk, however
//! much it carries, and SQLite makes one after the other.
//!
//! Each is still answered only after its commit is on the disk, and is in a savepoint of its own, so that one that comes to
//! nothing leaves the others alone. When one fails, all are rolled back and each is written by itself, so that it meets its
//! own fate only. Nobody waits for company: who finds the writer free writes at once, and whoever comes meanwhile goes
//! together next.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use registration::ids::MailId;
use registration::ports::{StoreError, StoreResult};
use registration::stored::{NewRegistration, Registered};
use sqlx::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::error::store_error;
use crate::{SqliteStore, outbox, register};

/// Most that go together: whoever comes next does not wait long.
const MOST: usize = 64;

/// Something to be written.
pub(crate) enum Work {
    /// A registration with everything that belongs to it.
    Register(Box<NewRegistration>),
    /// That a mail was sent.
    Sent(MailId),
}

/// What came of it.
pub(crate) enum Done {
    Registered(Registered),
    Sent,
}

impl Work {
    /// The mail that was sent, if it is that.
    fn sent(&self) -> Option<Uuid> {
        match self {
            Self::Register(_) => None,
            Self::Sent(id) => Some(id.0),
        }
    }
}

/// Work and whom to tell.
struct Waiting {
    work: Work,
    caller: oneshot::Sender<StoreResult<Done>>,
}

/// Those who wait, and whose turn it is to write.
#[derive(Default)]
pub(crate) struct Together {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").finish_non_exhaustive()
    }
}

impl Together {
    /// The next ones whose callers still wait.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Vec::new();
        while next.len() < MOST
            && let Some(one) = waiting.pop_front()
        {
            if !one.caller.is_closed() {
                next.push(one);
            }
        }
        next
    }

    fn anybody_waits(&self) -> bool {
        !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn add(&self, one: Waiting) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(one);
    }
}

/// Where writing together failed.
enum Failed {
    /// Before anything was tried: nobody could write.
    Begin(StoreError),
    /// At one of them, or at the commit.
    Within(StoreError),
}

impl SqliteStore {
    /// Writes with whoever else wants to write now. It is on the disk when this returns.
    pub(crate) async fn write_together(&self, work: Work) -> StoreResult<Done> {
        let (caller, mut outcome) = oneshot::channel();
        self.together.add(Waiting { work, caller });
        tokio::select! {
            biased;
            told = &mut outcome => return told.unwrap_or_else(|_| Err(given_up())),
            turn = self.together.turn.clone().lock_owned() => {
                let store = self.clone();
                // In a task of its own: the others do not lose their work when this caller goes away.
                tokio::spawn(async move {
                    // Until nobody is left: this caller may not be among the first, and others may have gone away.
                    while store.together.anybody_waits() {
                        store.write_waiting().await;
                    }
                    drop(turn);
                });
            }
        }
        outcome.await.unwrap_or_else(|_| Err(given_up()))
    }

    /// Writes what waits, and tells each what came of it.
    async fn write_waiting(&self) {
        let (work, callers): (Vec<Work>, Vec<_>) =
            self.together.next().into_iter().map(|one| (one.work, one.caller)).unzip();
        if work.is_empty() {
            return;
        }
        let outcomes = match self.try_together(&work).await {
            Ok(all) => all.into_iter().map(Ok).collect(),
            Err(Failed::Within(_)) if work.len() > 1 => self.one_by_one(&work).await,
            Err(Failed::Begin(error) | Failed::Within(error)) => work.iter().map(|_| Err(error.clone())).collect(),
        };
        for (caller, outcome) in callers.into_iter().zip(outcomes) {
            // Whoever went away meanwhile finds out when they ask again.
            let _ = caller.send(outcome);
        }
    }

    async fn one_by_one(&self, work: &[Work]) -> Vec<StoreResult<Done>> {
        let mut outcomes = Vec::with_capacity(work.len());
        for one in work {
            match self.try_together(std::slice::from_ref(one)).await {
                Ok(mut done) => outcomes.push(done.pop().ok_or_else(given_up)),
                Err(Failed::Within(error)) => outcomes.push(Err(error)),
                // Nobody can write any more, and each would wait for long to learn it.
                Err(Failed::Begin(error)) => {
                    outcomes.resize_with(work.len(), || Err(error.clone()));
                    break;
                }
            }
        }
        outcomes
    }

    /// All in one transaction, or nothing.
    async fn try_together(&self, work: &[Work]) -> Result<Vec<Done>, Failed> {
        let mut tx = self.write().await.map_err(Failed::Begin)?;
        let written = async {
            // Marks of mails cannot come to nothing for each, so they are one statement.
            let sent: Vec<Uuid> = work.iter().filter_map(Work::sent).collect();
            if !sent.is_empty() {
                outbox::mark_sent(&mut tx, &sent).await?;
            }
            let mut all = Vec::with_capacity(work.len());
            for one in work {
                let Work::Register(new) = one else {
                    all.push(Done::Sent);
                    continue;
                };
                let mut savepoint = tx.begin().await.map_err(store_error)?;
                let registered = register::write(&mut savepoint, new).await?;
                let keep = matches!(registered, Registered::New(_) | Registered::Duplicate(_));
                if keep { savepoint.commit().await } else { savepoint.rollback().await }.map_err(store_error)?;
                all.push(Done::Registered(registered));
            }
            tx.commit().await.map_err(store_error)?;
            Ok(all)
        };
        written.await.map_err(Failed::Within)
    }
}

/// What a caller is told whose work was dropped, which only a panic can do.
fn given_up() -> StoreError {
    StoreError::Bug("writing was given up".to_owned())
}

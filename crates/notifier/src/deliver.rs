//! One mail's way: load, compose, hand over, mark.

use std::time::Duration;

use mail::compose::{
    ConfirmationMail, DuplicateMail, Entry, Envelope, OrganizerMail, confirmation, duplicate, organizer, rows_wanted,
};
use mail::{Message, SendError};
use registration::notification::{Kind, LeasedMail};
use registration::ports::{StoreError, StoreResult};
use telemetry::MailOutcome;
use tokio::time::{Instant, sleep, timeout};

use crate::catalogue::Found;
use crate::{Desk, Notifier, back_off, told};

/// How long a database that is gone is waited for before anything was sent.
const LOADING: Duration = Duration::from_secs(8);

/// How long handing over may take in all. With [`LOADING`] it leaves some of the lease for marking.
const SENDING: Duration = Duration::from_secs(45);

/// How often a database that is gone is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What becomes of a mail.
enum Fate {
    Sent,
    Retry(SendError),
    Park(String),
}

/// Why a mail could not be composed.
enum NotComposed {
    /// It never can be.
    Never(&'static str),
    /// It could not be now, and this is no fault of the database.
    NotNow(String),
    /// The database did not answer.
    Unavailable(StoreError),
}

impl From<StoreError> for NotComposed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error),
            // What this version cannot read a newer one may: it is tried like any other, and parked at the end.
            StoreError::Corrupt(_) | StoreError::Bug(_) | StoreError::Conflict(_) => Self::NotNow(error.to_string()),
        }
    }
}

impl Desk {
    /// Sends a leased mail and marks what became of it while the lease lasts. If the store cannot be reached, the mail is
    /// left to whoever leases it next.
    pub(crate) async fn deliver(&self, mail: LeasedMail, lease_ends: Instant) {
        let message = match self.load(&mail).await {
            Ok(message) => message,
            Err(NotComposed::Never(reason)) => {
                return self.mark(&mail, Fate::Park(reason.to_owned()), lease_ends).await;
            }
            Err(NotComposed::NotNow(reason)) => {
                tracing::error!(mail = told(&mail), reason, "a mail could not be composed");
                let fault = SendError::Temporary(reason);
                return self.mark(&mail, Fate::Retry(fault), lease_ends).await;
            }
            Err(NotComposed::Unavailable(error)) => {
                tracing::debug!(mail = told(&mail), %error, "left to its lease");
                return;
            }
        };
        // Loading was slow: somebody else may lease it before it is handed over, so it is left to them.
        if Instant::now() + SENDING > lease_ends {
            return;
        }
        let sent = timeout(SENDING, self.notifier.transport.send(&message)).await;
        let slow = || Err(SendError::Relay(format!("no answer within {} s", SENDING.as_secs())));
        let fate = match sent.unwrap_or_else(|_| slow()) {
            Ok(()) => Fate::Sent,
            Err(SendError::Refused(text)) => Fate::Park(text),
            Err(error) => Fate::Retry(error),
        };
        self.tell_relay(&fate);
        self.mark(&mail, fate, lease_ends).await;
    }

    /// Puts a mail back that a fault of ours kept from being sent.
    pub(crate) async fn give_back(&self, mail: LeasedMail, lease_ends: Instant) {
        let fault = SendError::Temporary("a fault of the notifier; its log tells more".to_owned());
        self.mark(&mail, Fate::Retry(fault), lease_ends).await;
    }

    fn tell_relay(&self, fate: &Fate) {
        let Notifier { relay, clock, .. } = &self.notifier;
        if let Fate::Retry(SendError::Relay(text)) = fate {
            self.gate.mail_failed(Instant::now(), self.jitter());
            relay.degraded(clock.now(), text.clone());
        } else {
            self.gate.mail_answered();
            relay.ok();
        }
    }

    async fn load(&self, mail: &LeasedMail) -> Result<Message, NotComposed> {
        let begun = Instant::now();
        loop {
            match self.compose(mail).await {
                Err(NotComposed::Unavailable(_)) if begun.elapsed() < LOADING => sleep(AGAIN).await,
                done => return done,
            }
        }
    }

    async fn compose(&self, mail: &LeasedMail) -> Result<Message, NotComposed> {
        let Notifier { store, clock, signer, urls, from, .. } = &self.notifier;
        let store = store.as_ref();
        let first = mail.entries.first().ok_or(NotComposed::Never("it carries no registration"))?;
        let record = store.get(first.registration).await?.ok_or(NotComposed::Never("its registration is gone"))?;
        let event = match self.catalogue.event(store, record.event).await? {
            Found::Here(event) => event,
            Found::Gone => return Err(NotComposed::Never("its event is gone")),
            Found::Unreadable => return Err(NotComposed::NotNow("its event file cannot be read".to_owned())),
        };
        let form = match self.catalogue.form(store, record.event, record.form_version).await? {
            Found::Here(form) => form,
            Found::Gone => return Err(NotComposed::Never("its form version is gone")),
            Found::Unreadable => return Err(NotComposed::NotNow("its form version cannot be read".to_owned())),
        };
        let envelope = Envelope {
            message_id: &mail.message_id,
            from,
            to: &mail.recipient,
            language: mail.language,
            event: &event,
            urls,
            now: clock.now(),
        };
        Ok(match mail.kind {
            Kind::Confirmation => {
                confirmation(&ConfirmationMail { envelope, record: &record, form: &form, attach_link: None })
            }
            Kind::Duplicate => duplicate(&DuplicateMail { envelope, record: &record }),
            Kind::Registered | Kind::Cancelled | Kind::Erased | Kind::Attached | Kind::Digest => {
                let summary = store.summary(record.event).await?;
                let rows = store.latest(record.event, rows_wanted(&summary)).await?;
                let files = store.files(record.id).await?;
                let entry = Entry {
                    kind: mail.kind,
                    at: record.created_at,
                    record: &record,
                    form: &form,
                    files: &files,
                    same_person: &[],
                };
                organizer(&OrganizerMail {
                    envelope,
                    entries: &[entry],
                    window: None,
                    summary: &summary,
                    places: &[],
                    rows: &rows,
                    signer,
                })
            }
        })
    }

    async fn mark(&self, mail: &LeasedMail, fate: Fate, lease_ends: Instant) {
        let fate = match fate {
            Fate::Retry(error) => match back_off::wait(mail.attempts, self.jitter()) {
                Some(wait) => Mark::Retry(wait, error),
                None => Mark::Park(shorten(&format!("given up after 48 h: {error}"))),
            },
            Fate::Park(reason) => Mark::Park(reason),
            Fate::Sent => Mark::Sent,
        };
        self.count(mail, &fate);
        loop {
            let Err(error) = self.write(mail, &fate).await else { return };
            if Instant::now() + AGAIN >= lease_ends {
                // The lease ends: whoever gets it next repeats the mail under its Message-ID.
                tracing::warn!(mail = told(mail), %error, "what became of a mail could not be written");
                return;
            }
            sleep(AGAIN).await;
        }
    }

    async fn write(&self, mail: &LeasedMail, mark: &Mark) -> StoreResult<()> {
        let store = &self.notifier.store;
        match mark {
            Mark::Sent => store.sent(mail.id).await,
            Mark::Retry(wait, error) => store.retry(mail.id, *wait, &error.to_string()).await,
            Mark::Park(reason) => store.park(mail.id, reason).await,
        }
    }

    fn count(&self, mail: &LeasedMail, mark: &Mark) {
        let Notifier { metrics, clock, .. } = &self.notifier;
        let (name, attempts) = (told(mail), mail.attempts + 1);
        match mark {
            Mark::Sent => {
                let age = clock.now().duration_since(mail.created_at);
                metrics.mail_attempt(MailOutcome::Sent);
                metrics.delivered(age.max(jiff::SignedDuration::ZERO).unsigned_abs());
                tracing::info!(mail = name, attempts, "sent");
            }
            Mark::Retry(wait, error) => {
                let fault = matches!(error, SendError::Relay(_));
                metrics.mail_attempt(if fault { MailOutcome::RelayFault } else { MailOutcome::Retried });
                tracing::info!(mail = name, attempts, wait_seconds = wait.as_secs(), %error, "not taken; tried again later");
            }
            Mark::Park(reason) => {
                metrics.mail_attempt(MailOutcome::Parked);
                tracing::warn!(mail = name, attempts, reason, "parked; `karibu notifications list` shows it");
            }
        }
    }
}

/// What is written of a mail.
enum Mark {
    Sent,
    Retry(jiff::SignedDuration, SendError),
    Park(String),
}

fn shorten(text: &str) -> String {
    text.chars().take(mail::classify::MAX_TEXT).collect()
}

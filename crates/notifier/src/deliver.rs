//! One mail's way: load, compose, hand over, mark.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mail::compose::{
    ConfirmationMail, DuplicateMail, Entry, Envelope, OrganizerMail, Window, confirmation, duplicate, organizer,
    rows_wanted,
};
use mail::{Message, SendError};
use presentation::urls;
use registration::answers::Answers;
use registration::form::Form;
use registration::ids::RegistrationId;
use registration::notification::{Kind, LeasedMail};
use registration::ports::{StoreError, StoreResult};
use registration::stored::{Dossier, Record, Status};
use registration::validate::file_fields;
use telemetry::MailOutcome;
use tokio::time::{Instant, sleep, timeout};

use crate::catalogue::Found;
use crate::{Desk, Notifier, back_off, told};

/// How long a database that is gone is waited for before anything was sent.
const LOADING: Duration = Duration::from_secs(8);

/// How long handing over may take in all: a relay may think for ten minutes about a message (RFC 5321, 4.5.3.2.6).
const SENDING: Duration = Duration::from_secs(12 * 60);

/// How often a database that is gone is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What becomes of a mail.
enum Fate {
    Sent,
    RelayFault(String),
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
    /// Sends a leased mail and marks what became of it; the lease is renewed meanwhile. If the store cannot be reached, the
    /// mail is left to whoever leases it next.
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
        if Instant::now() >= lease_ends {
            return;
        }
        let (sent, lease_ends) = self.hand_over(&mail, &message, lease_ends).await;
        let fate = match sent {
            Ok(()) => Fate::Sent,
            Err(SendError::Refused(text)) => Fate::Park(text),
            Err(SendError::Relay(text)) => self.relay_fault(text),
            Err(error) => Fate::Retry(error),
        };
        if !matches!(fate, Fate::RelayFault(_) | Fate::Retry(SendError::Relay(_))) {
            if self.gate.mail_answered() {
                self.pace.begin(Instant::now());
            }
            self.notifier.relay.ok();
        }
        if let Fate::Sent = fate {
            // By its request the way of a mail can be followed from the proxy in front to here.
            let (mail, request_id) = (told(&mail), &message.request_id);
            tracing::info!(mail, request_id, "sent");
        }
        self.mark(&mail, fate, lease_ends).await;
    }

    /// Hands a message over and keeps the mail leased meanwhile. Gives what became of it, and until when it is leased.
    async fn hand_over(
        &self,
        mail: &LeasedMail,
        message: &Message,
        mut lease_ends: Instant,
    ) -> (Result<(), SendError>, Instant) {
        let Notifier { store, transport, lease, .. } = &self.notifier;
        let mut sending = pin!(timeout(SENDING, transport.send(message)));
        let slow = || Err(SendError::Relay(format!("no answer within {} min", SENDING.as_secs() / 60)));
        loop {
            tokio::select! {
                sent = &mut sending => return (sent.unwrap_or_else(|_| slow()), lease_ends),
                () = sleep(*lease / 3) => {
                    let renewing = Instant::now();
                    // What cannot be renewed may be repeated by somebody else, under the same Message-ID.
                    if let Ok(true) = store.renew(mail.id, self.lease()).await {
                        lease_ends = renewing + *lease;
                    }
                }
            }
        }
    }

    /// Puts a mail back that a fault of ours kept from being sent.
    pub(crate) async fn give_back(&self, mail: LeasedMail, lease_ends: Instant) {
        let fault = SendError::Temporary("a fault of the notifier; its log tells more".to_owned());
        self.mark(&mail, Fate::Retry(fault), lease_ends).await;
    }

    /// The relay was at fault. Time that it is out of reach does not count for the mail; where it answers without a mail and
    /// fails with this one, it does, and another mail is tried next.
    fn relay_fault(&self, text: String) -> Fate {
        let Notifier { relay, clock, .. } = &self.notifier;
        relay.degraded(clock.now(), SendError::Relay(text.clone()).without_words());
        if self.gate.mail_failed(Instant::now(), self.jitter()) {
            Fate::Retry(SendError::Relay(text))
        } else {
            Fate::RelayFault(text)
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
        let Notifier { store, clock, signer, urls, from, demo, .. } = &self.notifier;
        let event = match self.catalogue.event(store.as_ref(), mail.event).await? {
            Found::Here(event) => event,
            Found::Gone => return Err(NotComposed::Never("its event is gone")),
            Found::Unreadable => return Err(NotComposed::NotNow("its event file cannot be read".to_owned())),
        };
        let envelope = Envelope {
            message_id: &mail.message_id,
            from,
            to: &mail.recipient,
            language: mail.language,
            event: &event,
            urls,
            now: clock.now(),
            demo: *demo,
        };
        if mail.kind.is_to_registrant() {
            return self.compose_to_registrant(mail, envelope).await;
        }
        let dossiers = self.dossiers(mail).await?;
        let mut entries = Vec::with_capacity(mail.entries.len());
        for entry in &mail.entries {
            let Some((dossier, form)) = dossiers.get(&entry.registration) else { continue };
            // Whom somebody may be is of use when they come.
            let same_person = if entry.kind == Kind::Registered { &dossier.same_person[..] } else { &[] };
            let (record, files) = (&dossier.record, &dossier.files);
            entries.push(Entry { kind: entry.kind, at: entry.at, record, form, files, same_person });
        }
        if entries.is_empty() {
            return Err(NotComposed::Never("its registrations are gone"));
        }
        let summary = store.summary(mail.event).await?;
        let rows = store.latest(mail.event, rows_wanted(&summary)).await?;
        Ok(organizer(&OrganizerMail {
            envelope,
            entries: &entries,
            window: mail.window.map(|window| Window { starts: window.starts, ends: window.ends, part: mail.part }),
            summary: &summary,
            places: &store.places(mail.event).await?,
            rows: &rows,
            signer,
        }))
    }

    async fn compose_to_registrant(&self, mail: &LeasedMail, envelope: Envelope<'_>) -> Result<Message, NotComposed> {
        let Notifier { store, signer, urls, .. } = &self.notifier;
        let entry = mail.entries.first().ok_or(NotComposed::Never("it carries no registration"))?;
        let gone = NotComposed::Never("its registration is gone");
        let record = store.get(entry.registration).await?.filter(|record| record.erased_at.is_none()).ok_or(gone)?;
        if mail.kind == Kind::Duplicate {
            let first = record.duplicate_of.ok_or(NotComposed::Never("it is no duplicate"))?;
            let first = store.get(first).await?.ok_or(NotComposed::Never("its registration is gone"))?;
            return Ok(duplicate(&DuplicateMail { envelope, record: &first }));
        }
        let form = self.form(&record).await?;
        let event = envelope.event;
        let answers = Answers::from_json(&form, &record.answers);
        let asked = file_fields(&form, &answers).next().is_some();
        let in_time = envelope.now < event.closes_at() && record.status.is_alive();
        let attach_link = (asked && in_time).then(|| {
            let path = urls::attachments(&event.slug, &signer.attachments(record.id));
            urls.absolute(&urls::in_language(&path, mail.language))
        });
        let attach_link = attach_link.as_deref();
        let places = if record.status == Status::Waiting { store.places(mail.event).await? } else { Vec::new() };
        Ok(confirmation(&ConfirmationMail {
            envelope,
            kind: mail.kind,
            record: &record,
            form: &form,
            places: &places,
            attach_link,
        }))
    }

    /// What is known of the registrations that a mail tells of, each with the form it answered; those that are gone are left
    /// out.
    async fn dossiers(&self, mail: &LeasedMail) -> Result<HashMap<RegistrationId, (Dossier, Arc<Form>)>, NotComposed> {
        let mut ids: Vec<RegistrationId> = mail.entries.iter().map(|entry| entry.registration).collect();
        // A digest may tell of one registration twice: that it came, and that it was cancelled.
        ids.sort_unstable();
        ids.dedup();
        let mut dossiers = HashMap::with_capacity(ids.len());
        for dossier in self.notifier.store.dossiers(&ids).await? {
            let form = self.form(&dossier.record).await?;
            dossiers.insert(dossier.record.id, (dossier, form));
        }
        Ok(dossiers)
    }

    async fn form(&self, record: &Record) -> Result<Arc<Form>, NotComposed> {
        let found = self.catalogue.form(self.notifier.store.as_ref(), record.event, record.form_version).await?;
        match found {
            Found::Here(form) => Ok(form),
            Found::Gone => Err(NotComposed::Never("its form version is gone")),
            Found::Unreadable => Err(NotComposed::NotNow("its form version cannot be read".to_owned())),
        }
    }

    async fn mark(&self, mail: &LeasedMail, fate: Fate, lease_ends: Instant) {
        let fate = match fate {
            Fate::RelayFault(text) => Mark::RelayFault(text),
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
            Mark::RelayFault(text) => store.relay_fault(mail.id, text).await,
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
            }
            Mark::RelayFault(error) => {
                metrics.mail_attempt(MailOutcome::RelayFault);
                let error = SendError::Relay(error.clone()).without_words();
                tracing::info!(mail = name, attempts, error, "not taken; it goes when the relay is back");
            }
            Mark::Retry(wait, error) => {
                let fault = matches!(error, SendError::Relay(_));
                metrics.mail_attempt(if fault { MailOutcome::RelayFault } else { MailOutcome::Retried });
                let (error, wait_seconds) = (error.without_words(), wait.as_secs());
                tracing::info!(mail = name, attempts, wait_seconds, error, "not taken; tried again later");
            }
            Mark::Park(reason) => {
                metrics.mail_attempt(MailOutcome::Parked);
                let reason = SendError::Refused(reason.clone()).without_words();
                tracing::warn!(mail = name, attempts, reason, "parked; `karibu notifications list` shows it");
            }
        }
    }
}

/// What is written of a mail.
enum Mark {
    Sent,
    RelayFault(String),
    Retry(jiff::SignedDuration, SendError),
    Park(String),
}

fn shorten(text: &str) -> String {
    text.chars().take(mail::classify::MAX_TEXT).collect()
}

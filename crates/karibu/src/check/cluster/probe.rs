//! The whole way of a registration, tried as a visitor would: page views are counted exactly, a form with a file is taken, its
//! mail leaves, and then it is removed as if it had never come.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use registration::ids::SubmissionId;
use registration::notification::MailState;
use registration::ports::{Clock, Events, Outbox, Registrations, StoreResult, Uploads, Views};
use registration::probe::{self, SLUG};
use registration::stored::StoredEvent;
use registration::token::Signer;
use store_postgres::PostgresStore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::client::{Answer, Door};
use super::super::{Finding, found};
use super::front::{by_whom, instance};
use crate::ports::SystemClock;
use crate::sample;

/// How many forms are opened.
const FORMS: u32 = 20;

/// Webs write page views each second, and read new events each second; a slow one takes longer.
const WRITTEN: Duration = Duration::from_millis(1_300);
const SLOW: Duration = Duration::from_secs(5);

/// How long a mail may take.
const MAIL: Duration = Duration::from_secs(15);

/// How long taking it back may take.
const BACK: Duration = Duration::from_secs(4);

/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// A small file with every kind of byte that lines and escapes are made of.
const FILE: &[u8] =
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n\
    % karibu check \r\n\0\x7f\n--\ntrailer<</Root 1 0 R>>\n%%EOF\n";

const BOUNDARY: &str = "karibu-check-7f3a9c";

/// What is tried, and what came of it so far.
pub(super) struct Probe<'a> {
    pub(super) door: &'a Door,
    pub(super) store: &'a PostgresStore,
    /// The webs that are ready.
    pub(super) webs: &'a [String],
    /// Whom the mail goes to.
    pub(super) recipient: &'a str,
    /// How long a form must be open.
    pub(super) min_fill: Duration,
    pub(super) views: Finding,
    pub(super) registration: Finding,
    /// Header that proves to the webs that this is a check.
    proof: String,
    submission: Option<SubmissionId>,
}

/// A form as it was opened: what its hidden inputs hold.
struct Form {
    submission: String,
    token: String,
    opened: Instant,
}

/// Why it ends early; the finding that it belongs to is set.
struct Ended;

impl<'a> Probe<'a> {
    pub(super) fn new(
        door: &'a Door,
        store: &'a PostgresStore,
        webs: &'a [String],
        recipient: &'a str,
        min_fill: Duration,
        signer: &Signer,
    ) -> Self {
        let proof = format!("{}: {}\r\n", probe::PROOF, signer.probe(SystemClock.now()));
        let (views, registration) = (found("page views"), found("registration"));
        Self { door, store, webs, recipient, min_fill, views, registration, proof, submission: None }
    }

    /// Tries it until then, and takes it back whatever came of it.
    pub(super) async fn run(mut self, until: Instant) -> [Finding; 2] {
        let alone = match self.store.alone().await {
            Ok(Some(alone)) => alone,
            Ok(None) => {
                let why = "another `karibu check` tries it now; run this again when that has ended";
                return [self.views.skipped(why), self.registration.skipped(why)];
            }
            Err(error) => {
                let why = format!("the database comes first ({error})");
                return [self.views.skipped(why.clone()), self.registration.skipped(why)];
            }
        };
        let begun = Instant::now();
        if timeout_at(until, self.attempt()).await.is_err() {
            let why = format!("not done within {} s", begun.elapsed().as_secs());
            let todo = "see whether the machine is overloaded, and the logs of web-1 and the others";
            for finding in [&mut self.views, &mut self.registration] {
                if finding.found.is_empty() {
                    *finding = finding.clone().fail(why.clone(), todo);
                }
            }
        }
        for finding in [&mut self.views, &mut self.registration] {
            if finding.found.is_empty() {
                *finding = finding.clone().skipped("what stands above comes first");
            }
        }
        match timeout(BACK, self.take_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.left_behind(&error.to_string()),
            Err(_) => self.left_behind("no answer in time"),
        }
        drop(alone);
        [self.views, self.registration]
    }

    fn left_behind(&mut self, why: &str) {
        self.registration = self.registration.clone().fail(
            format!("{}; it could not be removed again ({why})", self.registration.found),
            format!("nothing: it is in the event {SLUG}, in no count, and removed after an hour"),
        );
    }

    async fn attempt(&mut self) {
        let event = match self.event().await {
            Ok(event) => event,
            Err(why) => {
                self.views = self.views.clone().skipped(why);
                return;
            }
        };
        let Ok(form) = self.page_views(&event).await else { return };
        let _ = self.register(&event, form).await;
    }

    /// The event, made if it is not there. All webs know it then.
    async fn event(&mut self) -> Result<StoredEvent, String> {
        let now = SystemClock.now();
        probe::remove_left_behind(self.store, now).await.map_err(|error| error.to_string())?;
        sample::keep_probe(self.store, now).await.map_err(|refusal| refusal.to_string())?;
        let event = self.store.by_slug(SLUG).await.map_err(|error| error.to_string())?;
        event.ok_or_else(|| format!("the event {SLUG} cannot be stored"))
    }

    /// Opens forms, and waits until each was counted once. Gives the first one.
    async fn page_views(&mut self, event: &StoredEvent) -> Result<Form, Ended> {
        self.wait_for_webs().await?;
        // What others opened just now is not written yet.
        sleep(WRITTEN).await;
        let before = self.opened(event).await?;
        let mut by_web: BTreeMap<String, u32> = BTreeMap::new();
        let mut form = None;
        for _ in 0..FORMS {
            let opened = Instant::now();
            let answer = match self.door.ask("GET", &format!("/{SLUG}/register?lang=en"), &self.proof, &[]).await {
                Ok(answer) if answer.status == 200 => answer,
                Ok(answer) => {
                    return Err(self.no_form(&format!("status {} from {}", answer.status, instance(&answer))));
                }
                Err(why) => return Err(self.no_form(&why)),
            };
            *by_web.entry(instance(&answer)).or_default() += 1;
            if form.is_none() {
                let Some(read) = Form::read(&answer, opened) else {
                    return Err(self.no_form("it has no hidden inputs"));
                };
                form = Some(read);
            }
        }
        let begun = Instant::now();
        while self.opened(event).await? < before + u64::from(FORMS) && begun.elapsed() < SLOW {
            sleep(LOOK).await;
        }
        // Nothing may come on top.
        sleep(WRITTEN).await;
        let counted = self.opened(event).await?.saturating_sub(before);
        let told = format!("{FORMS} forms were opened through {}, at {}", self.door.url, by_whom(&by_web));
        let finding = self.views.clone();
        self.views = if counted != u64::from(FORMS) {
            finding.fail(
                format!("{told}; {counted} were counted"),
                "see the logs of the webs, which write page views each second; if another check runs now, look again",
            )
        } else if let Some(unseen) = self.webs.iter().find(|web| !by_web.contains_key(*web)) {
            finding.warn(
                format!("{told}, none at {unseen}; all were counted"),
                "see that nginx shares requests among all webs",
            )
        } else {
            finding.ok(format!("{told}, and counted exactly"))
        };
        form.ok_or(Ended)
    }

    fn no_form(&mut self, why: &str) -> Ended {
        self.views = self.views.clone().fail(
            format!("a form at {}{SLUG}/register does not open: {why}", self.door.url),
            "see the web replicas above and their logs",
        );
        Ended
    }

    async fn opened(&mut self, event: &StoredEvent) -> Result<u64, Ended> {
        match self.store.totals(event.id).await {
            Ok(totals) => Ok(totals.opened),
            Err(error) => {
                self.views =
                    self.views.clone().fail(format!("page views cannot be read: {error}"), "see the database above");
                Err(Ended)
            }
        }
    }

    /// Waits until all webs know the event, by a page that is not counted.
    async fn wait_for_webs(&mut self) -> Result<(), Ended> {
        let begun = Instant::now();
        let mut knows: BTreeMap<String, bool> = BTreeMap::new();
        while begun.elapsed() < SLOW {
            match self.door.get(&format!("/{SLUG}/event.ics")).await {
                Ok(answer) => {
                    knows.insert(instance(&answer), answer.status == 200);
                }
                Err(why) => return Err(self.no_form(&why)),
            }
            if self.webs.iter().all(|web| knows.get(web) == Some(&true)) && knows.values().all(|knows| *knows) {
                return Ok(());
            }
            sleep(LOOK / 2).await;
        }
        let without: Vec<&str> =
            self.webs.iter().filter(|web| knows.get(*web) != Some(&true)).map(String::as_str).collect();
        Err(self.no_form(&format!("{} does not show the event {SLUG}", without.join(" and "))))
    }

    /// Registers somebody with a file, and waits for the mail.
    async fn register(&mut self, event: &StoredEvent, form: Form) -> Result<(), Ended> {
        self.submission = form.submission.parse().ok().map(SubmissionId);
        let submission = self.submission.ok_or_else(|| self.refused("the form has no number"))?;
        let answer = self.send(&form).await?;
        let answer = match (answer.status, Form::read(&answer, Instant::now())) {
            // It was sent too soon for this site, or is asked about for another reason: once more.
            (400.., Some(again)) => {
                sleep(self.min_fill.max(Duration::from_secs(3))).await;
                self.send(&again).await?
            }
            _ => answer,
        };
        let web = instance(&answer);
        if answer.status != 303 {
            return Err(self.refused(&format!("{web} answers by status {}", answer.status)));
        }
        let stored = self.store.by_submission(submission).await;
        let stored = stored.map_err(|error| self.refused(&error.to_string()))?;
        let Some(stored) = stored.filter(|stored| stored.event == event.id) else {
            return Err(self.lost(&format!("{web} says that it is stored, and it is not in the database")));
        };
        let files = self.store.files(stored.id).await.map_err(|error| self.refused(&error.to_string()))?;
        let whole = files.first().map(|file| (file.id, file.size as usize == FILE.len()));
        let content = match whole {
            Some((id, true)) => self.store.chunk(id, 0).await.map_err(|error| self.refused(&error.to_string()))?,
            _ => None,
        };
        if content.as_deref() != Some(FILE) {
            return Err(self.lost(&format!("{web} took {} and its file is not what was sent", stored.reference)));
        }
        self.wait_for_mail(&web, stored.id).await
    }

    async fn wait_for_mail(&mut self, web: &str, id: registration::ids::RegistrationId) -> Result<(), Ended> {
        let begun = Instant::now();
        let told = format!("{web} took one with a file");
        let mut last_error = None;
        while begun.elapsed() < MAIL {
            let mails = self.store.mails_of(id).await.map_err(|error| self.refused(&error.to_string()))?;
            if let Some(mail) = mails.first() {
                let finding = self.registration.clone();
                match mail.state {
                    MailState::Sent => {
                        let took = mail.sent_at.map_or(SignedDuration::ZERO, |at| at.duration_since(mail.created_at));
                        self.registration = finding.ok(format!(
                            "{told}, the relay took its mail to {} after {:.1} s ({}), and it was removed",
                            self.recipient,
                            took.as_secs_f64(),
                            mail.message_id
                        ));
                        return Ok(());
                    }
                    MailState::Parked => {
                        let why = mail.last_error.clone().unwrap_or_default();
                        self.registration = finding.fail(
                            format!("{told}; its mail to {} was refused for good: {why}", self.recipient),
                            "see the mail relay above, and that KARIBU_ONCALL and KARIBU_MAIL_FROM exist",
                        );
                        return Err(Ended);
                    }
                    MailState::Pending => last_error.clone_from(&mail.last_error),
                }
            }
            sleep(LOOK).await;
        }
        let why = last_error.map_or("no notifier took it".to_owned(), |error| format!("the relay said: {error}"));
        self.registration = self.registration.clone().fail(
            format!("{told}; its mail did not leave within {} s, {why}", MAIL.as_secs()),
            "see the notifiers and the mail relay above",
        );
        Err(Ended)
    }

    async fn send(&mut self, form: &Form) -> Result<Answer, Ended> {
        // A bit more than is asked for, because clocks differ.
        let needed = self.min_fill + Duration::from_millis(200);
        sleep(needed.saturating_sub(form.opened.elapsed())).await;
        let fields = [
            ("submission_id", form.submission.as_str()),
            ("form_token", form.token.as_str()),
            ("last_name", "Karibu check"),
            ("email", self.recipient),
        ];
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(head.into_bytes());
        }
        let head = "Content-Disposition: form-data; name=\"attachment\"; filename=\"check.pdf\"\r\nContent-Type: application/pdf";
        body.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").into_bytes());
        body.extend(FILE);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        let origin = format!("{}://{}", self.door.url.scheme(), self.door.authority());
        let headers =
            format!("Origin: {origin}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n{}", self.proof);
        let path = format!("/{SLUG}/register?lang=en");
        self.door.ask("POST", &path, &headers, &body).await.map_err(|why| self.refused(&why))
    }

    fn refused(&mut self, why: &str) -> Ended {
        self.registration = self
            .registration
            .clone()
            .fail(format!("one with a file is not taken: {why}"), "see the database above and the logs of the webs");
        Ended
    }

    fn lost(&mut self, what: &str) -> Ended {
        self.registration = self
            .registration
            .clone()
            .fail(what, "see that KARIBU_DATABASE_URL is the same for all parts and for this; if it is, report a bug");
        Ended
    }

    /// Removes what was registered.
    async fn take_back(&self) -> StoreResult<()> {
        let Some(submission) = self.submission else { return Ok(()) };
        let Some(event) = self.store.by_slug(SLUG).await? else { return Ok(()) };
        let Some(existing) = self.store.by_submission(submission).await? else { return Ok(()) };
        if let Some(record) = self.store.get(existing.id).await? {
            probe::remove(self.store, &event, &record).await?;
        }
        Ok(())
    }
}

impl Form {
    /// The hidden inputs of a page with a form.
    fn read(page: &Answer, opened: Instant) -> Option<Self> {
        let value = |name: &str| {
            let named = format!("name=\"{name}\"");
            let input = page.body.split("<input").find(|input| input.contains(&named))?;
            let value = input.split("value=\"").nth(1)?.split('"').next()?;
            Some(value.to_owned())
        };
        Some(Self { submission: value("submission_id")?, token: value("form_token")?, opened })
    }
}

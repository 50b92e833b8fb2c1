//! Breaking one thing while people register, and the reckoning after it: the same for processes of one machine and for a
//! cluster in containers.

mod books;
mod crowd;
mod exhaust;
mod outcome;
mod post;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

pub use self::crowd::{Crowd, Site};
pub use self::exhaust::take_all_connections;
pub use self::outcome::{Allowed, Outcome};
use self::post::Post;
use crate::ledger::Ledger;
use crate::serve::wait_at_most;

/// How often is looked whether something has come.
const LOOK: Duration = Duration::from_millis(50);

/// So often in a row the form is opened before everybody comes.
const OFTEN: usize = 30;

/// Webs behind nginx.
const WEBS: usize = 2;

/// A cluster to be broken.
pub struct Drill {
    /// Where people register.
    pub site: Site,
    /// What the database has.
    pub ledger: Ledger,
    /// Who gets a mail about every registration.
    pub organizers: Vec<String>,
    /// Registrations a second.
    pub rate: f64,
    /// People at a time.
    pub clients: usize,
    /// How long people register before the fault, and again after everything is well.
    pub around: Duration,
    /// How long everything may take to be well after a fault, mails that wait for a second try included.
    pub patience: Duration,
    post: Post,
    drills: usize,
}

impl Drill {
    /// A cluster at this address; its relay keeps mails in `mails`, where each is removed when it was read.
    pub fn new(site: Site, ledger: Ledger, mails: PathBuf, organizers: &[&str]) -> Self {
        Self {
            site,
            ledger,
            organizers: organizers.iter().map(|one| (*one).to_owned()).collect(),
            rate: 20.0,
            clients: 24,
            around: Duration::from_millis(800),
            patience: Duration::from_secs(150),
            post: Post::new(mails),
            drills: 0,
        }
    }

    /// Waits until nginx gives requests to both webs: one that failed in the fault before is left out for a while, and then there
    /// would be two faults at once.
    async fn both_webs_answer(&self) {
        let (client, mut seen) = (self.site.client(false), BTreeSet::new());
        wait_at_most(self.patience, "both webs", async || {
            seen.extend(self.site.instance(&client).await);
            (seen.len() == WEBS).then_some(())
        })
        .await;
    }

    /// Runs one fault while people register. `fault` breaks something and mends it, or has it mend itself, and gives the
    /// moment from which healing counts: the fault's end, or, for what heals by itself, its beginning.
    pub async fn run(&mut self, name: &str, allowed: Allowed, fault: impl AsyncFnOnce(&Crowd) -> Instant) -> Outcome {
        self.drills += 1;
        self.both_webs_answer().await;
        let crowd = Crowd::come(&self.site, &format!("drill-{}", self.drills), self.rate, self.clients);
        let mut wrong = Vec::new();
        if !self.mails_flow(&crowd, Instant::now()).await {
            wrong.push("nobody was registered and mailed before the fault".to_owned());
        }
        tokio::time::sleep(self.around).await;
        let before = crowd.failures();
        wrong.extend(before.iter().map(|failure| format!("before the fault: {failure}")));
        let (began, pace) = (Instant::now(), crowd.pace());
        // When a mail came is known while the fault lasts, too.
        let look = async {
            loop {
                self.post.look();
                tokio::time::sleep(LOOK).await;
            }
        };
        let ended = tokio::select! {
            ended = fault(&crowd) => ended,
            never = look => never,
        };
        let lasted = began.elapsed();
        if !self.mails_flow(&crowd, ended).await {
            wrong.push(format!("nobody was registered and mailed within {:?} of the fault", self.patience));
        }
        let healed = self.post.first_to(&crowd.promised_after(ended)).unwrap_or_else(Instant::now);
        tokio::time::sleep(self.around).await;
        let (promises, failures, complaints) = crowd.go(self.patience).await;
        wrong.extend(complaints);
        let last_failure = failures.iter().map(|failure| failure.at).max().unwrap_or(ended);
        let mut outcome = Outcome {
            fault: name.to_owned(),
            lasted,
            pace,
            healed: healed.max(last_failure).saturating_duration_since(ended),
            wrong,
            ..Outcome::default()
        };
        outcome.judge(allowed, &failures[before.len()..]);
        self.outbox_is_empty(&mut outcome).await;
        self.post.look();
        self.reckon(&promises, &mut outcome).await;
        self.post.forget();
        outcome.note();
        println!("{outcome}");
        outcome
    }

    /// Waits until somebody registered after `since` and has the mail about it.
    async fn mails_flow(&mut self, crowd: &Crowd, since: Instant) -> bool {
        let began = Instant::now();
        while began.elapsed() < self.patience {
            self.post.look();
            if self.post.first_to(&crowd.promised_after(since)).is_some() {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }

    /// Waits until every notification is in a mail and every mail is sent or parked.
    async fn outbox_is_empty(&mut self, outcome: &mut Outcome) {
        let query = "select (select count(*) from notification where mail_id is null)
            + (select count(*) from mail where state = 'pending') as n";
        let began = Instant::now();
        loop {
            self.post.look();
            let left = self.ledger.number(query).await;
            if left == 0 {
                return;
            }
            if began.elapsed() > self.patience {
                outcome.wrong.push(format!("{left} mails wait still, {:?} after the people went", self.patience));
                return;
            }
            tokio::time::sleep(4 * LOOK).await;
        }
    }

    /// Waits until every web serves the form: they read events each second.
    pub async fn form_is_served(&self) {
        let (person, mut served) = (self.site.person(), 0);
        wait_at_most(self.patience, "the form", async || {
            served = if person.try_open().await.is_some() { served + 1 } else { 0 };
            (served == OFTEN).then_some(())
        })
        .await;
    }
}

/// The sample event (its text) under another name, with places for everybody and one organiser, who is told of each.
pub fn event_file(sample: &str, slug: &str, organizer: &str) -> String {
    let mut lines = Vec::new();
    let mut in_organizers = false;
    for line in sample.lines() {
        if line.starts_with('[') {
            in_organizers = line == "[[organizers]]";
        }
        match line.split(" = ").next() {
            _ if in_organizers => {}
            Some("slug") => lines.push(format!("slug = \"{slug}\"")),
            Some("capacity") => lines.push("capacity = 10000000".to_owned()),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.push(format!("\n[[organizers]]\nemail = \"{organizer}\"\ndelivery = \"each\"\nlanguage = \"en\"\n"));
    lines.join("\n")
}

//! The reckoning at the end of a drill: what people were promised against what the database, the pages and the relay have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use testkit::ledger::{number, text};
use testkit::letters::Letter;
use testkit::registrant::{Attached, Filled, OpenedForm, Registrant, location};
use testkit::serve::wait_at_most;

use crate::house::{EVENT, House, ORGANIZERS};
use crate::report::Counts;

/// Leases of a killed process end after a minute, and a mail that failed once is tried again after half a one.
const PATIENCE: Duration = Duration::from_secs(150);

/// Somebody opens the form, fills it in and sends it: how they know that they are registered.
pub(crate) async fn register(person: &Registrant, filled: Filled, file: Option<Attached>) -> Entry {
    let form = person.open().await;
    let answer = person.send(&form, &filled, file.as_ref()).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{} registers", filled.get("email"));
    Entry { form, filled, file, page: location(&answer) }
}

/// A person's answers, and a file for two of three: a small one, or one that goes to the store in chunks.
pub(crate) fn somebody(n: usize) -> (Filled, Option<Attached>) {
    let countries = ["KE", "ZM", "MW", "UG", "TZ"];
    let filled = Filled::sample(&format!("Drillperson{n}")).with("country", countries[n % countries.len()]);
    let name = format!("drill-{n}.pdf");
    let file = match n % 6 {
        0 | 3 => None,
        1 | 4 => Some(Attached::pdf_of(&name, 30_000, n as u32)),
        2 => Some(Attached::pdf_of(&name, 400_000, n as u32)),
        _ => Some(Attached::pdf_of(&name, 1_200_000, n as u32)),
    };
    // A student must attach a proof.
    let category = if file.is_some() && n.is_multiple_of(2) { "student" } else { "delegate" };
    (filled.with("category", category), file)
}

/// One person's form, from the moment it was opened.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) form: OpenedForm,
    pub(crate) filled: Filled,
    pub(crate) file: Option<Attached>,
    /// Where the 303 led, once there was one.
    pub(crate) page: Option<String>,
}

impl Entry {
    pub(crate) fn email(&self) -> &str {
        self.filled.get("email")
    }
}

/// Waits until every notification is in a mail and every mail is sent or parked.
pub(crate) async fn outbox_is_empty(house: &House) {
    let query = "select (select count(*) from notification where mail_id is null)
        + (select count(*) from mail where state = 'pending') as n";
    wait_at_most(PATIENCE, "an empty outbox", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        (house.ledger.number(query).await == 0).then_some(())
    })
    .await;
}

/// Counts everything. What is wrong comes back as sentences beside the counts, so that a table can be made of it either way.
pub(crate) async fn reckon(house: &House, entries: &[Entry]) -> (Counts, Vec<String>) {
    let mut wrong = Vec::new();
    let promised: Vec<&Entry> = entries.iter().filter(|entry| entry.page.is_some()).collect();
    let mut counts = Counts { answered: promised.len(), ..Counts::default() };
    let stored = Stored::read(house).await;
    let letters = house.letters();

    // Every promise is kept once, whole, and nothing is there that nobody sent.
    let sent: BTreeSet<&str> = entries.iter().map(Entry::email).collect();
    wrong.extend(stored.unknown(&sent));
    for entry in &promised {
        let mut problems = stored.problems_of(entry);
        problems.extend(problems_of_page(house, entry).await);
        counts.lost += usize::from(!problems.is_empty());
        wrong.extend(problems);
    }
    wrong.extend(stored.halves());
    wrong.extend(problems_of_sums(house).await);
    let integrity = house.ledger.integrity().await;
    if integrity != "ok" {
        wrong.push(format!("the database is damaged: {integrity}"));
    }

    // Every mail came, and whoever got one twice got it under one Message-ID.
    let received: BTreeSet<&str> = letters.iter().map(|letter| letter.message_id.as_str()).collect();
    let due: BTreeSet<&str> = stored.notifications.iter().map(message_id).collect();
    counts.mails = due.len();
    counts.mails_lost = due.difference(&received).count();
    counts.repeated = letters.len() - received.len();
    wrong.extend(due.difference(&received).map(|id| format!("the mail {id} did not come")));
    wrong.extend(received.difference(&due).map(|id| format!("nobody knows the mail {id}")));
    let (doubled, problems) = problems_of_mails(&stored, &letters);
    counts.doubled = doubled;
    wrong.extend(problems);
    wrong.extend(problems_of_files(house, &stored, &promised, &letters).await);
    (counts, wrong)
}

fn message_id(row: &Value) -> &str {
    row["message_id"].as_str().unwrap_or_default().trim_matches(['<', '>'])
}

/// What the database holds.
struct Stored {
    /// Rows by address of the registrant.
    registrations: BTreeMap<String, Vec<Value>>,
    /// One for each registration and recipient, with its mail.
    notifications: Vec<Value>,
    /// One for each attachment, with what its chunks hold.
    attachments: Vec<Value>,
}

impl Stored {
    async fn read(house: &House) -> Self {
        let registrations = format!(
            "select r.reference, r.email, r.status,
                (select count(*) from history h where h.registration_id = r.id) as histories,
                (select count(distinct h.action) from history h where h.registration_id = r.id) as actions,
                (select count(*) from attachment a where a.registration_id = r.id) as attachments
             from registration r join event e on e.id = r.event_id where e.slug = '{EVENT}'"
        );
        let mut by_email: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for row in house.ledger.rows(&registrations).await {
            by_email.entry(text(&row, "email").to_owned()).or_default().push(row);
        }
        let notifications = "select r.reference, r.email, n.recipient, n.kind, m.message_id, m.state
             from notification n join registration r on r.id = n.registration_id left join mail m on m.id = n.mail_id";
        let attachments = "select r.reference, r.email, a.size,
                (select count(*) from file_chunk c where c.file_id = a.id) as chunks,
                (select max(c.idx) + 1 from file_chunk c where c.file_id = a.id) as next_chunk,
                (select cast(sum(length(c.data)) as bigint) from file_chunk c where c.file_id = a.id) as stored
             from attachment a join registration r on r.id = a.registration_id";
        Self {
            registrations: by_email,
            notifications: house.ledger.rows(notifications).await,
            attachments: house.ledger.rows(attachments).await,
        }
    }

    fn unknown(&self, sent: &BTreeSet<&str>) -> Vec<String> {
        let strangers = self.registrations.keys().filter(|email| !sent.contains(email.as_str()));
        strangers.map(|email| format!("nobody sent {email}")).collect()
    }

    fn problems_of(&self, entry: &Entry) -> Vec<String> {
        let email = entry.email();
        let rows = self.registrations.get(email).map(Vec::as_slice).unwrap_or_default();
        let [row] = rows else {
            return vec![format!("{email} was answered 303 and is there {} times", rows.len())];
        };
        let mut problems = Vec::new();
        let files = i64::from(entry.file.is_some());
        if number(row, "attachments") != files {
            problems.push(format!("{email} sent {files} files and {} are there", number(row, "attachments")));
        }
        for (recipient, kind) in [(email, "confirmation"), (ORGANIZERS[0], "registered"), (ORGANIZERS[1], "registered")]
        {
            let told = self.notifications.iter().filter(|row| {
                text(row, "email") == email && text(row, "recipient") == recipient && text(row, "kind") == kind
            });
            let states: Vec<_> = told.map(|row| row["state"].as_str().unwrap_or("none")).collect();
            if states != ["sent"] {
                problems.push(format!("{recipient} is told of {email} by mails in states {states:?}"));
            }
        }
        problems
    }

    /// Registrations that lack a part, answered or not.
    fn halves(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (email, rows) in &self.registrations {
            for row in rows {
                let told = self.notifications.iter().filter(|told| told["reference"] == row["reference"]).count();
                let changes = number(row, "histories");
                // Each change is there once: it came, and perhaps it went to the waiting list.
                if changes == 0 || changes != number(row, "actions") || told != 1 + ORGANIZERS.len() {
                    problems.push(format!("{email} has {changes} changes in its history and {told} notifications"));
                }
            }
        }
        for row in &self.attachments {
            if row["size"] != row["stored"] || row["chunks"] != row["next_chunk"] {
                problems.push(format!("an attachment is not whole: {row}"));
            }
        }
        problems
    }
}

/// The page after registering still opens.
async fn problems_of_page(house: &House, entry: &Entry) -> Option<String> {
    let page = entry.page.as_deref()?;
    let answer = house.served.client().get(format!("{}{page}", house.served.url())).send().await.unwrap();
    (answer.status() != StatusCode::OK).then(|| format!("{}: the page says {}", entry.email(), answer.status()))
}

/// The running summary and the counters of places against the registrations themselves.
async fn problems_of_sums(house: &House) -> Vec<String> {
    let capacity = i64::from(house.capacity);
    let rows_of = |query: &str| {
        let query = query.replace("{event}", &format!("(select id from event where slug = '{EVENT}')"));
        async move { house.ledger.rows(&query).await }
    };
    let mut problems = Vec::new();
    for (dimension, column) in [("status", "status"), ("field:country", "country"), ("field:category", "category")] {
        let summed = rows_of(&format!(
            "select value, cast(sum(n) as bigint) as n from (
                select event_id, dimension, value, n from summary_count union all
                select event_id, dimension, value, n from summary_delta) s
             where event_id = {{event}} and dimension = '{dimension}' group by value having sum(n) <> 0 order by value"
        ))
        .await;
        let counted = rows_of(&format!(
            "select {column} as value, count(*) as n from registration where event_id = {{event}}
             group by {column} order by {column}"
        ))
        .await;
        if summed != counted {
            problems.push(format!("the summary of {dimension} says {summed:?}, the rows say {counted:?}"));
        }
    }
    let confirmed =
        "select count(*) as n from registration where event_id = {event} and status = 'confirmed'".to_owned();
    let confirmed = number(&rows_of(&confirmed).await[0], "n");
    let taken = rows_of("select taken as n from place_count where event_id = {event} and key = 'event'").await;
    let taken = taken.first().map_or(0, |row| number(row, "n"));
    if taken != confirmed || confirmed > capacity {
        problems.push(format!("{confirmed} of {capacity} places are given away, {taken} are counted"));
    }
    problems
}

/// How many were told the same twice, and what else is wrong with the mails themselves.
fn problems_of_mails(stored: &Stored, letters: &[Letter]) -> (usize, Vec<String>) {
    let (mut doubled, mut problems) = (0, Vec::new());
    let references = stored.registrations.values().flatten().map(|row| text(row, "reference"));
    // Message-IDs by recipient and reference.
    let mut told: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for letter in letters {
        for line in letter.text.lines().filter_map(|line| line.strip_prefix("Reference:")) {
            told.entry((letter.to.as_str(), line.trim())).or_default().insert(&letter.message_id);
        }
    }
    for reference in references {
        for organizer in ORGANIZERS {
            let ids = told.get(&(organizer, reference)).map_or(0, BTreeSet::len);
            doubled += ids.saturating_sub(1);
            if ids != 1 {
                problems.push(format!("{organizer} was told of {reference} under {ids} Message-IDs"));
            }
        }
    }
    for email in stored.registrations.keys() {
        let mine = letters.iter().filter(|letter| letter.to == *email);
        let ids: BTreeSet<&str> = mine.map(|letter| letter.message_id.as_str()).collect();
        doubled += ids.len().saturating_sub(1);
        if ids.len() != 1 {
            problems.push(format!("{email} was confirmed under {} Message-IDs", ids.len()));
        }
    }
    (doubled, problems)
}

/// Every attachment comes back through an organiser's link, byte for byte.
async fn problems_of_files(house: &House, stored: &Stored, promised: &[&Entry], letters: &[Letter]) -> Vec<String> {
    let client = house.served.client();
    let start = format!("{}/organizer/", house.served.url());
    let mut problems = Vec::new();
    for entry in promised {
        let Some(file) = &entry.file else { continue };
        let email = entry.email();
        let Some([row]) = stored.registrations.get(email).map(Vec::as_slice) else { continue };
        let told = letters.iter().filter(|letter| letter.to == ORGANIZERS[0]);
        // A mail about several has them all in a list first; the link stands with the details.
        let mut details = told.flat_map(|letter| letter.text.split("Reference:").skip(1));
        let mine = details.find(|details| details.trim_start().starts_with(text(row, "reference")));
        let link = mine.and_then(|details| details.split_whitespace().find(|word| word.starts_with(&start)));
        let Some(link) = link else {
            problems.push(format!("no link to the registration of {email}"));
            continue;
        };
        let view = client.get(link).send().await.unwrap().text().await.unwrap();
        let paths = view.split("href=\"").filter_map(|rest| rest.split('"').next());
        let Some(path) = paths.filter(|href| href.contains("/files/")).map(str::to_owned).next() else {
            problems.push(format!("no link to the file of {email}"));
            continue;
        };
        let content = client.get(format!("{}{path}", house.served.url())).send().await.unwrap().bytes().await.unwrap();
        if content != file.content {
            problems.push(format!("the file of {email} comes back with {} bytes and other ones", content.len()));
        }
    }
    problems
}

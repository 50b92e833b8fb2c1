//! The reckoning: what people were addresses against what the database and the relay have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::crowd::Promise;
use super::{Drill, Outcome};
use crate::ledger::{number, text};

impl Drill {
    /// Counts everything of this drill.
    pub(super) async fn reckon(&self, promises: &[Promise], outcome: &mut Outcome) {
        let mine = format!("r.email like '%drill-{}-%'", self.drills);
        let registrations = format!(
            "select r.reference, r.email,
                (select count(*) from attachment a where a.registration_id = r.id) as files,
                (select max(a.size) from attachment a where a.registration_id = r.id) as bytes,
                (select encode(sha256(string_agg(c.data, ''::bytea order by c.idx)), 'hex') from attachment a
                    join file_chunk c on c.file_id = a.id where a.registration_id = r.id) as sha256,
                (select count(*) from history h where h.registration_id = r.id and h.action = 'registered') as registered
             from registration r where {mine}"
        );
        let mails = format!(
            "select r.email, r.reference, n.recipient, m.message_id, m.state, m.last_error
             from registration r join notification n on n.registration_id = r.id left join mail m on m.id = n.mail_id
             where {mine}"
        );
        let mut stored: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for row in self.ledger.rows(&registrations).await {
            stored.entry(text(&row, "email").to_owned()).or_default().push(row);
        }
        let told = self.ledger.rows(&mails).await;

        outcome.acknowledged = promises.len();
        for promise in promises {
            match problem_of(promise, stored.get(&promise.email).map(Vec::as_slice).unwrap_or_default()) {
                None => outcome.stored += 1,
                Some(problem) => outcome.wrong.push(problem),
            }
        }
        let addresses: BTreeSet<&str> = promises.iter().map(|promise| promise.email.as_str()).collect();
        let strangers = stored.keys().filter(|email| !addresses.contains(email.as_str()));
        outcome.wrong.extend(strangers.map(|email| format!("{email} is registered and was never told so")));
        self.reckon_mails(&stored, &told, outcome);
        outcome.wrong.extend(self.sums().await);
    }

    fn reckon_mails(&self, stored: &BTreeMap<String, Vec<Value>>, told: &[Value], outcome: &mut Outcome) {
        let id = |row: &Value| row["message_id"].as_str().unwrap_or_default().trim_matches(['<', '>']).to_owned();
        let came: BTreeMap<&str, usize> = self.post.mails.iter().fold(BTreeMap::new(), |mut came, mail| {
            *came.entry(mail.message_id.as_str()).or_default() += 1;
            came
        });
        let in_state =
            |state: &str| -> BTreeSet<String> { told.iter().filter(|row| row["state"] == state).map(id).collect() };
        let (sent, parked) = (in_state("sent"), in_state("parked"));
        let delivered = |id: &&String| came.contains_key(id.as_str());
        (outcome.due, outcome.delivered, outcome.parked) =
            (sent.len(), sent.iter().filter(delivered).count(), parked.len());
        outcome.repeated = came.values().map(|times| times - 1).sum();
        outcome.wrong.extend(sent.iter().filter(|id| !delivered(id)).map(|id| format!("the mail {id} did not come")));
        let known: BTreeSet<String> = told.iter().map(id).collect();
        let unknown = came.keys().filter(|id| !known.contains(**id));
        outcome.wrong.extend(unknown.map(|id| format!("nobody knows the mail {id}")));
        let unsent = told.iter().filter(|row| row["state"] != "sent" && !asked_to_be_refused(row));
        outcome.wrong.extend(unsent.map(|row| format!("a mail was not sent: {row}")));

        // Each recipient is told once, or again under the same Message-ID.
        let mut ids: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for mail in &self.post.mails {
            for reference in &mail.references {
                ids.entry((&mail.to, reference)).or_default().insert(&mail.message_id);
            }
        }
        for row in told {
            let about = (text(row, "recipient"), text(row, "reference"));
            let ids = ids.get(&about).map_or(0, BTreeSet::len);
            if ids != 1 && !asked_to_be_refused(row) {
                outcome.wrong.push(format!("{} was told of {} under {ids} Message-IDs", about.0, about.1));
            }
        }
        for (email, rows) in stored {
            let notified = told.iter().filter(|row| text(row, "email") == email).count();
            let wanted = rows.len() * (1 + self.organizers.len());
            if notified != wanted {
                outcome.wrong.push(format!("{notified} are told of {email}, and not {wanted}"));
            }
        }
    }

    /// The running summary and the counter of places against the registrations themselves.
    async fn sums(&self) -> Vec<String> {
        let event = format!("(select id from event where slug = '{}')", self.site.slug);
        let summed = format!(
            "select coalesce(sum(n), 0)::bigint as n from (select event_id, dimension, value, n from summary_count
                union all select event_id, dimension, value, n from summary_delta) s
             where event_id = {event} and dimension = 'status'"
        );
        let rows = format!("select count(*) as n from registration where event_id = {event}");
        let taken = format!(
            "select coalesce(sum(taken), 0)::bigint as n from place_count where event_id = {event} and key = 'event'"
        );
        let confirmed = format!("{rows} and status = 'confirmed'");
        let (summed, rows) = (self.ledger.number(&summed).await, self.ledger.number(&rows).await);
        let (taken, confirmed) = (self.ledger.number(&taken).await, self.ledger.number(&confirmed).await);
        let mut problems = Vec::new();
        if summed != rows {
            problems.push(format!("the summary counts {summed} registrations of {rows}"));
        }
        if taken != confirmed {
            problems.push(format!("{taken} places are counted, {confirmed} are given away"));
        }
        problems
    }
}

fn problem_of(promise: &Promise, rows: &[Value]) -> Option<String> {
    let Promise { email, bytes, sha256, .. } = promise;
    let [row] = rows else { return Some(format!("{email} was answered 303 and is there {} times", rows.len())) };
    if number(row, "registered") != 1 {
        return Some(format!("{email} came {} times by its history", number(row, "registered")));
    }
    if number(row, "files") != 1 || row["bytes"].as_u64() != Some(*bytes as u64) || row["sha256"] != sha256.as_str() {
        return Some(format!("the file of {email}, {bytes} bytes of {sha256}, is not whole: {row}"));
    }
    None
}

/// Whether the relay was asked, by the address itself, to refuse it for good.
fn asked_to_be_refused(row: &Value) -> bool {
    text(row, "recipient").starts_with("rcpt-5") && row["state"] == "parked"
}

//! The running summary: counts by dimension and value, kept as folded counts plus deltas so that reading costs the same at
//! ten registrations and at a million.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::answers::{Answer, Answers};
use crate::form::Form;
use crate::stored::Status;

/// A change of one count, written in the registration's transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryDelta {
    /// `status`, `day` or `field:KEY`.
    pub dimension: String,
    /// A status, an ISO date of the event's zone, or an option value (`yes`/`no` for yes/no, a country code for countries).
    pub value: String,
    /// The change.
    pub n: i64,
}

/// The deltas of a registration that comes in with `status` on `day`: its status, its day, and each field marked
/// `summary` (and `visa_letter`, whose `yes` is a visa letter owed).
pub fn deltas(form: &Form, answers: &Answers, status: Status, day: Date) -> Vec<SummaryDelta> {
    let one =
        |dimension: &str, value: &str| SummaryDelta { dimension: dimension.to_owned(), value: value.to_owned(), n: 1 };
    let mut deltas = vec![one("status", status.as_str()), one("day", &day.to_string())];
    for field in form.inputs().filter(|field| field.summary || field.key == "visa_letter") {
        let dimension = format!("field:{}", field.key);
        match answers.get(&field.key) {
            Some(Answer::Yes(yes)) => deltas.push(one(&dimension, if *yes { "yes" } else { "no" })),
            Some(Answer::Choice(value)) => deltas.push(one(&dimension, value)),
            Some(Answer::Choices(values)) => deltas.extend(values.iter().map(|value| one(&dimension, value))),
            _ => {}
        }
    }
    deltas
}

/// The deltas of a registration that ends: it moves from one status to another that is not alive, and its answers are not
/// counted any more. The day it came in stays counted.
pub fn ending(form: &Form, answers: &Answers, from: Status, to: Status) -> Vec<SummaryDelta> {
    // Any day will do: its row is left out.
    let came = deltas(form, answers, from, Date::ZERO).into_iter().filter(|delta| delta.dimension != "day");
    let mut ending: Vec<SummaryDelta> = came.map(|delta| SummaryDelta { n: -delta.n, ..delta }).collect();
    ending.push(SummaryDelta { dimension: "status".to_owned(), value: to.as_str().to_owned(), n: 1 });
    ending
}

/// Counts of an event, as the organisers' mails and pages show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By dimension, then value.
    pub counts: BTreeMap<String, BTreeMap<String, i64>>,
}

impl Summary {
    /// From rows of (dimension, value, count); rows of one dimension and value are added up.
    pub fn from_rows(rows: impl IntoIterator<Item = SummaryDelta>) -> Self {
        let mut summary = Self::default();
        for row in rows {
            *summary.counts.entry(row.dimension).or_default().entry(row.value).or_default() += row.n;
        }
        summary
    }

    /// One count; 0 when there is none.
    pub fn count(&self, dimension: &str, value: &str) -> i64 {
        self.counts.get(dimension).and_then(|values| values.get(value)).copied().unwrap_or(0)
    }

    /// Registrations in any status that is alive (pending, waiting, offered, confirmed).
    pub fn total(&self) -> i64 {
        Status::ALL
            .into_iter()
            .filter(|status| status.is_alive())
            .map(|status| self.count("status", status.as_str()))
            .sum()
    }

    /// Registrations that are over; they stay counted on the day they came in.
    pub fn ended(&self) -> i64 {
        let over = Status::ALL.into_iter().filter(|status| !status.is_alive());
        over.map(|status| self.count("status", status.as_str())).sum()
    }

    /// Registrations, also those that are over, that came in on the days from `first` to `last`, both included.
    pub fn between(&self, first: Date, last: Date) -> i64 {
        let days = self.counts.get("day");
        days.into_iter()
            .flatten()
            .filter(|(day, _)| day.parse::<Date>().is_ok_and(|day| (first..=last).contains(&day)))
            .map(|(_, n)| n)
            .sum()
    }
}

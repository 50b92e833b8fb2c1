//! Which columns an export has, and what stands in them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use presentation::answers::value_in_words;
use presentation::words::Words;
use registration::answers::{Answer, Answers};
use registration::form::{Field, FieldKind, Form};
use registration::language::Language;
use registration::ports::{Store, StoreError};
use registration::stored::{Record, StoredEvent};

use crate::refusal::{Outcome, Refusal};

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing.
    Empty,
    /// Text that somebody wrote: never a formula.
    Text(String),
    /// A telephone number as E.164, which begins with a plus and is no formula.
    Phone(String),
    /// A whole number.
    Number(i64),
    /// A day.
    Date(Date),
    /// A time of the event's zone, to the second.
    Time(DateTime),
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

/// Columns before the answers: key, and label.
const FIXED: [(&str, &str); 7] = [
    ("reference", "Reference"),
    ("status", "Status"),
    ("created_at", "Registered"),
    ("updated_at", "Last change"),
    ("erased_at", "Erased"),
    ("language", "Language"),
    ("form_version", "Form version"),
];

/// The columns of an export.
pub(super) struct Layout {
    zone: TimeZone,
    labels: bool,
    forms: BTreeMap<i32, Form>,
    /// Fields of the newest form in its order, then those of older ones that it has no more, newest first.
    columns: Vec<Field>,
}

impl Layout {
    /// Reads the form versions of an event.
    pub(super) async fn read(store: &dyn Store, event: &StoredEvent, zone: TimeZone, labels: bool) -> Outcome<Self> {
        let mut forms = BTreeMap::new();
        for version in 1..=event.form_version {
            let Some(json) = store.form(event.id, version).await? else { continue };
            let form = serde_json::from_value(json)
                .map_err(|_| StoreError::Corrupt(format!("version {version} of the form of {}", event.slug)))?;
            forms.insert(version, form);
        }
        Ok(Self::new(forms, zone, labels))
    }

    /// The columns of these form versions.
    pub(super) fn new(forms: BTreeMap<i32, Form>, zone: TimeZone, labels: bool) -> Self {
        let mut columns: Vec<Field> = Vec::new();
        for field in forms.values().rev().flat_map(Form::inputs) {
            if !columns.iter().any(|column| column.key == field.key) {
                columns.push(field.clone());
            }
        }
        Self { zone, labels, forms, columns }
    }

    /// The first row.
    pub(super) fn header(&self) -> Vec<Cell> {
        let fixed = FIXED.iter().map(|(key, label)| (if self.labels { *label } else { *key }).to_owned());
        let fields = self.columns.iter().map(|field| {
            if self.labels {
                field.label.get(Language::En).to_owned()
            } else if FIXED.iter().any(|(key, _)| *key == field.key) {
                // No field key has a dot in it, so this one is unique.
                format!("answer.{}", field.key)
            } else {
                field.key.clone()
            }
        });
        fixed.chain(fields).map(Cell::Text).collect()
    }

    /// The row of a registration.
    pub(super) fn cells(&self, record: &Record) -> Outcome<Vec<Cell>> {
        let form = self.forms.get(&record.form_version).ok_or_else(|| {
            Refusal::found("the form was changed while its registrations were exported: export them again")
        })?;
        let answers = Answers::from_json(form, &record.answers);
        let mut cells = vec![
            Cell::text(record.reference.as_str()),
            Cell::text(record.status.as_str()),
            self.time(record.created_at),
            self.time(record.updated_at),
            record.erased_at.map_or(Cell::Empty, |at| self.time(at)),
            Cell::text(record.language.tag()),
            Cell::Number(i64::from(record.form_version)),
        ];
        cells.extend(self.columns.iter().map(|column| match (form.field(&column.key), answers.get(&column.key)) {
            (Some(field), Some(answer)) => self.answer(field, answer),
            _ => Cell::Empty,
        }));
        Ok(cells)
    }

    fn answer(&self, field: &Field, answer: &Answer) -> Cell {
        match answer {
            Answer::Text(text) if matches!(field.kind, FieldKind::Phone { .. }) && is_e164(text) => {
                Cell::Phone(text.clone())
            }
            Answer::Text(text) => Cell::text(text),
            Answer::Number(number) => Cell::Number(*number),
            Answer::Date(date) => Cell::Date(*date),
            Answer::Yes(yes) => Cell::text(self.value(field, if *yes { "yes" } else { "no" })),
            Answer::Choice(value) => Cell::text(self.value(field, value)),
            Answer::Choices(values) => {
                Cell::text(values.iter().map(|value| self.value(field, value)).collect::<Vec<_>>().join("; "))
            }
            Answer::File(file) => Cell::text(&file.name),
            Answer::Later if self.labels => Cell::text(Words::of(Language::En).get("answer-later")),
            Answer::Later => Cell::text("later"),
        }
    }

    fn value(&self, field: &Field, value: &str) -> String {
        if self.labels { value_in_words(field, value, Words::of(Language::En)) } else { value.to_owned() }
    }

    fn time(&self, at: Timestamp) -> Cell {
        let local = at.to_zoned(self.zone.clone()).datetime();
        // Whole seconds, as spreadsheets read them.
        Cell::Time(local.with().subsec_nanosecond(0).build().unwrap_or(local))
    }
}

/// A plus and digits (ITU-T E.164).
fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

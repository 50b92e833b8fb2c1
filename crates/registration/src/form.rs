//! A registration form: fields in their order, immutable once stored as a version.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::language::Text;

/// A form; one immutable version of it is stored per change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Fields, headings and paragraphs in the order they are shown.
    pub fields: Vec<Field>,
}

/// A part of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name of the input and key of the answer: a lower-case letter, then letters, digits and underscores, at most 40;
    /// unique in the form and none of [`RESERVED_KEYS`].
    pub key: String,
    /// What kind of answer it takes.
    pub kind: FieldKind,
    /// Label (for a paragraph: its text).
    pub label: Text,
    /// Help under the label.
    pub help: Option<Text>,
    /// Whether an answer must be given.
    pub required: Required,
    /// Shown and kept only if this holds; `None` = always.
    pub show_if: Option<Condition>,
    /// Whether the organisers' summary counts its values (choices, yes/no and country only).
    pub summary: bool,
}

/// Input names that the form itself uses, so that no field may have them.
pub const RESERVED_KEYS: [&str; 6] = ["submission_id", "form_token", "lang", "action", "website", "event"];

/// No number is further from zero; a bound there is none.
pub const MOST_NUMBER: i64 = 1_000_000_000_000;

/// What is in the keys of fields whose answers say something of somebody's papers, health, body or faith, in the languages that
/// event files are written in.
const PRIVATE: [&str; 14] = [
    "passport",
    "passeport",
    "visa",
    "diet",
    "regime",
    "food",
    "meal",
    "allerg",
    "health",
    "sante",
    "medic",
    "disab",
    "accessib",
    "relig",
];

/// Whether an answer must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// It may be left empty.
    No,
    /// It must be given (where the field applies).
    Yes,
    /// It must be given if any of these conditions holds.
    IfAny(Vec<Condition>),
}

/// Another field has one of some values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Key of a field that stands earlier in the form: a choice, yes/no or country.
    pub field: String,
    /// Option values, `yes`/`no`, or country codes.
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

/// The kinds of fields and their bounds. Lengths are in characters (Unicode scalar values).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldKind {
    /// One line.
    Text {
        /// Shortest answer.
        min: u32,
        /// Longest answer (default 200).
        max: u32,
        /// The `autocomplete` token of the HTML standard, e.g. `family-name`.
        autocomplete: Option<String>,
    },
    /// Several lines.
    Textarea {
        /// Longest answer (default 2,000).
        max: u32,
    },
    /// A mail address (RFC 5321 lengths; a dot in the domain).
    Email,
    /// A telephone number of any country, kept as E.164.
    Phone {
        /// Key of the country field whose answer a local number goes with.
        country: Option<String>,
    },
    /// A whole number.
    Number {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A date.
    Date {
        /// First day allowed.
        min: Option<Date>,
        /// Last day allowed.
        max: Option<Date>,
    },
    /// Yes or no, as two radio buttons.
    YesNo,
    /// A box to tick; when required it must be ticked.
    Consent,
    /// One of several, as radio buttons.
    Radio {
        /// What can be chosen.
        options: Vec<Choice>,
    },
    /// One of several, as a list.
    Select {
        /// What can be chosen.
        options: Vec<Choice>,
    },
    /// Any of several, as boxes.
    Multi {
        /// What can be chosen.
        options: Vec<Choice>,
        /// Fewest that may be chosen, when any is.
        min: u32,
        /// Most that may be chosen.
        max: u32,
    },
    /// A country by its ISO 3166-1 alpha-2 code.
    Country,
    /// A file.
    File {
        /// Media types taken; a subset of [`crate::attachment::Media`].
        types: Vec<crate::attachment::Media>,
        /// Largest size in bytes (default 10 MiB).
        max_bytes: u64,
    },
    /// A section's heading; takes no answer.
    Heading,
    /// A paragraph between fields; takes no answer.
    Paragraph,
}

/// One option of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored: lower-case letters, digits, underscores and hyphens, at most 40.
    pub value: String,
    /// What is shown.
    pub label: Text,
    /// Help beside it.
    pub help: Option<Text>,
    /// Places for it; `None` is without limit.
    pub places: Option<u32>,
}

impl Form {
    /// The field with this key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The fields that take an answer.
    pub fn inputs(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.takes_answer())
    }
}

impl Field {
    /// Whether it takes an answer (headings and paragraphs do not).
    pub fn takes_answer(&self) -> bool {
        !matches!(self.kind, FieldKind::Heading | FieldKind::Paragraph)
    }

    /// The options of a choice, empty for other kinds.
    pub fn options(&self) -> &[Choice] {
        match &self.kind {
            FieldKind::Radio { options } | FieldKind::Select { options } | FieldKind::Multi { options, .. } => options,
            _ => &[],
        }
    }

    /// Whether its answer is kept on no device in a draft: by its key (`passport_number`, `visa_letter`, `dietary` …), which is
    /// all that the program knows of a question's meaning. Consents are given anew each time.
    pub fn is_private(&self) -> bool {
        matches!(self.kind, FieldKind::Consent) || PRIVATE.iter().any(|word| self.key.contains(word))
    }
}

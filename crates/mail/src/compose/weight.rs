//! How large an organiser's mail becomes, known before it is composed: so the planner keeps it below a megabyte.
//!
//! The bound holds for whatever people type. A byte of an answer costs most as `<` (five bytes as `&#60;` in HTML, one in the
//! text, and up to 28 spaces before every 25 characters of a wrapped line) or as a byte of Arabic (three in quoted-printable,
//! twice); what the event file says (labels, options) is counted as it is.

use registration::form::{Choice, Field, FieldKind, Form};
use registration::language::{Language, Text};

use super::organizer::MAX_CELL;

/// Most that the [`weight`]s of one mail's entries may add up to, so that the mail has at most 1,000,000 bytes: the rest is
/// left to the summary, the table of the latest registrations and the frame.
pub const MAX_WEIGHT: usize = 880_000;

/// Most bytes of a mail for a byte of an answer in JSON.
const PER_BYTE: usize = 8;

/// Most bytes for four bytes of a name in overview and heading, in text and HTML.
const PER_NAME_BYTE: usize = 13;

/// Overview, heading, notices, facts and links of an entry, without the name.
const FRAME: usize = 4_200;

/// Markup, padding and line ends of a line.
const LINE: usize = 190;

/// A section's heading, its rule and its markup.
const HEADING: usize = 180;

/// A file in the list of files, without its name: the link in HTML, size and type.
const FILE: usize = 800;

/// Indentation of as many lines as are set beside a label.
const LINES: usize = 30 * 30;

/// Most bytes that a registration takes in an organiser's mail of several: both parts, encoded. `answers_bytes` is the length of
/// its answers as JSON in UTF-8, `form` the version that was answered.
pub fn weight(answers_bytes: usize, form: &Form) -> usize {
    let name = PER_NAME_BYTE * answers_bytes.min(4 * MAX_CELL);
    let fields: usize = form.fields.iter().map(field).sum();
    FRAME + name + PER_BYTE * answers_bytes + fields
}

/// What a field takes beyond its answer's own bytes.
fn field(field: &Field) -> usize {
    let label = text(&field.label);
    let most = match &field.kind {
        FieldKind::Heading => return label + HEADING,
        FieldKind::Paragraph => return 0,
        FieldKind::Radio { options } | FieldKind::Select { options } => {
            options.iter().map(option).max().unwrap_or_default()
        }
        // The value of an option is in the answer's bytes, its label is not.
        FieldKind::Multi { options, .. } => options.iter().map(option).sum(),
        // Names of countries, dates and "yes" in words.
        FieldKind::Country => 600,
        FieldKind::YesNo | FieldKind::Consent | FieldKind::Date { .. } => 120,
        FieldKind::Textarea { .. } => LINES,
        FieldKind::File { .. } => FILE + PER_BYTE * 4 * MAX_CELL,
        FieldKind::Text { .. } | FieldKind::Email | FieldKind::Phone { .. } | FieldKind::Number { .. } => 0,
    };
    // Its key, quotes, colon and comma are among the answer's bytes and not in the mail.
    (label + most + LINE).saturating_sub(PER_BYTE * (field.key.len() + 4))
}

fn option(option: &Choice) -> usize {
    text(&option.label) + 4
}

/// The longest of the languages, in the text and in the HTML part, in quoted-printable with its soft line breaks.
fn text(text: &Text) -> usize {
    let cost = |c: char| match c {
        '<' | '>' | '&' | '"' | '\'' | '=' => 6,
        c if c.is_ascii() => 2,
        c => 6 * c.len_utf8(),
    };
    let longest = Language::ALL.into_iter().map(|language| text.get(language).chars().map(cost).sum::<usize>()).max();
    longest.unwrap_or_default() * 11 / 10
}

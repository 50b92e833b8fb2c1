//! What is wrong with an answer, as a sentence in the reader's language.

use jiff::civil::Date;
use registration::attachment::{FileProblem, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE, Media};
use registration::form::{Field, FieldKind, Form, MOST_NUMBER};
use registration::phone::PhoneProblem;
use registration::validate::{Problem, ProblemKind};

use crate::answers::{media_types, option_label, size};
use crate::dates;
use crate::words::{Value, Words};

/// One sentence (at times two) that says what is wrong and what to do, without the field's label in front; it is shown at
/// the field and in the summary. Only the label and bounds go into it, never what was typed.
pub fn sentence(problem: &Problem, form: &Form, words: &Words) -> String {
    let field = form.field(&problem.field);
    let n = |key, n: u32| words.fill(key, &[("n", n.into())]);
    match &problem.kind {
        ProblemKind::Missing | ProblemKind::ConsentMissing | ProblemKind::FileMissing => missing(field, words),
        ProblemKind::TooShort(least) => n("problem-too-short", *least),
        ProblemKind::TooLong(most) => n("problem-too-long", *most),
        ProblemKind::ForbiddenCharacters => words.get("problem-characters"),
        ProblemKind::UrlInName => words.get("problem-url-in-name"),
        ProblemKind::Email => words.get("problem-email"),
        ProblemKind::Phone(PhoneProblem::NoCountry) => words.get("problem-phone-no-country"),
        ProblemKind::Phone(PhoneProblem::Invalid) => words.get("problem-phone"),
        ProblemKind::Number => words.get("problem-number"),
        ProblemKind::NumberOutside(min, max) => number_outside(*min, *max, words),
        ProblemKind::Date => words.get("problem-date"),
        ProblemKind::DateOutside(min, max) => date_outside(*min, *max, words),
        ProblemKind::DepartureBeforeArrival => words.get("problem-departure"),
        ProblemKind::UnknownOption => words.get("problem-unknown-option"),
        ProblemKind::TooFewOptions(least) => n("problem-too-few-options", *least),
        ProblemKind::TooManyOptions(most) => n("problem-too-many-options", *most),
        ProblemKind::OptionFull(value) => match field.and_then(|field| option_label(field, value, words)) {
            Some(option) => words.fill("problem-option-full", &[("option", option.into())]),
            None => words.get("problem-unknown-option"),
        },
        ProblemKind::Twice => words.get("problem-twice"),
        ProblemKind::UnknownField => words.get("problem-unknown-field"),
        ProblemKind::File(problem) => file(problem, field, words),
    }
}

/// What to do depends on the kind of the field, whatever the kind of its absence.
fn missing(field: Option<&Field>, words: &Words) -> String {
    let Some(field) = field else { return words.get("problem-unknown-field") };
    let label = ("label", Value::Text(field.label.get(words.language())));
    let key = match &field.kind {
        FieldKind::File { types, max_bytes } => {
            let (types, size) = (media_types(types, words), size(*max_bytes, words));
            let values = [label, ("types", Value::from(&types)), ("size", Value::from(&size))];
            return words.fill("problem-missing-file", &values);
        }
        FieldKind::Text { .. } | FieldKind::Textarea { .. } | FieldKind::Heading | FieldKind::Paragraph => {
            "problem-missing-text"
        }
        FieldKind::Email => "problem-missing-email",
        FieldKind::Phone { .. } => "problem-missing-phone",
        FieldKind::Number { .. } => "problem-missing-number",
        FieldKind::Date { .. } => "problem-missing-date",
        FieldKind::YesNo => "problem-missing-yes-no",
        FieldKind::Consent => "problem-missing-consent",
        FieldKind::Radio { .. } => "problem-missing-choice",
        FieldKind::Multi { .. } => "problem-missing-multi",
        FieldKind::Select { .. } | FieldKind::Country => "problem-missing-list",
    };
    words.fill(key, &[label])
}

const LOWEST: i64 = -MOST_NUMBER;

/// A bound at the end of the number's range is none.
fn number_outside(min: i64, max: i64, words: &Words) -> String {
    let (low, high) = (words.number(min), words.number(max));
    let (low, high) = (("min", Value::from(&low)), ("max", Value::from(&high)));
    match (min, max) {
        (..=LOWEST, MOST_NUMBER..) => words.get("problem-number"),
        (..=LOWEST, _) => words.fill("problem-number-to", &[high]),
        (_, MOST_NUMBER..) => words.fill("problem-number-from", &[low]),
        _ => words.fill("problem-number-between", &[low, high]),
    }
}

fn date_outside(min: Option<Date>, max: Option<Date>, words: &Words) -> String {
    let date = |date| dates::date(date, words.language());
    match (min.map(date), max.map(date)) {
        (Some(min), Some(max)) => words.fill("problem-date-between", &[("min", (&min).into()), ("max", (&max).into())]),
        (Some(min), None) => words.fill("problem-date-from", &[("min", (&min).into())]),
        (None, Some(max)) => words.fill("problem-date-to", &[("max", (&max).into())]),
        (None, None) => words.get("problem-date"),
    }
}

fn file(problem: &FileProblem, field: Option<&Field>, words: &Words) -> String {
    match problem {
        FileProblem::Empty => words.get("problem-file-empty"),
        FileProblem::TooLarge(most) => {
            let most = match field.map(|field| &field.kind) {
                Some(FieldKind::File { max_bytes, .. }) => max_bytes,
                _ => most,
            };
            words.fill("problem-file-too-large", &[("size", (&size(*most, words)).into())])
        }
        FileProblem::Heic => words.get("problem-file-heic"),
        FileProblem::WrongType(taken) => {
            // The list of the problem is what was judged by; an empty one would end in nothing to save the file as.
            let taken = match field.map(|field| &field.kind) {
                Some(FieldKind::File { types, .. }) if taken.is_empty() => types,
                _ => taken,
            };
            let taken: &[Media] = if taken.is_empty() { &Media::ALL } else { taken };
            words.fill("problem-file-type", &[("types", (&media_types(taken, words)).into())])
        }
        FileProblem::HugeImage => {
            let millions = (MAX_IMAGE_PIXELS / 1_000_000) as i64;
            let values = [("side", MAX_IMAGE_SIDE.into()), ("millions", millions.into())];
            words.fill("problem-file-huge-image", &values)
        }
    }
}

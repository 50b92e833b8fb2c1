//! One field: from what was typed at it to its answer.

use jiff::civil::Date;

use super::text::{has_url, is_email, length, line, lines};
use super::{ProblemKind, Typed};
use crate::answers::{Answer, Answers, FileAnswer};
use crate::country;
use crate::form::{Choice, Field, FieldKind};
use crate::phone;

/// Keys whose text is a person's name.
const NAMES: [&str; 3] = ["first_name", "last_name", "name"];

/// Longest mail address (RFC 5321, 4.5.3.1).
const LONGEST_EMAIL: u32 = 254;

/// Most that is looked at where only a short answer makes sense.
const LONGEST_SHORT: u32 = 60;

/// What is missing at a field without an answer.
pub(super) fn missing(field: &Field) -> ProblemKind {
    match field.kind {
        FieldKind::Consent => ProblemKind::ConsentMissing,
        FieldKind::File { .. } => ProblemKind::FileMissing,
        _ => ProblemKind::Missing,
    }
}

/// The answer to a field, nothing, or what is wrong with it. `earlier` are the valid answers of the fields before it.
pub(super) fn judge(field: &Field, typed: &Typed, earlier: &Answers) -> Result<Option<Answer>, ProblemKind> {
    match &field.kind {
        FieldKind::Multi { options, min, max } => return multi(field, typed, options, *min, *max),
        FieldKind::File { .. } => return file(field, typed),
        _ => {}
    }
    let mut values = typed.values(&field.key);
    let value = values.next().unwrap_or_default();
    if values.next().is_some() {
        return Err(ProblemKind::Twice);
    }
    if let FieldKind::Textarea { max } = field.kind {
        let text = lines(value)?;
        length(&text, 0, max)?;
        return Ok((!text.is_empty()).then_some(Answer::Text(text)));
    }
    let value = line(value)?;
    if value.is_empty() { Ok(None) } else { one(field, value, typed, earlier).map(Some) }
}

/// The answer of a field that takes one value, which is not empty.
fn one(field: &Field, value: String, typed: &Typed, earlier: &Answers) -> Result<Answer, ProblemKind> {
    match &field.kind {
        FieldKind::Text { min, max, .. } => {
            length(&value, *min, *max)?;
            if NAMES.contains(&field.key.as_str()) && has_url(&value) {
                return Err(ProblemKind::UrlInName);
            }
            Ok(Answer::Text(value))
        }
        FieldKind::Email => {
            length(&value, 0, LONGEST_EMAIL)?;
            if is_email(&value) { Ok(Answer::Text(value)) } else { Err(ProblemKind::Email) }
        }
        FieldKind::Phone { country } => {
            length(&value, 0, LONGEST_SHORT)?;
            // The country may stand after the number, so what was typed there counts.
            let region = country.as_deref().map(|key| typed.first(key)).filter(|code| country::is_code(code));
            phone::to_e164(&value, region).map(Answer::Text).map_err(ProblemKind::Phone)
        }
        FieldKind::Number { min, max } => {
            let digits = value.strip_prefix('-').unwrap_or(&value);
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(ProblemKind::Number);
            }
            // More digits than fit are a number, and outside any bounds.
            match value.parse() {
                Ok(number) if (*min..=*max).contains(&number) => Ok(Answer::Number(number)),
                _ => Err(ProblemKind::NumberOutside(*min, *max)),
            }
        }
        FieldKind::Date { min, max } => {
            let date = date(&value).ok_or(ProblemKind::Date)?;
            if min.is_some_and(|min| date < min) || max.is_some_and(|max| date > max) {
                return Err(ProblemKind::DateOutside(*min, *max));
            }
            match earlier.get("arrival") {
                Some(Answer::Date(arrival)) if field.key == "departure" && date < *arrival => {
                    Err(ProblemKind::DepartureBeforeArrival)
                }
                _ => Ok(Answer::Date(date)),
            }
        }
        FieldKind::YesNo => match value.as_str() {
            "yes" => Ok(Answer::Yes(true)),
            "no" => Ok(Answer::Yes(false)),
            _ => Err(ProblemKind::UnknownOption),
        },
        FieldKind::Consent => match value.as_str() {
            "yes" | "on" | "true" | "1" => Ok(Answer::Yes(true)),
            _ => Err(ProblemKind::UnknownOption),
        },
        FieldKind::Radio { options } | FieldKind::Select { options } => {
            let known = options.iter().any(|option| option.value == value);
            if known { Ok(Answer::Choice(value)) } else { Err(ProblemKind::UnknownOption) }
        }
        FieldKind::Country => {
            if country::is_code(&value) {
                Ok(Answer::Choice(value))
            } else {
                Err(ProblemKind::UnknownOption)
            }
        }
        FieldKind::Textarea { .. }
        | FieldKind::Multi { .. }
        | FieldKind::File { .. }
        | FieldKind::Heading
        | FieldKind::Paragraph => Err(ProblemKind::UnknownField),
    }
}

fn multi(field: &Field, typed: &Typed, options: &[Choice], min: u32, max: u32) -> Result<Option<Answer>, ProblemKind> {
    let chosen: Vec<&str> = typed.values(&field.key).filter(|value| !value.is_empty()).collect();
    if !chosen.iter().all(|value| options.iter().any(|option| option.value == **value)) {
        return Err(ProblemKind::UnknownOption);
    }
    let in_order = options.iter().map(|option| &option.value).filter(|value| chosen.contains(&value.as_str()));
    let values: Vec<String> = in_order.cloned().collect();
    let n = values.len() as u32;
    if values.is_empty() {
        Ok(None)
    } else if n < min {
        Err(ProblemKind::TooFewOptions(min))
    } else if n > max {
        Err(ProblemKind::TooManyOptions(max))
    } else {
        Ok(Some(Answer::Choices(values)))
    }
}

fn file(field: &Field, typed: &Typed) -> Result<Option<Answer>, ProblemKind> {
    let mut files = typed.files.iter().filter(|file| file.field == field.key);
    let Some(first) = files.next() else { return Ok(None) };
    if files.next().is_some() {
        return Err(ProblemKind::Twice);
    }
    match &first.file {
        Ok(row) => {
            Ok(Some(Answer::File(FileAnswer { id: row.id, name: row.name.clone(), media: row.media, size: row.size })))
        }
        Err(problem) => Err(ProblemKind::File(problem.clone())),
    }
}

/// A date as a browser's date picker sends it (`2026-11-04`), or as people write it where there is none: `4/11/2026` and
/// `4.11.2026`, day first.
fn date(value: &str) -> Option<Date> {
    let number = |part: &str, longest: usize| -> Option<i16> {
        let fits = (1..=longest).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit());
        if fits { part.parse().ok() } else { None }
    };
    let (separator, year_first) = match value {
        _ if value.contains('-') => ('-', true),
        _ if value.contains('/') => ('/', false),
        _ => ('.', false),
    };
    let parts: Vec<&str> = value.split(separator).collect();
    let [first, month, last] = parts[..] else { return None };
    let (year, day) = if year_first { (first, last) } else { (last, first) };
    if year.len() != 4 {
        return None;
    }
    let (day, month) = (i8::try_from(number(day, 2)?).ok()?, i8::try_from(number(month, 2)?).ok()?);
    Date::new(number(year, 4)?, month, day).ok()
}

//! The fields of the form.

use super::EventFileError;
use super::dates::Days;
use super::reader::{Section, Value, list, nearest, shown};
use crate::attachment::Media;
use crate::country;
use crate::form::{Choice, Condition, Field, FieldKind, MOST_NUMBER, RESERVED_KEYS, Required};
use crate::language::Language;

/// Keys of every field.
const COMMON: [&str; 7] = ["key", "type", "label", "help", "required", "required_if", "show_if"];

/// The types of fields, and the keys that each has besides [`COMMON`].
const TYPES: [(&str, &[&str]); 15] = [
    ("text", &["min", "max", "autocomplete"]),
    ("textarea", &["max"]),
    ("email", &[]),
    ("phone", &["country"]),
    ("number", &["min", "max"]),
    ("date", &["min", "max"]),
    ("yes_no", &["summary"]),
    ("consent", &[]),
    ("radio", &["options", "summary"]),
    ("select", &["options", "summary"]),
    ("multi", &["options", "summary", "min", "max"]),
    ("country", &["summary"]),
    ("file", &["types", "max_size"]),
    ("heading", &[]),
    ("paragraph", &[]),
];

/// Every key that a field of some type has.
const ALL: [&str; 15] = [
    "key",
    "type",
    "label",
    "help",
    "required",
    "required_if",
    "show_if",
    "summary",
    "min",
    "max",
    "autocomplete",
    "country",
    "options",
    "types",
    "max_size",
];

/// Keys with a meaning of their own, and the types that it needs: they fill the columns of lists and of the summary.
const MEANINGS: [(&str, &[&str]); 10] = [
    ("first_name", &["text"]),
    ("last_name", &["text"]),
    ("name", &["text"]),
    ("email", &["email"]),
    ("country", &["country"]),
    ("category", &["radio", "select"]),
    ("attendance", &["radio", "select"]),
    ("arrival", &["date"]),
    ("departure", &["date"]),
    ("visa_letter", &["yes_no"]),
];

/// Most fields of a form, and most options of a choice.
const MOST: usize = 300;

/// Largest file that a field may take.
const LARGEST_FILE: u64 = 50 * 1024 * 1024;

/// Smallest limit of a file's size: whoever writes less means another unit.
const SMALLEST_FILE: u64 = 1024;

/// What a file field takes by default.
const DEFAULT_FILE: u64 = 10 * 1024 * 1024;

/// Reads all fields and holds them against each other.
pub(super) fn read(
    value: Value<'_>,
    languages: &[Language],
    days: &Days,
    categories: &[Choice],
) -> Result<Vec<Field>, EventFileError> {
    let mut fields: Vec<Field> = Vec::new();
    let mut phones = Vec::new();
    let values = value.tables()?;
    if values.len() > MOST {
        return Err(value.wrong(format!("a form has at most {MOST} fields")));
    }
    for one in &values {
        let section = one.section("a field", &ALL)?;
        let field = self::field(&section, languages, days, categories, &fields)?;
        if let (FieldKind::Phone { country: Some(key) }, Some(at)) = (&field.kind, section.get("country")) {
            phones.push((key.clone(), at));
        }
        fields.push(field);
    }
    for (key, at) in phones {
        if !fields.iter().any(|field| field.key == key && field.kind == FieldKind::Country) {
            return Err(at.wrong(format!("the form has no field `{}` of type `country`", shown(&key))));
        }
    }
    let find = |key: &str| fields.iter().find(|field| field.key == key);
    let always = |field: &Field| field.required == Required::Yes && field.show_if.is_none();
    if !find("email").is_some_and(|field| field.kind == FieldKind::Email && always(field)) {
        return Err(value.wrong("the form needs a required field `email` of type `email`, always shown"));
    }
    let named =
        |key: &str| find(key).is_some_and(|field| matches!(field.kind, FieldKind::Text { .. }) && always(field));
    if !named("last_name") && !named("name") {
        return Err(value.wrong("the form needs a required field `last_name` or `name` of type `text`, always shown"));
    }
    Ok(fields)
}

fn field(
    section: &Section<'_>,
    languages: &[Language],
    days: &Days,
    categories: &[Choice],
    earlier: &[Field],
) -> Result<Field, EventFileError> {
    let kind_value = section.need("type")?;
    let kind_name = kind_value.word(&TYPES.map(|(name, _)| (name, name)))?;
    let own = TYPES.iter().find(|(name, _)| *name == kind_name).map_or(&[][..], |(_, keys)| *keys);
    let silent = matches!(kind_name, "heading" | "paragraph");
    for key in ALL {
        let fits = own.contains(&key) || (COMMON.contains(&key) && !(silent && key.starts_with("required")));
        if let Some(value) = section.get(key).filter(|_| !fits) {
            let having: Vec<&str> =
                TYPES.iter().filter(|(_, keys)| keys.contains(&key)).map(|(name, _)| *name).collect();
            let hint = if having.is_empty() { String::new() } else { format!("; these have: {}", list(&having)) };
            return Err(value.wrong(format!("a field of type `{kind_name}` does not have it{hint}")));
        }
    }
    let key = match section.get("key") {
        Some(value) => key(value, earlier)?,
        None if silent => generated(kind_name, earlier),
        None => return Err(section.wrong("a field needs `key`")),
    };
    if let Some((_, types)) = MEANINGS.iter().find(|(meant, types)| *meant == key && !types.contains(&kind_name)) {
        return Err(kind_value.wrong(format!("the field `{key}` must be of type {}", list(types))));
    }
    if key == "arrival" && earlier.iter().any(|field| field.key == "departure") {
        return Err(section.wrong("`arrival` must stand before `departure`"));
    }
    let long = kind_name == "paragraph";
    let label = section.need("label")?.text(languages, long || kind_name == "consent")?;
    let help = section.get("help").map(|value| value.text(languages, true)).transpose()?;
    let show_if = section.get("show_if").map(|value| condition(value, earlier)).transpose()?;
    Ok(Field {
        kind: kind(kind_name, &key, section, languages, days, categories)?,
        key,
        label,
        help,
        required: required(section, earlier)?,
        show_if,
        summary: section.get("summary").map(|value| value.boolean()).transpose()?.unwrap_or(false),
    })
}

fn key(value: Value<'_>, earlier: &[Field]) -> Result<String, EventFileError> {
    let key = value.string()?;
    let letters = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = key.starts_with(|c: char| c.is_ascii_lowercase());
    if key.len() > 40 || !letters || !begins || key.contains("__") {
        return Err(value.wrong(
            "must begin with a lower-case letter and go on with lower-case letters, digits and single underscores, 40 at most",
        ));
    }
    if RESERVED_KEYS.contains(&key.as_str()) {
        return Err(value.wrong(format!("`{key}` is used by the form itself; choose another word")));
    }
    if earlier.iter().any(|field| field.key == key) {
        return Err(value.wrong(format!("`{key}` is there twice")));
    }
    Ok(key)
}

/// A key for a heading or paragraph: `heading_1`, `heading_2` …
fn generated(kind: &str, earlier: &[Field]) -> String {
    let free = |key: &String| !earlier.iter().any(|field| field.key == *key);
    (1..=earlier.len() + 1).map(|n| format!("{kind}_{n}")).find(free).unwrap_or_default()
}

fn required(section: &Section<'_>, earlier: &[Field]) -> Result<Required, EventFileError> {
    let always = section.get("required").map(|value| value.boolean()).transpose()?.unwrap_or(false);
    match section.get("required_if") {
        Some(value) if always => Err(value.wrong("has no meaning beside `required = true`; write one of them")),
        Some(value) => {
            let conditions: Result<Vec<_>, _> =
                value.values()?.into_iter().map(|one| condition(one, earlier)).collect();
            Ok(Required::IfAny(conditions?))
        }
        None if always => Ok(Required::Yes),
        None => Ok(Required::No),
    }
}

fn condition(value: Value<'_>, earlier: &[Field]) -> Result<Condition, EventFileError> {
    let section = value.section("a condition", &["field", "in"])?;
    let at = section.need("field")?;
    let key = at.string()?;
    let Some(field) = earlier.iter().find(|field| field.key == key) else {
        let hint = match nearest(&key, earlier.iter().filter(|field| decides(field)).map(|field| field.key.as_str())) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        return Err(at.wrong(format!("no field `{}` stands before this one{hint}", shown(&key))));
    };
    let values_at = section.need("in")?;
    let mut values = Vec::new();
    for one in values_at.values()? {
        let written = one.string()?;
        let known = match &field.kind {
            FieldKind::YesNo => matches!(written.as_str(), "yes" | "no"),
            FieldKind::Country => country::is_code(&written),
            FieldKind::Radio { .. } | FieldKind::Select { .. } | FieldKind::Multi { .. } => {
                field.options().iter().any(|option| option.value == written)
            }
            _ => return Err(at.wrong(format!("`{key}` must be a choice, a yes/no or a country"))),
        };
        if !known {
            return Err(one.wrong(format!("`{key}` has no value `{}`", shown(&written))));
        }
        values.push(written);
    }
    if values.is_empty() {
        return Err(values_at.wrong("must name at least one value"));
    }
    Ok(Condition { field: key, values })
}

/// Whether a condition can be about a field.
fn decides(field: &Field) -> bool {
    matches!(field.kind, FieldKind::YesNo | FieldKind::Country) || !field.options().is_empty()
}

fn kind(
    name: &str,
    key: &str,
    section: &Section<'_>,
    languages: &[Language],
    days: &Days,
    categories: &[Choice],
) -> Result<FieldKind, EventFileError> {
    let number = |key: &str, min: i64, max: i64, default: i64| match section.get(key) {
        Some(value) => value.number(min, max),
        None => Ok(default),
    };
    let ordered = |fits: bool| match section.get("max") {
        Some(max) if !fits => Err(max.wrong("is less than `min`")),
        _ if !fits => Err(section.wrong("`min` is more than this type takes")),
        _ => Ok(()),
    };
    let options = || match section.get("options") {
        Some(value) => choices(value, languages),
        None if key == "category" && !categories.is_empty() => Ok(categories.to_vec()),
        None => Err(section.wrong(format!("a field of type `{name}` needs `options`"))),
    };
    Ok(match name {
        "text" => {
            let (min, max) = (number("min", 0, 10_000, 0)? as u32, number("max", 1, 10_000, 200)? as u32);
            ordered(min <= max)?;
            let autocomplete = section.get("autocomplete").map(|value| value.line(60)).transpose()?;
            FieldKind::Text { min, max, autocomplete }
        }
        "textarea" => FieldKind::Textarea { max: number("max", 1, 20_000, 2_000)? as u32 },
        "email" => FieldKind::Email,
        "phone" => FieldKind::Phone { country: section.get("country").map(|value| value.string()).transpose()? },
        "number" => {
            let most = MOST_NUMBER;
            let (min, max) = (number("min", -most, most, -most)?, number("max", -most, most, most)?);
            ordered(min <= max)?;
            FieldKind::Number { min, max }
        }
        "date" => {
            let day = |key: &str| section.get(key).map(|value| days.day(value)).transpose();
            let (min, max) = (day("min")?, day("max")?);
            ordered(min.zip(max).is_none_or(|(min, max)| min <= max))?;
            FieldKind::Date { min, max }
        }
        "yes_no" => FieldKind::YesNo,
        "consent" => FieldKind::Consent,
        "radio" => FieldKind::Radio { options: options()? },
        "select" => FieldKind::Select { options: options()? },
        "multi" => {
            let options = options()?;
            let all = options.len() as i64;
            let (min, max) = (number("min", 0, all, 0)? as u32, number("max", 1, all, all)? as u32);
            ordered(min <= max)?;
            FieldKind::Multi { options, min, max }
        }
        "country" => FieldKind::Country,
        "file" => FieldKind::File { types: types(section)?, max_bytes: max_size(section)? },
        "heading" => FieldKind::Heading,
        _ => FieldKind::Paragraph,
    })
}

/// The options of a choice.
pub(super) fn choices(value: Value<'_>, languages: &[Language]) -> Result<Vec<Choice>, EventFileError> {
    let mut choices: Vec<Choice> = Vec::new();
    let values = value.tables()?;
    if values.is_empty() || values.len() > MOST {
        return Err(value.wrong(format!("must have 1 to {MOST} options")));
    }
    for one in values {
        let section = one.section("an option", &["value", "label", "help", "places"])?;
        let at = section.need("value")?;
        let word = at.string()?;
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if word.is_empty() || word.len() > 40 || !word.bytes().all(letters) {
            return Err(at.wrong("must be 1 to 40 lower-case letters, digits, underscores and hyphens"));
        }
        if choices.iter().any(|other| other.value == word) {
            return Err(at.wrong(format!("`{word}` is there twice")));
        }
        choices.push(Choice {
            value: word,
            label: section.need("label")?.text(languages, false)?,
            help: section.get("help").map(|value| value.text(languages, false)).transpose()?,
            places: section.get("places").map(|value| value.number(1, 10_000_000)).transpose()?.map(|n| n as u32),
        });
    }
    Ok(choices)
}

fn types(section: &Section<'_>) -> Result<Vec<Media>, EventFileError> {
    let Some(value) = section.get("types") else { return Ok(Media::ALL.to_vec()) };
    let words = [("pdf", Media::Pdf), ("png", Media::Png), ("jpeg", Media::Jpeg), ("webp", Media::Webp)];
    let mut types = Vec::new();
    for one in value.values()? {
        let media = one.word(&words)?;
        if types.contains(&media) {
            return Err(one.wrong("is there twice"));
        }
        types.push(media);
    }
    if types.is_empty() {
        return Err(value.wrong(format!("must name at least one of {}", list(&words.map(|(word, _)| word)))));
    }
    Ok(types)
}

fn max_size(section: &Section<'_>) -> Result<u64, EventFileError> {
    let Some(value) = section.get("max_size") else { return Ok(DEFAULT_FILE) };
    let bytes = if value.is_number() {
        u64::try_from(value.number(i64::MIN, i64::MAX)?).ok()
    } else {
        let written = value.string()?;
        let unit = [("KiB", 1024), ("MiB", 1024 * 1024)].into_iter().find(|(unit, _)| written.ends_with(unit));
        unit.and_then(|(unit, bytes)| {
            let number: u64 = written.strip_suffix(unit)?.trim().parse().ok()?;
            number.checked_mul(bytes)
        })
    };
    match bytes {
        Some(bytes) if (SMALLEST_FILE..=LARGEST_FILE).contains(&bytes) => Ok(bytes),
        Some(bytes @ 1..SMALLEST_FILE) => Err(value.wrong(format!(
            "{bytes} bytes are less than any file has; write a size with its unit, like \"{}MiB\"",
            bytes.min(LARGEST_FILE / 1024 / 1024)
        ))),
        _ => Err(value.wrong("must be a size like \"10MiB\" or \"500KiB\", 50MiB at most")),
    }
}

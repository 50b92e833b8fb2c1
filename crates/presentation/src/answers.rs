//! Answers as people read them.

use registration::answers::{Answer, Answers};
use registration::attachment::Media;
use registration::form::{Condition, Field, FieldKind, Form};
use registration::ids::FileId;
use registration::places::{Lack, PlaceKey};

use crate::words::Words;
use crate::{countries, dates};

/// A question and its answer in words; plain text, to be escaped by the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Key of the field.
    pub key: String,
    /// Label of the field.
    pub label: String,
    /// The answer in words (option labels, country name, date in words, "Yes"/"No"; several choices joined by semicolons; a file
    /// as `passport.pdf (PDF, 412 kB)`).
    pub text: String,
    /// Whether the registrant typed it freely (text, textarea, mail address, telephone number, file name): never repeated in
    /// mails to the registrant.
    pub free_text: bool,
    /// The file, if the answer is one.
    pub file: Option<FileId>,
}

/// A part of the form with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Heading, if the form has one before these fields.
    pub heading: Option<String>,
    /// The answered fields in the form's order; never empty.
    pub lines: Vec<Line>,
}

/// All answers in the form's order. What the form does not know is left out, and so are sections without an answer.
pub fn sections(form: &Form, answers: &Answers, words: &Words) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut section = Section { heading: None, lines: Vec::new() };
    for field in &form.fields {
        if field.kind == FieldKind::Heading {
            let heading = Some(field.label.get(words.language()).to_owned());
            sections.push(std::mem::replace(&mut section, Section { heading, lines: Vec::new() }));
        } else if let Some(answer) = answers.get(&field.key).filter(|_| field.takes_answer()) {
            section.lines.extend(line(field, answer, words));
        }
    }
    sections.push(section);
    sections.retain(|section| !section.lines.is_empty());
    sections
}

fn line(field: &Field, answer: &Answer, words: &Words) -> Option<Line> {
    let (mut free_text, mut file) = (false, None);
    let text = match answer {
        Answer::Text(text) => {
            free_text = true;
            text.clone()
        }
        // Without grouping: it may be a year or a membership number.
        Answer::Number(number) => number.to_string(),
        Answer::Date(date) => dates::date(*date, words.language()),
        Answer::Yes(true) => words.get("answer-yes"),
        Answer::Yes(false) => words.get("answer-no"),
        Answer::Choice(value) => value_in_words(field, value, words),
        Answer::Choices(values) => each_of(values.iter().map(|value| value_in_words(field, value, words)), words),
        Answer::File(answer) => {
            free_text = true;
            file = Some(answer.id);
            let size = size(answer.size, words);
            let values =
                [("name", (&answer.name).into()), ("type", answer.media.name().into()), ("size", (&size).into())];
            words.fill("answer-file", &values)
        }
        Answer::Later => words.get("answer-later"),
    };
    let label = field.label.get(words.language()).to_owned();
    (!text.is_empty()).then(|| Line { key: field.key.clone(), label, text, free_text, file })
}

/// The label of an option, if the field has it.
pub fn option_label<'a>(field: &'a Field, value: &str, words: &Words) -> Option<&'a str> {
    let option = field.options().iter().find(|option| option.value == value)?;
    Some(option.label.get(words.language()))
}

/// A stored value of a choice, country or yes/no field in words: the option's label, the country's name, "Yes" or "No"; the
/// value itself if the field does not know it. The values of the summary's counts are of this kind.
pub fn value_in_words(field: &Field, value: &str, words: &Words) -> String {
    match (&field.kind, value) {
        (FieldKind::Country, code) => countries::name(code, words.language()).unwrap_or(code).to_owned(),
        (FieldKind::YesNo | FieldKind::Consent, "yes") => words.get("answer-yes"),
        (FieldKind::YesNo | FieldKind::Consent, "no") => words.get("answer-no"),
        _ => option_label(field, value, words).unwrap_or(value).to_owned(),
    }
}

/// What a registration on the waiting list lacks, as a sentence.
pub fn lack(lack: &Lack, form: &Form, words: &Words) -> String {
    let full = match lack {
        Lack::Event => return words.get("lack-event"),
        Lack::EventBefore => return words.get("lack-event-before"),
        Lack::Before => return words.get("lack-before"),
        Lack::Options(full) => full,
    };
    let options = form.fields.iter().flat_map(|field| field.options().iter().map(move |option| (field, option)));
    let named = options
        .filter(|(field, option)| full.contains(&PlaceKey::option(&field.key, &option.value)))
        .map(|(_, option)| option.label.get(words.language()).to_owned());
    words.fill("lack-options", &[("options", (&each_of(named, words)).into())])
}

/// "a; b; c".
fn each_of(items: impl Iterator<Item = String>, words: &Words) -> String {
    let join =
        |first: String, next: String| words.fill("list-each", &[("first", (&first).into()), ("next", (&next).into())]);
    items.reduce(join).unwrap_or_default()
}

/// A condition in words, as it stands over a field without JavaScript: "Only if “Attendance” is “On site” or “Online”."
/// Empty if the form has no such field, as conditions of a valid form always do.
pub fn only_if(form: &Form, condition: &Condition, words: &Words) -> String {
    let Some(field) = form.field(&condition.field) else { return String::new() };
    let quoted = |value: &String| words.fill("quote", &[("text", (&value_in_words(field, value, words)).into())]);
    let values = any_of(condition.values.iter().map(quoted), words);
    let key = if matches!(field.kind, FieldKind::Multi { .. }) { "only-if-includes" } else { "only-if-is" };
    words.fill(key, &[("label", field.label.get(words.language()).into()), ("values", (&values).into())])
}

/// The names of media types, "PDF, PNG or JPEG".
pub fn media_types(types: &[Media], words: &Words) -> String {
    any_of(types.iter().map(|media| media.name().to_owned()), words)
}

/// "a, b or c".
fn any_of(items: impl Iterator<Item = String>, words: &Words) -> String {
    let mut items: Vec<String> = items.collect();
    let Some(last) = items.pop() else { return String::new() };
    let join =
        |first: String, next: String| words.fill("list-comma", &[("first", (&first).into()), ("next", (&next).into())]);
    match items.into_iter().reduce(join) {
        Some(first) => words.fill("list-or", &[("first", (&first).into()), ("last", (&last).into())]),
        None => last,
    }
}

/// "412 kB", "9.8 MB" (decimal, as phones show them), with the language's decimal sign. Rounded down, so that a limit is
/// never told higher than it is.
pub fn size(bytes: u64, words: &Words) -> String {
    let (key, unit) = match bytes {
        0..1_000 => {
            return words.fill("size-bytes", &[("n", (bytes as i64).into())]);
        }
        1_000..1_000_000 => ("size-kb", 1_000),
        1_000_000..1_000_000_000 => ("size-mb", 1_000_000),
        _ => ("size-gb", 1_000_000_000),
    };
    let whole = words.number((bytes / unit) as i64);
    let tenth = bytes % unit * 10 / unit;
    // A tenth of a kilobyte says nothing to anybody.
    let number = if tenth == 0 || key == "size-kb" {
        whole
    } else {
        words.fill("decimal", &[("whole", (&whole).into()), ("tenth", (&tenth.to_string()).into())])
    };
    words.fill(key, &[("n", (&number).into())])
}

//! From what a browser sent to valid answers, or to problems at their fields.

use jiff::civil::Date;

mod field;
mod text;

pub(crate) use text::{is_email, is_misleading};

use crate::answers::{Answer, Answers};
use crate::attachment::FileProblem;
use crate::form::{Condition, Field, FieldKind, Form, Required};
use crate::phone::PhoneProblem;
use crate::stored::FileRow;

/// What a browser sent, before any judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Names and values of all inputs but files and the form's own (see [`crate::form::RESERVED_KEYS`]), in the order sent.
    pub fields: Vec<(String, String)>,
    /// Files sent or kept from before, already judged.
    pub files: Vec<TypedFile>,
}

/// A file that was sent with the form, or kept from an earlier try of the same form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedFile {
    /// Key of its field.
    pub field: String,
    /// The stored or to-be-stored file, or what is wrong with it.
    pub file: Result<FileRow, FileProblem>,
}

impl Typed {
    /// All values typed for a key, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value typed for a key, or nothing.
    pub fn first(&self, key: &str) -> &str {
        self.fields.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }
}

/// What the name of the box "I will attach it later" ends with, after the key of its file field. No key contains it.
pub const LATER_SUFFIX: &str = "__later";

/// The file field whose box "I will attach it later" has this name.
fn field_of_box<'a>(form: &'a Form, name: &str) -> Option<&'a Field> {
    let field = form.field(name.strip_suffix(LATER_SUFFIX)?)?;
    matches!(field.kind, FieldKind::File { .. }).then_some(field)
}

/// Whether a field's box "I will attach it later" is ticked.
pub fn is_to_follow(field: &Field, typed: &Typed) -> bool {
    let is_box = |name: &str| name.strip_suffix(LATER_SUFFIX) == Some(&field.key);
    matches!(field.kind, FieldKind::File { .. })
        && typed.fields.iter().any(|(name, value)| is_box(name) && !value.is_empty())
}

/// Whether a field applies to these answers: what does not is neither shown nor kept.
pub fn applies(field: &Field, answers: &Answers) -> bool {
    field.show_if.as_ref().is_none_or(|condition| holds(condition, answers))
}

/// The file fields that apply to these answers, in the form's order.
pub fn file_fields<'a>(form: &'a Form, answers: &'a Answers) -> impl Iterator<Item = &'a Field> {
    let is_file = |field: &&Field| matches!(field.kind, FieldKind::File { .. });
    form.inputs().filter(is_file).filter(|field| applies(field, answers))
}

/// One thing that is wrong, at one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Key of the field; of an unknown field the name that was sent (made safe, at most 60 characters).
    pub field: String,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What can be wrong with an answer. Presentation words it in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// An answer must be given.
    Missing,
    /// A consent must be ticked.
    ConsentMissing,
    /// A file must be attached.
    FileMissing,
    /// Fewer than this many characters.
    TooShort(u32),
    /// More than this many characters.
    TooLong(u32),
    /// Control characters, line breaks in one line, or bidi overrides.
    ForbiddenCharacters,
    /// A name with a web address in it.
    UrlInName,
    /// Not a mail address.
    Email,
    /// Not a telephone number.
    Phone(PhoneProblem),
    /// Not a whole number.
    Number,
    /// A number outside these bounds.
    NumberOutside(i64, i64),
    /// Not a date.
    Date,
    /// A date before the first or after the last that is allowed.
    DateOutside(Option<Date>, Option<Date>),
    /// A date before the arrival, where `departure` and `arrival` are both there.
    DepartureBeforeArrival,
    /// Not one of the options.
    UnknownOption,
    /// Fewer options than this.
    TooFewOptions(u32),
    /// More options than this.
    TooManyOptions(u32),
    /// The option has no places left (value of the option).
    OptionFull(String),
    /// Sent more than once.
    Twice,
    /// The form has no such field.
    UnknownField,
    /// About its file.
    File(FileProblem),
}

/// Valid answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid {
    /// The answers that apply.
    pub answers: Answers,
    /// Keys of fields that were answered though they do not apply, in the form's order: dropped, and named on the next
    /// page.
    pub dropped: Vec<String>,
}

/// Judges everything that was typed. Problems come in the form's order, unknown fields last, at most one per field.
pub fn validate(form: &Form, typed: &Typed) -> Result<Valid, Vec<Problem>> {
    let Judged { answers, dropped, mut problems } = judge(form, typed);
    problems.extend(unknown(form, typed));
    if problems.is_empty() { Ok(Valid { answers, dropped }) } else { Err(problems) }
}

/// Keys of fields that were answered though they do not apply, whatever else is wrong with the answers.
pub fn dropped(form: &Form, typed: &Typed) -> Vec<String> {
    judge(form, typed).dropped
}

/// What comes of the fields of a form.
struct Judged {
    answers: Answers,
    dropped: Vec<String>,
    problems: Vec<Problem>,
}

fn judge(form: &Form, typed: &Typed) -> Judged {
    let mut answers = Answers::default();
    let mut dropped = Vec::new();
    let mut problems = Vec::new();
    for field in form.inputs() {
        if !applies(field, &answers) {
            if was_answered(field, typed) {
                dropped.push(field.key.clone());
            }
            continue;
        }
        let required = match &field.required {
            Required::No => false,
            Required::Yes => true,
            Required::IfAny(conditions) => conditions.iter().any(|condition| holds(condition, &answers)),
        };
        match field::judge(field, typed, &answers) {
            Ok(Some(answer)) => {
                answers.0.insert(field.key.clone(), answer);
            }
            Ok(None) if is_to_follow(field, typed) => {
                answers.0.insert(field.key.clone(), Answer::Later);
            }
            Ok(None) if required => problems.push(Problem { field: field.key.clone(), kind: field::missing(field) }),
            Ok(None) => {}
            Err(kind) => problems.push(Problem { field: field.key.clone(), kind }),
        }
    }
    Judged { answers, dropped, problems }
}

/// Most unknown fields that are told; a client that sends more than this is no person.
const MOST_UNKNOWN: usize = 10;

/// Whether the field that a condition looks at has one of its values. A field without a valid answer has none.
fn holds(condition: &Condition, answers: &Answers) -> bool {
    let has = |value: &str| condition.values.iter().any(|wanted| wanted == value);
    match answers.get(&condition.field) {
        Some(Answer::Choice(value) | Answer::Text(value)) => has(value),
        Some(Answer::Choices(values)) => values.iter().any(|value| has(value)),
        Some(Answer::Yes(yes)) => has(if *yes { "yes" } else { "no" }),
        _ => false,
    }
}

/// Whether anything was typed, ticked or attached at a field.
fn was_answered(field: &Field, typed: &Typed) -> bool {
    typed.values(&field.key).any(|value| !text::is_blank(value))
        || typed.files.iter().any(|file| file.field == field.key)
}

/// Names that the form does not have: of inputs, and of files at fields that take none.
fn unknown(form: &Form, typed: &Typed) -> Vec<Problem> {
    let is_file = |field: &&Field| matches!(field.kind, FieldKind::File { .. });
    let input = |name: &str| form.field(name).filter(|field| field.takes_answer());
    let names = typed.fields.iter().filter(|(name, value)| match input(name) {
        // A browser that cannot send files sends an empty text.
        Some(field) => is_file(&field) && !value.is_empty(),
        None => true,
    });
    let names = names.map(|(name, _)| name).filter(|name| field_of_box(form, name).is_none());
    let files = typed.files.iter().map(|file| &file.field).filter(|name| !input(name).as_ref().is_some_and(is_file));
    let mut problems: Vec<Problem> = Vec::new();
    for name in names.chain(files) {
        let field = text::printable(name, 60);
        if problems.len() < MOST_UNKNOWN && !problems.iter().any(|problem| problem.field == field) {
            problems.push(Problem { field, kind: ProblemKind::UnknownField });
        }
    }
    problems
}

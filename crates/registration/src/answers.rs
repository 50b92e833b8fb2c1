//! Answers after validation, and the one JSON document that keeps them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::attachment::Media;
use crate::form::{Field, FieldKind, Form};
use crate::ids::FileId;

/// A valid answer to one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Text of one or several lines, a mail address, or an E.164 number.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A date.
    Date(Date),
    /// Yes or no; a ticked consent is `true`.
    Yes(bool),
    /// The value of one option, or a country code.
    Choice(String),
    /// The values of several options, in the form's order.
    Choices(Vec<String>),
    /// A file.
    File(FileAnswer),
    /// A file that the registrant will attach later, by the link of the confirmation.
    Later,
}

/// What the answers say about a file; its content is an attachment of the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAnswer {
    /// Key of the attachment.
    pub id: FileId,
    /// The registrant's name for it, made safe.
    pub name: String,
    /// Type by content.
    pub media: Media,
    /// Bytes.
    pub size: u64,
}

/// Answers by field key. A field without an answer is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(pub BTreeMap<String, Answer>);

impl Answers {
    /// The answer to a field.
    pub fn get(&self, key: &str) -> Option<&Answer> {
        self.0.get(key)
    }

    /// The text, choice or country code that answers `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Answer::Text(text) | Answer::Choice(text)) => Some(text),
            _ => None,
        }
    }

    /// The full name: `first_name` and `last_name`, or `name`.
    pub fn name(&self) -> String {
        let parts = [self.text("first_name"), self.text("last_name"), self.text("name")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The JSON document: text, choice, date and country as strings, numbers as numbers, yes/no and consent as booleans,
    /// several choices as an array, a file as `{"id", "name", "type", "size"}`, one that is to follow as `{"later": true}`.
    pub fn to_json(&self) -> Value {
        let entries = self.0.iter().map(|(key, answer)| {
            let value = match answer {
                Answer::Text(text) | Answer::Choice(text) => json!(text),
                Answer::Number(number) => json!(number),
                Answer::Date(date) => json!(date.to_string()),
                Answer::Yes(yes) => json!(yes),
                Answer::Choices(values) => json!(values),
                Answer::File(file) => {
                    json!({ "id": file.id.0, "name": file.name, "type": file.media.mime(), "size": file.size })
                }
                Answer::Later => json!({ "later": true }),
            };
            (key.clone(), value)
        });
        Value::Object(entries.collect())
    }

    /// Reads the document by the form version it was written with; what the form does not know or cannot read is left out.
    pub fn from_json(form: &Form, document: &Value) -> Self {
        let read = |field: &Field| Some((field.key.clone(), read(&field.kind, document.get(&field.key)?)?));
        Self(form.inputs().filter_map(read).collect())
    }
}

/// An answer of this kind from its JSON.
fn read(kind: &FieldKind, value: &Value) -> Option<Answer> {
    let text = || value.as_str().map(str::to_owned);
    Some(match kind {
        FieldKind::Text { .. } | FieldKind::Textarea { .. } | FieldKind::Email | FieldKind::Phone { .. } => {
            Answer::Text(text()?)
        }
        FieldKind::Number { .. } => Answer::Number(value.as_i64()?),
        FieldKind::Date { .. } => Answer::Date(text()?.parse().ok()?),
        FieldKind::YesNo | FieldKind::Consent => Answer::Yes(value.as_bool()?),
        FieldKind::Radio { .. } | FieldKind::Select { .. } | FieldKind::Country => Answer::Choice(text()?),
        FieldKind::Multi { .. } => {
            Answer::Choices(value.as_array()?.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
        }
        FieldKind::File { .. } if value.get("later") == Some(&Value::Bool(true)) => Answer::Later,
        FieldKind::File { .. } => Answer::File(FileAnswer {
            id: FileId(value.get("id")?.as_str()?.parse().ok()?),
            name: value.get("name")?.as_str()?.to_owned(),
            media: Media::from_mime(value.get("type")?.as_str()?)?,
            size: value.get("size")?.as_u64()?,
        }),
        FieldKind::Heading | FieldKind::Paragraph => return None,
    })
}

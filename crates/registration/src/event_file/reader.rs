//! TOML with lines: tables that know which keys they may have, values that know where they stand.

use std::collections::BTreeMap;
use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::EventFileError;
use crate::language::{Language, Text};
use crate::validate::is_misleading;

/// The file's text, for lines.
pub(super) struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let breaks = self.text.char_indices().take_while(|(index, _)| *index < at).filter(|(_, c)| *c == '\n');
        breaks.count() + 1
    }
}

/// A table of the file.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    at: usize,
    name: &'static str,
}

/// A value of a table.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    source: &'a Source<'a>,
    key: &'a str,
    written: &'a Spanned<DeValue<'a>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn top(
        source: &'a Source<'a>,
        table: &'a DeTable<'a>,
        keys: &[&'static str],
    ) -> Result<Self, EventFileError> {
        Self { source, table, at: 0, name: "the event" }.checked(keys)
    }

    /// Refuses keys that are not among `keys`.
    fn checked(self, keys: &[&'static str]) -> Result<Self, EventFileError> {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if keys.contains(&name) {
                continue;
            }
            let hint = match nearest(name, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it can have {}", list(keys)),
            };
            let reason = format!("{} has no key `{}`; {hint}", self.name, shown(name));
            return Err(EventFileError { line: self.source.line(key.span().start), reason });
        }
        Ok(self)
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(Value { source: self.source, key: key.get_ref(), written: value })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str) -> Result<Value<'a>, EventFileError> {
        self.get(key).ok_or_else(|| self.wrong(format!("{} needs `{key}`", self.name)))
    }

    /// A mistake of the table as a whole.
    pub(super) fn wrong(&self, reason: impl Display) -> EventFileError {
        EventFileError { line: self.source.line(self.at), reason: reason.to_string() }
    }
}

impl<'a> Value<'a> {
    /// A mistake at this value.
    pub(super) fn wrong(&self, reason: impl Display) -> EventFileError {
        EventFileError {
            line: self.source.line(self.written.span().start),
            reason: format!("`{}`: {reason}", shown(self.key)),
        }
    }

    /// A string as it is written, or a native date or time as TOML writes it.
    pub(super) fn string(&self) -> Result<String, EventFileError> {
        match self.written.get_ref() {
            DeValue::String(text) => Ok(text.as_ref().to_owned()),
            DeValue::Datetime(date) => Ok(date.to_string()),
            other => Err(self.wrong(format!("must be a text in quotes, not {}", other.type_str()))),
        }
    }

    /// A string of one line without control characters, not blank, at most `max` characters.
    pub(super) fn line(&self, max: usize) -> Result<String, EventFileError> {
        self.proper(&self.string()?, false, max)
    }

    /// A text as it is kept: trimmed, with LF as line break (a file written on Windows has CRLF).
    fn proper(&self, text: &str, lines: bool, max: usize) -> Result<String, EventFileError> {
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        if text.is_empty() {
            return Err(self.wrong("must not be empty"));
        }
        if text.chars().any(|c| is_misleading(c) || (c.is_control() && !(lines && (c == '\n' || c == '\t')))) {
            return Err(self.wrong(if lines {
                "must have no control characters"
            } else {
                "must be one line, without control characters"
            }));
        }
        if text.chars().count() > max {
            return Err(self.wrong(format!("must have at most {max} characters")));
        }
        Ok(text.to_owned())
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Result<T, EventFileError> {
        let written = self.string()?;
        let known = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
        known.ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(format!("must be one of {}, not `{}`", list(&names), shown(&written)))
        })
    }

    pub(super) fn boolean(&self) -> Result<bool, EventFileError> {
        match self.written.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("must be true or false")),
        }
    }

    /// A whole number between these bounds.
    pub(super) fn number(&self, min: i64, max: i64) -> Result<i64, EventFileError> {
        let number = self
            .written
            .get_ref()
            .as_integer()
            .and_then(|written| i64::from_str_radix(written.as_str(), written.radix()).ok());
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(self.wrong(format!("must be a whole number from {min} to {max}"))),
        }
    }

    /// Whether it is a whole number.
    pub(super) fn is_number(&self) -> bool {
        self.written.get_ref().is_integer()
    }

    /// A table with these keys; `name` tells in mistakes what it is.
    pub(super) fn section(&self, name: &'static str, keys: &[&'static str]) -> Result<Section<'a>, EventFileError> {
        match self.written.get_ref() {
            DeValue::Table(table) => {
                Section { source: self.source, table, at: self.written.span().start, name }.checked(keys)
            }
            DeValue::Array(_) => {
                Err(self.wrong(format!("is there once only: write [{0}], not [[{0}]]", shown(self.key))))
            }
            _ => Err(self.wrong(format!("must be a table: {{ {} }}", keys.join(" = …, ") + " = …"))),
        }
    }

    /// The values of a list.
    pub(super) fn values(&self) -> Result<Vec<Value<'a>>, EventFileError> {
        match self.written.get_ref() {
            DeValue::Array(values) => {
                Ok(values.iter().map(|written| Value { source: self.source, key: self.key, written }).collect())
            }
            _ => Err(self.wrong("must be a list: [ …, … ]")),
        }
    }

    /// The tables of a list, each under its own heading in double brackets.
    pub(super) fn tables(&self) -> Result<Vec<Value<'a>>, EventFileError> {
        match self.written.get_ref() {
            DeValue::Table(_) => Err(self.wrong(several(&shown(self.key)))),
            _ => self.values(),
        }
    }

    /// A text: one string for all languages, or one for each of `languages`. `lines` allows line breaks.
    pub(super) fn text(&self, languages: &[Language], lines: bool) -> Result<Text, EventFileError> {
        let max = if lines { 10_000 } else { 500 };
        let DeValue::Table(table) = self.written.get_ref() else {
            return self.proper(&self.string()?, lines, max).map(Text::Same);
        };
        let mut texts = BTreeMap::new();
        for (tag, value) in table {
            let value = Value { source: self.source, key: self.key, written: value };
            let language: Language = tag.get_ref().parse().map_err(|error| value.wrong(error))?;
            if texts.insert(language, value.proper(&value.string()?, lines, max)?).is_some() {
                return Err(value.wrong(format!("the text in {} ({language}) is there twice", language.own_name())));
            }
        }
        if let Some(missing) = languages.iter().find(|language| !texts.contains_key(language)) {
            return Err(self.wrong(format!("the text in {} ({missing}) is missing", missing.own_name())));
        }
        Ok(Text::Each(texts))
    }
}

/// Of some known words the one that somebody may have meant.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |word: &str| strsim::jaro_winkler(written, word);
    known.max_by(|one, other| near(one).total_cmp(&near(other))).filter(|word| near(word) > 0.7)
}

/// What is said about a heading in single brackets where there may be several.
pub(super) fn several(heading: &str) -> String {
    format!("there may be several: write [[{heading}]], not [{heading}]")
}

/// What somebody wrote, fit for one line of a message.
pub(super) fn shown(written: &str) -> String {
    let line: String = written.chars().filter(|c| !c.is_control()).take(60).collect();
    if line.len() < written.len() { format!("{line}…") } else { line }
}

/// Words in a sentence.
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

//! Translations by Project Fluent. The messages live in `locales/LANGUAGE/*.ftl`, compiled in.
//!
//! Keys are flat and unique over all files of a language. A message that is missing in a language is taken from English, so
//! that a page never breaks for a translation that is behind; a test keeps the languages complete.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use registration::language::Language;

/// The sources of one language: (file name, content).
pub type Sources = [(&'static str, &'static str); 7];

macro_rules! sources {
    ($tag:literal) => {
        [
            ("common.ftl", include_str!(concat!("../locales/", $tag, "/common.ftl"))),
            ("answers.ftl", include_str!(concat!("../locales/", $tag, "/answers.ftl"))),
            ("problems.ftl", include_str!(concat!("../locales/", $tag, "/problems.ftl"))),
            ("pages.ftl", include_str!(concat!("../locales/", $tag, "/pages.ftl"))),
            ("form.ftl", include_str!(concat!("../locales/", $tag, "/form.ftl"))),
            ("web.ftl", include_str!(concat!("../locales/", $tag, "/web.ftl"))),
            ("mail.ftl", include_str!(concat!("../locales/", $tag, "/mail.ftl"))),
        ]
    };
}

static EN_SOURCES: Sources = sources!("en");
static FR_SOURCES: Sources = sources!("fr");

static EN: LazyLock<Words> = LazyLock::new(|| Words::read(Language::En, &EN_SOURCES));
static FR: LazyLock<Words> = LazyLock::new(|| Words::read(Language::Fr, &FR_SOURCES));

/// The Fluent files of a language as they were compiled in.
pub fn sources(language: Language) -> &'static Sources {
    match language {
        Language::En => &EN_SOURCES,
        Language::Fr => &FR_SOURCES,
    }
}

/// The words of one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

/// A value put into a message.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Text, put in as it is; the template escapes it.
    Text(&'a str),
    /// A count, for plural rules; grouped as the language does (`1,234`), so not for years and the like. Exact up to 2^53.
    Number(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl Words {
    /// The words of a language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Fr => &FR,
        }
    }

    /// Which language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A message without values. An unknown key gives the key itself (a test fails on it).
    pub fn get(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    /// A message with values. In debug builds a value that the message asks for and that is not given panics.
    pub fn fill(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            match *value {
                Value::Text(text) => args.set(*name, text),
                Value::Number(number) => args.set(*name, FluentValue::from(number)),
            }
        }
        self.format(key, &args).or_else(|| Self::of(Language::En).format(key, &args)).unwrap_or_else(|| key.to_owned())
    }

    /// Whether the language itself has the message, without falling back to English.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// A whole number grouped as the language does: `1,234`, `1 234` (with U+202F).
    pub fn number(&self, number: i64) -> String {
        let digits = number.unsigned_abs().to_string();
        let separator = match self.language {
            Language::En => ',',
            Language::Fr => '\u{202f}',
        };
        let mut grouped = String::with_capacity(digits.len() * 2);
        if number < 0 {
            grouped.push('\u{2212}');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        grouped
    }

    fn format(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "the message {key:?} lacks a value: {errors:?}");
        Some(text)
    }

    /// What can be read of the sources; a test proves that it is all of them.
    fn read(language: Language, sources: &Sources) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.tag().parse().unwrap_or_default()]);
        // Fluent wraps every value in the invisible U+2068 and U+2069, which keep text of one direction together inside
        // text of another. They would stay in mail subjects, file names and copied references; pages isolate values
        // with <bdi> where it matters.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match language {
            Language::En => |value, _| group(value, Language::En),
            Language::Fr => |value, _| group(value, Language::Fr),
        }));
        for (_, source) in sources {
            let resource = match FluentResource::try_new((*source).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            // A key that comes twice keeps its first message.
            bundle.add_resource(resource).unwrap_or_default();
        }
        Self { language, bundle }
    }
}

/// Fluent's formatter has no grouping of its own.
fn group(value: &FluentValue<'_>, language: Language) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value.fract() == 0.0 => {
            Some(Words::of(language).number(number.value as i64))
        }
        _ => None,
    }
}

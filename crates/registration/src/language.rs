//! The languages that pages and mails speak, and texts in several of them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language that Karibu is fully translated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

impl Language {
    /// Every language, English first.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The BCP 47 tag, as in `lang="…"` and `?lang=`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// The language's name in itself, as the language switch shows it.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Fr => "Français",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// The tag names no language that Karibu speaks.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a language that Karibu speaks (en, fr)")]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes a BCP 47 tag; only its primary subtag counts (`fr-CM` is French).
    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.tag()))
            .ok_or_else(|| UnknownLanguage(tag.to_owned()))
    }
}

/// A text in one or more languages. In an event file it is either a plain string (the same in every language) or a table
/// `{ en = "…", fr = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// One text for all languages.
    Same(String),
    /// A text per language; never empty.
    Each(BTreeMap<Language, String>),
}

impl Text {
    /// The text in `language`, else in English, else in the first language there is.
    pub fn get(&self, language: Language) -> &str {
        match self {
            Self::Same(text) => text,
            Self::Each(texts) => texts
                .get(&language)
                .or_else(|| texts.get(&Language::En))
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }

    /// Whether the text is there in `language` itself.
    pub fn has(&self, language: Language) -> bool {
        match self {
            Self::Same(_) => true,
            Self::Each(texts) => texts.contains_key(&language),
        }
    }

    /// Every wording there is.
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Same(text) => vec![text],
            Self::Each(texts) => texts.values().map(String::as_str).collect(),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Same(text.to_owned())
    }
}

//! The translations are complete, used, and written as the language is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Pattern, PatternElement, Resource};
use presentation::words::{Words, sources};
use registration::language::Language;

/// Messages that are the same in French, and why.
const SAME_IN_FRENCH: [(&str, &str); 11] = [
    ("answer-file", "only values and punctuation"),
    ("date-full", "day, month, year in both languages"),
    ("date-day-month", "day, month in both languages"),
    ("date-range", "only values and a dash"),
    ("date-range-days", "only values and a dash"),
    ("list-comma", "only values and a comma"),
    ("mail-digest-subject", "only values"),
    ("mail-digest-subject-window", "only values"),
    ("mail-window-day", "only values"),
    ("mail-window-days", "only values"),
    ("mail-window-times", "only values"),
];

/// A message: its text with values as `{$name}` and variants one after the other, and the values it asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    text: String,
    values: BTreeSet<String>,
}

fn messages(language: Language) -> BTreeMap<String, Message> {
    let mut all = BTreeMap::new();
    for (file, source) in sources(language) {
        let resource: Resource<&str> = match fluent_syntax::parser::parse(*source) {
            Ok(resource) => resource,
            Err((_, errors)) => panic!("{language}/{file} cannot be read: {errors:?}"),
        };
        for entry in resource.body {
            let entry = match entry {
                Entry::Message(message) => message,
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => continue,
                other => panic!("{language}/{file}: only flat messages, not {other:?}"),
            };
            let key = entry.id.name;
            assert!(entry.attributes.is_empty(), "{language}/{file}: {key} has attributes");
            assert!(is_kebab_case(key), "{language}/{file}: {key} is not kebab-case");
            let mut message = Message::default();
            let value = entry.value.unwrap_or_else(|| panic!("{language}/{file}: {key} is empty"));
            read(&value, &mut message);
            assert!(all.insert(key.to_owned(), message).is_none(), "{language}/{file}: {key} is there twice");
        }
    }
    all
}

fn is_kebab_case(key: &str) -> bool {
    !key.is_empty()
        && key
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

fn read(pattern: &Pattern<&str>, into: &mut Message) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => into.text.push_str(value),
            PatternElement::Placeable { expression: Expression::Inline(inline) } => read_inline(inline, into),
            PatternElement::Placeable { expression: Expression::Select { selector, variants } } => {
                let mut selected = Message::default();
                read_inline(selector, &mut selected);
                into.values.append(&mut selected.values);
                for variant in variants {
                    read(&variant.value, into);
                    into.text.push('\n');
                }
            }
        }
    }
}

fn read_inline(inline: &InlineExpression<&str>, into: &mut Message) {
    match inline {
        InlineExpression::VariableReference { id } => {
            into.values.insert(id.name.to_owned());
            into.text.extend(["{$", id.name, "}"]);
        }
        InlineExpression::StringLiteral { value } | InlineExpression::NumberLiteral { value } => {
            into.text.push_str(value);
        }
        InlineExpression::FunctionReference { arguments: CallArguments { positional, .. }, .. } => {
            for argument in positional {
                read_inline(argument, into);
            }
        }
        other => panic!("not used here: {other:?}"),
    }
}

/// Every Rust file and template of the workspace but tests, with its content.
fn workspace() -> Vec<(PathBuf, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of all crates");
    let mut files = Vec::new();
    for folder in fs::read_dir(crates).expect("the crates") {
        for part in ["src", "templates"] {
            collect(&folder.as_ref().expect("a crate").path().join(part), &mut files);
        }
    }
    assert!(files.iter().any(|(path, _)| path.ends_with("presentation/src/words.rs")));
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(content) = fs::read_to_string(&path) {
            files.push((path, content));
        }
    }
}

/// The literals in `words.get("…")`, `w.get("…")`, and any `.fill("…"`; a line break may stand before the literal.
fn asked_for(content: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (call, receivers) in [(".get(", &["words", "w"][..]), (".fill(", &[])] {
        for (at, _) in content.match_indices(call) {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let receiver = content[..at].rsplit(|c| !word(c)).next().unwrap_or_default();
            let literal =
                content[at + call.len()..].trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            if let Some(key) = literal
                && (receivers.is_empty() || receivers.contains(&receiver))
            {
                keys.insert(key.to_owned());
            }
        }
    }
    keys
}

fn none<T: std::fmt::Debug>(what: &str, found: &[T]) {
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[test]
fn every_message_is_there_in_every_language() {
    let (en, fr) = (messages(Language::En), messages(Language::Fr));
    none("missing in French", &en.keys().filter(|key| !fr.contains_key(*key)).collect::<Vec<_>>());
    none("missing in English", &fr.keys().filter(|key| !en.contains_key(*key)).collect::<Vec<_>>());
}

#[test]
fn every_message_that_was_written_can_be_had() {
    for language in Language::ALL {
        let lost: Vec<_> = messages(language).into_keys().filter(|key| !Words::of(language).has(key)).collect();
        none("not in the bundle", &lost);
    }
}

#[test]
fn a_message_asks_for_the_same_values_in_every_language() {
    let (en, fr) = (messages(Language::En), messages(Language::Fr));
    let differ: Vec<_> = en
        .iter()
        .filter_map(|(key, message)| Some((key, &message.values, &fr.get(key)?.values)))
        .filter(|(_, en, fr)| en != fr)
        .collect();
    none("other values in French", &differ);
}

#[test]
fn every_message_is_used() {
    let files = workspace();
    let unused: Vec<String> = messages(Language::En)
        .into_keys()
        .filter(|key| {
            let literal = format!("\"{key}\"");
            !files.iter().any(|(_, content)| content.contains(&literal))
        })
        .collect();
    none("in no Rust file and no template", &unused);
}

#[test]
fn every_message_that_is_asked_for_is_there() {
    let known = messages(Language::En);
    let missing: Vec<_> = workspace()
        .iter()
        .flat_map(|(path, content)| asked_for(content).into_iter().map(|key| (path.clone(), key)))
        .filter(|(_, key)| !known.contains_key(key))
        .collect();
    none("not in the English files", &missing);
}

#[test]
fn the_search_for_messages_finds_them() {
    let found = asked_for(
        "w.get(\"a\") self.words.get(\n  \"b\") map.get(\"c\") x.fill(\"d\", &[]) words.get(KEY) {{ w.get(\"e\") }}",
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e"]);
}

#[test]
fn french_is_not_english() {
    let (en, fr) = (messages(Language::En), messages(Language::Fr));
    let same: BTreeSet<&str> =
        en.iter().filter(|(key, message)| fr.get(*key) == Some(message)).map(|(key, _)| key.as_str()).collect();
    let allowed: BTreeSet<&str> = SAME_IN_FRENCH.iter().map(|(key, _)| *key).collect();
    none("not translated", &same.difference(&allowed).collect::<Vec<_>>());
    none("in the allow-list without need", &allowed.difference(&same).collect::<Vec<_>>());
}

#[test]
fn quotes_and_apostrophes_are_those_of_print() {
    for language in Language::ALL {
        let straight: Vec<_> =
            messages(language).into_iter().filter(|(_, message)| message.text.contains(['\'', '"'])).collect();
        none("straight quotes or apostrophes", &straight);
    }
}

#[test]
fn french_has_a_non_breaking_space_before_its_high_punctuation() {
    let breaking = |text: &str| [" :", " ;", " ?", " !", " »", "« "].iter().any(|pair| text.contains(pair));
    let found: Vec<_> = messages(Language::Fr).into_iter().filter(|(_, message)| breaking(&message.text)).collect();
    none("a breaking space", &found);
}

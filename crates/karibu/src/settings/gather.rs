//! Where each setting's value comes from: flag > environment > `karibu.toml` > default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::table::{self, Setting, TABLE};
use crate::refusal::{Outcome, Refusal};

/// The file read in the working folder.
const FILE: &str = "karibu.toml";

/// A value and what the person who set it calls it.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    called: String,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// A file that an environment variable names.
    NamedFile(String),
    /// `karibu.toml`.
    File,
    /// Nobody set it.
    Default,
}

/// All values by the settings' names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    values: BTreeMap<&'static str, Value>,
    /// A refusal for each name that is set and no setting.
    unknown: Vec<Refusal>,
}

impl Values {
    /// Gathers from the flags given, the process's environment, and the text of `karibu.toml` if there is one. Empty values
    /// count as not set. Names that are no setting are left aside, for [`Self::unknown`].
    pub(crate) fn gather(
        flags: impl IntoIterator<Item = (&'static str, String)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&str>,
    ) -> Outcome<Self> {
        let mut values = Self::default();
        for setting in &TABLE {
            if let Some(default) = setting.default {
                values.set(
                    setting.name,
                    default,
                    format!("the default of {}", table::variable(setting.name)),
                    Origin::Default,
                );
            }
        }
        if let Some(text) = file {
            values.take_file(text)?;
        }
        values.take_environment(environment)?;
        for (name, text) in flags {
            values.set(name, &text, format!("--{}", table::flag(name)), Origin::Flag);
        }
        Ok(values)
    }

    /// The text of `karibu.toml` in a folder, `None` when there is none.
    pub(crate) fn file_in(folder: &Path) -> Outcome<Option<String>> {
        match std::fs::read_to_string(folder.join(FILE)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Refusal::called(format!("{FILE} cannot be read ({error}): make it readable, or move it away")))
            }
        }
    }

    fn set(&mut self, name: &'static str, text: &str, called: String, origin: Origin) {
        let text = text.trim();
        if !text.is_empty() {
            self.values.insert(name, Value { text: text.to_owned(), called, origin });
        }
    }

    fn take_file(&mut self, text: &str) -> Outcome {
        let document: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Refusal::called(format!("{FILE}, line {line}: {}", error.message()))
        })?;
        for (key, value) in &document {
            let Some(setting) = TABLE.iter().find(|setting| table::key(setting.name) == *key) else {
                let nearest = table::nearest(key, TABLE.iter().map(|setting| table::key(setting.name)));
                self.unknown.push(Refusal::called(format!(
                    "{FILE} sets `{key}`, which is no setting: did you mean `{nearest}`?"
                )));
                continue;
            };
            let text = plain(value).ok_or_else(|| {
                Refusal::called(format!("{FILE}: `{key}` must be a text, a number, or a list of texts"))
            })?;
            self.set(setting.name, &text, format!("`{key}` in {FILE}"), Origin::File);
        }
        Ok(())
    }

    fn take_environment(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Outcome {
        let mut given = BTreeMap::new();
        for (variable, text) in environment {
            let variable = variable.to_string_lossy().into_owned();
            if !variable.starts_with("KARIBU_") || text.is_empty() {
                continue;
            }
            let text = text
                .into_string()
                .map_err(|_| Refusal::called(format!("{variable} is not UTF-8 text: set it again, or unset it")))?;
            given.insert(variable, text);
        }
        for setting in &TABLE {
            let variable = table::variable(setting.name);
            let named = format!("{variable}_FILE");
            match (given.remove(&variable), given.remove(&named)) {
                (Some(_), Some(_)) => {
                    return Err(Refusal::called(format!("{variable} and {named} are both set: unset one of them")));
                }
                (Some(text), None) => self.set(setting.name, &text, variable, Origin::Environment),
                (None, Some(path)) => {
                    let text = std::fs::read_to_string(&path).map_err(|error| {
                        Refusal::called(format!(
                            "{named} names {path}, which cannot be read ({error}): name a readable text file"
                        ))
                    })?;
                    let called = format!("{path} (named by {named})");
                    self.set(setting.name, &text, called, Origin::NamedFile(path));
                }
                (None, None) => {}
            }
        }
        for unknown in given.keys() {
            let known = TABLE.iter().map(|setting| table::variable(setting.name));
            let known = known.flat_map(|variable| [format!("{variable}_FILE"), variable]);
            let nearest = table::nearest(unknown, known);
            let refusal = Refusal::called(format!("{unknown} is set, which is no setting: did you mean {nearest}?"));
            self.unknown.push(refusal);
        }
        Ok(())
    }

    /// The value read by `parse`, whose error says what a good value looks like; `None` when there is none.
    pub(crate) fn read<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Outcome<Option<T>> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        parse(&value.text).map(Some).map_err(|advice| self.wrong(name, &advice))
    }

    /// A refusal for each name that is set and no setting.
    pub(crate) fn unknown(&self) -> &[Refusal] {
        &self.unknown
    }

    /// The value as it was given and where it comes from.
    pub(crate) fn given(&self, name: &str) -> Option<(&str, &Origin)> {
        self.values.get(name).map(|value| (value.text.as_str(), &value.origin))
    }

    /// The value as a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.values.get(name).map(|value| value.text.clone().into())
    }

    /// The refusal that a setting's value is wrong, with advice; a secret's value is not shown.
    pub(crate) fn wrong(&self, name: &str, advice: &str) -> Refusal {
        let Some(value) = self.values.get(name) else {
            return Refusal::called(format!("{} is not set: {advice}", table::variable(name)));
        };
        Refusal::called(if setting(name).is_some_and(|setting| setting.secret) {
            format!("{} cannot be used: {advice}", value.called)
        } else {
            format!("{} is `{}`: {advice}", value.called, value.text)
        })
    }
}

fn setting(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

/// A TOML value as the text that the environment would hold.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn gather(flags: &[(&'static str, &str)], variables: &[(&str, &str)], file: Option<&str>) -> Outcome<Values> {
        Values::gather(flags.iter().map(|(name, text)| (*name, (*text).to_owned())), environment(variables), file)
    }

    fn text(values: &Values, name: &str) -> Option<String> {
        values.read(name, |text| Ok(text.to_owned())).unwrap()
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let file = Some("log = \"file\"\ninstance = \"file\"\nlisten = \"file\"");
        let values = gather(&[("LOG", "flag")], &[("KARIBU_LOG", "env"), ("KARIBU_INSTANCE", "env")], file).unwrap();
        assert_eq!(text(&values, "LOG").as_deref(), Some("flag"));
        assert_eq!(text(&values, "INSTANCE").as_deref(), Some("env"));
        assert_eq!(text(&values, "LISTEN").as_deref(), Some("file"));
        assert_eq!(text(&values, "LOG_FORMAT").as_deref(), Some("text"));
        assert_eq!(text(&values, "MAIL_FROM"), None);
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let file = Some("mail_from = \"\"");
        let values = gather(&[("LISTEN", "")], &[("KARIBU_LISTEN", ""), ("KARIBU_NONSENSE", "")], file).unwrap();
        assert_eq!(text(&values, "LISTEN").as_deref(), Some("0.0.0.0:8443"));
        assert_eq!(text(&values, "MAIL_FROM"), None);
        assert!(values.unknown().is_empty());
    }

    fn unknown(variables: &[(&str, &str)], file: Option<&str>) -> Refusal {
        gather(&[], variables, file).unwrap().unknown()[0].clone()
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_known_one() {
        let refusal = unknown(&[("KARIBU_PUBLIC_ULR", "x")], None);
        assert_eq!(
            refusal.to_string(),
            "KARIBU_PUBLIC_ULR is set, which is no setting: did you mean KARIBU_PUBLIC_URL?"
        );
        assert_eq!(refusal.code(), 2);
        let refusal = unknown(&[("KARIBU_SMTP_URL_FIEL", "x")], None);
        assert!(refusal.to_string().ends_with("did you mean KARIBU_SMTP_URL_FILE?"), "{refusal}");
        let refusal = unknown(&[], Some("publik_url = \"x\""));
        assert_eq!(
            refusal.to_string(),
            "karibu.toml sets `publik_url`, which is no setting: did you mean `public_url`?"
        );
    }

    #[test]
    fn a_value_may_come_from_a_file_but_not_from_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "  secret\n").unwrap();
        let path = path.to_str().unwrap();
        let values = gather(&[], &[("KARIBU_SECRET_KEY_FILE", path)], None).unwrap();
        assert_eq!(text(&values, "SECRET_KEY").as_deref(), Some("secret"));
        let both = [("KARIBU_SECRET_KEY_FILE", path), ("KARIBU_SECRET_KEY", "other")];
        let refusal = gather(&[], &both, None).unwrap_err();
        assert!(refusal.to_string().contains("both set: unset one"), "{refusal}");
        let refusal = gather(&[], &[("KARIBU_SECRET_KEY_FILE", "/nowhere/key")], None).unwrap_err();
        assert!(refusal.to_string().contains("KARIBU_SECRET_KEY_FILE names /nowhere/key"), "{refusal}");
    }

    #[test]
    fn a_mistake_in_the_file_is_told_with_its_line() {
        let refusal = gather(&[], &[], Some("log = \"info\"\nlisten = = 3\n")).unwrap_err();
        assert!(refusal.to_string().starts_with("karibu.toml, line 2: "), "{refusal}");
        let refusal = gather(&[], &[], Some("listen = 1.5")).unwrap_err();
        assert!(refusal.to_string().contains("`listen` must be a text"), "{refusal}");
    }

    #[test]
    fn lists_in_the_file_are_lists() {
        let values = gather(&[], &[], Some("organizers = [\"a@b.org\", \"c@d.org\"]\ndb_connections = 3")).unwrap();
        assert_eq!(text(&values, "ORGANIZERS").as_deref(), Some("a@b.org,c@d.org"));
        assert_eq!(text(&values, "DB_CONNECTIONS").as_deref(), Some("3"));
    }

    #[test]
    fn a_wrong_value_is_shown_under_the_name_its_author_knows_unless_it_is_secret() {
        let values =
            gather(&[("LISTEN", "here")], &[("KARIBU_SMTP_URL", "smtp://u:hunter2@h")], Some("log = \"x\"")).unwrap();
        let refuse = |_: &str| Err::<(), _>("try harder".to_owned());
        let told = |name| values.read(name, refuse).unwrap_err().to_string();
        assert_eq!(told("LISTEN"), "--listen is `here`: try harder.");
        assert_eq!(told("LOG"), "`log` in karibu.toml is `x`: try harder.");
        assert_eq!(told("SMTP_URL"), "KARIBU_SMTP_URL cannot be used: try harder.");
    }
}

//! The fields of a form as the templates read them.

use presentation::answers::{only_if, size};
use presentation::words::Words;
use registration::attachment::Media;
use registration::event::{Event, Privacy, WhenFull};
use registration::form::{Choice, Condition, Field, FieldKind, Form, MOST_NUMBER, Required};
use registration::language::Language;
use registration::places::PlaceKey;
use registration::validate::{LATER_SUFFIX, is_to_follow};

use super::form::{FormState, KEPT_SUFFIX, remove_name};

/// A heading with the fields that follow it.
pub(super) struct SectionView<'a> {
    pub(super) heading: Option<HeadingView<'a>>,
    pub(super) fields: Vec<FieldView<'a>>,
}

pub(super) struct HeadingView<'a> {
    pub(super) key: &'a str,
    pub(super) label: &'a str,
    pub(super) help: Option<&'a str>,
    pub(super) condition: Option<ConditionView<'a>>,
}

/// When a field applies: in words for everybody, and as data for the script.
pub(super) struct ConditionView<'a> {
    pub(super) field: &'a str,
    /// Separated by spaces, which no value contains.
    pub(super) values: String,
    pub(super) sentence: String,
}

pub(super) struct FieldView<'a> {
    pub(super) key: &'a str,
    pub(super) label: &'a str,
    /// "optional", or "needed in some cases"; a field without a mark must be answered.
    pub(super) mark: Option<String>,
    pub(super) help: Option<&'a str>,
    /// What its answers are bound to.
    pub(super) hint: Option<String>,
    pub(super) condition: Option<ConditionView<'a>>,
    pub(super) error: Option<String>,
    /// Ids of all that describes the input.
    pub(super) described: String,
    /// Whether the privacy notice stands before this field.
    pub(super) after_privacy: bool,
    /// Kept in no draft on the device.
    pub(super) private: bool,
    pub(super) control: Control<'a>,
}

pub(super) enum Control<'a> {
    Paragraph,
    Input {
        kind: &'static str,
        value: String,
        attributes: Vec<(&'static str, String)>,
        short: bool,
    },
    Textarea {
        value: String,
    },
    Select {
        options: Vec<OptionView<'a>>,
    },
    Country {
        chosen: String,
    },
    Group {
        radio: bool,
        options: Vec<OptionView<'a>>,
    },
    Consent {
        chosen: bool,
    },
    File {
        accept: String,
        limits: String,
        max_bytes: u64,
        too_big: String,
        kept: Option<KeptView<'a>>,
        /// The box "I will attach it later", where a file may be needed.
        later: Option<LaterView>,
    },
}

pub(super) struct OptionView<'a> {
    pub(super) value: &'a str,
    pub(super) label: String,
    pub(super) help: Option<&'a str>,
    pub(super) note: Option<String>,
    pub(super) chosen: bool,
    /// It is full, and there is no waiting list.
    pub(super) closed: bool,
}

pub(super) struct KeptView<'a> {
    pub(super) name: &'a str,
    pub(super) size: String,
    pub(super) remove: String,
    pub(super) shown: String,
}

pub(super) struct LaterView {
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// What a view is made of.
pub(super) struct Source<'a> {
    pub(super) event: &'a Event,
    pub(super) form: &'a Form,
    pub(super) exhausted: &'a [PlaceKey],
    pub(super) words: &'static Words,
    pub(super) state: Option<&'a FormState<'a>>,
}

impl<'a> Source<'a> {
    /// All fields in their sections, and whether the privacy notice stands among them (before the first consent).
    pub(super) fn sections(&self) -> (Vec<SectionView<'a>>, bool) {
        let consent = self.form.fields.iter().find(|field| matches!(field.kind, FieldKind::Consent));
        let mut sections: Vec<SectionView<'a>> = Vec::new();
        for field in &self.form.fields {
            if matches!(field.kind, FieldKind::Heading) {
                sections.push(SectionView { heading: Some(self.heading(field)), fields: Vec::new() });
                continue;
            }
            let mut view = self.field(field);
            view.after_privacy = consent.is_some_and(|consent| consent.key == field.key);
            match sections.last_mut() {
                Some(section) => section.fields.push(view),
                None => sections.push(SectionView { heading: None, fields: vec![view] }),
            }
        }
        (sections, consent.is_some())
    }

    fn language(&self) -> Language {
        self.words.language()
    }

    fn heading(&self, field: &'a Field) -> HeadingView<'a> {
        HeadingView {
            key: &field.key,
            label: field.label.get(self.language()),
            help: field.help.as_ref().map(|help| help.get(self.language())),
            condition: self.condition(field.show_if.as_ref()),
        }
    }

    fn condition(&self, condition: Option<&'a Condition>) -> Option<ConditionView<'a>> {
        condition.map(|condition| ConditionView {
            field: &condition.field,
            values: condition.values.join(" "),
            sentence: only_if(self.form, condition, self.words),
        })
    }

    fn field(&self, field: &'a Field) -> FieldView<'a> {
        let mark = match field.required {
            Required::Yes => None,
            Required::No => Some(self.words.get("form-optional")),
            Required::IfAny(_) => Some(self.words.get("form-sometimes")),
        };
        let problem = self.state.and_then(|state| state.problems.iter().find(|problem| problem.field == field.key));
        let mut view = FieldView {
            key: &field.key,
            label: field.label.get(self.language()),
            mark,
            help: field.help.as_ref().map(|help| help.get(self.language())),
            hint: self.hint(field),
            condition: self.condition(field.show_if.as_ref()),
            error: problem.map(|problem| presentation::problems::sentence(problem, self.form, self.words)),
            described: String::new(),
            after_privacy: false,
            private: field.is_private(),
            control: self.control(field),
        };
        view.described = view.described_by();
        view
    }

    /// The bounds of its answers, and what choosing a full option means.
    fn hint(&self, field: &'a Field) -> Option<String> {
        let mut hints: Vec<String> = bounds(&field.kind, self.words).into_iter().collect();
        let is_full = |option: &Choice| self.exhausted.contains(&PlaceKey::option(&field.key, &option.value));
        // Where the event is full, the form says so above.
        let may_wait = self.event.when_full == WhenFull::Waiting && !self.exhausted.contains(&PlaceKey::event());
        if may_wait && field.options().iter().any(is_full) {
            hints.push(self.words.get("form-full-hint"));
        }
        (!hints.is_empty()).then(|| hints.join(" "))
    }

    fn control(&self, field: &'a Field) -> Control<'a> {
        let key = field.key.as_str();
        match &field.kind {
            FieldKind::Text { max, autocomplete, .. } => {
                let attributes = autocomplete.iter().map(|token| ("autocomplete", token.clone())).collect();
                Control::Input { kind: "text", value: self.typed(key), attributes, short: *max <= 20 }
            }
            FieldKind::Textarea { .. } => Control::Textarea { value: self.typed(key) },
            FieldKind::Email => self.input(key, "email", &[("autocomplete", "email"), ("spellcheck", "false")], false),
            FieldKind::Phone { .. } => self.input(key, "tel", &[("autocomplete", "tel")], false),
            FieldKind::Number { min, .. } => {
                let mode = if *min < 0 { "text" } else { "numeric" };
                self.input(key, "text", &[("inputmode", mode)], true)
            }
            FieldKind::Date { min, max } => {
                let bounds = [("min", min), ("max", max)];
                let attributes = bounds.into_iter().filter_map(|(name, day)| day.map(|day| (name, day.to_string())));
                Control::Input { kind: "date", value: self.typed(key), attributes: attributes.collect(), short: true }
            }
            FieldKind::YesNo => {
                let options = [("yes", "answer-yes"), ("no", "answer-no")].map(|(value, word)| OptionView {
                    value,
                    label: self.words.get(word),
                    help: None,
                    note: None,
                    chosen: self.chose(key, value),
                    closed: false,
                });
                Control::Group { radio: true, options: options.into() }
            }
            FieldKind::Consent => Control::Consent { chosen: !self.typed(key).is_empty() },
            FieldKind::Radio { options } => Control::Group { radio: true, options: self.options(key, options) },
            FieldKind::Select { options } => Control::Select { options: self.options(key, options) },
            FieldKind::Multi { options, .. } => Control::Group { radio: false, options: self.options(key, options) },
            FieldKind::Country => Control::Country { chosen: self.typed(key) },
            FieldKind::File { types, max_bytes } => self.file(field, types, *max_bytes),
            FieldKind::Heading | FieldKind::Paragraph => Control::Paragraph,
        }
    }

    fn input(&self, key: &str, kind: &'static str, attributes: &[(&'static str, &str)], short: bool) -> Control<'a> {
        let attributes = attributes.iter().map(|&(name, text)| (name, text.to_owned())).collect();
        Control::Input { kind, value: self.typed(key), attributes, short }
    }

    fn options(&self, key: &str, options: &'a [Choice]) -> Vec<OptionView<'a>> {
        let waiting = self.event.when_full == WhenFull::Waiting;
        let view = |option: &'a Choice| {
            let full = self.exhausted.contains(&PlaceKey::option(key, &option.value));
            let note = match (full, waiting) {
                (false, _) => None,
                (true, false) => Some(self.words.get("form-full")),
                (true, true) => Some(self.words.get("form-full-waiting")),
            };
            let closed = full && !waiting;
            OptionView {
                value: &option.value,
                label: option.label.get(self.language()).to_owned(),
                help: option.help.as_ref().map(|help| help.get(self.language())),
                note,
                chosen: !closed && self.chose(key, &option.value),
                closed,
            }
        };
        options.iter().map(view).collect()
    }

    fn file(&self, field: &'a Field, types: &[Media], max_bytes: u64) -> Control<'a> {
        let key = field.key.as_str();
        let limit = size(max_bytes, self.words);
        let kept = self.state.and_then(|state| state.kept.iter().find(|file| file.field == key));
        Control::File {
            accept: types.iter().map(|media| media.mime()).collect::<Vec<_>>().join(","),
            limits: self
                .words
                .fill("form-file-limits", &[("types", (&self.names(types)).into()), ("size", (&limit).into())]),
            max_bytes,
            too_big: self.words.fill("form-file-too-big", &[("size", (&limit).into())]),
            kept: kept.map(|file| KeptView {
                name: &file.name,
                size: size(file.size, self.words),
                remove: remove_name(key),
                shown: format!("{key}{KEPT_SUFFIX}"),
            }),
            later: (field.required != Required::No && kept.is_none()).then(|| LaterView {
                name: format!("{key}{LATER_SUFFIX}"),
                chosen: self.state.is_some_and(|state| is_to_follow(field, state.typed)),
            }),
        }
    }

    /// "PDF, PNG or JPEG".
    fn names(&self, types: &[Media]) -> String {
        let pair = |key, first: &str, second: &str| {
            let values = [("first", first.into()), (if key == "list-or" { "last" } else { "next" }, second.into())];
            self.words.fill(key, &values)
        };
        let Some((last, rest)) = types.split_last() else { return String::new() };
        let rest = rest.iter().map(|media| media.name().to_owned()).reduce(|all, next| pair("list-comma", &all, &next));
        rest.map_or_else(|| last.name().to_owned(), |rest| pair("list-or", &rest, last.name()))
    }

    fn typed(&self, key: &str) -> String {
        self.state.map(|state| state.typed.first(key).to_owned()).unwrap_or_default()
    }

    fn chose(&self, key: &str, value: &str) -> bool {
        self.state.is_some_and(|state| state.typed.fields.iter().any(|(name, typed)| name == key && typed == value))
    }
}

impl FieldView<'_> {
    fn described_by(&self) -> String {
        let (limits, kept) = match &self.control {
            Control::File { kept, .. } => (true, kept.is_some()),
            _ => (self.hint.is_some(), false),
        };
        let parts = [
            (self.condition.is_some(), "o"),
            (self.help.is_some(), "h"),
            (limits, "l"),
            (kept, "k"),
            (self.error.is_some(), "e"),
        ];
        let ids = parts.iter().filter(|(there, _)| *there).map(|(_, end)| format!("{}-{end}", self.key));
        ids.collect::<Vec<_>>().join(" ")
    }
}

/// The bounds of a number or of a choice of several, in words.
fn bounds(kind: &FieldKind, words: &'static Words) -> Option<String> {
    let number = |n: i64| words.number(n);
    match kind {
        FieldKind::Number { min, max } => {
            let (low, high) = (number(*min), number(*max));
            let (low, high) = (("min", (&low).into()), ("max", (&high).into()));
            match (*min > -MOST_NUMBER, *max < MOST_NUMBER) {
                (true, true) => Some(words.fill("form-number-between", &[low, high])),
                (true, false) => Some(words.fill("form-number-from", &[low])),
                (false, true) => Some(words.fill("form-number-to", &[high])),
                (false, false) => None,
            }
        }
        FieldKind::Multi { options, min, max } => {
            let least = (*min > 1).then(|| words.fill("form-multi-least", &[("n", (*min).into())]));
            let is_bound = (*max as usize) < options.len();
            let most = is_bound.then(|| words.fill("form-multi-most", &[("n", (*max).into())]));
            let both: Vec<String> = least.into_iter().chain(most).collect();
            (!both.is_empty()).then(|| both.join(" "))
        }
        _ => None,
    }
}

/// The privacy notice.
pub(super) struct PrivacyView<'a> {
    pub(super) what: &'a str,
    pub(super) how_long: &'a str,
    pub(super) readers: &'a str,
    pub(super) contact: &'a str,
    /// Whether the contact is a mail address, to be linked.
    pub(super) mail: bool,
}

impl<'a> PrivacyView<'a> {
    pub(super) fn new(privacy: &'a Privacy, language: Language) -> Self {
        let contact = privacy.contact.get(language);
        Self {
            what: privacy.what.get(language),
            how_long: privacy.how_long.get(language),
            readers: privacy.readers.get(language),
            contact,
            mail: contact.contains('@') && !contact.contains(char::is_whitespace),
        }
    }
}

//! What is wrong with answers, conditions and answers themselves, in the words of both languages.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::date;
use presentation::answers::{self, Line};
use presentation::problems;
use presentation::words::Words;
use registration::answers::{Answer, Answers, FileAnswer};
use registration::attachment::{FileProblem, Media};
use registration::form::{Choice, Condition, Field, FieldKind, Form, MOST_NUMBER, Required};
use registration::ids::FileId;
use registration::language::{Language, Text};
use registration::phone::PhoneProblem;
use registration::validate::{Problem, ProblemKind};

fn text(en: &str, fr: &str) -> Text {
    Text::Each(BTreeMap::from([(Language::En, en.to_owned()), (Language::Fr, fr.to_owned())]))
}

fn field(key: &str, label: Text, kind: FieldKind) -> Field {
    Field { key: key.to_owned(), kind, label, help: None, required: Required::Yes, show_if: None, summary: false }
}

fn options() -> Vec<Choice> {
    [("onsite", "On site", "Sur place"), ("online", "Online", "En ligne"), ("later", "Later", "Plus tard")]
        .map(|(value, en, fr)| Choice { value: value.to_owned(), label: text(en, fr), help: None, places: None })
        .to_vec()
}

fn form() -> Form {
    let line = FieldKind::Text { min: 0, max: 200, autocomplete: None };
    let file = FieldKind::File { types: Media::ALL.to_vec(), max_bytes: 10 * 1024 * 1024 };
    Form {
        fields: vec![
            field("name", text("Name", "Nom"), line),
            field("you", text("About you", "À propos de vous"), FieldKind::Heading),
            field("email", text("Email address", "Adresse électronique"), FieldKind::Email),
            field("phone", text("Telephone", "Téléphone"), FieldKind::Phone { country: None }),
            field("country", text("Country", "Pays"), FieldKind::Country),
            field("stay", text("Your stay", "Votre séjour"), FieldKind::Heading),
            field("hint", text("A paragraph.", "Un paragraphe."), FieldKind::Paragraph),
            field("attendance", text("Attendance", "Participation"), FieldKind::Radio { options: options() }),
            field("hotel", text("Hotel", "Hôtel"), FieldKind::Select { options: options() }),
            field("days", text("Days", "Jours"), FieldKind::Multi { options: options(), min: 0, max: 3 }),
            field("arrival", text("Arrival", "Arrivée"), FieldKind::Date { min: None, max: None }),
            field("guests", text("Guests", "Invités"), FieldKind::Number { min: 0, max: 5 }),
            field("visa", text("Visa letter?", "Lettre pour le visa ?"), FieldKind::YesNo),
            field("end", text("At last", "Enfin"), FieldKind::Heading),
            field("attachment", text("Attachment", "Pièce jointe"), file),
            field("comments", text("Comments", "Remarques"), FieldKind::Textarea { max: 2000 }),
            field("consent", text("I agree", "J’accepte"), FieldKind::Consent),
        ],
    }
}

fn both(key: &str, kind: &ProblemKind) -> [String; 2] {
    let problem = Problem { field: key.to_owned(), kind: kind.clone() };
    Language::ALL.map(|language| problems::sentence(&problem, &form(), Words::of(language)))
}

/// Every kind of problem, at a field where it can come up.
fn every_problem() -> Vec<(&'static str, ProblemKind)> {
    use ProblemKind as P;
    let (from, to) = (Some(date(2026, 11, 1)), Some(date(2026, 11, 30)));
    vec![
        ("name", P::Missing),
        ("email", P::Missing),
        ("phone", P::Missing),
        ("country", P::Missing),
        ("attendance", P::Missing),
        ("hotel", P::Missing),
        ("days", P::Missing),
        ("arrival", P::Missing),
        ("guests", P::Missing),
        ("visa", P::Missing),
        ("comments", P::Missing),
        ("consent", P::ConsentMissing),
        ("attachment", P::FileMissing),
        ("name", P::TooShort(1)),
        ("name", P::TooShort(2)),
        ("name", P::TooLong(1)),
        ("comments", P::TooLong(2000)),
        ("name", P::ForbiddenCharacters),
        ("name", P::UrlInName),
        ("email", P::Email),
        ("phone", P::Phone(PhoneProblem::NoCountry)),
        ("phone", P::Phone(PhoneProblem::Invalid)),
        ("guests", P::Number),
        ("guests", P::NumberOutside(0, 5)),
        ("guests", P::NumberOutside(1, MOST_NUMBER)),
        ("guests", P::NumberOutside(-MOST_NUMBER, 12_000)),
        ("guests", P::NumberOutside(-MOST_NUMBER, MOST_NUMBER)),
        ("arrival", P::Date),
        ("arrival", P::DateOutside(from, to)),
        ("arrival", P::DateOutside(from, None)),
        ("arrival", P::DateOutside(None, to)),
        ("arrival", P::DateOutside(None, None)),
        ("departure", P::DepartureBeforeArrival),
        ("attendance", P::UnknownOption),
        ("days", P::TooFewOptions(1)),
        ("days", P::TooFewOptions(2)),
        ("days", P::TooManyOptions(1)),
        ("days", P::TooManyOptions(2)),
        ("attendance", P::OptionFull("onsite".to_owned())),
        ("name", P::Twice),
        ("what", P::UnknownField),
        ("what", P::Missing),
        ("attachment", P::File(FileProblem::Empty)),
        ("attachment", P::File(FileProblem::TooLarge(10 * 1024 * 1024))),
        ("attachment", P::File(FileProblem::Heic)),
        ("attachment", P::File(FileProblem::WrongType(vec![Media::Pdf, Media::Jpeg]))),
        ("attachment", P::File(FileProblem::WrongType(vec![]))),
        ("attachment", P::File(FileProblem::HugeImage)),
    ]
}

#[test]
fn every_problem_is_said_in_both_languages() {
    let mut all = String::new();
    for (key, kind) in every_problem() {
        let [en, fr] = both(key, &kind);
        assert_ne!(en, fr);
        for sentence in [&en, &fr] {
            assert!(sentence.ends_with('.') && !sentence.contains(['{', '}']), "{kind:?}: {sentence}");
            assert!(!sentence.starts_with("problem-"), "{kind:?}: {sentence}");
        }
        writeln!(all, "{key}: {kind:?}\n  {en}\n  {fr}").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_was_typed_never_goes_into_a_sentence() {
    for (_, kind) in every_problem() {
        let [en, fr] = both("<script>evil</script>", &kind);
        assert!(!en.contains("evil") && !fr.contains("evil"), "{kind:?}");
    }
    let [en, fr] = both("attendance", &ProblemKind::OptionFull("evil".to_owned()));
    assert!(!en.contains("evil") && !fr.contains("evil"), "an option that the form does not have");
}

#[test]
fn a_condition_is_a_sentence_over_the_field() {
    let say = |field: &str, values: &[&str]| {
        let condition =
            Condition { field: field.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() };
        Language::ALL.map(|language| answers::only_if(&form(), &condition, Words::of(language)))
    };
    assert_eq!(
        say("attendance", &["onsite"]),
        [
            "Only if “Attendance” is “On site”.",
            "Uniquement si la réponse à «\u{a0}Participation\u{a0}» est «\u{a0}Sur place\u{a0}»."
        ]
    );
    assert_eq!(
        say("attendance", &["onsite", "online", "later"])[0],
        "Only if “Attendance” is “On site”, “Online” or “Later”."
    );
    assert_eq!(
        say("visa", &["yes"]),
        [
            "Only if “Visa letter?” is “Yes”.",
            "Uniquement si la réponse à «\u{a0}Lettre pour le visa ?\u{a0}» est «\u{a0}Oui\u{a0}»."
        ]
    );
    assert_eq!(
        say("country", &["ZM", "CD"]),
        [
            "Only if “Country” is “Zambia” or “Congo - Kinshasa”.",
            "Uniquement si la réponse à «\u{a0}Pays\u{a0}» est «\u{a0}Zambie\u{a0}» ou «\u{a0}Congo-Kinshasa\u{a0}»."
        ]
    );
    assert_eq!(
        say("days", &["online"]),
        [
            "Only if “Days” includes “Online”.",
            "Uniquement si la réponse à «\u{a0}Jours\u{a0}» comprend «\u{a0}En ligne\u{a0}»."
        ]
    );
}

fn given(answers: Vec<(&str, Answer)>) -> Answers {
    Answers(answers.into_iter().map(|(key, answer)| (key.to_owned(), answer)).collect())
}

fn all_answers() -> Answers {
    let id = FileId(uuid::Uuid::from_u128(7));
    let file = FileAnswer { id, name: "Pässe.pdf".to_owned(), media: Media::Pdf, size: 412_345 };
    given(vec![
        ("name", Answer::Text("Mutale <b>".to_owned())),
        ("email", Answer::Text("m@example.org".to_owned())),
        ("phone", Answer::Text("+260211123456".to_owned())),
        ("country", Answer::Choice("ZM".to_owned())),
        ("attendance", Answer::Choice("onsite".to_owned())),
        ("days", Answer::Choices(vec!["onsite".to_owned(), "later".to_owned()])),
        ("arrival", Answer::Date(date(2026, 11, 3))),
        ("guests", Answer::Number(2026)),
        ("visa", Answer::Yes(false)),
        ("attachment", Answer::File(file)),
        ("consent", Answer::Yes(true)),
        ("gone", Answer::Text("of another form".to_owned())),
    ])
}

#[test]
fn answers_are_read_under_the_headings_of_the_form_in_its_order() {
    let show = |language| {
        let mut all = String::new();
        for section in answers::sections(&form(), &all_answers(), Words::of(language)) {
            writeln!(all, "# {}", section.heading.unwrap_or_default()).unwrap();
            for Line { key, label, text, free_text, file } in section.lines {
                writeln!(all, "{key} | {label} | {text} | free {free_text} | file {}", file.is_some()).unwrap();
            }
        }
        all
    };
    insta::assert_snapshot!(format!("{}\n{}", show(Language::En), show(Language::Fr)));
}

#[test]
fn a_heading_without_answers_is_not_there() {
    let words = Words::of(Language::En);
    let only = given(vec![("days", Answer::Choices(vec![])), ("guests", Answer::Number(0))]);
    let sections = answers::sections(&form(), &only, words);
    assert_eq!(sections.len(), 1);
    assert_eq!(sections[0].heading.as_deref(), Some("Your stay"));
    assert_eq!(sections[0].lines.len(), 1, "no option chosen is no answer");
    assert!(answers::sections(&form(), &Answers::default(), words).is_empty());
}

#[test]
fn an_option_that_the_form_lost_is_shown_as_it_was_stored() {
    let form = form();
    let word = |key, value| answers::value_in_words(form.field(key).unwrap(), value, Words::of(Language::En));
    assert_eq!(word("attendance", "hybrid"), "hybrid");
    assert_eq!(word("country", "XX"), "XX");
    assert_eq!(word("visa", "yes"), "Yes");
}

#[test]
fn sizes_are_decimal_and_never_too_high() {
    let size = |bytes| Language::ALL.map(|language| answers::size(bytes, Words::of(language)).replace('\u{a0}', "_"));
    assert_eq!(size(0), ["0 bytes", "0 octet"]);
    assert_eq!(size(1), ["1 byte", "1 octet"]);
    assert_eq!(size(999), ["999 bytes", "999 octets"]);
    assert_eq!(size(1_000), ["1_kB", "1_ko"]);
    assert_eq!(size(412_345), ["412_kB", "412_ko"]);
    assert_eq!(size(999_999), ["999_kB", "999_ko"]);
    assert_eq!(size(1_000_000), ["1_MB", "1_Mo"]);
    assert_eq!(size(9_899_999), ["9.8_MB", "9,8_Mo"]);
    assert_eq!(size(10 * 1024 * 1024), ["10.4_MB", "10,4_Mo"]);
    assert_eq!(size(5_000_000_000), ["5_GB", "5_Go"]);
    assert_eq!(size(u64::MAX)[0], "18,446,744,073.7_GB");
}

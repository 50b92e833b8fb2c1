//! From what was typed to answers or problems: every rule once, and anything at all without a panic.

use jiff::civil::date;
use proptest::prelude::*;
use registration::answers::Answer;
use registration::attachment::{FileProblem, Media};
use registration::form::{Choice, Condition, Field, FieldKind, Form, Required};
use registration::ids::FileId;
use registration::phone::PhoneProblem;
use registration::stored::FileRow;
use registration::validate::{Problem, ProblemKind, Typed, TypedFile, Valid, dropped, validate};

fn field(key: &str, kind: FieldKind) -> Field {
    let label = key.into();
    Field { key: key.to_owned(), kind, label, help: None, required: Required::No, show_if: None, summary: false }
}

fn options(values: &[&str]) -> Vec<Choice> {
    let choice = |value: &&str| Choice { value: (*value).to_owned(), label: (*value).into(), help: None, places: None };
    values.iter().map(choice).collect()
}

fn if_one(field: &str, values: &[&str]) -> Condition {
    Condition { field: field.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

/// A form with every kind of field.
fn form() -> Form {
    let text = |max| FieldKind::Text { min: 0, max, autocomplete: None };
    let day = FieldKind::Date { min: Some(date(2026, 11, 1)), max: Some(date(2026, 11, 10)) };
    let onsite = || Some(if_one("attendance", &["onsite"]));
    let owed = vec![if_one("visa_letter", &["yes"]), if_one("category", &["student"])];
    Form {
        fields: vec![
            field("heading_1", FieldKind::Heading),
            field("first_name", text(200)),
            Field { required: Required::Yes, ..field("last_name", text(200)) },
            Field { required: Required::Yes, ..field("email", FieldKind::Email) },
            field("phone", FieldKind::Phone { country: Some("country".to_owned()) }),
            field("organization", FieldKind::Text { min: 2, max: 20, autocomplete: None }),
            field("country", FieldKind::Country),
            field("category", FieldKind::Radio { options: options(&["delegate", "student"]) }),
            field("attendance", FieldKind::Select { options: options(&["onsite", "online"]) }),
            Field { show_if: onsite(), ..field("arrival", day.clone()) },
            Field { show_if: onsite(), ..field("departure", day) },
            Field {
                show_if: onsite(),
                ..field("dietary", FieldKind::Multi { options: options(&["vegan", "halal", "kosher"]), min: 1, max: 2 })
            },
            Field { show_if: onsite(), ..field("visa_letter", FieldKind::YesNo) },
            field("nights", FieldKind::Number { min: 0, max: 14 }),
            Field {
                required: Required::IfAny(owed),
                ..field("attachment", FieldKind::File { types: Media::ALL.to_vec(), max_bytes: 1000 })
            },
            field("comments", FieldKind::Textarea { max: 100 }),
            Field { required: Required::Yes, ..field("consent", FieldKind::Consent) },
            field("paragraph_1", FieldKind::Paragraph),
        ],
    }
}

fn typed(fields: &[(&str, &str)]) -> Typed {
    let enough = [("last_name", "Wanjiru"), ("email", "w@example.org"), ("consent", "yes")];
    let given = |name: &str| fields.iter().any(|(key, _)| *key == name);
    let all = enough.iter().filter(|(name, _)| !given(name)).chain(fields);
    Typed { fields: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(), files: Vec::new() }
}

fn row(field: &str) -> FileRow {
    FileRow {
        id: FileId(uuid::Uuid::from_u128(1)),
        field: field.to_owned(),
        name: "cv.pdf".to_owned(),
        media: Media::Pdf,
        size: 9,
        sha256: [0; 32],
    }
}

fn with_file(mut typed: Typed, field: &str, file: Result<FileRow, FileProblem>) -> Typed {
    typed.files.push(TypedFile { field: field.to_owned(), file });
    typed
}

fn valid(fields: &[(&str, &str)]) -> Valid {
    validate(&form(), &typed(fields)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(fields: &[(&str, &str)]) -> Vec<(String, ProblemKind)> {
    let problems = validate(&form(), &typed(fields)).expect_err("something is wrong");
    problems.into_iter().map(|Problem { field, kind }| (field, kind)).collect()
}

/// What is wrong when just this one answer is given besides enough others.
fn one(name: &str, value: &str) -> ProblemKind {
    let problems = problems(&[("attendance", "onsite"), (name, value)]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, name);
    problems[0].1.clone()
}

fn text(fields: &[(&str, &str)], key: &str) -> String {
    valid(fields).answers.text(key).unwrap_or_default().to_owned()
}

#[test]
fn answers_are_trimmed_and_kept_in_normal_form() {
    assert_eq!(text(&[("last_name", "  Andri\u{61}\u{301}na\u{a0}")], "last_name"), "Andriána");
    assert_eq!(text(&[("comments", "a\r\nb\n\n")], "comments"), "a\nb");
    assert_eq!(text(&[("last_name", "😀 𠮷")], "last_name"), "😀 𠮷");
    assert!(valid(&[("first_name", "   ")]).answers.get("first_name").is_none(), "blanks are no answer");
}

#[test]
fn what_cannot_be_seen_is_no_answer_and_joiners_stay_in_what_can() {
    for nothing in [
        "\u{200b}\u{200b}",
        "\u{e0041}",
        "\u{2060}",
        "\u{feff}",
        "\u{ad}",
        "\u{3164}",
        "\u{115f}\u{1160}",
        "\u{ffa0}",
        "\u{200d} \u{200c}",
        "\u{fe0f}",
        "\u{e0100}",
        "\u{34f}",
        "\u{2800}",
        "\u{fffd}\u{fffd}",
        " \u{200b}\u{a0}",
    ] {
        assert_eq!(one("last_name", nothing), ProblemKind::Missing, "{nothing:?}");
        assert_eq!(one("email", nothing), ProblemKind::Missing, "{nothing:?}");
        let optional = valid(&[("comments", nothing), ("organization", nothing), ("arrival", nothing)]);
        assert!(["comments", "organization"].iter().all(|key| optional.answers.get(key).is_none()), "{nothing:?}");
        assert!(optional.dropped.is_empty(), "{nothing:?}");
    }
    for seen in
        ["می\u{200c}خواهم", "👩\u{200d}🚀", "🏴\u{e0067}\u{e0062}\u{e007f}", "❤\u{fe0f}", "a\u{ad}b", "\u{200f}א"]
    {
        assert_eq!(text(&[("last_name", seen)], "last_name"), seen);
    }
}

#[test]
fn names_of_real_people_pass_and_web_addresses_do_not() {
    for name in [
        "O'Brien",
        "Ng'ang'a",
        "J.R. Smith",
        "Dr. A.B.C",
        "M/s Ouma",
        "<script>",
        "{x}",
        "=cmd()",
        "Nguyễn",
        "محمد",
        "X Æ A-12",
    ] {
        assert_eq!(text(&[("last_name", name)], "last_name"), name);
    }
    for name in [
        "http://evil.example",
        "Visit www.evil.example",
        "evil.com/win",
        "Visit evil.com now",
        "me.evil.ORG.",
        "ftp://x",
        "[a](http://evil)",
        "HTTPS://X",
    ] {
        assert_eq!(one("last_name", name), ProblemKind::UrlInName, "{name}");
    }
    assert_eq!(one("last_name", &"x".repeat(10_000)), ProblemKind::TooLong(200));
    assert_eq!(text(&[("last_name", &"é".repeat(200))], "last_name").chars().count(), 200);
}

#[test]
fn characters_that_mislead_are_refused() {
    for bad in ["a\0b", "a\nb", "a\r\nBcc: x@y.z", "a\u{1b}[0m", "a\u{202e}b", "a\u{2066}b", "a\u{2028}b", "a\u{85}b"] {
        for name in ["last_name", "email", "phone", "organization"] {
            assert_eq!(one(name, bad), ProblemKind::ForbiddenCharacters, "{bad:?} at {name}");
        }
    }
    for bad in ["a\0b", "a\u{202e}b", "a\u{7}b"] {
        assert_eq!(one("comments", bad), ProblemKind::ForbiddenCharacters);
    }
    assert_eq!(text(&[("comments", "a\tb\nc")], "comments"), "a\tb\nc");
}

#[test]
fn lengths_are_in_characters() {
    assert_eq!(one("organization", "x"), ProblemKind::TooShort(2));
    assert_eq!(one("organization", &"é".repeat(21)), ProblemKind::TooLong(20));
    assert_eq!(one("comments", &"x".repeat(101)), ProblemKind::TooLong(100));
}

#[test]
fn mail_addresses_are_judged_as_mail_servers_do() {
    for good in
        ["a@b.co", "first.last+tag@sub.example.org", "o'brien@example.ac.za", "x@exämple.org", "a-b_c@d-e.museum"]
    {
        assert_eq!(text(&[("email", good)], "email"), good);
    }
    let long = format!("{}@example.org", "x".repeat(65));
    for bad in [
        "a",
        "@b.co",
        "a@",
        "a@b",
        "a@@b.co",
        "a b@c.org",
        "a@b..co",
        "a@-b.co",
        "a.@b.co",
        ".a@b.co",
        "a..b@c.org",
        "<a@b.co>",
        "a@b.co,c@d.org",
        "\"a b\"@c.org",
        "a@b.c",
        "a@1.2",
        "é@example.org",
        "a:b@c.org",
        &long,
    ] {
        assert_eq!(one("email", bad), ProblemKind::Email, "{bad}");
    }
    assert_eq!(one("email", &format!("a@{}.org", "x".repeat(300))), ProblemKind::TooLong(254));
}

#[test]
fn a_local_number_goes_with_the_chosen_country_wherever_it_stands() {
    assert_eq!(text(&[("phone", "0712 345 678"), ("country", "KE")], "phone"), "+254712345678");
    assert_eq!(text(&[("phone", "+33 6 12 34 56 78")], "phone"), "+33612345678");
    assert_eq!(one("phone", "0712 345 678"), ProblemKind::Phone(PhoneProblem::NoCountry));
    assert_eq!(one("phone", "+1"), ProblemKind::Phone(PhoneProblem::Invalid));
}

#[test]
fn numbers_and_dates_have_bounds() {
    assert_eq!(valid(&[("nights", "14")]).answers.get("nights"), Some(&Answer::Number(14)));
    for bad in ["1.5", "one", "1e3", "+1", "--1", "0x1"] {
        assert_eq!(one("nights", bad), ProblemKind::Number, "{bad}");
    }
    for bad in ["15", "-1", "99999999999999999999"] {
        assert_eq!(one("nights", bad), ProblemKind::NumberOutside(0, 14), "{bad}");
    }
    for good in ["2026-11-04", "04/11/2026", "4.11.2026"] {
        let valid = valid(&[("attendance", "onsite"), ("arrival", good)]);
        assert_eq!(valid.answers.get("arrival"), Some(&Answer::Date(date(2026, 11, 4))), "{good}");
    }
    for bad in ["2026-02-30", "11/31/2026", "soon", "2026-11", "26-11-04", "2026-11-04T00:00"] {
        assert_eq!(one("arrival", bad), ProblemKind::Date, "{bad}");
    }
    let outside = ProblemKind::DateOutside(Some(date(2026, 11, 1)), Some(date(2026, 11, 10)));
    assert_eq!(one("arrival", "2026-10-31"), outside);
    assert_eq!(one("departure", "2026-11-11"), outside);
    let turned = [("attendance", "onsite"), ("arrival", "2026-11-05"), ("departure", "2026-11-04")];
    assert_eq!(problems(&turned), [("departure".to_owned(), ProblemKind::DepartureBeforeArrival)]);
}

#[test]
fn choices_are_among_their_options() {
    for (name, bad) in
        [("category", "king"), ("attendance", "Onsite"), ("country", "XX"), ("country", "ke"), ("visa_letter", "maybe")]
    {
        let problems = problems(
            &[("attendance", "onsite"), (name, bad)].into_iter().collect::<Vec<_>>()
                [usize::from(name == "attendance")..],
        );
        assert_eq!(problems, [(name.to_owned(), ProblemKind::UnknownOption)]);
    }
    let several = [("attendance", "onsite"), ("dietary", "kosher"), ("dietary", "vegan"), ("dietary", "vegan")];
    let expected = Answer::Choices(vec!["vegan".to_owned(), "kosher".to_owned()]);
    assert_eq!(valid(&several).answers.get("dietary"), Some(&expected), "in the form's order, each once");
    let all = [("attendance", "onsite"), ("dietary", "vegan"), ("dietary", "halal"), ("dietary", "kosher")];
    assert_eq!(problems(&all), [("dietary".to_owned(), ProblemKind::TooManyOptions(2))]);
    assert_eq!(one("dietary", "pizza"), ProblemKind::UnknownOption);
}

#[test]
fn what_is_required_is_missed_at_its_field_in_the_forms_order() {
    let nothing = validate(&form(), &Typed::default()).expect_err("everything is missing");
    let kinds: Vec<_> = nothing.iter().map(|problem| (problem.field.as_str(), &problem.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("last_name", &ProblemKind::Missing),
            ("email", &ProblemKind::Missing),
            ("consent", &ProblemKind::ConsentMissing)
        ]
    );
    assert_eq!(one("consent", "maybe"), ProblemKind::UnknownOption);
    assert_eq!(problems(&[("consent", "")]), [("consent".to_owned(), ProblemKind::ConsentMissing)]);
}

#[test]
fn a_file_is_required_by_other_answers() {
    for fields in [&[("category", "student")][..], &[("attendance", "onsite"), ("visa_letter", "yes")][..]] {
        assert_eq!(problems(fields), [("attachment".to_owned(), ProblemKind::FileMissing)]);
        let with = with_file(typed(fields), "attachment", Ok(row("attachment")));
        assert!(validate(&form(), &with).is_ok());
    }
    // A visa letter that does not apply asks for nothing.
    assert!(validate(&form(), &typed(&[("attendance", "online"), ("visa_letter", "yes")])).is_ok());
}

#[test]
fn files_are_told_what_is_wrong_with_them() {
    let bad = with_file(typed(&[]), "attachment", Err(FileProblem::Heic));
    let problem = validate(&form(), &bad).expect_err("HEIC is refused").remove(0);
    assert_eq!(problem.kind, ProblemKind::File(FileProblem::Heic));
    let two =
        with_file(with_file(typed(&[]), "attachment", Ok(row("attachment"))), "attachment", Ok(row("attachment")));
    assert_eq!(validate(&form(), &two).expect_err("two files").remove(0).kind, ProblemKind::Twice);
    let stray = with_file(typed(&[]), "comments", Ok(row("comments")));
    assert_eq!(validate(&form(), &stray).expect_err("no file field").remove(0).kind, ProblemKind::UnknownField);
}

#[test]
fn what_does_not_apply_is_dropped_and_named_never_an_error() {
    let fields = [("attendance", "online"), ("arrival", "nonsense"), ("dietary", "pizza"), ("visa_letter", "yes")];
    let valid = valid(&fields);
    assert_eq!(valid.dropped, ["arrival", "dietary", "visa_letter"]);
    assert!(valid.answers.get("arrival").is_none());
    assert_eq!(dropped(&form(), &typed(&fields)), valid.dropped);
    let broken = [("email", "x"), ("attendance", "online"), ("arrival", "2026-11-04")];
    assert_eq!(dropped(&form(), &typed(&broken)), ["arrival"], "whatever else is wrong");
}

#[test]
fn fields_sent_twice_and_unknown_fields_are_told() {
    assert_eq!(problems(&[("last_name", "A"), ("last_name", "A")]), [("last_name".to_owned(), ProblemKind::Twice)]);
    assert_eq!(problems(&[("admin", "1")]), [("admin".to_owned(), ProblemKind::UnknownField)]);
    assert_eq!(problems(&[("heading_1", "x")]), [("heading_1".to_owned(), ProblemKind::UnknownField)]);
    let long = format!("<b>\0\u{202e}{}", "x".repeat(500));
    let told = problems(&[(long.as_str(), "1")]).remove(0).0;
    assert_eq!(told.chars().count(), 60);
    assert!(told.starts_with("<b>x"));
    let many: Vec<(String, &str)> = (0..500).map(|n| (format!("x{n}"), "1")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(problems(&many).len(), 10);
}

/// Any text, often one that a field knows.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        Just("onsite".to_owned()),
        Just("yes".to_owned()),
        Just("student".to_owned()),
        Just("KE".to_owned()),
        Just("2026-11-04".to_owned()),
        "[+0-9 ().-]{0,30}",
        "[a-z.]{1,8}@[a-z.-]{1,12}",
    ]
}

proptest! {
    #[test]
    fn anything_at_all_is_judged_without_a_panic(
        fields in prop::collection::vec((prop::sample::select(form().fields), any_value()), 0..30),
        stray in prop::collection::vec((any::<String>(), any::<String>()), 0..3),
        file in prop::option::of(any::<bool>()),
    ) {
        let form = form();
        let mut all: Vec<(String, String)> = fields.into_iter().map(|(field, value)| (field.key, value)).collect();
        all.extend(stray);
        let files = file.map(|good| TypedFile {
            field: "attachment".to_owned(),
            file: if good { Ok(row("attachment")) } else { Err(FileProblem::Empty) },
        });
        let typed = Typed { fields: all, files: files.into_iter().collect() };
        match validate(&form, &typed) {
            Ok(valid) => {
                for (key, answer) in &valid.answers.0 {
                    if let Answer::Text(text) = answer {
                        let line_break_allowed = key == "comments";
                        prop_assert!(text.chars().all(|c| !c.is_control() || (line_break_allowed && (c == '\n' || c == '\t'))));
                        prop_assert!(!text.is_empty());
                    }
                }
                let document = valid.answers.to_json();
                prop_assert_eq!(registration::answers::Answers::from_json(&form, &document), valid.answers);
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn a_reference_reads_back_however_it_is_written(bits in any::<u64>()) {
        use registration::reference::Reference;
        let reference = Reference::from_bits(bits);
        let plain = reference.as_str();
        prop_assert_eq!(plain.len(), 12);
        for written in [plain.to_owned(), plain.to_lowercase(), plain.replace('-', ""), plain.replace('-', " "), format!(" {plain}\n")] {
            prop_assert_eq!(written.parse::<Reference>().ok(), Some(reference.clone()));
        }
        prop_assert_eq!(plain.replace('0', "O").replace('1', "I").parse::<Reference>().ok(), Some(reference.clone()));
    }

    #[test]
    fn one_wrong_character_in_a_reference_is_caught(bits in any::<u64>(), at in 0..8_usize, other in 0..32_usize) {
        use registration::reference::Reference;
        let reference = Reference::from_bits(bits);
        let mut digits: Vec<char> = reference.as_str().chars().skip(3).filter(|c| *c != '-').collect();
        let wrong = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().nth(other).unwrap();
        prop_assume!(digits[at] != wrong);
        digits[at] = wrong;
        let written: String = digits.into_iter().collect();
        prop_assert!(written.parse::<Reference>().is_err());
    }

    #[test]
    fn two_characters_of_a_reference_changed_over_are_caught(bits in any::<u64>(), at in 0..6_usize) {
        use registration::reference::Reference;
        let reference = Reference::from_bits(bits);
        let mut digits: Vec<char> = reference.as_str().chars().skip(3).filter(|c| *c != '-').collect();
        let value = |c: char| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".find(c).unwrap();
        // An even difference of weights cannot tell digits apart that differ by 16.
        prop_assume!(value(digits[at]) % 16 != value(digits[at + 1]) % 16);
        digits.swap(at, at + 1);
        prop_assert!(digits.into_iter().collect::<String>().parse::<Reference>().is_err());
    }

    #[test]
    fn a_telephone_number_that_is_kept_reads_back_as_itself(
        written in "[+0-9 ().-]{3,24}",
        region in prop::sample::select(vec!["KE", "ZM", "IT", "US", "CV", "AQ", "GB"]),
    ) {
        if let Ok(kept) = registration::phone::to_e164(&written, Some(region)) {
            prop_assert!(kept.starts_with('+') && kept.len() <= 16);
            prop_assert_eq!(registration::phone::to_e164(&kept, None), Ok(kept));
        }
    }

    #[test]
    fn a_reference_from_anything_is_no_panic(text in any::<String>()) {
        let _ = text.parse::<registration::reference::Reference>();
        let _ = registration::phone::to_e164(&text, Some("KE"));
        let name = registration::attachment::safe_name(&text, Media::Png);
        prop_assert!(name.chars().count() <= 120 && !name.contains(['/', '\\', '\0', '\n']));
        let _ = registration::attachment::sniff(text.as_bytes());
    }
}

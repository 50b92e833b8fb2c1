//! The sample event, and what is said about mistakes in an event file.

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;
use registration::SAMPLE_EVENT;
use registration::event::{Delivery, Phase, WhenFull};
use registration::event_file::{changes, parse};
use registration::form::{FieldKind, Required};
use registration::language::{Language, Text};

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().expect("it is a time")
}

/// A small event file; `{}` stands for what a test puts in.
const SMALL: &str = r#"slug = "small"
name = "Small"
languages = ["en", "fr"]
zone = "Africa/Nairobi"
starts = "2026-12-01"
ends = "2026-12-03"
opens = "2026-11-01 09:00"
closes = "2026-11-30"
[privacy]
what = "w"
how_long = "h"
readers = "r"
contact = "c"
[[field]]
key = "last_name"
type = "text"
label = "Name"
required = true
[[field]]
key = "email"
type = "email"
label = { en = "Email", fr = "Courriel" }
required = true
[[field]]
key = "attendance"
type = "radio"
label = "How"
options = [{ value = "onsite", label = "On site" }, { value = "online", label = "Online" }]
"#;

#[test]
fn the_sample_has_the_fields_in_order_in_both_languages_and_is_open() {
    let event = parse(SAMPLE_EVENT, now()).unwrap();
    let keys: Vec<&str> = event.form.inputs().map(|field| field.key.as_str()).collect();
    let expected = "title first_name last_name email phone organization position country category attendance arrival \
                    departure dietary visa_letter attachment comments consent";
    assert_eq!(keys.join(" "), expected);
    assert!(matches!(event.phase(now()), Phase::Open(_)));
    assert_eq!((event.slug.as_str(), event.capacity, event.when_full), ("connect", Some(300), WhenFull::Waiting));
    assert_eq!(event.organizers[0].email, "devops@ubuntunet.net");
    assert_eq!(event.starts, date(2027, 1, 20));
    let first = event.form.field("first_name").unwrap();
    assert_eq!(first.required, Required::No);
    assert!(matches!(first.kind, FieldKind::Text { max: 200, .. }));
    let attachment = event.form.field("attachment").unwrap();
    assert!(attachment.show_if.is_none() && matches!(&attachment.required, Required::IfAny(any) if any.len() == 2));
    let FieldKind::Date { min, max } = event.form.field("arrival").unwrap().kind else { panic!("arrival is a date") };
    assert_eq!((min, max), (Some(date(2027, 1, 13)), Some(date(2027, 1, 29))));

    let mut texts: Vec<&Text> = vec![event.description.as_ref().unwrap(), &event.privacy.what, &event.privacy.how_long];
    for field in &event.form.fields {
        texts.push(&field.label);
        texts.extend(&field.help);
        texts.extend(field.options().iter().map(|option| &option.label));
    }
    for text in texts {
        for language in Language::ALL {
            assert!(text.has(language) && matches!(text, Text::Each(_)), "{text:?} in {language}");
        }
    }
}

#[test]
fn the_same_text_and_time_give_the_same_event() {
    let (one, other) = (parse(SAMPLE_EVENT, now()).unwrap(), parse(SAMPLE_EVENT, now()).unwrap());
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn a_day_alone_opens_at_its_first_and_closes_at_its_last_minute() {
    let event = parse(&SMALL.replace("2026-11-01 09:00", "2026-11-01"), now()).unwrap();
    assert_eq!(event.opens_at(), "2026-10-31T21:00:00Z".parse().unwrap());
    assert_eq!(event.closes_at(), "2026-11-30T21:00:00Z".parse().unwrap());
    let native = SMALL.replace("\"2026-12-01\"", "2026-12-01").replace("\"2026-11-30\"", "2026-11-30T17:00:00");
    let event = parse(&native, now()).unwrap();
    assert_eq!((event.starts, event.closes_at()), (date(2026, 12, 1), "2026-11-30T14:00:00Z".parse().unwrap()));
}

#[test]
fn a_form_opened_before_closing_is_taken_for_an_hour() {
    let event = parse(SMALL, now()).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let closed = event.closes_at();
    assert!(event.accepts(at("2026-11-30T20:59:59Z"), at("2026-11-30T21:59:59Z")));
    assert!(!event.accepts(at("2026-11-30T20:59:59Z"), at("2026-11-30T22:00:00Z")));
    assert!(!event.accepts(closed, closed));
    assert!(!event.accepts(at("2026-10-01T00:00:00Z"), at("2026-11-01T05:59:59Z")));
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_would_be_right() {
    // What is written, what it becomes, the line, and a part of the reason.
    let mistakes = [
        ("slug = \"small\"", "slug = \"Small\"", 1, "lower-case letters"),
        ("slug = \"small\"", "slug = \"mail\"", 1, "page of Karibu's own"),
        ("slug = \"small\"", "slug = \"_check\"", 1, "page of Karibu's own"),
        ("slug = \"small\"", "slug = \"a/b\"", 1, "lower-case letters"),
        ("slug = \"small\"", "slug = \"\"", 1, "1 to 60"),
        ("slug = \"small\"", "slug = 5", 1, "text in quotes"),
        ("slug = \"small\"", "slgu = \"small\"", 1, "did you mean `slug`"),
        ("slug = \"small\"", "slug = \"small", 1, "not TOML"),
        ("name = \"Small\"", "", 1, "needs `name`"),
        ("name = \"Small\"", "name = \" \"", 2, "must not be empty"),
        ("name = \"Small\"", "name = \"a\\nb\"", 2, "one line"),
        ("name = \"Small\"", "name = { en = \"Small\" }", 2, "Français (fr) is missing"),
        ("name = \"Small\"", "name = \"Sm\\u202eall\"", 2, "control characters"),
        ("name = \"Small\"", "name = { en = \"S\", fr = \"S\", fr-CA = \"S\" }", 2, "twice"),
        ("name = \"Small\"", "name = { en = \"S\", sw = \"S\" }", 2, "not a language"),
        ("languages = [\"en\", \"fr\"]", "languages = []", 3, "at least one"),
        ("languages = [\"en\", \"fr\"]", "languages = [\"en\", \"xx\"]", 3, "one of `en`, `fr`"),
        ("languages = [\"en\", \"fr\"]", "languages = [\"en\", \"en\"]", 3, "twice"),
        ("Africa/Nairobi", "Africa/Nowhere", 4, "IANA"),
        ("2026-12-01", "1 December", 5, "must be a day"),
        ("2026-12-01", "2026-12-32", 5, "must be a day"),
        ("2026-12-01", "+60", 5, "must be a day"),
        ("2026-12-01", "+99999999999999d", 5, "must be a day"),
        ("2026-12-03", "2026-11-30", 6, "before the first"),
        ("2026-11-01 09:00", "2026-11-01 25:00", 7, "a day or a time"),
        ("closes = \"2026-11-30\"", "closes = \"2026-10-30\"", 8, "before it opens"),
        ("[privacy]", "capacity = 0\n[privacy]", 9, "from 1"),
        ("[privacy]", "when_full = \"never\"\n[privacy]", 9, "`waiting`, `closed`"),
        ("[privacy]", "show_views = \"yes\"\n[privacy]", 9, "true or false"),
        ("[privacy]", "organizers = [{ email = \"x\" }]\n[privacy]", 9, "not a mail address"),
        (
            "[privacy]",
            "organizers = [{ email = \"a@b.co\", delivery = \"daily 25:00\" }]\n[privacy]",
            9,
            "in the event's zone",
        ),
        ("[privacy]", "organizers = [{ email = \"a@b.co\", delivery = \"every 1m\" }]\n[privacy]", 9, "from 5m to 12h"),
        ("[privacy]", "organizers = [{ email = \"a@b.co\", delivery = \"weekly\" }]\n[privacy]", 9, "every 30m"),
        ("[privacy]", "retention = { answers = \"soon\" }\n[privacy]", 9, "like \"30d\""),
        ("[privacy]", "retention = { answers = \"0d\" }\n[privacy]", 9, "like \"30d\""),
        ("[privacy]", "retention = { attachments = \"1y\", answers = \"6w\" }\n[privacy]", 9, "cannot be kept"),
        ("[privacy]", "organizers = [{ email = \"a@b.co\" }, { email = \"A@b.co\" }]\n[privacy]", 9, "twice"),
        ("[privacy]", "one_per_address = 1\n[privacy]", 9, "true or false"),
        ("[privacy]", "venue = { country = \"Zambia\" }\n[privacy]", 9, "ISO 3166-1"),
        ("contact = \"c\"", "", 9, "needs `contact`"),
        ("key = \"last_name\"", "key = \"Last\"", 15, "lower-case letter"),
        ("key = \"last_name\"", "key = \"action\"", 15, "used by the form itself"),
        ("key = \"last_name\"", "key = \"surname\"", 14, "`last_name` or `name`"),
        ("type = \"text\"", "type = \"string\"", 16, "must be one of `text`"),
        ("type = \"text\"", "type = \"text\"\nmin = 5\nmax = 2", 18, "less than `min`"),
        (
            "type = \"text\"",
            "type = \"text\"\nsummary = true",
            17,
            "`text` does not have it; these have: `yes_no`, `radio`, `select`, `multi`, `country`",
        ),
        ("[[field]]", "[field]", 14, "`field`: there may be several: write [[field]], not [field]"),
        ("[privacy]", "[[privacy]]", 9, "`privacy`: is there once only: write [privacy], not [[privacy]]"),
        ("[privacy]", "[organizers]\nemail = \"a@b.co\"\n[privacy]", 9, "write [[organizers]], not [organizers]"),
        ("[privacy]", "[categories]\nvalue = \"a\"\n[privacy]", 9, "write [[categories]], not [categories]"),
        ("type = \"text\"", "type = \"text\"\nlabl = \"x\"", 17, "did you mean `label`"),
        ("key = \"email\"", "key = \"last_name\"", 20, "twice"),
        ("type = \"email\"", "type = \"text\"", 21, "`email` must be of type `email`"),
        ("key = \"email\"", "key = \"mail\"", 14, "`email` of type `email`"),
        ("value = \"online\"", "value = \"onsite\"", 28, "twice"),
        ("value = \"online\"", "value = \"On line\"", 28, "1 to 40"),
        ("label = \"Online\"", "label = \"Online\", places = 0", 28, "from 1"),
        (
            "options = [{",
            "show_if = { field = \"later\", in = [\"x\"] }\noptions = [{",
            28,
            "no field `later` stands before",
        ),
        (
            "options = [{",
            "show_if = { field = \"email\", in = [\"x\"] }\noptions = [{",
            28,
            "a choice, a yes/no or a country",
        ),
    ];
    for (from, to, line, reason) in mistakes {
        assert!(SMALL.contains(from), "{from}");
        let error = parse(&SMALL.replacen(from, to, 1), now()).expect_err(to);
        assert!(error.reason.contains(reason), "{to}: {error}");
        assert_eq!(error.line, line, "{to}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let more = [
        ("[[field]]\nkey = \"n\"\ntype = \"radio\"\nlabel = \"x\"\n", "needs `options`"),
        ("[[field]]\nkey = \"n\"\ntype = \"phone\"\nlabel = \"x\"\ncountry = \"land\"\n", "no field `land`"),
        ("[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = \"10GB\"\n", "a size like"),
        ("[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\ntypes = [\"exe\"]\n", "must be one of `pdf`"),
        (
            "[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = 2\n",
            "2 bytes are less than any file has; write a size with its unit, like \"2MiB\"",
        ),
        ("[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = 500\n", "like \"50MiB\""),
        ("[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = -2\n", "a size like"),
        ("[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = \"0MiB\"\n", "a size like"),
        (
            "[[field]]\nkey = \"n\"\ntype = \"text\"\nlabel = \"x\"\nshow_if = { field = \"atendance\", in = [\"onsite\"] }\n",
            "no field `atendance` stands before this one; did you mean `attendance`?",
        ),
        (
            "[[field]]\nkey = \"n\"\ntype = \"date\"\nlabel = \"x\"\nmin = \"ends\"\nmax = \"starts-1d\"\n",
            "less than `min`",
        ),
        ("[[field]]\ntype = \"heading\"\nlabel = \"x\"\nrequired = true\n", "does not have it"),
        (
            "[[field]]\nkey = \"n\"\ntype = \"text\"\nlabel = \"x\"\nshow_if = { field = \"attendance\", in = [\"mars\"] }\n",
            "no value `mars`",
        ),
    ];
    for (text, reason) in more {
        let error = parse(&format!("{SMALL}{text}"), now()).expect_err(text);
        assert!(error.reason.contains(reason), "{text}: {error}");
        assert!(error.line >= 29, "{text}: {error}");
    }
    // Also where it is the only one, which is no mistake to TOML.
    let (before, _) = SMALL.split_once("[[field]]").unwrap();
    let error = parse(&format!("{before}[field]\nkey = \"email\"\n"), now()).unwrap_err();
    assert!(error.reason.contains("`field`: there may be several: write [[field]]"), "{error}");
    assert!(parse(SMALL, now()).is_ok());
    let sized = format!("{SMALL}[[field]]\nkey = \"n\"\ntype = \"file\"\nlabel = \"x\"\nmax_size = 1024\n");
    assert!(parse(&sized, now()).is_ok(), "a number of bytes is a size, too");
    assert!(parse(&format!("# {}\n{SMALL}", "x".repeat(1 << 20)), now()).unwrap_err().reason.contains("1 MiB"));
}

#[test]
fn a_file_from_windows_is_read_like_any_other() {
    let windows = format!("\u{feff}{}", SAMPLE_EVENT.replace('\n', "\r\n"));
    let (here, there) = (parse(SAMPLE_EVENT, now()).unwrap(), parse(&windows, now()).unwrap());
    assert_eq!(format!("{here:?}"), format!("{there:?}"));
    let error = parse(&windows.replace("capacity = 300", "capacity = 0"), now()).unwrap_err();
    let line = SAMPLE_EVENT.lines().position(|line| line.starts_with("capacity")).unwrap() + 1;
    assert_eq!(error.line, line, "{error}");
}

#[test]
fn keys_with_a_meaning_have_the_type_that_it_needs() {
    let field =
        |key: &str, kind: &str| format!("{SMALL}[[field]]\nkey = \"{key}\"\ntype = \"{kind}\"\nlabel = \"x\"\n");
    for (key, kind, reason) in [
        ("country", "text", "must be of type `country`"),
        ("visa_letter", "text", "must be of type `yes_no`"),
        ("arrival", "text", "must be of type `date`"),
        ("category", "text", "must be of type `radio`, `select`"),
        ("first_name", "email", "must be of type `text`"),
    ] {
        let error = parse(&field(key, kind), now()).expect_err(key);
        assert!(error.reason.contains(reason) && error.line == 31, "{error}");
    }
    let turned =
        format!("{}[[field]]\nkey = \"arrival\"\ntype = \"date\"\nlabel = \"x\"\n", field("departure", "date"));
    assert!(parse(&turned, now()).unwrap_err().reason.contains("before `departure`"));
    let unused = SMALL.replace("[privacy]", "categories = [{ value = \"a\", label = \"A\" }]\n[privacy]");
    let error = parse(&unused, now()).unwrap_err();
    assert!(error.reason.contains("no field `category`") && error.line == 9, "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse(&text, now());
    }

    #[test]
    fn no_change_of_the_sample_makes_it_panic(at in 0..SAMPLE_EVENT.len(), cut in 0..40_usize, put in "[\\PC\n]{0,12}") {
        let mut bytes = SAMPLE_EVENT.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put.into_bytes());
        let _ = parse(&String::from_utf8_lossy(&bytes), now());
    }
}

#[test]
fn digests_retention_and_one_per_address_are_read() {
    let extra = "one_per_address = true\nretention = { attachments = \"30d\", answers = \"1y\" }\n\
                 organizers = [{ email = \"a@b.co\", delivery = \"every 30m\" }, { email = \"c@b.co\", delivery = \"every 2h\" }, \
                 { email = \"d@b.co\", delivery = \"daily 18:00\" }, { email = \"e@b.co\", delivery = \"off\" }]\n[privacy]";
    let event = parse(&SMALL.replacen("[privacy]", extra, 1), now()).unwrap();
    assert!(event.one_per_address);
    let at = jiff::civil::time(18, 0, 0, 0);
    let deliveries: Vec<_> = event.organizers.iter().map(|one| one.delivery).collect();
    let every = |minutes| Delivery::Every { minutes };
    assert_eq!(deliveries, [every(30), every(120), Delivery::Daily { at }, Delivery::Off]);
    // The event ends on the 3rd of December in Nairobi, three hours before UTC.
    assert_eq!(event.attachments_end().unwrap().to_string(), "2027-01-02T21:00:00Z");
    assert_eq!(event.answers_end().unwrap().to_string(), "2027-12-03T21:00:00Z");
}

#[test]
fn what_another_import_changed_is_told_by_its_keys() {
    let before = parse(SMALL, now()).unwrap();
    assert_eq!(changes(&before, &parse(&format!("# a remark\n{SMALL}"), now()).unwrap()), Vec::<&str>::new());
    for (from, to, expected) in [
        (
            "[privacy]",
            "capacity = 5\norganizers = [{ email = \"a@b.co\" }]\n[privacy]",
            &["capacity", "organizers"][..],
        ),
        ("name = \"Small\"", "name = \"Smaller\"", &["name", "short_name"]),
        ("closes = \"2026-11-30\"", "closes = \"+9d\"", &[]),
        ("closes = \"2026-11-30\"", "closes = \"+8d\"", &["closes"]),
        ("contact = \"c\"", "contact = \"d\"", &["privacy"]),
        // That is the form, which has versions of its own.
        ("label = \"How\"", "label = \"Where\"", &[]),
    ] {
        assert_eq!(changes(&before, &parse(&SMALL.replacen(from, to, 1), now()).unwrap()), expected, "{to}");
    }
}

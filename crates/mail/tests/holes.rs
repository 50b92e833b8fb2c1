//! The holes that others published, through every mail, part and header: whatever somebody typed is text and nothing else.

use std::sync::LazyLock;

use html5gum::{Token, Tokenizer};
use mail::compose::{ConfirmationMail, Entry, OrganizerMail, Window, confirmation, duplicate, organizer};
use mail::samples::Sample;
use mail::{Message, Person};
use proptest::prelude::*;
use registration::form::FieldKind;
use registration::language::Language;
use registration::notification::Kind;
use registration::reference::Reference;
use registration::stored::Status;
use serde_json::json;
use testkit::letters::Letter;

const HOLES: [&str; 26] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></textarea><b>bold</b>",
    "<!-- comment --> <![CDATA[x]]> <?php ?>",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "javascript:alert(1)",
    "<a href=\"http://evil.example\">prize</a>",
    "{x}",
    "{{ 7*7 }} {% raw %} ${7*7} #{7*7} <%= 7*7 %>",
    "{ $event } { mail-organizer-from } { NUMBER(1) }",
    "{0} {} %s %n %(name)s",
    "[a](http://evil.example) ![i](http://evil.example/i.png)",
    "line\r\nBcc: victim@example.org\r\n\r\nbody",
    "line\nX-Injected: yes",
    "line\rX-Injected: yes",
    "\r\n.\r\nMAIL FROM:<evil@example.org>",
    "\u{2028}Bcc: victim@example.org\u{2029}",
    "\u{202e}gpj.exe\u{202c} \u{2066}turned\u{2069}",
    "nul\u{0}bell\u{7}escape\u{1b}[31mdelete\u{7f}next\u{85}",
    "=1+1 =cmd|' /C calc'!A0",
    "+254700000000",
    "-1 @SUM(1) \t=2",
    "=?utf-8?B?PHNjcmlwdD4=?= \", <victim@example.org>, \"",
    "--=_karibu_0000\r\nContent-Type: text/html",
];

/// A sample in which every text that a registrant can send is this one.
fn typed(text: &str) -> Sample {
    let mut sample = Sample::default();
    let answers = &mut sample.record.answers;
    for key in ["first_name", "last_name", "email", "phone", "organization", "comments"] {
        answers[key] = json!(text);
    }
    // What the form does not offer cannot come in, but may have been offered once.
    for key in ["country", "category", "attendance"] {
        answers[key] = json!(text);
    }
    answers["dietary"] = json!([text]);
    answers["attachment"]["name"] = json!(text);
    let columns = &mut sample.record.columns;
    text.clone_into(&mut columns.name);
    columns.organization = Some(text.to_owned());
    columns.country = Some(text.to_owned());
    columns.category = Some(text.to_owned());
    text.clone_into(&mut sample.record.request_id);
    text.clone_into(&mut sample.files[0].name);
    sample.rows.truncate(2);
    for row in &mut sample.rows {
        text.clone_into(&mut row.name);
        row.organization = Some(text.to_owned());
        row.country = Some(text.to_owned());
        row.category = Some(text.to_owned());
    }
    sample
}

/// A sample in which every text of the event file is this one.
fn organised(text: &str) -> Sample {
    let mut sample = Sample::default();
    // Two rows show as much as all of them.
    sample.rows.truncate(2);
    let event = &mut sample.event;
    (event.name, event.short_name) = (text.into(), text.into());
    event.venue.name = Some(text.into());
    event.privacy.contact = text.into();
    for field in &mut event.form.fields {
        field.label = text.into();
        if let FieldKind::Radio { options } | FieldKind::Select { options } | FieldKind::Multi { options, .. } =
            &mut field.kind
        {
            for option in options {
                option.label = text.into();
            }
        }
    }
    sample
}

/// Every kind of mail, in a language.
fn mails(sample: &Sample, language: Language) -> Vec<Message> {
    let all = [Kind::Registered, Kind::Cancelled, Kind::Erased, Kind::Attached];
    let others = [Reference::from_bits(7)];
    let entries = all.map(|kind| Entry { same_person: &others, ..sample.entry(kind) });
    let mut mails: Vec<Message> =
        entries.iter().map(|entry| organizer(&sample.organizer(language, &[*entry]))).collect();
    let window = Some(Window { starts: sample.now, ends: sample.now, part: 2 });
    mails.push(organizer(&sample.organizer(language, &entries)));
    mails.push(organizer(&OrganizerMail { window, ..sample.organizer(language, &entries) }));
    for status in [Status::Confirmed, Status::Waiting, Status::Cancelled, Status::Pending] {
        let record = registration::stored::Record { status, ..sample.record.clone() };
        let attach_link = Some("https://register.example.org/connect/attach/x");
        mails.push(confirmation(&ConfirmationMail { record: &record, attach_link, ..sample.confirmation(language) }));
    }
    mails.push(duplicate(&sample.duplicate(language)));
    mails
}

/// Elements with all their attributes, as a browser sees them; and the text.
fn parsed(html: &str) -> (Vec<String>, String) {
    let (mut elements, mut text) = (Vec::new(), String::new());
    for Ok(token) in Tokenizer::new(html) {
        match token {
            Token::StartTag(tag) => elements.push(format!("{:?} {:?}", tag.name, tag.attributes)),
            Token::EndTag(tag) => elements.push(format!("/{:?}", tag.name)),
            Token::String(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Token::Doctype(_) => elements.push("doctype".to_owned()),
            Token::Comment(comment) => panic!("a comment: {comment:?}"),
            Token::Error(error) => {
                let odd: String = html.chars().filter(|c| c.is_control() && *c != '\n').collect();
                panic!("{error:?}, and {odd:?} in the HTML");
            }
        }
    }
    (elements, text)
}

/// Names of the headers, in their order; values on one line.
fn headers(message: &Message) -> Vec<(String, String)> {
    let bytes = String::from_utf8(message.to_bytes().expect("it can be sent")).expect("it is ASCII");
    assert!(bytes.is_ascii() && !bytes.contains('\0'));
    assert!(!bytes.replace("\r\n", "").contains(['\r', '\n']), "a bare line end");
    let (head, _) = bytes.split_once("\r\n\r\n").expect("a head");
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    head.split("\r\n").map(|line| line.split_once(':').expect("a header")).map(|(a, b)| (a.into(), b.into())).collect()
}

fn names(message: &Message) -> Vec<String> {
    headers(message).into_iter().map(|(name, _)| name).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The text as a mail shows it, without spaces: controls are spaces, what turns the order is visible.
fn shown(text: &str) -> String {
    let one = |c: char| match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => format!("[U+{:04X}]", u32::from(c)),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    squeezed(&text.chars().map(one).collect::<String>())
}

/// What the text of a mail must not change.
struct Shape {
    language: Language,
    to: String,
    names: Vec<String>,
    elements: Vec<String>,
}

fn shapes(sample: fn(&str) -> Sample) -> Vec<Shape> {
    let sample = sample("harmless");
    let shape =
        |language, mail: Message| Shape { language, names: names(&mail), elements: parsed(&mail.html).0, to: mail.to };
    Language::ALL
        .into_iter()
        .flat_map(|language| mails(&sample, language).into_iter().map(move |mail| shape(language, mail)))
        .collect()
}

/// The mails of a sample with this text are those with a harmless one, but for the text.
fn is_only_text(text: &str, sample: fn(&str) -> Sample, harmless: &[Shape]) {
    let hostile = sample(text);
    for language in Language::ALL {
        let harmless = harmless.iter().filter(|shape| shape.language == language);
        for (hostile, harmless) in mails(&hostile, language).iter().zip(harmless) {
            let (elements, told) = parsed(&hostile.html);
            assert_eq!(elements, harmless.elements, "{text:?} makes elements of {}", hostile.kind);
            assert_eq!(names(hostile), harmless.names, "{text:?} makes headers of {}", hostile.kind);
            let is_hidden = |c: char| {
                (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            for part in [&hostile.text, &told] {
                assert!(!part.contains(is_hidden), "{text:?} hides something in {part:?}");
            }
            let letter = Letter::read(&hostile.to_bytes().expect("it can be sent"));
            assert_eq!((&letter.to, letter.attachments), (&harmless.to, 0));
            assert_eq!(letter.reply_to, hostile.reply_to.as_ref().map(|person| person.address.clone()));
            assert!(!letter.subject.contains(is_hidden) && !letter.subject.contains('\n'), "{:?}", letter.subject);
            // The mail program sees the parts that were made, and no others.
            assert_eq!(squeezed(&letter.text), squeezed(&hostile.text), "{text:?}");
            assert_eq!(squeezed(&letter.html), squeezed(&hostile.html), "{text:?}");
        }
    }
}

#[test]
fn what_a_registrant_types_is_text_in_every_mail() {
    let harmless = shapes(typed);
    for hole in HOLES {
        is_only_text(hole, typed, &harmless);
        for language in Language::ALL {
            for mail in mails(&typed(hole), language) {
                let told = match mail.kind {
                    "registered" | "digest" => true,
                    "erased" | "confirmation" | "duplicate" => false,
                    _ => continue,
                };
                let (text, html) = (squeezed(&mail.text), squeezed(&parsed(&mail.html).1));
                if told {
                    // In full, unchanged, neither evaluated nor made harmless for a spreadsheet.
                    assert!(text.contains(&shown(hole)), "{hole:?} is not in {}", mail.text);
                    assert!(html.contains(&shown(hole)), "{hole:?} is not in {}", mail.html);
                    assert!(!text.contains("49"), "evaluated: {}", mail.text);
                }
                // What an address receives that somebody else may have entered holds nothing that anybody typed. A choice that
                // the form does not have cannot be made.
                if mail.kind == "duplicate" {
                    assert!(!text.contains(&shown(hole)) && !html.contains(&shown(hole)), "{hole:?} in {}", mail.text);
                }
            }
        }
    }
}

#[test]
fn what_an_organiser_writes_into_an_event_file_is_text_in_every_mail() {
    let harmless = shapes(organised);
    for hole in HOLES {
        is_only_text(hole, organised, &harmless);
    }
}

#[test]
fn no_mail_address_makes_a_header_or_a_second_recipient() {
    for address in [
        "\"<script>alert(1)</script>\"@example.org",
        "a@example.org>, <victim@example.org",
        "a@example.org, victim@example.org",
        "a@example.org\r\nBcc: victim@example.org",
        "a@example.org\u{0}",
        "\u{202e}a@example.org",
        "<a@example.org>",
        "@",
        "",
    ] {
        let mut sample = Sample::default();
        address.clone_into(&mut sample.record.columns.email);
        let message = sample.registered(Language::En);
        let letter = Letter::read(&message.to_bytes().expect("organisers are told whatever the address"));
        assert_eq!(letter.to, "desk@example.org");
        let head = headers(&message);
        assert!(head.iter().all(|(name, _)| !matches!(name.as_str(), "Bcc" | "Cc")), "{head:?}");
        let reply_to: Vec<_> = head.iter().filter(|(name, _)| name == "Reply-To").collect();
        assert!(reply_to.len() <= 1 && reply_to.iter().all(|(_, value)| !value.contains("victim")), "{reply_to:?}");
        // To itself, it is refused or is one recipient.
        let confirmation = confirmation(&sample.confirmation(Language::En));
        if let Ok(bytes) = confirmation.to_bytes() {
            assert!(!String::from_utf8_lossy(&bytes).contains("victim"), "{address:?}");
        }
    }
}

#[test]
fn a_name_of_one_word_of_300_letters_breaks_no_layout() {
    let name = "Ng".repeat(150);
    let sample = typed(&name);
    for language in Language::ALL {
        for mail in mails(&sample, language) {
            for line in mail.text.lines().filter(|line| !line.contains("https://")) {
                // The table is the widest.
                assert!(line.chars().count() <= 78, "{line}");
            }
            let (elements, _) = parsed(&mail.html);
            assert!(elements.iter().any(|element| element.contains("overflow-wrap:anywhere")), "{elements:?}");
            if matches!(mail.kind, "registered" | "digest") {
                assert!(squeezed(&mail.text).contains(&name), "{}", mail.text);
            }
        }
    }
    let person = Person { name: Some(name), address: "z@example.org".to_owned() };
    let message = Message { reply_to: Some(person), ..mail::samples::message() };
    assert_eq!(Letter::read(&message.to_bytes().unwrap()).reply_to.as_deref(), Some("z@example.org"));
}

static TYPED: LazyLock<Vec<Shape>> = LazyLock::new(|| shapes(typed));
static ORGANISED: LazyLock<Vec<Shape>> = LazyLock::new(|| shapes(organised));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_text_makes_an_element_an_attribute_or_a_header(
        text in "[<>&\"'=/!?a-c{}\\[\\]() \r\n\t-]{0,60}|.{0,40}|\\PC{0,40}",
    ) {
        // With a letter before it, so that there is a name at all.
        let text = format!("x{text}");
        is_only_text(&text, typed, &TYPED);
        is_only_text(&text, organised, &ORGANISED);
    }
}

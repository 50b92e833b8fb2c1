//! Both mails in both languages, whatever people typed.

use mail::Message;
use mail::compose::{confirmation, organizer};
use mail::samples::Sample;
use registration::language::Language;
use registration::stored::{ListRow, Status};
use serde_json::json;

fn shown(message: &Message) -> String {
    let from = message.from.name.as_deref().unwrap_or_default();
    let reply_to = message.reply_to.as_ref().map(|person| format!("{person:?}")).unwrap_or_default();
    format!(
        "From: {from}\nReply-To: {reply_to}\nList-Id: {}\nReferences: {:?}\nSubject: {}\n\n{}",
        message.list_id, message.references, message.subject, message.text
    )
}

fn snapshot(name: &str, message: &Message) {
    insta::assert_snapshot!(format!("{name}.txt"), shown(message));
    insta::assert_snapshot!(format!("{name}.html"), message.html);
}

#[test]
fn the_organisers_mail_tells_everything_in_both_languages() {
    for language in Language::ALL {
        let sample = Sample::default();
        snapshot(&format!("organizer-{language}"), &organizer(&sample.organizer(language)));
    }
}

#[test]
fn the_confirmation_tells_what_happens_next_in_both_languages() {
    for language in Language::ALL {
        let sample = Sample::default();
        snapshot(&format!("confirmation-{language}"), &confirmation(&sample.confirmation(language)));
    }
}

#[test]
fn the_waiting_list_is_said_clearly_in_both_mails() {
    for language in Language::ALL {
        let mut sample = Sample::default();
        sample.record.status = Status::Waiting;
        snapshot(&format!("confirmation-waiting-{language}"), &confirmation(&sample.confirmation(language)));
        let mail = organizer(&sample.organizer(language));
        let (notice, status) = match language {
            Language::En => ("All places are taken: this registration is on the waiting list.", "On the waiting list"),
            Language::Fr => (
                "Toutes les places sont prises\u{a0}: cette inscription est sur liste d’attente.",
                "Sur liste d’attente",
            ),
        };
        for part in [&mail.text, &mail.html] {
            assert!(part.contains(notice) && part.contains(status), "{part}");
        }
    }
}

#[test]
fn the_same_data_gives_the_same_mail() {
    let sample = Sample::default();
    for language in Language::ALL {
        assert_eq!(organizer(&sample.organizer(language)), organizer(&sample.organizer(language)));
        assert_eq!(confirmation(&sample.confirmation(language)), confirmation(&sample.confirmation(language)));
    }
}

#[test]
fn the_subject_counts_places_or_without_a_limit_registrations() {
    let mut sample = Sample::default();
    let reference = sample.record.reference.to_string();
    let subject = |sample: &Sample| organizer(&sample.organizer(Language::En)).subject;
    assert_eq!(subject(&sample), format!("[UbuntuNet-Connect] Registration {reference} (42/300)"));
    sample.event.capacity = None;
    assert_eq!(subject(&sample), format!("[UbuntuNet-Connect] Registration {reference} (42)"));
}

#[test]
fn every_registration_is_listed_up_to_200_then_the_latest_25() {
    let mut sample = Sample::default();
    let newest = sample.rows[0].clone();
    let row = |n: usize| ListRow { name: format!("Person {n}."), ..newest.clone() };
    sample.rows = (0..200).map(row).collect();
    sample.summary.counts.get_mut("status").unwrap().insert("confirmed".to_owned(), 200);
    assert_eq!(mail::compose::rows_wanted(&sample.summary), 200);
    let all = organizer(&sample.organizer(Language::En));
    assert!(all.html.contains("All 200 registrations") && all.html.contains("Person 199."));
    // Some readers cut what is longer than 102 kB.
    assert!(all.html.len() < 100_000, "{} bytes", all.html.len());

    sample.summary.counts.get_mut("status").unwrap().insert("confirmed".to_owned(), 1234);
    assert_eq!(mail::compose::rows_wanted(&sample.summary), 25);
    sample.rows.truncate(25);
    let latest = organizer(&sample.organizer(Language::En));
    assert!(latest.text.contains("The latest 25 of 1,234 registrations"), "{}", latest.text);
    assert!(latest.text.contains("Open the list of all registrations\nhttps://register.example.org/organizer/"));
}

const HOSTILE: &str =
    "{x} {{ 7*7 }} [a](http://evil.example) <script>alert(1)</script> \"'& \u{202e}txt.exe\r\nBcc: v@example.org";

fn hostile() -> Sample {
    let mut sample = Sample::default();
    for key in ["first_name", "last_name", "organization", "comments"] {
        sample.record.answers[key] = json!(HOSTILE);
    }
    HOSTILE.clone_into(&mut sample.record.columns.name);
    sample.record.columns.organization = Some(HOSTILE.to_owned());
    for row in &mut sample.rows {
        HOSTILE.clone_into(&mut row.name);
        row.organization = Some(HOSTILE.to_owned());
    }
    HOSTILE.clone_into(&mut sample.files[0].name);
    sample
}

#[test]
fn what_somebody_typed_is_text_and_nothing_else() {
    let sample = hostile();
    for language in Language::ALL {
        let mail = organizer(&sample.organizer(language));
        assert!(!mail.html.contains("<script>") && !mail.html.contains("href=\"http://evil"), "{}", mail.html);
        assert!(mail.html.contains("{x} {{ 7*7 }} [a](http://evil.example) &#60;script&#62;"), "{}", mail.html);
        assert!(mail.text.contains("{x} {{ 7*7 }} [a](http://evil.example)"), "{}", mail.text);
        for part in [&mail.text, &mail.html] {
            assert!(!part.contains('\u{202e}') && part.contains("[U+202E]"));
            assert!(!part.chars().any(|c| c.is_control() && c != '\n'));
        }
        let bytes = String::from_utf8(mail.to_bytes().unwrap()).unwrap();
        let (head, _) = bytes.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }
}

#[test]
fn the_confirmation_repeats_nothing_that_somebody_typed() {
    let mut sample = hostile();
    sample.record.answers["phone"] = json!("+260211000000");
    for status in Status::ALL {
        sample.record.status = status;
        for language in Language::ALL {
            let mail = confirmation(&sample.confirmation(language));
            for typed in ["evil", "{x}", "script>", "Bcc", "passport", "+260", "z.banda"] {
                assert!(!mail.subject.contains(typed) && !mail.text.contains(typed), "{typed}: {}", mail.text);
                assert!(!mail.html.contains(typed), "{typed}: {}", mail.html);
            }
        }
    }
}

#[test]
fn links_lead_to_the_public_url_only_and_carry_no_address() {
    let sample = Sample::default();
    for language in Language::ALL {
        for mail in [organizer(&sample.organizer(language)), confirmation(&sample.confirmation(language))] {
            for href in mail.html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(
                    href.starts_with("https://register.example.org/") || href == "mailto:events@example.org",
                    "{href}"
                );
            }
            for resource in ["src=", "url(", "<link", "<img", "@import"] {
                assert!(!mail.html.contains(resource), "{resource}");
            }
        }
    }
}

#[test]
fn plain_text_lines_are_short_but_for_links() {
    let sample = Sample::default();
    for language in Language::ALL {
        for mail in [organizer(&sample.organizer(language)), confirmation(&sample.confirmation(language))] {
            for line in mail.text.lines().filter(|line| !line.contains("https://")) {
                assert!(line.chars().count() <= 78, "{line}");
            }
        }
    }
}

#[test]
fn a_contact_that_is_a_sentence_is_no_address() {
    let mut sample = Sample::default();
    sample.event.privacy.contact = "Ask at the desk <b>daily</b>.".into();
    let mail = confirmation(&sample.confirmation(Language::En));
    assert_eq!(mail.reply_to, None);
    assert!(mail.html.contains("Ask at the desk &#60;b&#62;daily&#60;/b&#62;.") && !mail.html.contains("mailto:"));
}

//! Both mails in both languages, whatever people typed.

use mail::Message;
use mail::compose::{ConfirmationMail, Entry, OrganizerMail, Window, confirmation, duplicate, organizer};
use mail::samples::Sample;
use registration::form::FieldKind;
use registration::language::Language;
use registration::notification::Kind;
use registration::places::{PlaceCount, PlaceKey};
use registration::reference::Reference;
use registration::stored::{Columns, ListRow, Record, Status};
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
        snapshot(&format!("organizer-{language}"), &sample.registered(language));
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
        sample.places[0].taken = 300;
        snapshot(&format!("confirmation-waiting-{language}"), &confirmation(&sample.confirmation(language)));
        let mail = sample.registered(language);
        let (notice, status) = match language {
            Language::En => {
                ("All places are taken at the moment. This registration is on the waiting list.", "On the waiting list")
            }
            Language::Fr => (
                "Toutes les places sont prises pour le moment. Cette inscription est sur liste d’attente.",
                "Sur liste d’attente",
            ),
        };
        for part in [&mail.text, &mail.html] {
            let part = part.replace('\n', " ");
            assert!(part.contains(notice) && part.contains(status), "{part}");
        }
    }
}

#[test]
fn whoever_waits_for_an_option_is_told_which_and_so_is_the_organiser() {
    let mut sample = Sample::default();
    sample.record.status = Status::Waiting;
    let onsite = PlaceKey::option("attendance", "onsite");
    for (taken, en, fr) in [
        (40, "There is no place left for: On site.", "Il ne reste plus de place pour\u{a0}: Sur place."),
        (
            39,
            "Not everything that was chosen had a place left when this registration arrived.",
            "À l’arrivée de cette inscription, il ne restait pas de place pour tout ce qui avait été choisi.",
        ),
    ] {
        sample.places.truncate(1);
        sample.places.push(PlaceCount { key: onsite.clone(), taken, limit: 40 });
        for (language, lack) in [(Language::En, en), (Language::Fr, fr)] {
            for mail in [sample.registered(language), confirmation(&sample.confirmation(language))] {
                for part in [&mail.text, &mail.html] {
                    let part = part.replace('\n', " ");
                    assert!(part.contains(lack), "{part}");
                    assert!(!part.contains("All places are") && !part.contains("Toutes les places"), "{part}");
                }
            }
        }
    }
}

/// Four registrations: one possibly of the same person, one cancelled, one erased, one with a new file.
fn several(sample: &Sample) -> Vec<Record> {
    let mut records = vec![sample.record.clone(); 4];
    for (record, n) in records.iter_mut().zip(1..) {
        record.reference = Reference::from_bits(n * 7_654_321);
    }
    "Chanda Mwila".clone_into(&mut records[1].columns.name);
    records[1].status = Status::Cancelled;
    records[2].answers = json!({});
    records[2].columns = Columns::default();
    records[2].erased_at = Some(sample.now);
    records[3].status = Status::Waiting;
    records
}

fn entries<'a>(sample: &'a Sample, records: &'a [Record], same_person: &'a [Reference]) -> Vec<Entry<'a>> {
    let kinds = [Kind::Registered, Kind::Cancelled, Kind::Erased, Kind::Attached];
    let entry = |(record, kind): (&'a Record, Kind)| Entry {
        record,
        same_person: if kind == Kind::Registered { same_person } else { &[] },
        ..sample.entry(kind)
    };
    records.iter().zip(kinds).map(entry).collect()
}

fn window(starts: &str, ends: &str) -> Window {
    let at = |text: &str| text.parse().expect("a time");
    Window { starts: at(starts), ends: at(ends), part: 1 }
}

#[test]
fn a_digest_tells_everything_in_both_languages() {
    for language in Language::ALL {
        let mut sample = Sample::default();
        sample.rows.truncate(3);
        let others = [Reference::from_bits(99), Reference::from_bits(100)];
        let records = several(&sample);
        let entries = entries(&sample, &records, &others);
        let window = Some(window("2026-11-04T08:00:00Z", "2026-11-04T08:30:00Z"));
        let mail = organizer(&OrganizerMail { window, ..sample.organizer(language, &entries) });
        assert_eq!((mail.kind, &mail.reply_to), ("digest", &None));
        snapshot(&format!("digest-{language}"), &mail);
    }
}

#[test]
fn what_happened_to_one_registration_is_a_short_mail() {
    for (kind, subject) in [
        (Kind::Cancelled, "Cancelled: KC-"),
        (Kind::Erased, "Erased: KC-"),
        (Kind::Attached, "New file: KC-"),
        (Kind::Registered, "Registration KC-"),
    ] {
        let sample = Sample::default();
        let mail = organizer(&sample.organizer(Language::En, &[sample.entry(kind)]));
        assert!(mail.subject.contains(subject) && mail.subject.ends_with("(42/300)"), "{}", mail.subject);
        assert_eq!(mail.kind, kind.as_str());
        assert_eq!(mail.reply_to.is_some(), kind != Kind::Erased);
        let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains("An answer to it goes to the registrant."), kind != Kind::Erased);
        assert_eq!(text.contains("passport page.pdf"), matches!(kind, Kind::Attached | Kind::Registered));
        assert_eq!(text.contains("by the bus from Lilongwe"), kind == Kind::Registered);
        assert!(text.contains("Places left 258 of 300"), "{text}");
    }
}

#[test]
fn of_an_erased_registration_only_the_reference_is_told() {
    let mut sample = Sample::default();
    sample.rows.clear();
    let erased = [sample.entry(Kind::Erased)];
    let erased = organizer(&sample.organizer(Language::En, &erased));
    // Registered first, erased before the mail was sent.
    let mut gone = Sample::default();
    gone.rows.clear();
    gone.record.answers = json!({});
    gone.record.columns = Columns::default();
    gone.record.erased_at = Some("2026-11-03T07:15:00Z".parse().unwrap());
    let gone = gone.registered(Language::En);
    assert!(gone.text.contains("Erased on:  3 November 2026, 09:15"), "{}", gone.text);
    for mail in [erased, gone] {
        assert!(mail.text.contains("KC-ED7R-MEJ8") && mail.reply_to.is_none());
        for personal in ["Banda", "Zoë", "banda@", "University", "passport"] {
            let bytes = String::from_utf8(mail.to_bytes().unwrap()).unwrap();
            assert!(!mail.text.contains(personal) && !mail.html.contains(personal) && !bytes.contains(personal));
        }
    }
}

#[test]
fn the_subject_of_several_counts_them_and_tells_the_time_where_there_is_a_window() {
    let sample = Sample::default();
    let subject = |language, entries: &[Entry<'_>], window| {
        let mail = organizer(&OrganizerMail { window, ..sample.organizer(language, entries) });
        mail.subject.strip_prefix("[UbuntuNet-Connect] ").unwrap().to_owned()
    };
    let (registered, cancelled) = (sample.entry(Kind::Registered), sample.entry(Kind::Cancelled));
    let many = [registered; 17];
    let today = Some(window("2026-11-04T08:00:00Z", "2026-11-04T08:30:00Z"));
    let english = |window| subject(Language::En, &many, window);
    assert_eq!(english(None), "17 registrations (42/300)");
    assert_eq!(english(today), "17 registrations, 10:00–10:30 (42/300)");
    assert_eq!(
        english(Some(window("2026-11-03T21:30:00Z", "2026-11-03T22:00:00Z"))),
        "17 registrations, 3 November, 23:30–00:00 (42/300)"
    );
    assert_eq!(
        english(Some(window("2026-11-03T16:00:00Z", "2026-11-04T16:00:00Z"))),
        "17 registrations, 3 November 18:00 – 4 November 18:00 (42/300)"
    );
    assert_eq!(english(today.map(|w| Window { part: 2, ..w })), "17 registrations, 10:00–10:30, part 2 (42/300)");
    let mixed = [registered, registered, cancelled];
    assert_eq!(subject(Language::En, &mixed, None), "2 registrations, 1 cancellation (42/300)");
    assert_eq!(subject(Language::Fr, &mixed, None), "2 inscriptions, 1 annulation (42/300)");
    assert_eq!(subject(Language::Fr, &[registered], today), "1 inscription, 10:00–10:30 (42/300)");
    assert_eq!(
        subject(Language::Fr, &mixed, Some(window("2026-10-31T16:00:00Z", "2026-11-01T16:00:00Z"))),
        "2 inscriptions, 1 annulation, 31 octobre à 18:00 – 1er novembre à 18:00 (42/300)"
    );
}

#[test]
fn a_digest_answers_to_nobody_unless_it_tells_of_one_registration() {
    let sample = Sample::default();
    let one = [sample.entry(Kind::Registered)];
    let window = Some(window("2026-11-04T08:00:00Z", "2026-11-04T08:30:00Z"));
    let mail = organizer(&OrganizerMail { window, ..sample.organizer(Language::En, &one) });
    assert_eq!(mail.reply_to.unwrap().address, "z.banda@example.org");
    assert_eq!((mail.kind, mail.list_id.as_str()), ("digest", "<digests.connect.register.example.org>"));
    assert_eq!(mail.from.name.as_deref(), Some("UbuntuNet-Connect digest"));
    let two = [sample.entry(Kind::Registered); 2];
    assert_eq!(organizer(&sample.organizer(Language::En, &two)).reply_to, None);
}

#[test]
fn fifty_request_ids_stand_in_a_header_and_no_more_than_fit() {
    let sample = Sample::default();
    let mut records = vec![sample.record.clone(); 50];
    for (record, n) in records.iter_mut().zip(0u32..) {
        record.request_id = format!("019a4e0c-0000-7000-8000-{n:012}");
    }
    let entries: Vec<_> = records.iter().map(|record| Entry { record, ..sample.entry(Kind::Registered) }).collect();
    let mut mail = organizer(&sample.organizer(Language::En, &entries));
    let ids = |mail: &Message| {
        let bytes = String::from_utf8(mail.to_bytes().unwrap()).unwrap();
        let (head, _) = bytes.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix("X-Karibu-Request: ")).unwrap().to_owned();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids(&mail).len(), 50);
    mail.request_id = "x".repeat(100_000) + " 019a4e0c";
    assert_eq!(ids(&mail).iter().map(String::len).collect::<Vec<_>>(), [200, 8]);
}

#[test]
fn figures_say_whom_they_count_and_an_erased_person_has_no_empty_cell() {
    let mut sample = Sample::default();
    sample.rows[1].name = String::new();
    let told = |sample: &Sample, language| sample.registered(language).text;
    let (en, fr) = (told(&sample, Language::En), told(&sample, Language::Fr));
    assert!(en.contains("Received today (cancelled included)") && en.contains("\n(erased) "), "{en}");
    assert!(fr.contains("Reçues aujourd’hui (annulées comprises)") && fr.contains("\n(effacé) "), "{fr}");
    assert!(en.contains("\nAttendance\n") && !en.contains("waiting list included"), "{en}");
    let statuses = sample.summary.counts.get_mut("status").unwrap();
    statuses.remove("cancelled");
    statuses.insert("waiting".to_owned(), 2);
    let (en, fr) = (told(&sample, Language::En), told(&sample, Language::Fr));
    assert!(en.contains("Received today  ") && en.contains("\nAttendance (waiting list included)\n"), "{en}");
    assert!(fr.contains("\nParticipation (liste d’attente comprise)\n"), "{fr}");
}

#[test]
fn places_left_of_limited_options_stand_in_the_summary() {
    let mut sample = Sample::default();
    for field in &mut sample.event.form.fields {
        if let (FieldKind::Radio { options }, "attendance") = (&mut field.kind, field.key.as_str()) {
            options[0].places = Some(40);
        }
    }
    sample.places.push(PlaceCount { key: PlaceKey::option("attendance", "onsite"), taken: 31, limit: 40 });
    let mail = sample.registered(Language::En);
    assert!(mail.text.contains("Places left: Attendance\n  On site  9 of 40\n"), "{}", mail.text);
    assert!(mail.html.contains("Places left: Attendance") && mail.html.contains("9 of 40"));
    assert!(
        sample.registered(Language::Fr).text.contains("Places restantes\u{a0}: Participation\n  Sur place  9 sur 40")
    );
}

#[test]
fn the_confirmation_carries_the_link_to_send_a_file_later() {
    const LINK: &str = "https://register.example.org/connect/attach/abc.def";
    let mut sample = Sample::default();
    for (language, until) in [(Language::En, "15 November 2026, 17:00"), (Language::Fr, "15 novembre 2026 à 17:00")] {
        let mail = confirmation(&ConfirmationMail { attach_link: Some(LINK), ..sample.confirmation(language) });
        snapshot(&format!("confirmation-attach-{language}"), &mail);
        for part in [&mail.text, &mail.html] {
            assert!(part.contains(LINK) && part.replace('\n', " ").contains(until), "{part}");
        }
    }
    sample.event.closes = jiff::civil::date(2026, 11, 16).at(0, 0, 0, 0);
    let mail = confirmation(&ConfirmationMail { attach_link: Some(LINK), ..sample.confirmation(Language::En) });
    assert!(mail.html.contains("15 November 2026, 24:00 (Africa/Lusaka)"), "{}", mail.html);
    sample.record.status = Status::Cancelled;
    let mail = confirmation(&ConfirmationMail { attach_link: Some(LINK), ..sample.confirmation(Language::En) });
    assert!(
        mail.subject.ends_with("is cancelled") && mail.text.contains("You have no place any more."),
        "{}",
        mail.text
    );
    assert!(!mail.text.contains(LINK) && !mail.html.contains(LINK) && !mail.text.contains("What you chose"));
}

#[test]
fn a_second_registration_is_told_to_its_address_without_a_word_of_it() {
    for language in Language::ALL {
        let sample = Sample::default();
        let mail = duplicate(&sample.duplicate(language));
        assert_eq!((mail.to.as_str(), mail.kind), ("z.banda@example.org", "duplicate"));
        assert_eq!(mail.reply_to.as_ref().unwrap().address, "events@example.org");
        snapshot(&format!("duplicate-{language}"), &mail);
    }
}

#[test]
fn french_names_the_event_in_quotes_and_the_list_stands_apart_from_the_times() {
    let mut sample = Sample::default();
    sample.event.name = "Les Journées du réseau".into();
    sample.event.zone = jiff::tz::TimeZone::get("Africa/Kampala").unwrap();
    let quoted = "«\u{a0}Les Journées du réseau\u{a0}»";
    let organizer = sample.registered(Language::Fr);
    assert!(organizer.text.starts_with(&format!("Nouvelle inscription à {quoted}\u{a0}: Zoë Banda")));
    assert!(organizer.html.contains(&format!("organisateurs de {quoted}.")));
    assert!(organizer.html.contains("celles du fuseau Africa/Kampala.</p>\n<p"), "{}", organizer.html);
    let confirmation = confirmation(&sample.confirmation(Language::Fr));
    assert!(confirmation.text.starts_with(&format!("Votre inscription à {quoted} est confirmée")));
    assert!(confirmation.text.contains("Végétarien\u{a0}; Halal"), "{}", confirmation.text);
}

#[test]
fn the_same_data_gives_the_same_mail() {
    let sample = Sample::default();
    for language in Language::ALL {
        assert_eq!(sample.registered(language), sample.registered(language));
        assert_eq!(confirmation(&sample.confirmation(language)), confirmation(&sample.confirmation(language)));
    }
}

#[test]
fn the_subject_counts_places_or_without_a_limit_registrations() {
    let mut sample = Sample::default();
    let reference = sample.record.reference.to_string();
    let subject = |sample: &Sample| sample.registered(Language::En).subject;
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
    let all = sample.registered(Language::En);
    assert!(all.html.contains("All 200 registrations") && all.html.contains("Person 199."));
    // Some readers cut what is longer than 102 kB.
    assert!(all.html.len() < 100_000, "{} bytes", all.html.len());

    sample.summary.counts.get_mut("status").unwrap().insert("confirmed".to_owned(), 1234);
    assert_eq!(mail::compose::rows_wanted(&sample.summary), 25);
    sample.rows.truncate(25);
    let latest = sample.registered(Language::En);
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
        let mail = sample.registered(language);
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
        for mail in [sample.registered(language), confirmation(&sample.confirmation(language))] {
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
        for mail in [sample.registered(language), confirmation(&sample.confirmation(language))] {
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

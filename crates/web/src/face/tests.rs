//! Every page in both languages, looked at by machine; the pictures are looked at by people.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use presentation::answers::{Line, Section, lack};
use presentation::words::Words;
use registration::answers::FileAnswer;
use registration::attachment::Media;
use registration::event::{Phase, WhenFull};
use registration::form::FieldKind;
use registration::ids::RegistrationId;
use registration::language::Language;
use registration::phone::PhoneProblem;
use registration::places::{Lack, PlaceCount, PlaceKey};
use registration::reference::Reference;
use registration::stored::{ListRow, Status};
use registration::summary::{Summary, SummaryDelta};
use registration::validate::{Problem, ProblemKind, Typed};
use uuid::Uuid;

use super::samples::{self, assets, shell, visitor};
use super::*;

const EVIL: &str = "<script>alert(1)</script> \"{x}\" '[a](http://evil)' =cmd()";

/// All sample pages of a language, by name.
fn pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let with_event = || shell(language, Some(&event), &assets);
    let mut pages = form_pages(language);
    pages.extend(event_pages(language));
    pages.extend(registered_pages(language));
    pages.extend(organizer_pages(language));
    pages.extend(attachments_pages(language));
    let at = samples::now();
    let states = [
        ("state-early", StatePage::NotYetOpen(at)),
        ("state-closed", StatePage::Closed(at)),
        ("state-full", StatePage::Full),
        ("state-method", StatePage::MethodNotAllowed),
        ("state-unreadable", StatePage::Unreadable),
        ("state-too-large", StatePage::TooLarge { limit: 12_582_912 }),
        ("state-too-slow", StatePage::TooSlow),
        ("state-too-many", StatePage::TooMany { retry_after: 20 }),
        ("state-cross-site", StatePage::CrossSite),
        ("state-attach-closed", StatePage::AttachmentsClosed(at)),
        ("state-gone", StatePage::RegistrationGone),
        ("state-unavailable", StatePage::Unavailable),
        ("state-error", StatePage::ServerError { request_id: "0190-abcd".into() }),
        ("state-link-expired", StatePage::LinkExpired),
        ("state-organizer-gone", StatePage::OrganizerGone),
    ];
    pages.extend(states.map(|(name, state)| (name, state_page(&with_event(), &state))));
    let lone = [
        ("state-no-event", StatePage::UnknownEvent),
        ("state-not-found", StatePage::NotFound),
        ("state-link-invalid", StatePage::LinkInvalid),
    ];
    pages.extend(lone.map(|(name, state)| (name, state_page(&shell(language, None, &assets), &state))));
    pages
}

fn form_pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let page = |open: &registration::register::OpenForm, state: &FormState<'_>| {
        form_page(&shell(language, Some(&open.event), &assets), open, state, &visitor())
    };
    let typed = Typed {
        fields: [
            ("title", "dr"),
            ("first_name", EVIL),
            ("email", "nobody"),
            ("country", "ZM"),
            ("phone", "12"),
            ("category", "student"),
            ("attendance", "onsite"),
            ("arrival", "2026-11-03"),
            ("dietary", "halal"),
            ("dietary", "gluten_free"),
            ("visa_letter", "yes"),
            ("comments", "\nTwo lines,\nand </textarea>"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        files: Vec::new(),
    };
    let problem = |field: &str, kind| Problem { field: field.into(), kind };
    let problems = [
        problem("last_name", ProblemKind::Missing),
        problem("email", ProblemKind::Email),
        problem("phone", ProblemKind::Phone(PhoneProblem::Invalid)),
        problem("category", ProblemKind::OptionFull("student".into())),
        problem("departure", ProblemKind::Missing),
        problem("dietary", ProblemKind::TooManyOptions(1)),
        problem("consent", ProblemKind::ConsentMissing),
        problem("surprise", ProblemKind::UnknownField),
    ];
    let kept = [samples::kept_file()];
    let empty = Typed::default();
    let blank = FormState { typed: &empty, problems: &[], kept: &[], banner: None };
    let banner = |banner| FormState { typed: &typed, problems: &[], kept: &kept, banner: Some(banner) };
    let plain = samples::open(event.clone(), &[]);
    let partner = || PlaceKey::option("category", "partner");
    let waiting = samples::open(event.clone(), &[(PlaceKey::event(), 300, 300), (partner(), 20, 20)]);
    let mut closed = event;
    closed.when_full = WhenFull::Closed;
    let closed = samples::open(closed, &[(partner(), 20, 20)]);
    let reference = "KC-7F3K-2M9Q".to_owned();
    vec![
        ("form", page(&plain, &blank)),
        ("form-errors", page(&plain, &FormState { typed: &typed, problems: &problems, kept: &kept, banner: None })),
        ("form-waiting", page(&waiting, &blank)),
        ("form-option-full", page(&closed, &blank)),
        ("form-unavailable", page(&plain, &banner(Banner::Unavailable))),
        ("form-expired", page(&plain, &banner(Banner::Expired))),
        ("form-other", page(&plain, &banner(Banner::OtherContent { reference }))),
        ("form-many", page(&plain, &banner(Banner::TooMany { wait: 1 }))),
        ("form-quota", page(&plain, &banner(Banner::QuotaOfAddress { until: samples::now() }))),
        ("form-too-large", page(&plain, &banner(Banner::TooLarge { limit: 12_582_912 }))),
    ]
}

fn event_pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let mut small = samples::event();
    small.slug = "workshop".into();
    small.name = EVIL.into();
    small.when_full = WhenFull::Closed;
    let page = |event, phase, taken, views| {
        let places = [PlaceCount { key: PlaceKey::event(), taken, limit: 300 }];
        event_page(&shell(language, Some(event), &assets), &EventFace { event, phase, places: &places, views })
    };
    let (opens, closes) = (event.opens_at(), event.closes_at());
    let home = |events: &[HomeEvent<'_>]| home_page(&shell(language, None, &assets), events);
    vec![
        ("event", page(&event, Phase::Open(closes), 258, Some(1234))),
        ("event-waiting", page(&event, Phase::Open(closes), 300, Some(1))),
        ("event-full", page(&small, Phase::Open(closes), 300, None)),
        ("event-early", page(&event, Phase::NotYetOpen(opens), 0, None)),
        ("event-closed", page(&event, Phase::Closed(closes), 299, None)),
        (
            "home",
            home(&[
                HomeEvent { event: &event, phase: Phase::Open(closes) },
                HomeEvent { event: &small, phase: Phase::NotYetOpen(opens) },
            ]),
        ),
        ("home-empty", home(&[])),
    ]
}

fn sections() -> Vec<Section> {
    let line = |key: &str, label: &str, text: &str| Line {
        key: key.into(),
        label: label.into(),
        text: text.into(),
        free_text: true,
        file: None,
    };
    let file = samples::kept_file();
    let attachment = FileAnswer { id: file.id, name: file.name, media: file.media, size: file.size };
    vec![
        Section {
            heading: Some("About you".into()),
            lines: vec![
                line("last_name", "Last name", EVIL),
                line("email", "Email address", "chanda@unza.example"),
                line("country", "Country", "Zambia"),
            ],
        },
        Section {
            heading: Some("Anything else".into()),
            lines: vec![
                line("comments", "Comments", "One line.\nAnother line."),
                Line { file: Some(attachment.id), ..line("attachment", "Attachment", &attachment.name) },
            ],
        },
    ]
}

fn registered_pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let sections = sections();
    let to_follow = ["Attachment".to_owned()];
    let full = Lack::Options(vec![PlaceKey::option("category", "partner"), PlaceKey::option("dietary", "halal")]);
    let lack = lack(&full, &event.form, Words::of(language));
    let page = |status, dropped: &[String]| {
        let mut shell = shell(language, Some(&event), &assets);
        shell.noindex = true;
        let face = RegisteredFace {
            event: &event,
            reference: "KC-7F3K-2M9Q",
            status,
            lack: if status == Status::Waiting { &lack } else { "" },
            email: "chanda@unza.example",
            mail_comes: status != Status::Waiting,
            sections: &sections,
            dropped,
            attach: status.is_alive().then(|| "/connect/attachments/token".to_owned()),
            to_follow: if status == Status::Waiting { &to_follow } else { &[] },
        };
        registered_page(&shell, &face)
    };
    vec![
        ("registered", page(Status::Confirmed, &["Arrival".into(), "<b>Departure</b>".into()])),
        ("registered-waiting", page(Status::Waiting, &[])),
        ("registered-pending", page(Status::Pending, &[])),
        ("registered-offered", page(Status::Offered, &[])),
        ("registered-rejected", page(Status::Rejected, &[])),
        ("registered-withdrawn", page(Status::Withdrawn, &[])),
        ("registered-cancelled", page(Status::Cancelled, &[])),
    ]
}

fn attachments_pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let file = samples::kept_file();
    let page = |file, error: Option<&str>, told| {
        let field = AttachmentField {
            key: "attachment",
            label: "Attachment",
            help: Some("A passport page."),
            types: &Media::ALL,
            max_bytes: 10 * 1024 * 1024,
            file,
            to_follow: true,
            error: error.map(str::to_owned),
        };
        let (token, reference) = ("token", "KC-7F3K-2M9Q");
        let face = AttachmentsFace { event: &event, token, reference, fields: vec![field], told };
        attachments_page(&shell(language, Some(&event), &assets), &face)
    };
    let (token, reference) = ("token", "KC-7F3K-2M9Q");
    let nothing = AttachmentsFace { event: &event, token, reference, fields: Vec::new(), told: None };
    vec![
        ("attachments-not-asked", attachments_page(&shell(language, Some(&event), &assets), &nothing)),
        ("attachments", page(None, None, None)),
        ("attachments-saved", page(Some(&file), None, Some(AttachmentsTold::Saved))),
        ("attachments-wrong", page(Some(&file), Some(EVIL), Some(AttachmentsTold::Wrong))),
        ("attachments-many", page(None, None, Some(AttachmentsTold::TooMany(30)))),
        ("attachments-quota", page(None, None, Some(AttachmentsTold::QuotaOfAddress(samples::now())))),
    ]
}

fn organizer_pages(language: Language) -> Vec<(&'static str, String)> {
    let assets = assets();
    let event = samples::event();
    let shell = || shell(language, Some(&event), &assets);
    let file = samples::kept_file();
    let files = [(file, "/organizer/token/files/7".to_owned())];
    let registration = OrganizerRegistration {
        event: &event,
        reference: "KC-7F3K-2M9Q",
        status: Status::Confirmed,
        name: EVIL,
        email: "chanda@unza.example",
        created_at: samples::now(),
        language: Language::Fr,
        sections: &sections(),
        files: &files,
        list: Some("/organizer/list".into()),
    };
    let row = |n: u128, name: &str, status, country: &str, category: &str| ListEntry {
        row: ListRow {
            id: RegistrationId(Uuid::from_u128(n)),
            reference: Reference::from_bits(n as u64),
            status,
            name: name.into(),
            organization: Some("University of Zambia".into()),
            country: Some(country.into()),
            category: Some(category.into()),
            created_at: samples::now(),
        },
        href: format!("/organizer/token{n}"),
    };
    let entries = [
        row(1, "Chanda Mwila", Status::Confirmed, "ZM", "student"),
        row(2, "Aïcha Rakotomalala-Andrianantenaina", Status::Waiting, "MG", "member"),
        row(3, EVIL, Status::Confirmed, "ZM", "speaker"),
        row(4, "", Status::Confirmed, "", ""),
    ];
    let delta = |dimension: &str, value: &str, n| SummaryDelta { dimension: dimension.into(), value: value.into(), n };
    let summary = Summary::from_rows([
        delta("status", "confirmed", 1240),
        delta("status", "waiting", 17),
        delta("status", "cancelled", 2),
        delta("day", "2026-09-01", 9),
        delta("day", "2026-08-28", 31),
        delta("day", "2026-08-02", 1217),
        delta("field:category", "student", 400),
        delta("field:category", "member", 857),
        delta("field:country", "ZM", 800),
        delta("field:country", "MG", 457),
        delta("field:visa_letter", "yes", 3),
        delta("field:visa_letter", "no", 1000),
    ]);
    let places = [PlaceCount { key: PlaceKey::event(), taken: 258, limit: 300 }];
    let list = OrganizerList {
        event: &event,
        form: &event.form,
        summary: &summary,
        places: &places,
        today: samples::today(),
        entries: &entries,
        older: Some("/organizer/list?before=3".into()),
    };
    let nothing = OrganizerList { summary: &Summary::default(), places: &[], entries: &[], older: None, ..list };
    vec![
        ("organizer-registration", organizer_registration_page(&shell(), &registration)),
        ("organizer-list", organizer_list_page(&shell(), &list)),
        ("organizer-list-empty", organizer_list_page(&shell(), &nothing)),
    ]
}

/// The page with only the first, the last and the chosen country, so that snapshots stay legible.
fn fewer_countries(html: &str) -> String {
    let kept = |&(index, piece): &(usize, &str)| {
        index < 2 || piece.starts_with('"') || piece.contains(" selected>") || piece.contains("</select>")
    };
    let pieces = html.split("<option value=").enumerate().filter(kept).map(|(_, piece)| piece);
    pieces.collect::<Vec<_>>().join("<option value=")
}

fn gzip(text: &str) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[test]
fn every_page_of_the_face_looks_as_it_did_in_both_languages() {
    for language in Language::ALL {
        for (name, html) in pages(language) {
            insta::assert_snapshot!(format!("{name}.{language}"), fewer_countries(&html));
        }
    }
}

#[test]
fn every_page_of_the_face_is_the_same_when_rendered_twice() {
    for language in Language::ALL {
        assert_eq!(pages(language), pages(language));
    }
}

#[test]
fn every_page_of_the_face_is_well_formed() {
    for language in Language::ALL {
        for (name, html) in pages(language) {
            super::well_formed::check(&html).unwrap_or_else(|fault| panic!("{name} in {language}: {fault}"));
        }
    }
}

#[test]
fn no_page_of_the_face_runs_what_people_typed() {
    for language in Language::ALL {
        for (name, html) in pages(language) {
            assert!(!html.contains("<script>"), "{name}");
            assert!(!html.contains(" style="), "{name}");
            assert!(!html.contains("</textarea></"), "{name}");
            assert!(!html.contains("<b>Departure"), "{name}");
        }
    }
}

#[test]
fn the_form_in_two_pieces_with_the_visitor_between_is_the_whole_form() {
    let assets = assets();
    let open = samples::open(samples::event(), &[]);
    let shell = shell(Language::En, Some(&open.event), &assets);
    let (head, tail) = form_pieces(&shell, &open);
    let part = visitor_part(&visitor());
    let typed = Typed::default();
    let state = FormState { typed: &typed, problems: &[], kept: &[], banner: None };
    assert_eq!([head.as_str(), &part, &tail].concat(), form_page(&shell, &open, &state, &visitor()));
    assert!(part.starts_with("<input type=\"hidden\" name=\"submission_id\""));
    let form = head.rfind("<form ").expect("the head ends with the form's tag");
    assert!(head[form..].trim_end().ends_with('>') && head[form..].matches('<').count() == 1);
}

#[test]
fn the_first_load_of_the_form_fits_in_fourteen_kilobytes() {
    const HEADERS: usize = 1_000;
    for language in Language::ALL {
        let assets = assets();
        let open = samples::open(samples::event(), &[]);
        let (head, tail) = form_pieces(&shell(language, Some(&open.event), &assets), &open);
        let html = gzip(&[head, visitor_part(&visitor()), tail].concat());
        let (css, js) = (gzip(CSS), gzip(&script()));
        println!("{language}: html {html}, css {css}, js {js} bytes");
        assert!(html <= 9_000 && css <= 3_000 && js <= 1_900, "{language}: {html} + {css} + {js}");
        assert!(html + css + js + HEADERS <= 14_000, "{language}");
    }
}

#[test]
fn a_form_says_whose_it_is_and_what_its_answers_are_bound_to() {
    let assets = assets();
    let mut event = samples::event();
    event.short_name = "Connect".into();
    for field in &mut event.form.fields {
        if let FieldKind::Multi { min, max, .. } = &mut field.kind {
            (*min, *max) = (2, 2);
        }
    }
    let open = samples::open(event, &[]);
    for (language, number, several, days) in [
        (Language::En, "A whole number from 0 to 3.", "Choose at least 2. Choose 2 at most.", "4–6 November 2026"),
        (
            Language::Fr,
            "Un nombre entier de 0 à 3.",
            "Choisissez-en au moins 2. Choisissez-en 2 au plus.",
            "4–6 novembre 2026",
        ),
    ] {
        let (head, tail) = form_pieces(&shell(language, Some(&open.event), &assets), &open);
        assert!(head.contains(&format!("<p class=\"over\">UbuntuNet-Connect 2026<br>{days}, Lusaka")), "{head}");
        assert!(tail.contains(&format!("id=\"guests-l\">{number}</p>")), "{tail}");
        assert!(tail.contains(&format!("id=\"dietary-l\">{several}</p>")), "{tail}");
        assert!(tail.contains("aria-describedby=\"dietary-o dietary-l\""), "{tail}");
    }
}

#[test]
fn registration_that_ends_at_midnight_ends_with_the_day_before() {
    let assets = assets();
    let mut event = samples::event();
    event.closes = jiff::civil::date(2026, 10, 21).at(0, 0, 0, 0);
    let closes = event.closes_at();
    let open = samples::open(event.clone(), &[]);
    for (language, end) in [(Language::En, "20 October 2026, 24:00"), (Language::Fr, "20 octobre 2026 à 24:00")] {
        let shell = || shell(language, Some(&event), &assets);
        let page = |phase| event_page(&shell(), &EventFace { event: &event, phase, places: &[], views: Some(0) });
        let registered = RegisteredFace {
            event: &event,
            reference: "KC-7F3K-2M9Q",
            status: Status::Confirmed,
            lack: "",
            email: "chanda@unza.example",
            mail_comes: true,
            sections: &[],
            dropped: &[],
            attach: Some("/connect/attachments/token".to_owned()),
            to_follow: &[],
        };
        for html in [
            page(Phase::Open(closes)),
            page(Phase::Closed(closes)),
            form_pieces(&shell(), &open).0,
            registered_page(&shell(), &registered),
            state_page(&shell(), &StatePage::Closed(closes)),
            state_page(&shell(), &StatePage::AttachmentsClosed(closes)),
        ] {
            assert!(html.contains(end), "{html}");
        }
        let page = page(Phase::Open(closes));
        assert!(!page.contains("Viewed") && !page.contains("Page vue"), "nobody has viewed it: {page}");
    }
}

#[test]
fn the_style_sheet_of_the_face_speaks_of_start_and_end_only() {
    let physical =
        ["left", "right", "margin-top", "margin-bottom", "padding-top", "padding-bottom", " height:", " width:"];
    for side in physical {
        assert_eq!(CSS.lines().find(|line| line.contains(side)), None, "{side}");
    }
}

#[test]
fn the_script_of_the_face_is_small() {
    let script = script();
    println!("{} bytes", script.len());
    assert!(script.len() <= 4_000, "{} bytes", script.len());
}

/// Writes the pages to the folder that `KARIBU_PAGES` names, to be looked at in a browser.
#[test]
#[ignore = "for people who look"]
fn the_pages_of_the_face_can_be_looked_at() {
    let folder = std::path::PathBuf::from(std::env::var("KARIBU_PAGES").expect("KARIBU_PAGES names a folder"));
    std::fs::create_dir_all(folder.join("static")).unwrap();
    std::fs::write(folder.join("static/karibu.0123456789ab.css"), CSS).unwrap();
    std::fs::write(folder.join("static/karibu.0123456789ab.js"), script()).unwrap();
    for language in Language::ALL {
        for (name, html) in pages(language) {
            let html = html.replace("\"/static/", "\"static/");
            std::fs::write(folder.join(format!("{name}.{language}.html")), html).unwrap();
        }
    }
}

//! An event with every kind of field, and pages of it, for the tests.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use presentation::words::Words;
use registration::attachment::Media;
use registration::event::{Event, Privacy, Retention, Venue, WhenFull};
use registration::form::Form;
use registration::ids::{EventId, FileId, SubmissionId};
use registration::language::{Language, Text};
use registration::places::{PlaceCount, PlaceKey};
use registration::register::OpenForm;
use registration::stored::FileRow;
use uuid::Uuid;

use super::{Assets, Shell, Visitor};

pub(super) fn assets() -> Assets {
    Assets {
        css: "/static/karibu.0123456789ab.css".into(),
        js: "/static/karibu.0123456789ab.js".into(),
        js_integrity: "sha256-c2FtcGxl".into(),
        icon: "/static/icon.0123456789ab.svg".into(),
    }
}

pub(super) fn shell<'a>(language: Language, event: Option<&'a Event>, assets: &'a Assets) -> Shell<'a> {
    let switch = Language::ALL.map(|other| (other, format!("?lang={other}"), other == language));
    Shell { words: Words::of(language), switch: switch.into(), event, assets, noindex: false, demo: false }
}

pub(super) fn visitor() -> Visitor {
    Visitor {
        token: "eyJldmVudCI6MSwidmVyc2lvbiI6MX0.c2FtcGxlLXNpZ25hdHVyZS1vZi1hLWZvcm0tdG9rZW4".into(),
        submission: SubmissionId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
    }
}

pub(super) fn kept_file() -> FileRow {
    FileRow {
        id: FileId(Uuid::from_u128(7)),
        field: "attachment".into(),
        name: "passport <page> & \"photo\".pdf".into(),
        media: Media::Pdf,
        size: 412_345,
        sha256: [7; 32],
    }
}

pub(super) fn now() -> Timestamp {
    "2026-09-01T10:00:00Z".parse().unwrap()
}

pub(super) fn today() -> Date {
    date(2026, 9, 1)
}

/// The sample with its places as given: (key, taken, limit).
pub(super) fn open(event: Event, places: &[(PlaceKey, u32, u32)]) -> OpenForm {
    let form = Arc::new(event.form.clone());
    let count =
        |(key, taken, limit): &(PlaceKey, u32, u32)| PlaceCount { key: key.clone(), taken: *taken, limit: *limit };
    OpenForm {
        id: EventId(1),
        event: Arc::new(event),
        sample: true,
        form_version: 1,
        form,
        places: places.iter().map(count).collect(),
    }
}

/// A conference with a form of every kind of field.
pub(super) fn event() -> Event {
    let form: Form = serde_json::from_str(include_str!("sample_form.json")).unwrap();
    let same = |text: &str| Text::Same(text.to_owned());
    let both = |en: &str, fr: &str| Text::Each([(Language::En, en.to_owned()), (Language::Fr, fr.to_owned())].into());
    Event {
        slug: "connect".into(),
        name: same("UbuntuNet-Connect 2026"),
        short_name: same("UbuntuNet-Connect"),
        description: Some(both(
            "The yearly conference of the research and education networks of Eastern and Southern Africa.\n\nThree days \
             of talks, <workshops> & meetings.",
            "La conférence annuelle des réseaux de recherche et d’enseignement d’Afrique orientale et \
             australe.\n\nTrois jours d’exposés, d’<ateliers> & de rencontres.",
        )),
        starts: date(2026, 11, 4),
        ends: date(2026, 11, 6),
        zone: TimeZone::get("Africa/Lusaka").unwrap(),
        venue: Venue {
            name: Some(same("Mulungushi Conference Centre")),
            address: Some(same("Great East Road")),
            city: Some(same("Lusaka")),
            country: Some("ZM".into()),
        },
        opens: date(2026, 8, 1).at(9, 0, 0, 0),
        closes: date(2026, 10, 20).at(17, 0, 0, 0),
        capacity: Some(300),
        when_full: WhenFull::Waiting,
        categories: Vec::new(),
        organizers: Vec::new(),
        languages: Language::ALL.into(),
        show_views: true,
        one_per_address: false,
        retention: Retention::default(),
        privacy: Privacy {
            what: both(
                "What you enter in this form, and the file you attach.",
                "Ce que vous saisissez ici et le fichier joint.",
            ),
            how_long: both(
                "Files: 30 days after the event. Answers: one year after it.",
                "Fichiers : 30 jours après l’événement. Réponses : un an après.",
            ),
            readers: both("The organisers of the conference.", "Les organisateurs de la conférence."),
            contact: same("devops@ubuntunet.net"),
        },
        form,
    }
}

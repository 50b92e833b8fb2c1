//! What every mail looks like: a small event with somebody who registered, for tests and for trying mails out.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use presentation::urls::Urls;
use registration::attachment::Media;
use registration::event::{Delivery, Event, Organizer, Privacy, Retention, Venue, WhenFull};
use registration::form::{Choice, Field, FieldKind, Form, Required};
use registration::ids::{EventId, FileId, MailId, RegistrationId};
use registration::language::{Language, Text};
use registration::notification::Kind;
use registration::places::{PlaceCount, PlaceKey};
use registration::reference::Reference;
use registration::stored::{Columns, FileRow, ListRow, Record, Status, uuid_v7};
use registration::summary::{Summary, SummaryDelta};
use registration::token::Signer;
use serde_json::json;
use uuid::Uuid;

use crate::compose::{ConfirmationMail, DuplicateMail, Entry, Envelope, OrganizerMail, message_id, organizer};
use crate::{Message, Person};

/// Everything that the sample mails are made of.
pub struct Sample {
    /// The event, with 300 places.
    pub event: Event,
    /// Somebody's registration.
    pub record: Record,
    /// Its files.
    pub files: Vec<FileRow>,
    /// Counts.
    pub summary: Summary,
    /// Limited places: the event's.
    pub places: Vec<PlaceCount>,
    /// The latest registrations, newest first.
    pub rows: Vec<ListRow>,
    /// Links.
    pub urls: Urls,
    /// Signs them; not a secret.
    pub signer: Signer,
    /// Message-ID of the mails.
    pub message_id: String,
    /// When the mails are sent.
    pub now: Timestamp,
}

impl Default for Sample {
    fn default() -> Self {
        let urls = Urls::new(url("https://register.example.org/"));
        let record = record();
        Self {
            event: event(),
            files: vec![FileRow {
                id: FileId(id(7)),
                field: "attachment".to_owned(),
                name: "passport page.pdf".to_owned(),
                media: Media::Pdf,
                size: 412_345,
                sha256: [7; 32],
            }],
            summary: summary(),
            places: vec![PlaceCount { key: PlaceKey::event(), taken: 42, limit: 300 }],
            rows: rows(&record),
            record,
            message_id: message_id(MailId(id(42)), &urls),
            urls,
            signer: Signer::new(vec![vec![7; 32]]),
            now: now(),
        }
    }
}

impl Sample {
    /// What an organiser's mail tells of the registration.
    pub fn entry(&self, kind: Kind) -> Entry<'_> {
        Entry {
            kind,
            at: self.record.created_at,
            record: &self.record,
            form: &self.event.form,
            files: &self.files,
            same_person: &[],
        }
    }

    /// The mail to an organiser about these entries.
    pub fn organizer<'a>(&'a self, language: Language, entries: &'a [Entry<'a>]) -> OrganizerMail<'a> {
        OrganizerMail {
            envelope: self.envelope("desk@example.org", language),
            entries,
            window: None,
            summary: &self.summary,
            places: &self.places,
            rows: &self.rows,
            signer: &self.signer,
        }
    }

    /// The mail to an organiser about the new registration, made.
    pub fn registered(&self, language: Language) -> Message {
        organizer(&self.organizer(language, &[self.entry(Kind::Registered)]))
    }

    /// The confirmation to the registrant.
    pub fn confirmation(&self, language: Language) -> ConfirmationMail<'_> {
        ConfirmationMail {
            envelope: self.envelope(&self.record.columns.email, language),
            kind: Kind::Confirmation,
            record: &self.record,
            form: &self.event.form,
            places: &self.places,
            attach_link: None,
        }
    }

    /// The mail that tells of a second registration with the same address.
    pub fn duplicate(&self, language: Language) -> DuplicateMail<'_> {
        DuplicateMail { envelope: self.envelope(&self.record.columns.email, language), record: &self.record }
    }

    fn envelope<'a>(&'a self, to: &'a str, language: Language) -> Envelope<'a> {
        Envelope {
            demo: false,
            message_id: &self.message_id,
            from: "events@example.org",
            to,
            language,
            event: &self.event,
            urls: &self.urls,
            now: self.now,
        }
    }
}

/// A message that no template made, for tests of transports.
pub fn message() -> Message {
    let sample = Sample::default();
    Message {
        message_id: sample.message_id,
        from: Person { name: Some("Connect registrations".to_owned()), address: "events@example.org".to_owned() },
        to: "desk@example.org".to_owned(),
        reply_to: Some(Person { name: Some("Zoë Banda".to_owned()), address: "z.banda@example.org".to_owned() }),
        subject: "[Connect] Registration KC-7F3K-2M9Q (42/300)".to_owned(),
        text: "Moni!\n".to_owned(),
        html: "<p>Moni!</p>\n".to_owned(),
        list_id: "<registrations.connect.register.example.org>".to_owned(),
        references: Some("<thread-connect-2026-11-04@register.example.org>".to_owned()),
        event: "connect".to_owned(),
        kind: Kind::Registered.as_str(),
        request_id: "019a4e0c-request".to_owned(),
        date: sample.now,
    }
}

fn url(text: &str) -> url::Url {
    text.parse().expect("a constant that is a URL")
}

fn now() -> Timestamp {
    "2026-11-04T08:31:02Z".parse().expect("a constant that is a time")
}

fn id(n: u8) -> Uuid {
    uuid_v7(now(), [0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

fn text(en: &str, fr: &str) -> Text {
    Text::Each(BTreeMap::from([(Language::En, en.to_owned()), (Language::Fr, fr.to_owned())]))
}

fn choice(value: &str, en: &str, fr: &str) -> Choice {
    Choice { value: value.to_owned(), label: text(en, fr), help: None, places: None }
}

fn categories() -> Vec<Choice> {
    vec![
        choice("delegate", "Delegate", "Délégué"),
        choice("speaker", "Speaker", "Intervenant"),
        choice("student", "Student", "Étudiant"),
    ]
}

fn event() -> Event {
    Event {
        slug: "connect".to_owned(),
        name: "UbuntuNet-Connect 2026".into(),
        short_name: "UbuntuNet-Connect".into(),
        description: None,
        starts: date(2026, 11, 18),
        ends: date(2026, 11, 20),
        zone: TimeZone::get("Africa/Lusaka").expect("a zone of the bundled database"),
        venue: Venue {
            name: Some(text("Mulungushi Conference Centre", "Centre de conférences Mulungushi")),
            address: Some("Great East Road".into()),
            city: Some("Lusaka".into()),
            country: Some("ZM".to_owned()),
        },
        opens: date(2026, 9, 1).at(8, 0, 0, 0),
        closes: date(2026, 11, 15).at(17, 0, 0, 0),
        capacity: Some(300),
        when_full: WhenFull::Waiting,
        categories: categories(),
        organizers: vec![Organizer {
            email: "desk@example.org".to_owned(),
            delivery: Delivery::Each,
            language: Language::En,
        }],
        languages: Language::ALL.to_vec(),
        show_views: false,
        one_per_address: false,
        retention: Retention::default(),
        privacy: Privacy {
            what: "Your answers.".into(),
            how_long: "A year.".into(),
            readers: "The organisers.".into(),
            contact: "events@example.org".into(),
        },
        form: form(),
    }
}

fn field(key: &str, kind: FieldKind, en: &str, fr: &str) -> Field {
    let summary = matches!(key, "country" | "category" | "attendance" | "dietary");
    Field { key: key.to_owned(), kind, label: text(en, fr), help: None, required: Required::No, show_if: None, summary }
}

fn form() -> Form {
    let line = || FieldKind::Text { min: 0, max: 200, autocomplete: None };
    let day = || FieldKind::Date { min: None, max: None };
    let attendance = vec![choice("onsite", "On site", "Sur place"), choice("online", "Online", "En ligne")];
    let dietary = vec![
        choice("vegetarian", "Vegetarian", "Végétarien"),
        choice("halal", "Halal", "Halal (sans porc)"),
        choice("none", "No wishes", "Aucun souhait"),
    ];
    let file = FieldKind::File { types: Media::ALL.to_vec(), max_bytes: 10 * 1024 * 1024 };
    Form {
        fields: vec![
            field("you", FieldKind::Heading, "About you", "À propos de vous"),
            field("first_name", line(), "First name", "Prénom"),
            field("last_name", line(), "Last name", "Nom"),
            field("email", FieldKind::Email, "Email address", "Adresse électronique"),
            field("phone", FieldKind::Phone { country: None }, "Telephone", "Téléphone"),
            field("organization", line(), "Organisation", "Organisme"),
            field("country", FieldKind::Country, "Country", "Pays"),
            field("category", FieldKind::Select { options: categories() }, "Category", "Catégorie"),
            field("stay", FieldKind::Heading, "Your stay", "Votre séjour"),
            field("attendance", FieldKind::Radio { options: attendance }, "Attendance", "Participation"),
            field("arrival", day(), "Arrival", "Arrivée"),
            field("departure", day(), "Departure", "Départ"),
            field(
                "dietary",
                FieldKind::Multi { options: dietary, min: 0, max: 3 },
                "Dietary wishes",
                "Régime alimentaire",
            ),
            field(
                "visa_letter",
                FieldKind::YesNo,
                "Do you need an invitation letter for your visa?",
                "Avez-vous besoin d’une lettre d’invitation pour votre visa ?",
            ),
            field(
                "attachment",
                file,
                "Passport page, CV or student proof",
                "Page de passeport, CV ou carte d’étudiant",
            ),
            field("comments", FieldKind::Textarea { max: 2000 }, "Comments", "Remarques"),
            field(
                "consent",
                FieldKind::Consent,
                "I agree to the use of my data",
                "J’accepte l’utilisation de mes données",
            ),
        ],
    }
}

fn record() -> Record {
    Record {
        id: RegistrationId(id(1)),
        event: EventId(1),
        form_version: 1,
        reference: Reference::from_bits(0x0003_9a7c_51d2),
        status: Status::Confirmed,
        duplicate_of: None,
        shown_status: Status::Confirmed,
        answers: json!({
            "first_name": "Zoë",
            "last_name": "Banda",
            "email": "z.banda@example.org",
            "phone": "+265991234567",
            "organization": "University of Malawi",
            "country": "MW",
            "category": "student",
            "attendance": "onsite",
            "arrival": "2026-11-17",
            "departure": "2026-11-21",
            "dietary": ["vegetarian", "halal"],
            "visa_letter": true,
            "attachment": {
                "id": id(7), "name": "passport page.pdf", "type": "application/pdf", "size": 412_345,
            },
            "comments": "I arrive late in the evening, by the bus from Lilongwe, and would be glad of a room near the venue.\n\nZikomo!",
            "consent": true,
        }),
        columns: Columns {
            name: "Zoë Banda".to_owned(),
            email: "z.banda@example.org".to_owned(),
            organization: Some("University of Malawi".to_owned()),
            country: Some("MW".to_owned()),
            category: Some("student".to_owned()),
            attendance: Some("onsite".to_owned()),
            search_text: String::new(),
        },
        language: Language::Fr,
        request_id: "019a4e0c-request".to_owned(),
        created_at: now() - SignedDuration::from_secs(2),
        updated_at: now() - SignedDuration::from_secs(2),
        erased_at: None,
    }
}

fn summary() -> Summary {
    let day = |date: Date| date.to_string();
    let counts = [
        ("status", "confirmed".to_owned(), 42),
        ("status", "cancelled".to_owned(), 1),
        ("day", day(date(2026, 10, 2)), 12),
        ("day", day(date(2026, 10, 29)), 26),
        ("day", day(date(2026, 11, 4)), 4),
        ("field:country", "ZM".to_owned(), 21),
        ("field:country", "MW".to_owned(), 13),
        ("field:country", "CD".to_owned(), 8),
        ("field:category", "student".to_owned(), 5),
        ("field:category", "delegate".to_owned(), 33),
        ("field:category", "speaker".to_owned(), 4),
        ("field:attendance", "onsite".to_owned(), 31),
        ("field:attendance", "online".to_owned(), 11),
        ("field:visa_letter", "yes".to_owned(), 9),
        ("field:visa_letter", "no".to_owned(), 33),
    ];
    Summary::from_rows(counts.map(|(dimension, value, n)| SummaryDelta { dimension: dimension.to_owned(), value, n }))
}

/// 42 people, the newest one the registration's.
fn rows(newest: &Record) -> Vec<ListRow> {
    let people = [
        ("Zoë Banda", "University of Malawi", "MW", "student"),
        ("Chanda Mwila", "Zambia Research and Education Network (ZAMREN)", "ZM", "delegate"),
        ("Jean-Baptiste Kabongo wa Kabongo", "Eb@le, Réseau national d’éducation", "CD", "speaker"),
        ("Thandiwe", "", "ZM", "delegate"),
    ];
    let row = |(n, (name, organization, country, category)): (u8, (&str, &str, &str, &str))| ListRow {
        id: RegistrationId(id(n)),
        reference: if n == 0 { newest.reference.clone() } else { Reference::from_bits(u64::from(n) * 1_234_567) },
        status: if n == 2 { Status::Pending } else { Status::Confirmed },
        name: name.to_owned(),
        organization: (!organization.is_empty()).then(|| organization.to_owned()),
        country: Some(country.to_owned()),
        category: Some(category.to_owned()),
        created_at: newest.created_at - SignedDuration::from_mins(97 * i64::from(n)),
    };
    (0..42).zip(people.into_iter().cycle()).map(row).collect()
}

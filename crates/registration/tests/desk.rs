//! The way of a registration through the desk, on a real store.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use registration::attachment::Media;
use registration::event::Event;
use registration::event_file::parse;
use registration::form::Form;
use registration::ids::{FileId, RegistrationId, SubmissionId};
use registration::language::Language;
use registration::notification::Kind;
use registration::places::{self, PlaceCount, PlaceKey};
use registration::ports::{Clock, Conveyor, Random, Store};
use registration::reference::Reference;
use registration::register::{Desk, OpenForm, Outcome, SampleOrganizers, Submission};
use registration::stored::{EventImport, FileRow, Status};
use registration::validate::{Problem, ProblemKind, Typed, TypedFile};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

/// An event with two organisers, limited places and a file.
const CAMP: &str = r#"slug = "camp"
name = "Camp"
languages = ["fr", "en"]
zone = "Africa/Nairobi"
starts = "2026-12-01"
ends = "2026-12-03"
opens = "2026-11-01"
closes = "2026-11-30"
capacity = 3
when_full = "waiting"
organizers = [
  { email = "one@example.org" },
  { email = "two@example.org", language = "en" },
  { email = "quiet@example.org", delivery = "off" },
]
[privacy]
what = "w"
how_long = "h"
readers = "r"
contact = "c"
[[field]]
key = "first_name"
type = "text"
label = "First"
[[field]]
key = "last_name"
type = "text"
label = "Last"
required = true
[[field]]
key = "email"
type = "email"
label = "Email"
required = true
[[field]]
key = "organization"
type = "text"
label = "Org"
[[field]]
key = "country"
type = "country"
label = "Country"
summary = true
[[field]]
key = "tent"
type = "radio"
label = "Tent"
options = [{ value = "small", label = "Small", places = 1 }, { value = "large", label = "Large" }]
[[field]]
key = "visa_letter"
type = "yes_no"
label = "Visa"
[[field]]
key = "paper"
type = "file"
label = "Paper"
show_if = { field = "visa_letter", in = ["yes"] }
"#;

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Bytes that were never given before; references as scripted, then fresh ones too.
#[derive(Default)]
struct Dice {
    next: AtomicU64,
    references: Mutex<VecDeque<u64>>,
}

impl Random for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        let fresh = self.next.fetch_add(1, Ordering::Relaxed);
        let scripted = if buffer.len() == 8 { self.references.lock().expect("no panic").pop_front() } else { None };
        let at = buffer.len() - 8;
        buffer[at..].copy_from_slice(&scripted.unwrap_or(1000 + fresh).to_be_bytes());
    }
}

#[derive(Default)]
struct Bell(Mutex<Vec<RegistrationId>>);

impl Conveyor for Bell {
    fn wake(&self, registration: RegistrationId) {
        self.0.lock().expect("no panic").push(registration);
    }
}

struct House {
    desk: Desk,
    store: Arc<dyn Store>,
    dice: Arc<Dice>,
    bell: Arc<Bell>,
    open: OpenForm,
    _folder: TempDir,
}

fn now() -> Timestamp {
    "2026-11-21T22:30:00Z".parse().expect("a time")
}

async fn house(source: &str) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("karibu.db"), 4).await.expect("opens"));
    let event = parse(source, now()).expect("an event");
    let import = EventImport {
        slug: event.slug.clone(),
        source: source.to_owned(),
        form: serde_json::to_value(&event.form).expect("JSON"),
        limits: places::limits(&event),
        sample: false,
        at: now(),
    };
    let imported = store.import(&import).await.expect("imports");
    let (dice, bell) = (Arc::new(Dice::default()), Arc::new(Bell::default()));
    let desk = Desk {
        store: store.clone(),
        clock: Arc::new(At(now())),
        random: dice.clone(),
        conveyor: bell.clone(),
        sample_organizers: SampleOrganizers::AsWritten,
    };
    let form: Form = event.form.clone();
    let open = OpenForm {
        id: imported.id,
        event: Arc::<Event>::new(event),
        sample: false,
        form_version: imported.form_version,
        form: Arc::new(form),
        places: Vec::new(),
    };
    House { desk, store, dice, bell, open, _folder: folder }
}

/// A submission of its own, under the `n`th id.
fn submission(n: u128, more: &[(&str, &str)]) -> Submission {
    let fields = [("last_name", "Banda"), ("email", "t.banda@example.org")].iter().chain(more);
    Submission {
        id: SubmissionId(uuid::Uuid::from_u128(n)),
        typed: Typed {
            fields: fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            files: Vec::new(),
        },
        small: Vec::new(),
        language: Language::En,
        request_id: "r-1".to_owned(),
    }
}

/// The same with a small file at `paper` that has this digest.
fn with_paper(mut submission: Submission, id: u128, sha256: [u8; 32]) -> Submission {
    let id = FileId(uuid::Uuid::from_u128(id));
    let field = "paper".to_owned();
    let row = FileRow { id, field: field.clone(), name: "p.pdf".to_owned(), media: Media::Pdf, size: 5, sha256 };
    submission.typed.files.push(TypedFile { field, file: Ok(row) });
    submission.small.push((id, b"%PDF-".to_vec()));
    submission
}

fn registered(outcome: &Outcome) -> (RegistrationId, Reference, Status) {
    match outcome {
        Outcome::Registered { id, reference, status, .. } => (*id, reference.clone(), *status),
        other => panic!("{other:?}"),
    }
}

impl House {
    async fn send(&self, submission: Submission) -> Outcome {
        self.desk.register(&self.open, submission).await.expect("the store works")
    }
}

#[tokio::test]
async fn a_registration_is_kept_counted_and_told_to_organisers_and_registrant() {
    let house = house(CAMP).await;
    let typed = [
        ("first_name", "Thoko"),
        ("organization", "UNIMA"),
        ("country", "MW"),
        ("visa_letter", "no"),
        ("tent", "large"),
    ];
    let (id, reference, status) = registered(&house.send(submission(1, &typed)).await);
    assert_eq!(status, Status::Confirmed);
    assert_eq!(*house.bell.0.lock().unwrap(), [id]);

    let record = house.store.get(id).await.unwrap().unwrap();
    assert_eq!((record.columns.name.as_str(), record.columns.email.as_str()), ("Thoko Banda", "t.banda@example.org"));
    assert_eq!(record.columns.search_text, format!("thoko banda t.banda@example.org unima {reference}").to_lowercase());
    assert_eq!(record.reference, reference);

    let told = house.store.unassigned(now(), 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.recipient.as_str(), one.kind, one.language)).collect();
    assert_eq!(
        told,
        [
            ("one@example.org", Kind::Registered, Language::Fr),
            ("two@example.org", Kind::Registered, Language::En),
            ("t.banda@example.org", Kind::Confirmation, Language::En),
        ]
    );

    let summary = house.store.summary(house.open.id).await.unwrap();
    assert_eq!(summary.total(), 1);
    assert_eq!(summary.count("field:country", "MW"), 1);
    assert_eq!(summary.count("field:visa_letter", "no"), 1, "letters owed are counted without being asked for");
    assert_eq!(summary.count("day", "2026-11-22"), 1, "the day is the one of the event's zone");
    assert!(!summary.counts.contains_key("field:tent"), "what is not marked is not counted");
}

#[tokio::test]
async fn the_sample_writes_to_nobody_but_who_was_named() {
    let mut house = house(CAMP).await;
    let named = ["TWO@example.org", "me@example.org", "Me@Example.org"].map(str::to_owned).to_vec();
    house.desk.sample_organizers = SampleOrganizers::Only(named);
    house.open.sample = true;
    registered(&house.send(submission(1, &[])).await);
    let told = house.store.unassigned(now(), 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.recipient.as_str(), one.language)).collect();
    assert_eq!(
        told,
        [("TWO@example.org", Language::En), ("me@example.org", Language::Fr), ("t.banda@example.org", Language::En),]
    );
    house.open.sample = false;
    house.desk.sample_organizers = SampleOrganizers::Only(Vec::new());
    registered(&house.send(submission(2, &[])).await);
    assert_eq!(
        house.store.unassigned(now(), 10).await.unwrap().len(),
        6,
        "another event's organisers are told as ever"
    );
}

#[tokio::test]
async fn the_same_again_is_one_registration_and_other_content_is_asked_about() {
    let house = house(CAMP).await;
    let visa = [("visa_letter", "yes")];
    let first = with_paper(submission(1, &visa), 71, [1; 32]);
    let (id, reference, _) = registered(&house.send(first.clone()).await);
    let same = |outcome: Outcome| assert_eq!(outcome, Outcome::Repeated { id, dropped: Vec::new() });
    same(house.send(first.clone()).await);
    // A file sent again has a new key, and one that is not sent again is no difference.
    same(house.send(with_paper(submission(1, &visa), 72, [1; 32])).await);
    same(house.send(submission(1, &visa)).await);
    let mut turned = first.clone();
    turned.typed.fields.reverse();
    turned.typed.fields.push(("organization".to_owned(), String::new()));
    same(house.send(turned).await);

    let other = |outcome: Outcome| assert_eq!(outcome, Outcome::OtherContent { reference: reference.clone() });
    other(house.send(with_paper(submission(1, &visa), 73, [2; 32])).await);
    other(house.send(with_paper(submission(1, &[("visa_letter", "no")]), 71, [1; 32])).await);
    other(house.send(submission(1, &[("visa_letter", "yes"), ("organization", "UNIMA")])).await);
    // Even what would not be taken: the form was used, and that is what the person must know first.
    other(house.send(submission(1, &[("country", "nowhere")])).await);
    assert_eq!(house.store.latest(house.open.id, 10).await.unwrap().len(), 1);
    assert_eq!(house.bell.0.lock().unwrap().len(), 1, "nobody is woken for a repeat");
}

#[tokio::test]
async fn a_file_that_did_not_apply_is_dropped_and_its_repeat_is_no_other_content() {
    let house = house(CAMP).await;
    let sent = with_paper(submission(1, &[("visa_letter", "no")]), 71, [1; 32]);
    let outcome = house.send(sent.clone()).await;
    let (id, ..) = registered(&outcome);
    assert!(matches!(&outcome, Outcome::Registered { dropped, .. } if dropped == &["paper"]), "{outcome:?}");
    assert!(house.store.files(id).await.unwrap().is_empty());
    assert_eq!(house.send(sent).await, Outcome::Repeated { id, dropped: vec!["paper".to_owned()] });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_copies_at_once_are_one_registration() {
    let house = Arc::new(house(CAMP).await);
    let copies: Vec<_> = (0..20)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.send(submission(1, &[])).await })
        })
        .collect();
    let mut new = 0;
    for copy in copies {
        match copy.await.unwrap() {
            Outcome::Registered { .. } => new += 1,
            Outcome::Repeated { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((new, house.bell.0.lock().unwrap().len()), (1, 1));
    assert_eq!(house.store.unassigned(now(), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_reference_that_is_taken_is_chosen_again() {
    let house = house(CAMP).await;
    house.dice.references.lock().unwrap().extend([7, 7, 7, 8]);
    let (_, first, _) = registered(&house.send(submission(1, &[])).await);
    let (_, second, _) = registered(&house.send(submission(2, &[])).await);
    assert_eq!((first, second), (Reference::from_bits(7), Reference::from_bits(8)));
    house.dice.references.lock().unwrap().extend([7; 20]);
    assert!(house.desk.register(&house.open, submission(3, &[])).await.is_err(), "it gives up in the end");
}

#[tokio::test]
async fn an_upload_that_is_gone_must_be_sent_again() {
    let house = house(CAMP).await;
    let mut sent = with_paper(submission(1, &[("visa_letter", "yes")]), 71, [1; 32]);
    sent.small.clear();
    let missing = Problem { field: "paper".to_owned(), kind: ProblemKind::FileMissing };
    assert_eq!(house.send(sent).await, Outcome::Invalid(vec![missing]));
    assert!(house.store.latest(house.open.id, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_finds_no_place_waits_or_is_told_so() {
    let house = house(CAMP).await;
    for n in 1..=3 {
        assert_eq!(registered(&house.send(submission(n, &[])).await).2, Status::Confirmed);
    }
    assert_eq!(registered(&house.send(submission(4, &[])).await).2, Status::Waiting);

    let closed = self::house(&CAMP.replace("when_full = \"waiting\"", "when_full = \"closed\"")).await;
    registered(&closed.send(submission(1, &[("tent", "small")])).await);
    let gone = Problem { field: "tent".to_owned(), kind: ProblemKind::OptionFull("small".to_owned()) };
    // The store tells it first, later what was last read of the places.
    assert_eq!(closed.send(submission(2, &[("tent", "small")])).await, Outcome::Invalid(vec![gone.clone()]));
    let mut known = closed.open.clone();
    known.places = vec![PlaceCount { key: PlaceKey::option("tent", "small"), taken: 1, limit: 1 }];
    let outcome = closed.desk.register(&known, submission(2, &[("tent", "small")])).await.unwrap();
    assert_eq!(outcome, Outcome::Invalid(vec![gone]));
    for n in 2..=3 {
        registered(&closed.send(submission(n, &[("tent", "large")])).await);
    }
    assert_eq!(closed.send(submission(4, &[])).await, Outcome::Full);
    assert_eq!(closed.store.latest(closed.open.id, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn problems_store_nothing_and_wake_nobody() {
    let house = house(CAMP).await;
    let bad = [("country", "XX"), ("first_name", "http://evil.example"), ("organization", "a\0b"), ("admin", "1")];
    let Outcome::Invalid(problems) = house.send(submission(1, &bad)).await else { panic!("it is refused") };
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["first_name", "organization", "country", "admin"]);
    assert!(house.store.latest(house.open.id, 10).await.unwrap().is_empty());
    assert!(house.store.unassigned(now(), 10).await.unwrap().is_empty() && house.bell.0.lock().unwrap().is_empty());
    // The same form, put right, is taken.
    registered(&house.send(submission(1, &[])).await);
}

#[tokio::test]
async fn odd_but_harmless_text_is_kept_as_it_is() {
    let house = house(CAMP).await;
    for (n, text) in
        ["<script>alert(1)</script>", "{x}", "=cmd()", "😀 𠮷", "O'Brien; drop table"].into_iter().enumerate()
    {
        let (id, ..) = registered(&house.send(submission(n as u128 + 1, &[("organization", text)])).await);
        let record = house.store.get(id).await.unwrap().unwrap();
        assert_eq!(record.answers["organization"], text);
        assert_eq!(record.columns.organization.as_deref(), Some(text));
    }
}

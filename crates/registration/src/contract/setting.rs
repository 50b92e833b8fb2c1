//! What the cases start from: an event, somebody who registers, a file, mails.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::attachment::{CHUNK, Media};
use crate::event::WhenFull;
use crate::ids::{EventId, FileId, MailId, RegistrationId, SubmissionId};
use crate::language::Language;
use crate::notification::{Kind, NewMail, NewNotification, PendingNotification};
use crate::places::{PlaceCount, PlaceKey};
use crate::ports::Store;
use crate::reference::Reference;
use crate::stored::{
    Columns, EventImport, FileContent, FileRow, NewAttachment, NewRegistration, Registered, Status, uuid_v7,
};
use crate::summary::SummaryDelta;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that was not given before in this process.
pub fn fresh_number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// `seconds` after the beginning of the story.
pub fn at(seconds: i64) -> Timestamp {
    let beginning = date(2026, 6, 1).at(8, 0, 0, 0).in_tz("UTC").expect("UTC is known").timestamp();
    beginning + SignedDuration::from_secs(seconds)
}

/// A UUID that was not given before; later ones sort after earlier ones.
pub fn fresh_uuid() -> Uuid {
    let number = fresh_number();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    uuid_v7(at(number as i64), random)
}

/// A reference that was not given before.
pub fn fresh_reference() -> Reference {
    Reference::from_bits(fresh_number())
}

/// Limits by key.
pub fn limits(limits: &[(&str, u32)]) -> Vec<(PlaceKey, u32)> {
    limits.iter().map(|(key, limit)| (PlaceKey((*key).to_owned()), *limit)).collect()
}

/// An import of `slug` with these limits.
pub fn import(slug: &str, limits: &[(&str, u32)]) -> EventImport {
    EventImport {
        slug: slug.to_owned(),
        source: format!("slug = \"{slug}\"\n"),
        form: json!({"fields": []}),
        limits: self::limits(limits),
        sample: false,
        at: at(0),
    }
}

/// An event `camp` with these limits.
pub async fn camp(store: &dyn Store, limits: &[(&str, u32)]) -> EventId {
    store.import(&import("camp", limits)).await.expect("imports").id
}

/// Something that is told somebody at once.
pub fn note(recipient: &str, kind: Kind) -> NewNotification {
    NewNotification { recipient: recipient.to_owned(), kind, language: Language::En, window: None }
}

/// Somebody who registers for an event: one organiser and the person are told, no place is limited.
pub fn somebody(event: EventId) -> NewRegistration {
    let id = RegistrationId(fresh_uuid());
    let reference = fresh_reference();
    NewRegistration {
        id,
        event,
        form_version: 1,
        submission: SubmissionId(fresh_uuid()),
        content_digest: Sha256::digest(id.0.as_bytes()).into(),
        answers: json!({"last_name": "Banda", "email": "t.banda@example.org", "category": "student"}),
        columns: Columns {
            name: "Thoko Banda".to_owned(),
            email: "t.banda@example.org".to_owned(),
            organization: Some("University of Malawi".to_owned()),
            country: Some("MW".to_owned()),
            category: Some("student".to_owned()),
            attendance: Some("onsite".to_owned()),
            search_text: format!("thoko banda {reference}"),
        },
        reference,
        language: Language::En,
        request_id: "r-1".to_owned(),
        attachments: Vec::new(),
        places: Vec::new(),
        when_full: WhenFull::Waiting,
        notifications: vec![
            NewNotification {
                recipient: "desk@example.org".to_owned(),
                kind: Kind::Registered,
                language: Language::En,
                window: None,
            },
            NewNotification {
                recipient: "t.banda@example.org".to_owned(),
                kind: Kind::Confirmation,
                language: Language::Fr,
                window: None,
            },
        ],
        if_duplicate: None,
        summary: vec![count("status", "confirmed"), count("day", "2026-06-01"), count("field:category", "student")],
        at: at(60),
    }
}

/// Somebody with an address that nobody else has.
pub fn stranger(event: EventId) -> NewRegistration {
    let mut new = somebody(event);
    new.columns.email = format!("{}@example.org", new.id.0);
    new.notifications[1].recipient.clone_from(&new.columns.email);
    new
}

/// Somebody who takes from these counters.
pub fn taker(event: EventId, places: &[&str], when_full: WhenFull) -> NewRegistration {
    let places = places.iter().map(|key| PlaceKey((*key).to_owned())).collect();
    NewRegistration { places, when_full, ..somebody(event) }
}

/// Registers and wants it to be stored as confirmed.
pub async fn confirmed(store: &dyn Store, new: &NewRegistration) -> RegistrationId {
    let registered = store.register(new).await.expect("registers");
    assert_eq!(registered, Registered::New(Status::Confirmed));
    new.id
}

/// One more of a value.
pub fn count(dimension: &str, value: &str) -> SummaryDelta {
    SummaryDelta { dimension: dimension.to_owned(), value: value.to_owned(), n: 1 }
}

/// What is taken of a counter; `None` if the counter is not there.
pub async fn taken(store: &dyn Store, event: EventId, key: &str) -> Option<u32> {
    counter(store, event, key).await.map(|count| count.taken)
}

/// A counter of places.
pub async fn counter(store: &dyn Store, event: EventId, key: &str) -> Option<PlaceCount> {
    let pulse = store.pulse().await.expect("pulse");
    let pulse = pulse.into_iter().find(|pulse| pulse.id == event).expect("the event has a pulse");
    pulse.places.into_iter().find(|count| count.key.0 == key)
}

/// Wants that nothing at all is there of an event's registrations but the event.
pub async fn assert_nothing_is_left(store: &dyn Store, event: EventId) {
    assert_eq!(store.latest(event, 10).await.expect("latest"), Vec::new());
    assert_eq!(store.unassigned(at(60), 10).await.expect("unassigned"), Vec::new());
    assert_eq!(store.summary(event).await.expect("summary").total(), 0);
    assert_eq!(store.fold_summary(100).await.expect("fold"), 0, "no delta is left");
}

/// `size` bytes that differ from place to place.
pub fn content(size: usize) -> Vec<u8> {
    (0_u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(size).collect()
}

/// A small file of a registration.
pub fn small_file(field: &str, content: &[u8]) -> NewAttachment {
    NewAttachment {
        id: FileId(fresh_uuid()),
        field: field.to_owned(),
        name: "passport.pdf".to_owned(),
        media: Media::Pdf,
        size: content.len() as u64,
        sha256: Sha256::digest(content).into(),
        content: FileContent::Small(content.to_vec()),
    }
}

/// What a file is, without its content.
pub fn row(file: &NewAttachment) -> FileRow {
    FileRow {
        id: file.id,
        field: file.field.clone(),
        name: file.name.clone(),
        media: file.media,
        size: file.size,
        sha256: file.sha256,
    }
}

/// Uploads a file in chunks and finishes it; gives the attachment that adopts it.
pub async fn upload(store: &dyn Store, submission: SubmissionId, field: &str, content: &[u8]) -> NewAttachment {
    let file = NewAttachment { content: FileContent::Uploaded, ..small_file(field, content) };
    store.begin(file.id, submission, field, at(0)).await.expect("begins");
    for (index, chunk) in content.chunks(CHUNK).enumerate() {
        store.append(file.id, index as u32, chunk).await.expect("appends");
    }
    store.finish(submission, &row(&file)).await.expect("finishes");
    file
}

/// The whole content of a file.
pub async fn download(store: &dyn Store, id: FileId) -> Vec<u8> {
    let mut content = Vec::new();
    for index in 0.. {
        match store.chunk(id, index).await.expect("reads") {
            Some(chunk) => content.extend(chunk),
            None => break,
        }
    }
    content
}

/// A mail that carries one notification.
pub fn mail_of(notification: &PendingNotification) -> NewMail {
    let id = MailId(fresh_uuid());
    NewMail {
        id,
        event: notification.event,
        recipient: notification.recipient.clone(),
        kind: notification.kind,
        language: notification.language,
        message_id: format!("<{}@example.org>", id.0),
        window: notification.window,
        notifications: vec![notification.id],
    }
}

/// Makes a mail of every notification that waits; gives them in the order of their notifications.
pub async fn make_all(store: &dyn Store) -> Vec<NewMail> {
    let waiting = store.unassigned(at(60), 1000).await.expect("unassigned");
    let mails: Vec<NewMail> = waiting.iter().map(mail_of).collect();
    assert_eq!(store.make(&mails).await.expect("makes").mails, mails.len());
    mails
}

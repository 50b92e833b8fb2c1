//! Text that would like to be something else.

use jiff::SignedDuration;
use serde_json::json;

use super::setting::{at, camp, confirmed, count, download, import, make_all, row, small_file, somebody};
use crate::language::Language;
use crate::notification::{Kind, NewNotification};
use crate::places::PlaceKey;
use crate::ports::Store;
use crate::stored::{Columns, EventImport, NewAttachment};

/// What people, and programs that pretend to be people, type.
const HOSTILE: [&str; 14] = [
    "'; drop table registration; --",
    "\" or \"\"=\"",
    "100 % _under_ \\ \\\\ %s {0} {x}",
    "Zoë Nǃxau ǂOma",
    "👩🏾‍💻 𝕏 𐎀",
    "שָׁלוֹם مرحبا",
    "\u{202e}gpj.exe",
    "line\r\nBcc: all@example.org\n\ttab",
    "\u{1}\u{7f}\u{85}\u{feff}",
    "<script>alert(1)</script> [a](http://evil.example)",
    "=cmd|' /C calc'!A0",
    "null",
    " leading and trailing ",
    "e\u{301} is not é",
];

pub async fn hostile_strings_come_back_as_they_went_in(store: &dyn Store) {
    let event = camp(store, &[("event", 100)]).await;
    for text in HOSTILE {
        let some = || Some(text.to_owned());
        let mut new = somebody(event);
        new.columns = Columns {
            name: text.to_owned(),
            email: text.to_owned(),
            organization: some(),
            country: some(),
            category: some(),
            attendance: some(),
            search_text: text.to_lowercase(),
        };
        new.answers = json!({"name": text, text: [text, {"deep": text}], "n": -1, "yes": true, "none": null});
        new.request_id = text.to_owned();
        let mut file = small_file(text, text.as_bytes());
        file.name = text.to_owned();
        new.attachments = vec![file.clone()];
        new.notifications = vec![NewNotification {
            recipient: text.to_owned(),
            kind: Kind::Registered,
            language: Language::En,
            window: None,
        }];
        new.summary = vec![count(text, text)];
        confirmed(store, &new).await;

        let record = store.get(new.id).await.expect("reads").expect("is there");
        assert_eq!((&record.columns, &record.answers), (&new.columns, &new.answers));
        assert_eq!(record.request_id, text);
        let listed = store.latest(event, 1).await.expect("reads").remove(0);
        assert_eq!((listed.name.as_str(), listed.organization), (text, some()));
        assert_eq!(store.files(new.id).await.expect("reads"), [row(&file)]);
        assert_eq!(download(store, file.id).await, text.as_bytes());
        let existing = store.by_submission(new.submission).await.expect("reads").expect("is there");
        assert_eq!(existing.files, [(text.to_owned(), file.sha256)]);
        assert_eq!(store.summary(event).await.expect("reads").count(text, text), 1);
        store.fold_summary(100).await.expect("folds");
        assert_eq!(store.summary(event).await.expect("reads").count(text, text), 1);

        assert_eq!(store.unassigned(at(60), 10).await.expect("reads")[0].recipient, text);
        let mail = make_all(store).await.remove(0);
        let leased = store.lease(10, SignedDuration::from_mins(10)).await.expect("leases").remove(0);
        assert_eq!(leased.recipient, text);
        store.park(mail.id, text).await.expect("parks");
        let listed = store.list(Some("camp"), None, 100).await.expect("lists");
        let listed = listed.iter().find(|row| row.id == mail.id).expect("is listed");
        assert_eq!((listed.recipient.as_str(), listed.last_error.as_deref()), (text, Some(text)));
        assert_eq!(store.list(Some(text), None, 100).await.expect("lists"), Vec::new());

        let submission = somebody(event).submission;
        store.keep(submission, &file_named(text), at(0)).await.expect("keeps");
        assert_eq!(store.kept(submission).await.expect("reads")[0].name, text);
    }
    assert_eq!(store.page(event, None, 100).await.expect("reads").len(), HOSTILE.len());
}

fn file_named(name: &str) -> NewAttachment {
    NewAttachment { name: name.to_owned(), ..small_file("cv", b"%PDF") }
}

pub async fn hostile_event_files_come_back_as_they_went_in(store: &dyn Store) {
    for text in HOSTILE {
        let key = PlaceKey(format!("tour={text}"));
        let new = EventImport {
            source: text.to_owned(),
            form: json!({"fields": [{"label": text, text: text}]}),
            limits: vec![(key.clone(), 7)],
            ..import(text, &[])
        };
        let id = store.import(&new).await.expect("imports").id;
        let event = store.by_slug(text).await.expect("reads").expect("is there");
        assert_eq!((event.id, event.slug.as_str(), event.source.as_str()), (id, text, text));
        assert_eq!(store.form(id, 1).await.expect("reads"), Some(new.form));
        let pulse = store.pulse().await.expect("reads");
        let places = &pulse.iter().find(|pulse| pulse.id == id).expect("is there").places;
        assert_eq!(places.iter().map(|count| &count.key).collect::<Vec<_>>(), [&key]);
    }
    assert_eq!(store.all().await.expect("reads").len(), HOSTILE.len());
}

//! Attachments and the uploads they come from.

use super::setting::{
    assert_nothing_is_left, at, camp, confirmed, content, download, row, small_file, somebody, taken, taker, upload,
};
use crate::attachment::{CHUNK, Media, SMALL_FILE, UNFINISHED};
use crate::event::WhenFull;
use crate::ids::{FileId, RegistrationId, SubmissionId};
use crate::ports::Store;
use crate::stored::{FileContent, FileRow, NewAttachment, NewRegistration, Registered};

/// Registers somebody with these files.
async fn with_files(store: &dyn Store, submission: SubmissionId, files: Vec<NewAttachment>) -> RegistrationId {
    let event = camp(store, &[]).await;
    confirmed(store, &NewRegistration { submission, attachments: files, ..somebody(event) }).await
}

/// A submission id of nobody yet.
async fn form(store: &dyn Store) -> SubmissionId {
    somebody(camp(store, &[]).await).submission
}

/// The unadopted attachment of an upload that this store does not have.
fn missing(field: &str) -> NewAttachment {
    NewAttachment { content: FileContent::Uploaded, ..small_file(field, b"%PDF-gone") }
}

pub async fn small_files_come_back_byte_for_byte(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let files = vec![small_file("passport", &every_byte), small_file("letter", &content(SMALL_FILE))];
    let png =
        NewAttachment { media: Media::Png, name: "photo été.png".to_owned(), ..small_file("photo", b"\x89PNG") };
    let files = [files, vec![png]].concat();
    let id = with_files(store, form(store).await, files.clone()).await;
    assert_eq!(store.files(id).await.expect("reads"), files.iter().map(row).collect::<Vec<_>>());
    assert_eq!(download(store, files[0].id).await, every_byte);
    assert_eq!(download(store, files[1].id).await, content(SMALL_FILE));
    assert_eq!(download(store, files[2].id).await, b"\x89PNG");
}

pub async fn large_files_come_back_byte_for_byte(store: &dyn Store) {
    let submission = form(store).await;
    let (odd, even) = (content(3 * CHUNK + 17), content(2 * CHUNK));
    let files = vec![upload(store, submission, "passport", &odd).await, upload(store, submission, "cv", &even).await];
    let id = with_files(store, submission, files.clone()).await;
    assert_eq!(store.files(id).await.expect("reads"), files.iter().map(row).collect::<Vec<_>>());
    assert_eq!(download(store, files[0].id).await, odd);
    assert_eq!(download(store, files[1].id).await, even);
    assert_eq!(store.chunk(files[0].id, 0).await.expect("reads").map(|chunk| chunk.len()), Some(CHUNK));
}

pub async fn an_adopted_upload_is_kept_no_longer(store: &dyn Store) {
    let submission = form(store).await;
    let file = upload(store, submission, "passport", &content(100)).await;
    assert_eq!(store.kept(submission).await.expect("reads"), [row(&file)]);
    with_files(store, submission, vec![file]).await;
    assert_eq!(store.kept(submission).await.expect("reads"), Vec::new());
}

pub async fn an_upload_that_is_gone_leaves_nothing(store: &dyn Store) {
    let event = camp(store, &[("event", 5)]).await;
    let mut new = taker(event, &["event"], WhenFull::Waiting);
    let (there, small, gone) =
        (upload(store, new.submission, "cv", &content(10)).await, small_file("photo", b"x"), missing("passport"));
    new.attachments = vec![small.clone(), there.clone(), gone.clone()];
    assert_eq!(store.register(&new).await.expect("registers"), Registered::UploadGone(gone.id));
    assert_nothing_is_left(store, event).await;
    assert_eq!(store.get(new.id).await.expect("reads"), None);
    assert_eq!(store.chunk(small.id, 0).await.expect("reads"), None);
    assert_eq!(taken(store, event, "event").await, Some(0));
    assert_eq!(store.kept(new.submission).await.expect("reads"), [row(&there)], "what is there stays for the next try");

    new.attachments = vec![there];
    confirmed(store, &new).await;
}

pub async fn unfinished_uploads_of_a_form_are_bounded(store: &dyn Store) {
    let (submission, other) = (form(store).await, form(store).await);
    let many = UNFINISHED as usize + 3;
    let files: Vec<_> = (0..many).map(|_| missing("passport")).collect();
    let beside = missing("passport");
    store.begin(beside.id, other, "passport", at(0)).await.expect("begins");
    store.append(beside.id, 0, b"%PDF").await.expect("appends");
    for file in &files {
        store.begin(file.id, submission, "passport", at(0)).await.expect("begins");
        store.append(file.id, 0, b"%PDF").await.expect("appends");
    }
    assert_eq!(store.unclaimed().await.expect("reads"), 4 * (u64::from(UNFINISHED) + 1));
    for (number, file) in files.iter().enumerate() {
        let appended = store.append(file.id, 1, b"more").await;
        assert_eq!(appended.is_ok(), number >= 3, "upload {number}: {appended:?}");
    }
    store.append(beside.id, 1, b"more").await.expect("another form's goes on");
}

pub async fn an_unfinished_upload_is_not_adopted(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (mut new, file) = (somebody(event), missing("passport"));
    store.begin(file.id, new.submission, "passport", at(0)).await.expect("begins");
    store.append(file.id, 0, b"%PDF").await.expect("appends");
    new.attachments = vec![file.clone()];
    assert_eq!(store.register(&new).await.expect("registers"), Registered::UploadGone(file.id));
}

pub async fn an_upload_of_another_form_is_not_adopted(store: &dyn Store) {
    let event = camp(store, &[]).await;
    let (owner, mut thief) = (somebody(event), somebody(event));
    let file = upload(store, owner.submission, "passport", &content(10)).await;
    thief.attachments = vec![file.clone()];
    assert_eq!(store.register(&thief).await.expect("registers"), Registered::UploadGone(file.id));
    assert_eq!(store.kept(owner.submission).await.expect("reads"), [row(&file)]);
}

pub async fn left_over_uploads_of_a_form_go_with_its_registration(store: &dyn Store) {
    let (submission, other) = (form(store).await, form(store).await);
    let (unwanted, elsewhere) =
        (upload(store, submission, "cv", &content(10)).await, upload(store, other, "cv", &content(10)).await);
    let begun = missing("photo");
    store.begin(begun.id, submission, "photo", at(0)).await.expect("begins");
    store.append(begun.id, 0, b"half").await.expect("appends");
    with_files(store, submission, Vec::new()).await;
    assert_eq!(store.kept(submission).await.expect("reads"), Vec::new());
    for gone in [unwanted.id, begun.id] {
        assert_eq!(store.chunk(gone, 0).await.expect("reads"), None);
    }
    assert_eq!(store.kept(other).await.expect("reads"), [row(&elsewhere)]);
    assert_eq!(store.depth().await.expect("reads").attachment_bytes, 10);
}

pub async fn the_latest_upload_of_a_field_is_kept(store: &dyn Store) {
    let submission = form(store).await;
    let first = upload(store, submission, "cv", &content(10)).await;
    let photo = small_file("photo", b"\x89PNG");
    store.keep(submission, &photo, at(0)).await.expect("keeps");
    let second = upload(store, submission, "cv", &content(20)).await;
    let third = small_file("cv", &content(SMALL_FILE));
    assert_eq!(sorted(store.kept(submission).await.expect("reads")), [row(&photo), row(&second)]);
    assert_eq!(store.chunk(first.id, 0).await.expect("reads"), None);
    store.keep(submission, &third, at(1)).await.expect("keeps");
    assert_eq!(sorted(store.kept(submission).await.expect("reads")), [row(&photo), row(&third)]);
    assert_eq!(store.chunk(second.id, 0).await.expect("reads"), None);
    let adopted = NewAttachment { content: FileContent::Uploaded, ..third.clone() };
    with_files(store, submission, vec![adopted]).await;
    assert_eq!(download(store, third.id).await, content(SMALL_FILE));
}

fn sorted(mut files: Vec<FileRow>) -> Vec<FileRow> {
    files.sort_by_key(|file| file.id);
    files
}

pub async fn unfinished_uploads_are_not_kept(store: &dyn Store) {
    let submission = form(store).await;
    let begun = missing("cv");
    store.begin(begun.id, submission, "cv", at(0)).await.expect("begins");
    assert_eq!(store.kept(submission).await.expect("reads"), Vec::new());
}

pub async fn chunks_need_an_upload_that_is_under_way(store: &dyn Store) {
    let submission = form(store).await;
    let never_begun = missing("cv");
    store.append(never_begun.id, 0, b"x").await.expect_err("it was not begun");
    store.finish(submission, &row(&never_begun)).await.expect_err("it was not begun");
    let done = upload(store, submission, "cv", &content(10)).await;
    store.append(done.id, 1, b"more").await.expect_err("it is finished");
    with_files(store, submission, vec![done.clone()]).await;
    store.append(done.id, 1, b"more").await.expect_err("it is an attachment");
    assert_eq!(download(store, done.id).await, content(10));
}

pub async fn a_discarded_upload_is_gone_and_an_attachment_is_not_discarded(store: &dyn Store) {
    let submission = form(store).await;
    let (unwanted, wanted) =
        (upload(store, submission, "photo", &content(10)).await, upload(store, submission, "cv", &content(9)).await);
    store.discard(unwanted.id).await.expect("discards");
    assert_eq!(store.kept(submission).await.expect("reads"), [row(&wanted)]);
    assert_eq!(store.chunk(unwanted.id, 0).await.expect("reads"), None);
    with_files(store, submission, vec![wanted.clone()]).await;
    store.discard(wanted.id).await.expect("nothing happens");
    store.discard(unwanted.id).await.expect("nothing happens");
    assert_eq!(download(store, wanted.id).await, content(9));
}

pub async fn reaping_spares_fresh_uploads_and_attachments(store: &dyn Store) {
    let (registered, abandoned) = (form(store).await, form(store).await);
    let adopted = upload(store, registered, "cv", &content(10)).await;
    with_files(store, registered, vec![adopted.clone()]).await;
    let mut old = Vec::new();
    for n in 0..30 {
        let file = missing(&format!("cv{n}"));
        store.begin(file.id, abandoned, &file.field, at(n)).await.expect("begins");
        store.append(file.id, 0, b"x").await.expect("appends");
        old.push(file.id);
    }
    let finished = upload(store, abandoned, "letter", &content(10)).await;
    let fresh = small_file("photo", b"\x89PNG");
    store.keep(abandoned, &fresh, at(1000)).await.expect("keeps");

    assert_eq!(store.reap(at(1000)).await.expect("reaps"), 31);
    assert_eq!(store.kept(abandoned).await.expect("reads"), [row(&fresh)]);
    let gone: Vec<FileId> = [old, vec![finished.id]].concat();
    for id in gone {
        assert_eq!(store.chunk(id, 0).await.expect("reads"), None);
    }
    assert_eq!(download(store, adopted.id).await, content(10));
    assert_eq!(download(store, fresh.id).await, b"\x89PNG");
    assert_eq!(store.reap(at(1000)).await.expect("reaps"), 0);
}

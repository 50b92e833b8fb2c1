//! Where a registrant adds or replaces attachments.

use askama::Template;
use presentation::answers::{media_types, size};
use presentation::urls;
use registration::attachment::Media;
use registration::event::Event;
use registration::stored::FileRow;

use super::Shell;
use super::shell::{Frame, render};

/// What the page of a registration's attachments shows.
pub struct AttachmentsFace<'a> {
    /// The event.
    pub event: &'a Event,
    /// The signed token of the page's own address.
    pub token: &'a str,
    /// The reference.
    pub reference: &'a str,
    /// Its file fields, in the form's order.
    pub fields: Vec<AttachmentField<'a>>,
    /// What came of the last try.
    pub told: Option<AttachmentsTold>,
}

/// A file field of a registration.
pub struct AttachmentField<'a> {
    /// Key.
    pub key: &'a str,
    /// Label.
    pub label: &'a str,
    /// Help under the label.
    pub help: Option<&'a str>,
    /// Types that are taken.
    pub types: &'a [Media],
    /// Most bytes.
    pub max_bytes: u64,
    /// The file that is there.
    pub file: Option<&'a FileRow>,
    /// The registrant said that it is to follow, and it has not.
    pub to_follow: bool,
    /// What is wrong with what was sent.
    pub error: Option<String>,
}

/// What came of the last try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachmentsTold {
    /// It is stored.
    Saved,
    /// No file was chosen (422).
    NothingChosen,
    /// Something is wrong at a field (422).
    Wrong,
    /// More was sent than this many bytes (413).
    TooLarge(u64),
    /// It came from another site (403).
    CrossSite,
    /// Too many came from this address (429): wait so many seconds.
    TooMany(u64),
    /// No more files are taken from this address until then (429).
    QuotaOfAddress(jiff::Timestamp),
    /// No more files are taken from anybody just now (503).
    QuotaOfAll,
    /// They cannot be stored just now (503).
    Unavailable,
}

/// The page of a registration's attachments. To be sent with `no-store` and with `noindex` set in the shell.
pub fn attachments_page(shell: &Shell<'_>, face: &AttachmentsFace<'_>) -> String {
    let (w, event) = (shell.words, face.event);
    let heading = w.get("attach-title");
    let fields = face.fields.iter().map(|field| {
        let limit = size(field.max_bytes, w);
        let types = media_types(field.types, w);
        let ids = [(field.help.is_some(), "h"), (true, "l"), (true, "k"), (field.error.is_some(), "e")];
        let described = ids.iter().filter(|(there, _)| *there).map(|(_, end)| format!("{}-{end}", field.key));
        FieldView {
            field,
            size: field.file.map(|file| size(file.size, w)).unwrap_or_default(),
            limits: w.fill("form-file-limits", &[("types", (&types).into()), ("size", (&limit).into())]),
            too_big: w.fill("form-file-too-big", &[("size", (&limit).into())]),
            accept: field.types.iter().map(|media| media.mime()).collect::<Vec<_>>().join(","),
            described: described.collect::<Vec<_>>().join(" "),
        }
    });
    let told = face.told.as_ref().map(|told| match told {
        AttachmentsTold::Saved => w.get("attach-saved"),
        AttachmentsTold::NothingChosen => w.get("attach-nothing"),
        AttachmentsTold::Wrong => w.get("attach-wrong"),
        AttachmentsTold::TooLarge(limit) => w.fill("attach-too-large", &[("size", (&size(*limit, w)).into())]),
        AttachmentsTold::CrossSite => w.get("attach-cross-site"),
        AttachmentsTold::TooMany(seconds) => w.fill("attach-many", &[("n", (*seconds as i64).into())]),
        AttachmentsTold::QuotaOfAddress(until) => {
            w.fill("attach-quota", &[("when", (&shell.when(*until, &event.zone)).into())])
        }
        AttachmentsTold::QuotaOfAll => w.get("attach-quota-all"),
        AttachmentsTold::Unavailable => w.get("attach-unavailable"),
    });
    let closes = shell.until(event.closes_at(), &event.zone);
    let page = Attachments {
        f: Frame { script: true, ..shell.frame(&heading) },
        until: w.fill("attach-until", &[("when", (&closes).into())]),
        heading,
        reference: face.reference,
        saved: face.told == Some(AttachmentsTold::Saved),
        told,
        fields: fields.collect(),
        action: urls::in_language(&urls::attachments(&event.slug, face.token), w.language()),
        contact: w.fill("registered-next-contact", &[("contact", event.privacy.contact.get(w.language()).into())]),
    };
    render(&page)
}

struct FieldView<'a> {
    field: &'a AttachmentField<'a>,
    /// Of the file that is there.
    size: String,
    limits: String,
    too_big: String,
    accept: String,
    described: String,
}

#[derive(Template)]
#[template(path = "attachments.html", whitespace = "minimize")]
struct Attachments<'a> {
    f: Frame<'a>,
    heading: String,
    until: String,
    reference: &'a str,
    saved: bool,
    told: Option<String>,
    fields: Vec<FieldView<'a>>,
    action: String,
    contact: String,
}

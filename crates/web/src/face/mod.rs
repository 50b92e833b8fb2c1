//! The face of Karibu: every page as HTML, the style sheet and the script. Nothing here does IO, knows a route's handler or
//! decides anything; handlers give what is to be shown and get a page.

mod assets;
mod attachments;
mod event;
mod field;
mod form;
mod organizer;
mod registered;
mod shell;
mod state;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod well_formed;

pub use assets::{Assets, CSS, ICON, script};
pub use attachments::{AttachmentField, AttachmentsFace, AttachmentsTold, attachments_page};
pub use event::{EventFace, HomeEvent, event_page, home_page};
pub use form::{
    Banner, FormState, KEPT_SUFFIX, REMOVE_SUFFIX, SHOW, TRAP, Visitor, exhausted, form_page, form_pieces, remove_name,
    visitor_part,
};
pub use organizer::{
    ListEntry, OrganizerList, OrganizerRegistration, organizer_list_page, organizer_registration_page,
};
pub use registered::{RegisteredFace, registered_page};
pub use shell::Shell;
pub use state::{StatePage, state_page};

//! The form and what comes of it.

mod answers;
pub(crate) mod attachments;
mod form_again;
pub(crate) mod get;
mod guards;
pub(crate) mod post;
pub(crate) mod registered;

pub(crate) use answers::read as read_answers;

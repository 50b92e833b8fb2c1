//! The form and what comes of it.

mod answers;
mod form_again;
pub(crate) mod get;
pub(crate) mod post;
pub(crate) mod registered;

pub(crate) use answers::read as read_answers;

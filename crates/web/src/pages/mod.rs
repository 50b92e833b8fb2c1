//! The pages by path.

pub(crate) mod assets;
pub(crate) mod calendar;
pub(crate) mod event;
pub(crate) mod heartbeat;
pub(crate) mod home;
pub(crate) mod organizer;
pub(crate) mod registration;
pub(crate) mod version;

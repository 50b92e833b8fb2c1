//! What pages and mails share: translations, country names, dates, typed URLs, answers as people read them.

pub mod answers;
pub mod countries;
pub mod dates;
pub mod negotiate;
pub mod problems;
pub mod urls;
pub mod words;

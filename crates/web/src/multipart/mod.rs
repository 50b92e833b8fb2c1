//! Reading `multipart/form-data` (RFC 7578) as it arrives, with a bound on everything.

mod file;
mod parser;
mod receive;

#[cfg(feature = "fuzzing")]
pub(crate) use parser::Parser;
pub(crate) use parser::{Broken, boundary};
pub(crate) use receive::{Pass, Received, drain, receive, receive_files};

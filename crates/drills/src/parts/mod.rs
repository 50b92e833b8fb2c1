//! What can be measured, a part each.

pub(crate) mod cluster;
pub(crate) mod cost;
pub(crate) mod form;
pub(crate) mod mail;
pub(crate) mod register;
pub(crate) mod scale;
pub(crate) mod start;

use std::io::{Error, Result};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How a run is to be done.
pub(crate) struct Run {
    /// The binary to measure.
    pub(crate) binary: String,
    /// Less of everything, to see that it works.
    pub(crate) quick: bool,
    /// Folder for profiles by `perf`, if they are wanted.
    pub(crate) profiles: Option<std::path::PathBuf>,
}

impl Run {
    /// One of two numbers.
    pub(crate) fn scale<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Profiles a process for a while, if that is wanted. Wait for it.
    pub(crate) fn profile(&self, name: &str, pid: u32, time: Duration) -> Result<Option<Child>> {
        let Some(folder) = &self.profiles else { return Ok(None) };
        let mut command = Command::new("perf");
        command.args(["record", "-q", "-g", "--call-graph", "dwarf,8192", "-F", "999", "-p", &pid.to_string(), "-o"]);
        command.arg(folder.join(format!("{name}.perf"))).args(["--", "sleep", &time.as_secs().to_string()]);
        command.stdout(Stdio::null()).spawn().map(Some).map_err(Error::other)
    }
}

/// Milliseconds, as tables show them.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

//! How far long work has come: drawn on a terminal, silent everywhere else.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on standard error that moves while work goes on; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of bytes.
    pub(crate) fn bytes(what: &'static str, total: u64) -> Self {
        Self::new(what, total, "{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
    }

    /// Of rows.
    pub(crate) fn rows(what: &'static str, total: u64) -> Self {
        Self::new(what, total, "{msg} {wide_bar} {human_pos}/{human_len} rows {eta}")
    }

    /// Of work that cannot be measured.
    pub(crate) fn unknown(what: &'static str) -> Self {
        let progress = Self::new(what, 0, "{spinner} {msg} {elapsed}");
        progress.bar.enable_steady_tick(Duration::from_millis(120));
        progress
    }

    // indicatif draws nothing when standard error is no terminal.
    fn new(what: &'static str, total: u64, template: &str) -> Self {
        let bar = ProgressBar::new(total).with_message(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        // Work that is over at once was shown, too.
        bar.tick();
        Self { bar }
    }

    /// So much more is done.
    pub(crate) fn add(&self, more: u64) {
        self.bar.inc(more);
    }

    /// So much is done in all.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

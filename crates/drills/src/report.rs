//! Tables, on the screen and in `docs/performance.md`.

use std::fmt::Write;
use std::path::Path;

/// The outcome of one part.
pub(crate) struct Section {
    /// Name of the part; it names the place in the document, too.
    pub(crate) name: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

/// Which side of a target is the good one.
#[derive(Clone, Copy)]
pub(crate) enum Want {
    /// As much as possible.
    AtLeast,
    /// As little as possible.
    AtMost,
}

impl Section {
    /// An empty table.
    pub(crate) fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row, and shows it at once: a part may take minutes.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        println!("  {}", cells.join(" · "));
        self.rows.push(cells);
    }

    /// Adds a sentence below the table.
    pub(crate) fn note(&mut self, text: String) {
        println!("  {text}");
        self.notes.push(text);
    }

    fn markdown(&self, run: &str) -> String {
        let mut text = String::new();
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let columns: Vec<String> = self.columns.iter().map(|&column| column.to_owned()).collect();
        text.push_str(&line(&columns));
        text.push_str(&line(&vec!["---".to_owned(); columns.len()]));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        let _ = write!(text, "\n<sub>{run}</sub>\n");
        text
    }

    /// Puts the table between its markers in the document.
    pub(crate) fn write(&self, document: &Path, run: &str) -> std::io::Result<()> {
        let text = std::fs::read_to_string(document)?;
        let (begin, end) = (format!("<!-- bench {} -->\n", self.name), format!("<!-- end {} -->", self.name));
        let place = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let Some((before, after)) = place else {
            return Err(std::io::Error::other(format!("{} has no place for {}", document.display(), self.name)));
        };
        std::fs::write(document, format!("{before}{begin}\n{}\n{end}{after}", self.markdown(run)))
    }
}

/// A value against the target and the one beyond: `met`, `met, and beyond`, or `missed`.
pub(crate) fn verdict(value: f64, want: Want, target: f64, beyond: Option<f64>) -> String {
    let meets = |target: f64| match want {
        Want::AtLeast => value >= target,
        Want::AtMost => value <= target,
    };
    let sign = match want {
        Want::AtLeast => "≥",
        Want::AtMost => "≤",
    };
    let beyond_text = beyond.map(|beyond| format!(", then {beyond}")).unwrap_or_default();
    let verdict = match beyond {
        _ if !meets(target) => "**missed**",
        Some(beyond) if meets(beyond) => "met, and beyond",
        _ => "met",
    };
    format!("{sign} {target}{beyond_text}: {verdict}")
}

/// The middle one of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

//! Output of commands: tables for people, JSON for programs. What others wrote never acts on a terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::refusal::{Outcome, Refusal};

/// The widest a column gets, in characters; longer cells are cut. JSON has all of them.
const WIDEST: usize = 60;

/// Prints rows under their headings, each column as wide as it needs to be.
pub(crate) fn print(headings: &[&str], rows: &[Vec<String>]) {
    for line in Table::new(headings).lines(rows) {
        say(line);
    }
}

/// Prints objects as one JSON array.
pub(crate) fn print_json<T: Serialize>(objects: &[T]) -> Outcome {
    let text = serde_json::to_string_pretty(objects)
        .map_err(|error| Refusal::found(format!("no JSON can be made: {error}")))?;
    say(harmless_json(&text));
    Ok(())
}

/// Prints a line. Nobody listening any more (`karibu event list | head -1`) is no reason to complain.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// A table that is printed page by page: a column keeps the width that it once needed.
pub(crate) struct Table {
    headings: Option<Vec<String>>,
    widths: Vec<usize>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { widths: vec![0; headings.len()], headings: Some(headings) }
    }

    /// The next lines; the headings are the first.
    pub(crate) fn lines(&mut self, rows: &[Vec<String>]) -> Vec<String> {
        let cut = |cell: &String| {
            let cell = plain(cell);
            if cell.chars().count() <= WIDEST {
                return cell;
            }
            cell.chars().take(WIDEST - 1).chain(['…']).collect()
        };
        let rows: Vec<Vec<String>> =
            self.headings.take().iter().chain(rows).map(|row| row.iter().map(cut).collect()).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        rows.iter().map(|row| line(row, &self.widths)).collect()
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// One line of text that neither moves a terminal's cursor nor changes the direction of what stands around it.
pub(crate) fn plain(text: &str) -> String {
    let harmless = |c: char| match c {
        c if c.is_control() => Some(' '),
        '\u{2028}' | '\u{2029}' => Some(' '),
        c if is_invisible_control(c) => None,
        c => Some(c),
    };
    text.chars().filter_map(harmless).collect()
}

/// JSON in which nothing acts on a terminal: such characters only stand in its strings, where they can be escaped.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        if (c.is_control() && c != '\n') || is_invisible_control(c) {
            // Writing into a text cannot fail; all of these have four digits.
            let _ = write!(harmless, "\\u{:04x}", u32::from(c));
        } else {
            harmless.push(c);
        }
    }
    harmless
}

/// Separators, the characters with the property `Bidi_Control` (UAX #9), and the byte order mark.
fn is_invisible_control(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Why long output ended before its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Whoever read it has enough (`… | head`).
    NobodyReads,
    /// Something is wrong.
    Refused(Refusal),
}

impl<T: Into<Refusal>> From<T> for Stopped {
    fn from(error: T) -> Self {
        Self::Refused(error.into())
    }
}

/// What an error of standard output means.
pub(crate) fn unheard(error: &io::Error) -> Stopped {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stopped::NobodyReads;
    }
    Stopped::Refused(Refusal::found(format!(
        "standard output cannot be written ({error}): see that there is room for it"
    )))
}

/// That nobody reads on is no reason to complain.
pub(crate) fn heard(done: Result<(), Stopped>) -> Outcome {
    match done {
        Ok(()) | Err(Stopped::NobodyReads) => Ok(()),
        Err(Stopped::Refused(refusal)) => Err(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_and_free_of_control_characters() {
        let rows = [vec!["é\u{1b}".to_owned(), "x".to_owned()], vec!["\u{202e}abc".to_owned(), "y".to_owned()]];
        assert_eq!(Table::new(&["A", "B"]).lines(&rows), ["A    B", "é    x", "abc  y"]);
    }

    #[test]
    fn a_table_in_pages_keeps_its_widths_and_cuts_endless_words() {
        let mut table = Table::new(&["NAME", "N"]);
        assert_eq!(table.lines(&[vec!["Wanjiru".to_owned(), "1".to_owned()]]), ["NAME     N", "Wanjiru  1"]);
        assert_eq!(table.lines(&[vec!["Li".to_owned(), "2".to_owned()]]), ["Li       2"]);
        let long = table.lines(&[vec!["x".repeat(300), "3".to_owned()]]);
        assert_eq!(long, [format!("{}…  3", "x".repeat(59))]);
    }

    #[test]
    fn json_says_the_same_without_acting_on_a_terminal() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{200f}é\n";
        let json = harmless_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || !(c.is_control() || is_invisible_control(c))), "{json:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }
}

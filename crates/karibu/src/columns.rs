//! Output of commands: tables for people, JSON for programs. What others wrote never acts on a terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use serde::Serialize;

use crate::refusal::{Outcome, Refusal};

/// The widest a column gets on a terminal, in characters. The last one has what is left of the line.
const WIDEST: usize = 60;

/// Where the last column would have less than this, it stands on lines of its own.
const NARROWEST: usize = 30;

/// How far it is indented there.
const INDENT: usize = 4;

/// Width of a terminal that does not tell it.
const USUAL: usize = 100;

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

/// Width of the terminal that standard output is; `None` where it is a file or a pipe.
fn terminal() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let told = rustix::termios::tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
    Some(if told == 0 { USUAL } else { told })
}

/// A table that is printed page by page: a column keeps the width that it once needed. In a file or a pipe a row is one line and
/// all of it is there. On a terminal wide cells are wrapped; only free text may be cut.
pub(crate) struct Table {
    headings: Option<Vec<String>>,
    widths: Vec<usize>,
    /// Which columns hold free text.
    free: Vec<bool>,
    /// Width of the terminal, if it is one.
    terminal: Option<usize>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        let columns = headings.len();
        Self { headings: Some(headings), widths: vec![0; columns], free: vec![false; columns], terminal: terminal() }
    }

    /// The same where these columns hold what people call themselves: of any length, and told in full elsewhere.
    pub(crate) fn with_free_text(mut self, columns: &[&str]) -> Self {
        let headings = self.headings.iter().flatten();
        self.free = headings.map(|heading| columns.contains(&heading.as_str())).collect();
        self
    }

    /// The next lines; the headings are the first.
    pub(crate) fn lines(&mut self, rows: &[Vec<String>]) -> Vec<String> {
        let rows: Vec<Vec<Vec<String>>> =
            self.headings.take().iter().chain(rows).map(|row| self.wrapped(row)).collect();
        let last = self.widths.len().saturating_sub(1);
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().take(last).zip(row) {
                *width = cell.iter().map(|line| line.chars().count()).fold(*width, usize::max);
            }
        }
        rows.into_iter().flat_map(|row| self.spread(row, last)).collect()
    }

    /// The lines of each cell but the last, which depends on the others' width.
    fn wrapped(&self, row: &[String]) -> Vec<Vec<String>> {
        let last = self.widths.len().saturating_sub(1);
        let cell = |(column, cell): (usize, &String)| {
            let cell = plain(cell);
            match self.terminal {
                Some(_) if self.free[column] => vec![cut(cell)],
                Some(_) if column != last => wrap(&cell, WIDEST),
                _ => vec![cell],
            }
        };
        row.iter().enumerate().map(cell).collect()
    }

    /// A row on as many lines as it needs.
    fn spread(&self, mut row: Vec<Vec<String>>, last: usize) -> Vec<String> {
        let before: usize = self.widths.iter().take(last).map(|width| width + 2).sum();
        let mut below = Vec::new();
        if let (Some(terminal), Some(cell)) = (self.terminal, row.get_mut(last)) {
            let text = cell.concat();
            let room = terminal.saturating_sub(before);
            if text.chars().count() <= room || room >= NARROWEST {
                *cell = wrap(&text, room);
            } else {
                below = wrap(&text, terminal.saturating_sub(INDENT));
                cell.clear();
            }
        }
        let lines = row.iter().map(Vec::len).max().unwrap_or_default();
        let line = |n: usize| {
            let cells = row.iter().zip(&self.widths);
            let padded = cells.map(|(cell, width)| format!("{:<width$}", cell.get(n).map_or("", String::as_str)));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let below = below.into_iter().map(|text| format!("{:INDENT$}{text}", ""));
        (0..lines).map(line).chain(below).collect()
    }
}

fn cut(cell: String) -> String {
    if cell.chars().count() <= WIDEST {
        return cell;
    }
    cell.chars().take(WIDEST - 1).chain(['…']).collect()
}

/// Lines of at most `width` characters, broken at spaces. A word that is longer (a key, an address, a path) stays whole, so that
/// it can be copied as one; the terminal goes on with it on its next line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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

    fn table(headings: &[&str], terminal: Option<usize>) -> Table {
        Table { terminal, ..Table::new(headings) }
    }

    fn rows<const N: usize>(rows: &[[&str; N]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn columns_are_aligned_by_characters_and_free_of_control_characters() {
        let rows = rows(&[["é\u{1b}", "x"], ["\u{202e}abc", "y"]]);
        for terminal in [None, Some(80)] {
            assert_eq!(table(&["A", "B"], terminal).lines(&rows), ["A    B", "é    x", "abc  y"]);
        }
    }

    #[test]
    fn a_table_in_pages_keeps_its_widths() {
        let mut table = table(&["NAME", "N"], None);
        assert_eq!(table.lines(&rows(&[["Wanjiru", "1"]])), ["NAME     N", "Wanjiru  1"]);
        assert_eq!(table.lines(&rows(&[["Li", "2"]])), ["Li       2"]);
    }

    #[test]
    fn nothing_is_cut_in_a_pipe_and_on_a_terminal_only_what_people_call_themselves() {
        let long = "x".repeat(300);
        let told = rows(&[[long.as_str(), long.as_str(), "3"]]);
        let headings = ["NAME", "EMAIL", "N"];
        let lines = table(&headings, None).with_free_text(&["NAME"]).lines(&told);
        assert_eq!(lines[1], format!("{long}  {long}  3"));
        let lines = table(&headings, Some(80)).with_free_text(&["NAME"]).lines(&told);
        assert_eq!(lines[2..], [format!("{}…  {long}", "x".repeat(59)), "    3".to_owned()]);
    }

    #[test]
    fn on_a_terminal_sentences_are_wrapped_under_themselves() {
        let told = rows(&[["fail", "one two three four five six seven eight nine ten"], ["ok", ""]]);
        let lines = table(&["RESULT", "FOUND"], Some(40)).lines(&told);
        let expected = ["RESULT  FOUND", "fail    one two three four five six", "        seven eight nine ten", "ok"];
        assert_eq!(lines, expected);
        // Where hardly any room is left beside the others, it stands below.
        let told = rows(&[["a-reference-of-some-length", "one two three four five six seven eight nine ten"]]);
        let lines = table(&["REFERENCE", "FOUND"], Some(40)).lines(&told);
        assert_eq!(
            lines[1..],
            ["a-reference-of-some-length", "    one two three four five six seven", "    eight nine ten"]
        );
        // Columns in the middle have lines of their own, too, and a word stays whole.
        let words = "KC-7F3K-2M9Q, ".repeat(9);
        let lines = table(&["REFERENCE", "KIND"], Some(100)).lines(&rows(&[[words.trim_end(), "digest"]]));
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(lines.join(" ").matches("KC-7F3K-2M9Q,").count(), 9);
        assert!(lines[1].ends_with("  digest") && lines.iter().all(|line| line.len() <= 100), "{lines:#?}");
    }

    #[test]
    fn json_says_the_same_without_acting_on_a_terminal() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{200f}é\n";
        let json = harmless_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || !(c.is_control() || is_invisible_control(c))), "{json:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }
}

//! Output of commands: tables for people, JSON for programs.

use serde::Serialize;

use crate::refusal::{Outcome, Refusal};

/// Prints rows under their headings, each column as wide as it needs to be.
pub(crate) fn print(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    for row in std::iter::once(&headings).chain(rows) {
        say(line(row, &widths));
    }
}

/// Prints objects as one JSON array.
pub(crate) fn print_json<T: Serialize>(objects: &[T]) -> Outcome {
    let text = serde_json::to_string_pretty(objects)
        .map_err(|error| Refusal::found(format!("no JSON can be made: {error}")))?;
    say(text);
    Ok(())
}

/// Prints a line. Nobody listening any more (`karibu event list | head -1`) is no reason to complain.
pub(crate) fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        // What others wrote must not move the cursor of a terminal.
        let cell: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{cell:<width$}")
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_and_free_of_control_characters() {
        let widths = [5, 3];
        assert_eq!(line(&["é\u{1b}".to_owned(), "x".to_owned()], &widths), "é      x");
    }
}

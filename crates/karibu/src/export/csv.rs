//! Comma-separated values by RFC 4180, in UTF-8, safe to be opened in a spreadsheet program.

use std::io::{self, Write};

use super::Sink;
use super::cell::Cell;

/// What Excel knows UTF-8 by.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Writes CSV.
pub(super) struct Csv<W> {
    out: W,
    bom: bool,
}

impl<W: Write> Csv<W> {
    /// Into `out`, which should be buffered.
    pub(super) fn new(out: W, bom: bool) -> Self {
        Self { out, bom }
    }

    /// What it was written into, to be flushed.
    pub(super) fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Sink for Csv<W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        if std::mem::take(&mut self.bom) {
            self.out.write_all(BOM)?;
        }
        for (n, cell) in cells.iter().enumerate() {
            if n > 0 {
                self.out.write_all(b",")?;
            }
            self.out.write_all(quoted(&text(cell)).as_bytes())?;
        }
        self.out.write_all(b"\r\n")
    }
}

/// A cell as text.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => harmless(text),
        Cell::Phone(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
        Cell::Date(date) => date.to_string(),
        Cell::Time(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

/// Text that no spreadsheet program takes for a formula: an apostrophe goes before what could begin one, as they
/// themselves write text. See <https://owasp.org/www-community/attacks/CSV_Injection>.
fn harmless(text: &str) -> String {
    let begins =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}');
    // Some programs pass over white space before they look.
    let seen = text.trim_start_matches([' ', '\n', '\u{feff}', '\u{a0}']);
    if text.starts_with(begins) || seen.starts_with(begins) { format!("'{text}") } else { text.to_owned() }
}

/// A field of RFC 4180; semicolons and tabs are quoted, too, for programs that part by them.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', ';', '\t', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<Cell>], bom: bool) -> Vec<u8> {
        let mut csv = Csv::new(Vec::new(), bom);
        for row in rows {
            csv.row(row).unwrap();
        }
        csv.into_inner()
    }

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(false).from_reader(bytes);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn what_could_be_a_formula_is_text_and_what_is_a_number_stays_one() {
        for (cell, expected) in [
            (Cell::Text("=1+1".to_owned()), "'=1+1"),
            (Cell::Text("+254712345678".to_owned()), "'+254712345678"),
            (Cell::Text("-5".to_owned()), "'-5"),
            (Cell::Text("@SUM(A1)".to_owned()), "'@SUM(A1)"),
            (Cell::Text("\tx".to_owned()), "\"'\tx\""),
            (Cell::Text("\rx".to_owned()), "\"'\rx\""),
            (Cell::Text("\u{ff1d}1+1".to_owned()), "'\u{ff1d}1+1"),
            (Cell::Text("\u{ff0b}1".to_owned()), "'\u{ff0b}1"),
            (Cell::Text("\u{ff0d}1".to_owned()), "'\u{ff0d}1"),
            (Cell::Text("\u{ff20}x".to_owned()), "'\u{ff20}x"),
            (Cell::Text("  =1+1".to_owned()), "'  =1+1"),
            (Cell::Text("a=b".to_owned()), "a=b"),
            (Cell::Text("O'Brien \"Bob\", MD".to_owned()), "\"O'Brien \"\"Bob\"\", MD\""),
            (Cell::Phone("+254712345678".to_owned()), "+254712345678"),
            (Cell::Number(-5), "-5"),
            (Cell::Date(jiff::civil::date(2026, 11, 4)), "2026-11-04"),
            (Cell::Time(jiff::civil::datetime(2026, 11, 4, 17, 0, 9, 0)), "2026-11-04 17:00:09"),
            (Cell::Empty, ""),
        ] {
            let bytes = written(&[vec![Cell::Text("x".to_owned()), cell.clone()]], false);
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("x,{expected}\r\n"), "{cell:?}");
        }
    }

    #[test]
    fn the_mark_comes_once_and_only_if_it_is_wanted() {
        let rows = [vec![Cell::Text("é".to_owned())], vec![Cell::Text("è".to_owned())]];
        assert_eq!(written(&rows, true), "\u{feff}é\r\nè\r\n".as_bytes());
        assert_eq!(written(&rows, false), "é\r\nè\r\n".as_bytes());
    }

    proptest! {
        #[test]
        fn another_reader_reads_what_was_written(
            rows in prop::collection::vec(prop::collection::vec(any::<String>(), 3), 1..5),
        ) {
            let cells: Vec<Vec<Cell>> =
                rows.iter().map(|row| row.iter().cloned().map(Cell::Text).collect()).collect();
            let expected: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|text| harmless(text)).collect()).collect();
            prop_assert_eq!(read(&written(&cells, false)), expected);
        }

        #[test]
        fn nothing_begins_as_a_formula(text in "[ \t\r\n=+@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}a-]{0,6}") {
            let harmless = harmless(&text);
            prop_assert!(harmless.strip_prefix('\'').unwrap_or(&harmless) == text);
            let begins = harmless.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
            prop_assert!(!begins, "{:?}", harmless);
        }
    }
}

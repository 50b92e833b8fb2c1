//! Excel workbooks, written row by row so that a million rows take no more memory than a thousand.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::Sink;
use super::cell::Cell;

/// Rows of a sheet, the header among them; what does not fit goes on in the next one.
const ROWS: u32 = 1_048_576;

/// Longest text of a cell, in UTF-16 code units.
const LONGEST: usize = 32_767;

/// Largest number that Excel keeps to the last digit.
const LARGEST: u64 = 999_999_999_999_999;

/// Writes a workbook.
pub(super) struct Xlsx {
    workbook: Workbook,
    header: Vec<Cell>,
    sheets: usize,
    next: u32,
    bold: Format,
    date: Format,
    time: Format,
}

impl Xlsx {
    /// Rows are kept in nameless files in `folder` until the workbook is saved.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder).map_err(io_error)?;
        Ok(Self {
            workbook,
            header: Vec::new(),
            sheets: 0,
            next: 0,
            bold: Format::new().set_bold(),
            date: Format::new().set_num_format("yyyy-mm-dd"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        })
    }

    /// Writes the workbook.
    pub(super) fn save(mut self, file: &File) -> io::Result<()> {
        if self.sheets == 0 {
            self.begin_sheet()?;
        }
        let mut out = BufWriter::new(file);
        undisturbed(|| self.workbook.save_to_writer(&mut out))?;
        out.flush()
    }

    fn begin_sheet(&mut self) -> io::Result<()> {
        self.sheets += 1;
        let name = if self.sheets == 1 { "Registrations".to_owned() } else { format!("Registrations {}", self.sheets) };
        let sheet = self.workbook.add_worksheet_with_constant_memory().map_err(io_error)?;
        sheet.set_name(name).and_then(|sheet| sheet.set_freeze_panes(1, 1)).map_err(io_error)?;
        self.next = 0;
        let header = std::mem::take(&mut self.header);
        if !header.is_empty() {
            self.write(&header)?;
        }
        self.header = header;
        Ok(())
    }

    fn write(&mut self, cells: &[Cell]) -> io::Result<()> {
        let (row, bold) = (self.next, (self.next == 0).then_some(&self.bold));
        let (date, time) = (&self.date, &self.time);
        let sheet = self.workbook.worksheet_from_index(self.sheets - 1).map_err(io_error)?;
        undisturbed(|| {
            for (column, cell) in (0..).zip(cells) {
                put(sheet, row, column, cell, bold, date, time)?;
            }
            Ok(())
        })?;
        self.next += 1;
        Ok(())
    }
}

impl Sink for Xlsx {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        if let Some(long) = cells.iter().find_map(too_long) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a cell of a workbook holds {LONGEST} characters, and an answer has {long}"),
            ));
        }
        if self.sheets == 0 {
            self.header = cells.to_vec();
            return self.begin_sheet();
        }
        if self.next == ROWS {
            self.begin_sheet()?;
        }
        self.write(cells)
    }
}

fn too_long(cell: &Cell) -> Option<usize> {
    let Cell::Text(text) = cell else { return None };
    // Cheap for nearly all: no text has more code units than bytes.
    (text.len() > LONGEST).then(|| text.encode_utf16().count()).filter(|units| *units > LONGEST)
}

fn put(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    bold: Option<&Format>,
    date: &Format,
    time: &Format,
) -> Result<(), XlsxError> {
    // Strings written as strings are never formulas.
    match (cell, bold) {
        (Cell::Empty, _) => Ok(sheet),
        (Cell::Text(text), Some(bold)) => sheet.write_string_with_format(row, column, writable(text), bold),
        (Cell::Text(text) | Cell::Phone(text), _) => sheet.write_string(row, column, writable(text)),
        (Cell::Number(number), _) if number.unsigned_abs() <= LARGEST =>
        {
            #[expect(clippy::cast_precision_loss, reason = "it has at most 15 digits")]
            sheet.write_number(row, column, *number as f64)
        }
        (Cell::Number(number), _) => sheet.write_string(row, column, number.to_string()),
        // Excel's calendar begins in 1900.
        (Cell::Date(day), _) if day.year() >= 1900 => sheet.write_datetime_with_format(row, column, *day, date),
        (Cell::Date(day), _) => sheet.write_string(row, column, day.to_string()),
        (Cell::Time(at), _) if at.year() >= 1900 => sheet.write_datetime_with_format(row, column, *at, time),
        (Cell::Time(at), _) => sheet.write_string(row, column, at.to_string()),
    }
    .map(drop)
}

/// XML 1.0 has no place for U+FFFE and U+FFFF.
fn writable(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// The library panics where its own files cannot be written, as on a full disk; that must be told as any other error.
fn undisturbed<T>(work: impl FnOnce() -> Result<T, XlsxError>) -> io::Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    match done {
        Ok(done) => done.map_err(io_error),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            let text = text.unwrap_or("the workbook cannot be written");
            let full = text.contains("StorageFull") || text.contains("FileTooLarge");
            Err(io::Error::new(
                if full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other },
                if full { "no space left" } else { text },
            ))
        }
    }
}

fn io_error(error: XlsxError) -> io::Error {
    match error {
        XlsxError::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use calamine::{Data, Reader, Xlsx as Workbook};
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<Cell>]) -> calamine::Range<Data> {
        let folder = tempfile::tempdir().unwrap();
        let mut xlsx = Xlsx::new(folder.path()).unwrap();
        for row in rows {
            xlsx.row(row).unwrap();
        }
        let mut file = tempfile::tempfile().unwrap();
        xlsx.save(&file).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut workbook = Workbook::new(std::io::BufReader::new(file)).unwrap();
        assert!(workbook.worksheet_formula("Registrations").unwrap().is_empty());
        workbook.worksheet_range("Registrations").unwrap()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn cells_keep_their_kinds_and_no_text_is_a_formula() {
        let row = vec![
            text("=1+1"),
            Cell::Phone("+254712345678".to_owned()),
            Cell::Number(-5),
            Cell::Number(i64::MAX),
            Cell::Date(jiff::civil::date(2026, 11, 4)),
            Cell::Time(jiff::civil::datetime(2026, 11, 4, 17, 0, 9, 0)),
            Cell::Date(jiff::civil::date(1850, 1, 2)),
            Cell::Empty,
            text("_x0041_ <b>&amp;"),
        ];
        let header: Vec<Cell> = (0..row.len()).map(|n| text(&n.to_string())).collect();
        let range = written(&[header, row]);
        let cells: Vec<String> = range.rows().nth(1).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(cells[..4], ["=1+1", "+254712345678", "-5", "9223372036854775807"]);
        let Data::DateTime(day) = &range.rows().nth(1).unwrap()[4] else { panic!("{:?}", range.rows().nth(1)) };
        assert_eq!(day.to_ymd_hms_milli(), (2026, 11, 4, 0, 0, 0, 0));
        let Data::DateTime(at) = &range.rows().nth(1).unwrap()[5] else { panic!("{:?}", range.rows().nth(1)) };
        assert_eq!(at.to_ymd_hms_milli(), (2026, 11, 4, 17, 0, 9, 0));
        assert_eq!(cells[6..], ["1850-01-02", "", "_x0041_ <b>&amp;"]);
    }

    #[test]
    fn a_text_that_no_cell_holds_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let mut xlsx = Xlsx::new(folder.path()).unwrap();
        xlsx.row(&[text("comments")]).unwrap();
        xlsx.row(&[text(&"é".repeat(20_000))]).unwrap();
        let error = xlsx.row(&[text(&"😀".repeat(20_000))]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("40000"), "{error}");
    }

    #[test]
    fn a_panic_of_the_library_is_an_error() {
        let full = || -> Result<(), XlsxError> {
            panic!("Couldn't write to xml file: {:?}", io::Error::from(io::ErrorKind::StorageFull));
        };
        assert_eq!(undisturbed(full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        let error = undisturbed::<()>(|| panic!("a bug")).unwrap_err();
        assert_eq!(error.to_string(), "a bug");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn another_reader_reads_what_was_written(
            rows in prop::collection::vec(prop::collection::vec("[ -~é\n\t😀\u{ff1d}]{1,12}", 3), 1..5),
        ) {
            // A cell at each end, so that the range begins and ends there.
            let rows: Vec<Vec<String>> = rows;
            let cells: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(|one| text(one)).collect()).collect();
            let range = written(&cells);
            let read: Vec<Vec<String>> =
                range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
            prop_assert_eq!(read, rows);
        }
    }
}

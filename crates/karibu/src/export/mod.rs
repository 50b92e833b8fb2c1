//! All registrations of an event as a table: a row each, a column for each field of every form version.

mod cell;
mod csv;
mod file;
mod xlsx;

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::tz::TimeZone;
use registration::event_file;
use registration::ports::Store;
use registration::stored::{Status, StoredEvent};
use tokio::signal::unix::{SignalKind, signal};

use self::cell::{Cell, Layout};
use self::csv::Csv;
use self::file::Output;
use self::xlsx::Xlsx;
use crate::columns::{Stopped, heard, say, unheard};
use crate::progress::Progress;
use crate::refusal::{Outcome, Refusal};

/// Registrations read at a time.
const PAGE: u32 = 500;

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values (RFC 4180), UTF-8
    Csv,
    /// Excel workbook
    Xlsx,
}

/// What is wanted of an export.
#[derive(Debug)]
pub(crate) struct Export {
    format: Format,
    output: Option<PathBuf>,
    labels: bool,
    bom: bool,
    /// Only those with this status.
    status: Option<Status>,
}

impl Format {
    /// What a file's name ends with.
    const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

impl Export {
    /// Decides what was left open.
    pub(crate) fn new(
        format: Option<Format>,
        output: Option<PathBuf>,
        labels: bool,
        bom: Option<bool>,
    ) -> Outcome<Self> {
        let format = match &output {
            Some(path) => by_name(path, format)?,
            None => format.unwrap_or(Format::Csv),
        };
        if format == Format::Xlsx {
            if output.is_none() {
                return Err(Refusal::called("a workbook does not go to standard output: name a file with --output"));
            }
            if bom.is_some() {
                return Err(Refusal::called("a workbook has no byte order mark: --bom is for csv"));
            }
        }
        Ok(Self { format, bom: bom.unwrap_or(output.is_some()), output, labels, status: None })
    }

    /// The same of those registrations that have a status.
    pub(crate) fn only(self, status: Option<Status>) -> Self {
        Self { status, ..self }
    }
}

/// The kind of a file by its name: what opens it goes by that, too. A name without an ending (a pipe, a device) says nothing.
fn by_name(path: &Path, said: Option<Format>) -> Outcome<Format> {
    let ending = path.extension().map(OsStr::to_ascii_lowercase);
    let named =
        Format::value_variants().iter().copied().find(|format| ending.as_deref() == Some(format.ending().as_ref()));
    match (said, named) {
        (Some(said), _) if named == Some(said) || ending.is_none() => Ok(said),
        (None, Some(named)) => Ok(named),
        (Some(said), _) => Err(Refusal::called(format!(
            "--format {0} makes a file that ends with .{0}, but --output is {1}: let them agree",
            said.ending(),
            path.display()
        ))),
        (None, None) => Err(Refusal::called(format!(
            "--output is {}, which tells no kind of file: let it end with .csv or .xlsx, or say --format",
            path.display()
        ))),
    }
}

/// Takes rows.
trait Sink {
    /// Writes a row.
    fn row(&mut self, cells: &[Cell]) -> io::Result<()>;
}

/// Writes an export. An interrupted one leaves nothing behind.
pub(crate) async fn export(store: &dyn Store, event: &StoredEvent, export: &Export) -> Outcome {
    let Some(target) = &export.output else {
        let mut csv = Csv::new(BufWriter::new(io::stdout()), export.bom);
        return heard(
            fill(store, event, export, &mut csv, |error| unheard(&error), None)
                .await
                .and_then(|_| csv.into_inner().flush().map_err(|error| unheard(&error))),
        );
    };
    let interrupted = interrupted()?;
    let rows = tokio::select! {
        rows = into_file(store, event, export, target) => rows?,
        () = interrupted => return Err(Refusal::found("the export was interrupted: no file is left")),
    };
    let registrations = if rows == 1 { "registration is" } else { "registrations are" };
    say(format_args!("{rows} {registrations} in {}.", target.display()));
    Ok(())
}

async fn into_file(store: &dyn Store, event: &StoredEvent, export: &Export, target: &Path) -> Outcome<u64> {
    let trouble = |error: io::Error| trouble(target, &error);
    let wrong = |error| Stopped::Refused(trouble(error));
    // Those that are cancelled are not among these, but it is cheap, and only drawn.
    let progress =
        Progress::rows("exporting", u64::try_from(store.summary(event.id).await?.total()).unwrap_or_default());
    let output = Output::begin(target, export.format == Format::Csv).map_err(trouble)?;
    let rows = match export.format {
        Format::Csv => {
            let mut csv = Csv::new(BufWriter::new(output.file()), export.bom);
            let rows = fill(store, event, export, &mut csv, wrong, Some(&progress)).await;
            csv.into_inner().flush().map_err(trouble).and_then(|()| refused(rows))?
        }
        Format::Xlsx => {
            let mut xlsx = Xlsx::new(output.folder()).map_err(trouble)?;
            let rows = refused(fill(store, event, export, &mut xlsx, wrong, Some(&progress)).await)?;
            xlsx.save(output.file()).map_err(trouble)?;
            rows
        }
    };
    output.finish().map_err(trouble)?;
    Ok(rows)
}

/// A file is read by nobody while it is written.
fn refused(rows: Result<u64, Stopped>) -> Outcome<u64> {
    rows.map_err(|stopped| match stopped {
        Stopped::Refused(refusal) => refusal,
        Stopped::NobodyReads => Refusal::found("the export ended early: no file is left"),
    })
}

/// What an error at a file means.
fn trouble(target: &Path, error: &io::Error) -> Refusal {
    let target = target.display();
    Refusal::found(match error.kind() {
        io::ErrorKind::InvalidData => format!("{error}: export it as csv instead; no file is left"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            format!(
                "the export does not fit where {target} is ({error}): make room, or name another file; nothing is left of it"
            )
        }
        _ => format!(
            "{target} cannot be written ({error}): name a file in a folder that this user can write; nothing is left of it"
        ),
    })
}

/// Writes the header and all registrations. Returns how many registrations.
async fn fill(
    store: &dyn Store,
    event: &StoredEvent,
    export: &Export,
    sink: &mut dyn Sink,
    wrong: impl Fn(io::Error) -> Stopped,
    progress: Option<&Progress>,
) -> Result<u64, Stopped> {
    let zone = event_file::parse(&event.source, event.imported_at).map_or(TimeZone::UTC, |event| event.zone);
    let layout = Layout::read(store, event, zone, export.labels).await?;
    sink.row(&layout.header()).map_err(&wrong)?;
    let mut rows = 0;
    let mut after = None;
    loop {
        let page = store.stream(event.id, after, PAGE).await?;
        for record in page.iter().filter(|record| export.status.is_none_or(|status| record.status == status)) {
            sink.row(&layout.cells(record)?).map_err(&wrong)?;
            rows += 1;
        }
        if let Some(progress) = progress {
            progress.set(rows);
        }
        after = page.last().map(|record| record.id);
        if page.len() < PAGE as usize {
            return Ok(rows);
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
fn interrupted() -> Outcome<impl Future<Output = ()>> {
    let trouble =
        |error| Refusal::found(format!("signals cannot be listened to ({error}): raise the limits of this user"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(trouble)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(trouble)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

//! The registrations of an event, page by page, so that a million of them take no more memory than a thousand.

use std::io::{self, BufWriter, Write};

use registration::language::Language;
use registration::ports::Store;
use registration::stored::{Record, Status, StoredEvent};
use serde::Serialize;

use crate::columns::{Stopped, Table, harmless_json, heard, unheard};
use crate::refusal::{Outcome, Refusal};

/// Registrations read at a time.
const PAGE: u32 = 500;

/// Which registrations are listed.
#[derive(Debug)]
pub(super) struct Filter {
    status: Option<Status>,
    /// In lower case, as the column that is searched.
    search: Option<String>,
}

impl Filter {
    /// By a stored word and a part of a name, address, organisation or reference.
    pub(super) fn new(status: Option<&str>, search: Option<&str>) -> Self {
        Self { status: status.and_then(Status::from_word), search: search.map(|text| text.trim().to_lowercase()) }
    }

    fn passes(&self, record: &Record) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && self.search.as_ref().is_none_or(|text| {
                record.columns.search_text.contains(text) || record.reference.as_str().to_lowercase().contains(text)
            })
    }
}

/// A registration as programs read it, with the keys of the store.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    reference: &'a str,
    status: &'static str,
    name: &'a str,
    email: &'a str,
    organization: Option<&'a str>,
    country: Option<&'a str>,
    category: Option<&'a str>,
    attendance: Option<&'a str>,
    language: &'static str,
    form_version: i32,
    request_id: &'a str,
    created_at: String,
    updated_at: String,
    erased_at: Option<String>,
}

impl<'a> From<&'a Record> for Row<'a> {
    fn from(record: &'a Record) -> Self {
        let columns = &record.columns;
        Self {
            reference: record.reference.as_str(),
            status: record.status.as_str(),
            name: &columns.name,
            email: &columns.email,
            organization: columns.organization.as_deref(),
            country: columns.country.as_deref(),
            category: columns.category.as_deref(),
            attendance: columns.attendance.as_deref(),
            language: Language::tag(record.language),
            form_version: record.form_version,
            request_id: &record.request_id,
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
            erased_at: record.erased_at.map(|at| at.to_string()),
        }
    }
}

/// Lists the registrations of an event that pass.
pub(super) async fn list(store: &dyn Store, event: &StoredEvent, filter: &Filter, json: bool) -> Outcome {
    let mut out = BufWriter::new(io::stdout());
    heard(if json {
        as_json(store, event, filter, &mut out).await
    } else {
        as_table(store, event, filter, &mut out).await
    })
}

async fn as_table(
    store: &dyn Store,
    event: &StoredEvent,
    filter: &Filter,
    out: &mut impl Write,
) -> Result<(), Stopped> {
    let mut table =
        Table::new(&["REFERENCE", "STATUS", "NAME", "EMAIL", "ORGANISATION", "COUNTRY", "CATEGORY", "CREATED"])
            .with_free_text(&["NAME", "ORGANISATION"]);
    let mut after = None;
    loop {
        let page = store.stream(event.id, after, PAGE).await?;
        let rows: Vec<_> = page.iter().filter(|record| filter.passes(record)).map(cells).collect();
        for line in table.lines(&rows) {
            writeln!(out, "{line}").map_err(|error| unheard(&error))?;
        }
        after = page.last().map(|record| record.id);
        if page.len() < PAGE as usize {
            return out.flush().map_err(|error| unheard(&error));
        }
    }
}

fn cells(record: &Record) -> Vec<String> {
    let columns = &record.columns;
    let name = if record.erased_at.is_some() { "(erased)".to_owned() } else { columns.name.clone() };
    vec![
        record.reference.to_string(),
        record.status.as_str().to_owned(),
        name,
        columns.email.clone(),
        columns.organization.clone().unwrap_or_default(),
        columns.country.clone().unwrap_or_default(),
        columns.category.clone().unwrap_or_default(),
        format!("{:.0}", record.created_at),
    ]
}

/// One array, an object a line.
async fn as_json(store: &dyn Store, event: &StoredEvent, filter: &Filter, out: &mut impl Write) -> Result<(), Stopped> {
    let mut between = "[";
    let mut after = None;
    loop {
        let page = store.stream(event.id, after, PAGE).await?;
        for record in page.iter().filter(|record| filter.passes(record)) {
            let object = serde_json::to_string(&Row::from(record))
                .map_err(|error| Refusal::found(format!("no JSON can be made: {error}")))?;
            write!(out, "{between}{}", harmless_json(&object)).map_err(|error| unheard(&error))?;
            between = ",\n";
        }
        after = page.last().map(|record| record.id);
        if page.len() < PAGE as usize {
            let end = if between == "[" { "[]\n" } else { "]\n" };
            return out.write_all(end.as_bytes()).and_then(|()| out.flush()).map_err(|error| unheard(&error));
        }
    }
}

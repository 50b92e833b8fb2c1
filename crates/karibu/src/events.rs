//! `karibu event import | export | list | stats`.

use std::io::{Read, Write};

use jiff::Timestamp;
use presentation::answers::size;
use presentation::dates;
use presentation::words::Words;
use registration::event::{Event, Phase};
use registration::event_file;
use registration::language::Language;
use registration::places::PlaceKey;
use registration::ports::Store;
use registration::probe;
use registration::stored::{EventPulse, Imported, Status, StoredEvent};
use serde::Serialize;

use crate::cli::EventCommand;
use crate::columns::{print, print_json, say};
use crate::refusal::{Outcome, Refusal};
use crate::sample;

/// Does one of the commands.
pub(crate) async fn run(command: EventCommand, store: &dyn Store, now: Timestamp) -> Outcome {
    match command {
        EventCommand::Import { file, yes, json } => import(store, &file, yes, json, now).await,
        EventCommand::Export { slug } => export(store, &slug).await,
        EventCommand::List { all, json } => list(store, all, json, now).await,
        EventCommand::Stats { slug, json } => stats(store, &slug, json, now).await,
    }
}

async fn import(store: &dyn Store, file: &str, yes: bool, json: bool, now: Timestamp) -> Outcome {
    #[derive(Serialize)]
    struct Row {
        slug: String,
        created: bool,
        form_version: i32,
        form_changed: bool,
        /// Keys of the event file, but for `field`.
        changed: Vec<&'static str>,
        /// Limits that are lower than what is taken.
        exceeded: Vec<Place>,
    }
    let called = if file == "-" { "standard input" } else { file };
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(file).map(|content| bytes = content)
    };
    read.map_err(|error| {
        Refusal::found(format!("{called} cannot be read ({error}): name an event file, or - for standard input"))
    })?;
    let source = String::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        Refusal::found(format!("{called}, line {line}: this is not UTF-8 text; save the file as UTF-8"))
    })?;
    let before = match event_file::parse(&source, now) {
        Ok(event) if event.slug == probe::SLUG => {
            return Err(Refusal::found(format!(
                "{called}: the slug `{}` is for `karibu check` alone; choose another word",
                probe::SLUG
            )));
        }
        Ok(event) => store.by_slug(&event.slug).await?,
        // The import tells the mistake.
        Err(_) => None,
    };
    let known = before.as_ref().and_then(|before| event_file::parse(&before.source, before.imported_at).ok());
    if let (false, Some(before)) = (yes, &before) {
        refuse_what_deletes(store, before, known.as_ref(), &source, now).await?;
    }
    let (event, imported) = sample::import(store, &source, false, called, now).await?;
    let pulses = store.pulse().await?;
    let mut exceeded = places(pulses.iter().find(|pulse| pulse.id == imported.id));
    exceeded.retain(|place| place.taken > place.limit);
    let changed = known.map(|known| event_file::changes(&known, &event));
    if json {
        let row = Row {
            slug: event.slug,
            created: imported.created,
            form_version: imported.form_version,
            form_changed: imported.form_changed,
            changed: changed.unwrap_or_default(),
            exceeded,
        };
        return print_json(&[row]);
    }
    say(format_args!(
        "{} {} (form version {}).",
        event.slug,
        came_of(&imported, changed.as_deref()),
        imported.form_version
    ));
    if before.is_some_and(|before| before.sample) {
        say(format_args!("It takes the place of the sample event, which Karibu does not keep open any more."));
    }
    for Place { key, taken, limit } in exceeded {
        let key = PlaceKey(key);
        let limited = match key.field_and_value() {
            Some((field, value)) => format!("`places` of `{value}` (field `{field}`)"),
            None => "`capacity`".to_owned(),
        };
        say(format_args!(
            "{limited} is now {limit}, but {taken} are taken: nobody loses a place, and none is given while {limit} or more are \
             taken."
        ));
    }
    Ok(())
}

/// Refuses an event file whose retention would be over as soon as it is imported, where there is something to lose and it was
/// not over before: a wrong year would delete everything for good. A file that cannot be read is refused elsewhere.
async fn refuse_what_deletes(
    store: &dyn Store,
    stored: &StoredEvent,
    known: Option<&Event>,
    source: &str,
    now: Timestamp,
) -> Outcome {
    let Ok(event) = event_file::parse(source, now) else { return Ok(()) };
    let is_new = |end: fn(&Event) -> Option<Timestamp>| {
        let over = |event: &Event| end(event).is_some_and(|end| end <= now);
        over(&event) && !known.is_some_and(over)
    };
    let (answers, files) = (is_new(Event::answers_end), is_new(Event::attachments_end));
    if !answers && !files {
        return Ok(());
    }
    let kept = store.kept_data(stored.id).await?;
    let people = if answers { kept.registrations - kept.erased } else { 0 };
    let attachments = if answers || files { kept.attachments } else { 0 };
    if people == 0 && attachments == 0 {
        return Ok(());
    }
    Err(Refusal::found(format!(
        "by the dates and `retention` of this file the time to keep data of `{}` is over: the answers of {people} \
         registrations and {attachments} attachments would be deleted within the hour, for good. Nothing was imported. If \
         that is meant, say --yes; else correct the dates",
        event.slug
    )))
}

/// What an import did; `changed` is not known where what was there cannot be read.
fn came_of(imported: &Imported, changed: Option<&[&str]>) -> String {
    let keys = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match (imported.created, imported.form_changed, changed) {
        (true, ..) => "is new".to_owned(),
        (false, true, None | Some([])) => "has a new form".to_owned(),
        (false, true, Some(changed)) => format!("has a new form; also changed: {}", keys(changed)),
        (false, false, None) => "is imported; its form is as before".to_owned(),
        (false, false, Some([])) => "is up to date: nothing changed".to_owned(),
        (false, false, Some(changed)) => format!("is imported; its form is as before; changed: {}", keys(changed)),
    }
}

async fn export(store: &dyn Store, slug: &str) -> Outcome {
    let event = find(store, slug).await?;
    let mut out = std::io::stdout().lock();
    let written = out.write_all(event.source.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Refusal::found(format!("the event file cannot be written to standard output: {error}")))
}

#[derive(Serialize)]
struct Place {
    key: String,
    taken: u32,
    limit: u32,
}

fn places(pulse: Option<&EventPulse>) -> Vec<Place> {
    let counts = pulse.into_iter().flat_map(|pulse| &pulse.places);
    counts.map(|count| Place { key: count.key.0.clone(), taken: count.taken, limit: count.limit }).collect()
}

async fn list(store: &dyn Store, all: bool, json: bool, now: Timestamp) -> Outcome {
    #[derive(Serialize)]
    struct Row {
        slug: String,
        name: Option<String>,
        starts: Option<String>,
        ends: Option<String>,
        opens_at: Option<String>,
        closes_at: Option<String>,
        phase: &'static str,
        registrations: i64,
        places: Vec<Place>,
        form_version: i32,
        imported_at: String,
        sample: bool,
    }
    let pulses = store.pulse().await?;
    let mut rows = Vec::new();
    for stored in store.all().await? {
        if stored.slug == probe::SLUG && !all {
            continue;
        }
        // A file of an older version that is not understood any more is still listed, so that it can be exported.
        let event = event_file::parse(&stored.source, stored.imported_at).ok();
        let event = event.as_ref();
        rows.push(Row {
            name: event.map(name),
            starts: event.map(|event| event.starts.to_string()),
            ends: event.map(|event| event.ends.to_string()),
            opens_at: event.map(|event| event.opens_at().to_string()),
            closes_at: event.map(|event| event.closes_at().to_string()),
            phase: event.map_or("unreadable", |event| phase(event, now)),
            registrations: store.summary(stored.id).await?.total(),
            places: places(pulses.iter().find(|pulse| pulse.id == stored.id)),
            slug: stored.slug,
            form_version: stored.form_version,
            imported_at: stored.imported_at.to_string(),
            sample: stored.sample,
        });
    }
    if json {
        return print_json(&rows);
    }
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let limit = row.places.iter().find(|place| place.key == "event").map(|place| format!("/{}", place.limit));
            vec![
                row.slug.clone(),
                row.phase.to_owned(),
                format!("{}{}", row.registrations, limit.unwrap_or_default()),
                row.starts.clone().unwrap_or_default(),
                row.name.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print(&["SLUG", "PHASE", "REGISTRATIONS", "STARTS", "NAME"], &cells);
    Ok(())
}

/// What is kept of registrants, and until when.
#[derive(Serialize)]
struct Kept {
    registrations: u64,
    erased: u64,
    attachments: u64,
    attachment_bytes: u64,
    attachments_end: Option<String>,
    answers_end: Option<String>,
}

async fn stats(store: &dyn Store, slug: &str, json: bool, now: Timestamp) -> Outcome {
    #[derive(Serialize)]
    struct Row {
        slug: String,
        views: u64,
        opened: u64,
        submitted: u64,
        registrations: i64,
        status: std::collections::BTreeMap<&'static str, i64>,
        places: Vec<Place>,
        kept: Kept,
    }
    let event = find(store, slug).await?;
    let totals = store.totals(event.id).await?;
    let summary = store.summary(event.id).await?;
    let pulses = store.pulse().await?;
    let kept = store.kept_data(event.id).await?;
    let parsed = event_file::parse(&event.source, event.imported_at).ok();
    let parsed = parsed.as_ref();
    let row = Row {
        kept: Kept {
            registrations: kept.registrations,
            erased: kept.erased,
            attachments: kept.attachments,
            attachment_bytes: kept.attachment_bytes,
            attachments_end: parsed.and_then(Event::attachments_end).map(|at| at.to_string()),
            answers_end: parsed.and_then(Event::answers_end).map(|at| at.to_string()),
        },
        slug: event.slug,
        views: totals.views,
        opened: totals.opened,
        submitted: totals.submitted,
        registrations: summary.total(),
        status: Status::ALL
            .into_iter()
            .map(|status| (status.as_str(), summary.count("status", status.as_str())))
            .collect(),
        places: places(pulses.iter().find(|pulse| pulse.id == event.id)),
    };
    if json {
        return print_json(&[row]);
    }
    say(format_args!("{}: viewed {} → opened {} → submitted {}", row.slug, row.views, row.opened, row.submitted));
    say("");
    let alive = |status: Status| status.is_alive() || row.status.get(status.as_str()).is_some_and(|n| *n != 0);
    let mut counts: Vec<_> = Status::ALL
        .into_iter()
        .filter(|status| alive(*status))
        .map(|status| {
            vec![status.as_str().to_owned(), row.status.get(status.as_str()).copied().unwrap_or(0).to_string()]
        })
        .collect();
    counts.push(vec!["all that come".to_owned(), row.registrations.to_string()]);
    print(&["STATUS", "REGISTRATIONS"], &counts);
    if parsed.is_some_and(|event| event.one_per_address) {
        say(format_args!(
            "A second registration of an address is `rejected`, and in none of these counts: `karibu registrations list {} \
             --status rejected` names them.",
            row.slug
        ));
    }
    if !row.places.is_empty() {
        say("");
        let cells: Vec<_> = row
            .places
            .iter()
            .map(|place| {
                let left = place.limit.saturating_sub(place.taken);
                vec![place.key.clone(), place.taken.to_string(), left.to_string(), place.limit.to_string()]
            })
            .collect();
        print(&["PLACES", "TAKEN", "LEFT", "LIMIT"], &cells);
    }
    say("");
    let bytes = size(kept.attachment_bytes, Words::of(Language::En));
    let cells = [
        ["registrations".to_owned(), kept.registrations.to_string(), format!("{} of them erased", kept.erased)],
        ["attachments".to_owned(), kept.attachments.to_string(), bytes],
    ];
    print(&["KEPT", "HOW MANY", ""], &cells.map(Vec::from));
    if let Some(event) = parsed {
        for (what, end) in
            [("attachments are deleted", event.attachments_end()), ("answers are erased", event.answers_end())]
        {
            say(ending(what, end, event, now));
        }
    }
    Ok(())
}

/// When something ends, in the event's zone.
fn ending(what: &str, end: Option<Timestamp>, event: &Event, now: Timestamp) -> String {
    let Some(end) = end else { return format!("{what} only by hand") };
    let at = dates::deadline(end, &event.zone, Language::En);
    if end <= now { format!("{} on {at}", what.replace(" are ", " were ")) } else { format!("{what} on {at}") }
}

/// The event with this slug.
pub(crate) async fn find(store: &dyn Store, slug: &str) -> Outcome<StoredEvent> {
    if let Some(event) = store.by_slug(slug).await? {
        return Ok(event);
    }
    let mut known: Vec<String> = store.all().await?.into_iter().map(|event| event.slug).collect();
    known.retain(|slug| slug != probe::SLUG);
    Err(Refusal::found(if known.is_empty() {
        format!("there is no event `{slug}`, nor any other: import one with `karibu event import FILE`")
    } else {
        let nearest = crate::settings::table::nearest(slug, known.into_iter());
        format!("there is no event `{slug}`: did you mean `{nearest}`?")
    }))
}

fn name(event: &Event) -> String {
    let language = event.languages.first().copied().unwrap_or(Language::En);
    event.name.get(language).to_owned()
}

/// The phase in a word.
pub(crate) fn phase(event: &Event, now: Timestamp) -> &'static str {
    match event.phase(now) {
        Phase::NotYetOpen(_) => "not-yet-open",
        Phase::Open(_) => "open",
        Phase::Closed(_) => "closed",
    }
}

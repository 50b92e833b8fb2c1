//! Measures a Karibu that users would run: `drills PART… [--quick] [--binary FILE] [--perf FOLDER] [--document FILE --run TEXT]`;
//! `ci/bench` calls it, and `drills faults …`, `ci/drill`. Everything is started, bounded and ended here; a failure ends it with a sentence.

#![expect(clippy::cast_precision_loss, reason = "what is counted here is far below 2^52")]
#![expect(clippy::format_push_string, clippy::format_collect, reason = "statements are put together once")]

mod bare_nginx;
mod comparators;
mod faults;
mod generate;
mod house;
mod http;
mod load;
mod machine;
mod parts;
mod people;
mod report;
mod sink;
mod statements;

use std::io::{Error, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use crate::parts::{Run, cluster, cost, form, mail, register, scale, start};

/// All parts, the quiet ones first.
const PARTS: [&str; 7] = ["start", "form", "register", "cost", "mail", "cluster", "scale"];

/// What was asked for.
struct Asked {
    parts: Vec<String>,
    run: Run,
    /// The document with the tables, and what is said below each.
    document: Option<(PathBuf, String)>,
}

fn main() -> ExitCode {
    testkit::install_tls_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(drill())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drills: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn drill() -> Result<()> {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if_eq("faults").is_some() {
        return break_things(words).await;
    }
    let Asked { parts, run, document } = read(std::env::args().skip(1))?;
    let machine = machine::describe();
    println!("{machine}");
    for part in parts {
        println!("{part}");
        let began = Instant::now();
        let section = match part.as_str() {
            "start" => start::run(&run).await,
            "form" => form::run(&run).await,
            "register" => register::run(&run).await,
            "cost" => cost::run(&run).await,
            "mail" => mail::run(&run).await,
            "cluster" => cluster::run(&run).await,
            _ => scale::run(&run).await,
        }?;
        println!("  took {:.0} s", began.elapsed().as_secs_f64());
        if let Some((document, told)) = &document {
            section.write(document, &format!("{told}; {machine}"))?;
        }
    }
    Ok(())
}

/// `faults --relay FOLDER [--prepare | --url URL [--quick] [WORD…]]`.
async fn break_things(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let (mut relay, mut url, mut prepare, mut quick, mut words) =
        (PathBuf::new(), String::new(), false, false, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Error::other(format!("{argument} needs a value")));
        match argument.as_str() {
            "--relay" => relay = value()?.into(),
            "--url" => url = value()?,
            "--prepare" => prepare = true,
            "--quick" => quick = true,
            _ => words.push(argument),
        }
    }
    if prepare {
        faults::prepare(&relay);
        return Ok(());
    }
    faults::run(&relay, &url, quick, words).await
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked> {
    let mut asked = Asked {
        parts: Vec::new(),
        run: Run { binary: "target/release/karibu".to_owned(), quick: false, profiles: None },
        document: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Error::other(format!("{argument} needs a value")));
        match argument.as_str() {
            "--quick" => asked.run.quick = true,
            "--binary" => asked.run.binary = value()?,
            "--perf" => asked.run.profiles = Some(value()?.into()),
            "--document" => asked.document = Some((value()?.into(), String::new())),
            "--run" => {
                let text = value()?;
                asked.document = asked.document.map(|(document, _)| (document, text));
            }
            part if PARTS.contains(&part) => asked.parts.push(argument),
            other => return Err(Error::other(format!("{other:?} is no part; there are {}", PARTS.join(", ")))),
        }
    }
    // It is started in folders of its own.
    asked.run.binary = std::fs::canonicalize(&asked.run.binary)
        .map_err(|error| Error::other(format!("{}: {error}", asked.run.binary)))?
        .display()
        .to_string();
    if asked.parts.is_empty() {
        asked.parts = PARTS.map(str::to_owned).to_vec();
    }
    Ok(asked)
}

//! The statements of a registration, as the stores really send them: from `.sqlx`, where every build keeps them. What pgbench
//! and the bare SQLite loop run changes with them; when parameters come or go, this says so instead of measuring something
//! else.

use std::io::{Error, Result};

use serde_json::Value;
use testkit::serve::root;

/// The one query of a store that is or contains `part`, with so many parameters.
pub(crate) fn find(store: &str, part: &str, parameters: usize) -> Result<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(format!("crates/{store}/.sqlx")))? {
        let query: Value = serde_json::from_slice(&std::fs::read(entry?.path())?)?;
        let text = query["query"].as_str().unwrap_or_default();
        if text.contains(part) {
            found.push((text.to_owned(), count(&query)));
        }
    }
    // One that is this and nothing more.
    if let Some(whole) = found.iter().position(|(text, _)| text == part) {
        found = vec![found.swap_remove(whole)];
    }
    match found.as_slice() {
        [(text, many)] if *many == parameters => Ok(text.clone()),
        [(_, many)] => Err(Error::other(format!(
            "“{part}” of {store} has {many} parameters, not {parameters}: bring crates/drills up to it"
        ))),
        several => Err(Error::other(format!("{} queries of {store} contain “{part}”, not one", several.len()))),
    }
}

fn count(query: &Value) -> usize {
    let parameters = &query["describe"]["parameters"];
    let counted = parameters["Right"].as_u64().map(|many| many as usize);
    counted.unwrap_or_else(|| parameters["Left"].as_array().map_or(0, Vec::len))
}

/// Puts expressions in the place of `$1`, `$2` and so on.
pub(crate) fn fill(query: &str, expressions: &[&str]) -> String {
    let mut text = query.to_owned();
    // From the end, so that $1 is not found in $12.
    for (index, expression) in expressions.iter().enumerate().rev() {
        text = text.replace(&format!("${}", index + 1), expression);
    }
    text
}

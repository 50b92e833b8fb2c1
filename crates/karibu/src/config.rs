//! `karibu config`: every setting with its value and where it comes from; secrets are hidden.

use serde::Serialize;

use crate::columns::{print, print_json};
use crate::refusal::Outcome;
use crate::settings::table::{TABLE, flag, key, variable};
use crate::settings::{Origin, Settings};

#[derive(Serialize)]
struct Row {
    name: String,
    value: Option<String>,
    /// `flag`, `environment`, `named_file`, `file`, `default`
    origin: &'static str,
    /// What to change for another value.
    source: String,
    secret: bool,
}

/// Shows all settings.
pub(crate) fn run(settings: &Settings, json: bool) -> Outcome {
    let rows: Vec<Row> = TABLE
        .iter()
        .map(|setting| {
            let (value, origin) = settings.shown(setting);
            let name = setting.name;
            let (origin, source) = match origin {
                Origin::Flag => ("flag", format!("--{}", flag(name))),
                Origin::Environment => ("environment", variable(name)),
                Origin::NamedFile(path) => ("named_file", format!("{path} (named by {}_FILE)", variable(name))),
                Origin::File => ("file", format!("`{}` in karibu.toml", key(name))),
                Origin::Default => ("default", "default".to_owned()),
            };
            let value = Some(value).filter(|value| !value.is_empty());
            Row { name: variable(name), value, origin, source, secret: setting.secret }
        })
        .collect();
    if json {
        return print_json(&rows);
    }
    let rows: Vec<_> =
        rows.into_iter().map(|row| vec![row.name, row.value.unwrap_or_else(|| "–".to_owned()), row.source]).collect();
    print(&["SETTING", "VALUE", "FROM"], &rows);
    Ok(())
}

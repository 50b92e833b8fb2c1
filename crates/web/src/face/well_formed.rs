//! A simple check that a page's tags are closed in order, attributes are quoted or plain, and ids are unique and found.

use std::collections::HashSet;

const VOID: [&str; 5] = ["meta", "link", "input", "br", "path"];

/// `Err` tells the first fault. `option` may be left open, as HTML allows before the next one.
pub(super) fn check(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let (mut ids, mut wanted) = (HashSet::new(), Vec::new());
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').ok_or("a tag has no end")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            while name != "option" && open.last() == Some(&"option") {
                open.pop();
            }
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        let name = tag.split_whitespace().next().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return Err(format!("<{tag}> is no tag"));
        }
        if name == "option" && open.last() == Some(&"option") {
            open.pop();
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
        for (attribute, value) in attributes(&tag[name.len()..])? {
            match attribute {
                "id" if !ids.insert(value) => return Err(format!("id {value} twice")),
                "for" | "aria-labelledby" | "aria-describedby" => wanted.extend(value.split(' ')),
                "href" if value.starts_with('#') => wanted.push(&value[1..]),
                _ => {}
            }
        }
    }
    match wanted.into_iter().find(|id| !ids.contains(id)) {
        Some(id) => Err(format!("nothing has the id {id}")),
        None if open.is_empty() => Ok(()),
        None => Err(format!("left open: {open:?}")),
    }
}

fn attributes(mut text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Ok(all);
        }
        let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
        let (name, after) = text.split_at(end);
        let value = if let Some(quoted) = after.strip_prefix("=\"") {
            let end = quoted.find('"').ok_or_else(|| format!("{name} has no closing quote"))?;
            text = &quoted[end + 1..];
            &quoted[..end]
        } else if let Some(plain) = after.strip_prefix('=') {
            let end = plain.find(char::is_whitespace).unwrap_or(plain.len());
            text = &plain[end..];
            &plain[..end]
        } else {
            text = after;
            ""
        };
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') || all.iter().any(|(other, _)| *other == name) {
            return Err(format!("attribute {name:?} is odd or there twice"));
        }
        all.push((name, value));
    }
}

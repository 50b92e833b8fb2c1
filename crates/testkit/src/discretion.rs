//! Names, addresses and answers stand in no log: what registrants of the tests typed is remembered, and looked for in every
//! log when its server goes.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What people typed in this process.
static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Shorter texts stand in any log by chance.
const SHORTEST: usize = 5;

/// Remembers what somebody typed. Choices (like `delegate`), days and numbers tell nobody apart and are passed over.
pub fn keep(typed: &str) {
    let typed = typed.trim();
    let is_choice = typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_number = typed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if typed.chars().count() >= SHORTEST && !is_choice && !is_number {
        SECRETS.lock().unwrap_or_else(PoisonError::into_inner).insert(typed.to_owned());
    }
}

/// The lines of a log that hold what somebody typed in this process, however it is written there.
pub fn betrayals(log: &str) -> Vec<String> {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let secrets: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    log.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret))).map(str::to_owned).collect()
}

/// A text as it may stand in a log: plain, between quotes, in an address or a form's body, in lower case, and a telephone
/// number without its spaces.
fn spellings(secret: &str) -> BTreeSet<String> {
    let quoted = format!("{secret:?}");
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut spellings: BTreeSet<String> = [
        // A longer text may be broken into lines, in the log too.
        secret.lines().max_by_key(|line| line.len()).unwrap_or_default().to_owned(),
        quoted.trim_matches('"').to_owned(),
        encoded.replace('+', "%20"),
        encoded,
    ]
    .into();
    // A plain word in lower case may be a word of ours.
    if secret.contains(|c: char| c == '@' || c.is_ascii_digit() || c.is_whitespace()) {
        spellings.insert(secret.to_lowercase());
    }
    if secret.starts_with('+') {
        spellings.insert(secret.replace(' ', ""));
    }
    spellings.retain(|spelling| spelling.chars().count() >= SHORTEST);
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_typed_is_found_in_a_log() {
        let log = |text: &str| format!("INFO ready\nDEBUG web: {text} status=200\nINFO ended");
        for typed in ["Thandiwe", "t.Banda@example.org", "+260 955 123 456", "I come \"late\"", "passeport été.pdf"] {
            keep(typed);
        }
        for planted in [
            "name=Thandiwe",
            "\"email\":\"t.banda@example.org\"",
            "to=t.Banda@example.org",
            "body=email=t.Banda%40example.org&x=y",
            "phone=+260955123456",
            "comments=\"I come \\\"late\\\"\"",
            "uri=/x?file=passeport%20%C3%A9t%C3%A9.pdf",
        ] {
            assert_eq!(betrayals(&log(planted)), [format!("DEBUG web: {planted} status=200")]);
        }
    }

    #[test]
    fn choices_days_and_short_words_betray_nobody() {
        for typed in ["delegate", "yes", "KE", "gluten_free", "2026-11-04", "42", ""] {
            keep(typed);
        }
        assert_eq!(betrayals("category=delegate yes KE gluten_free 2026-11-04 42"), [""; 0]);
    }
}

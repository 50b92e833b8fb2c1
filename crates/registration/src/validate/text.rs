//! What may stand in a text: characters, lengths, addresses.

use unicode_normalization::UnicodeNormalization;

use super::ProblemKind;

/// One line as it is kept: without outer white space, in normal form C (UAX #15); nothing if nothing of it can be seen.
pub(super) fn line(typed: &str) -> Result<String, ProblemKind> {
    let line: String = typed.trim().nfc().collect();
    if line.chars().any(|c| c.is_control() || is_misleading(c)) {
        return Err(ProblemKind::ForbiddenCharacters);
    }
    Ok(if is_blank(&line) { String::new() } else { line })
}

/// Several lines as they are kept: line breaks as LF, without outer white space, in normal form C; nothing if nothing of
/// them can be seen.
pub(super) fn lines(typed: &str) -> Result<String, ProblemKind> {
    let lines: String = typed.replace("\r\n", "\n").trim().nfc().collect();
    if lines.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_misleading(c)) {
        return Err(ProblemKind::ForbiddenCharacters);
    }
    Ok(if is_blank(&lines) { String::new() } else { lines })
}

/// Whether nothing of a text can be seen: it answers nothing. In a text that can be seen, joiners and the like stay, for
/// names in Persian and emoji need them.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Characters that show nothing by themselves: the property `Default_Ignorable_Code_Point` (UAX #44) with tags and
/// fillers, the empty braille pattern, and what stands for something that got lost (U+FFFD and its neighbours).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Judges a length in characters.
pub(super) fn length(text: &str, min: u32, max: u32) -> Result<(), ProblemKind> {
    let length = text.chars().count();
    if length > max as usize {
        Err(ProblemKind::TooLong(max))
    } else if length < min as usize {
        Err(ProblemKind::TooShort(min))
    } else {
        Ok(())
    }
}

/// Line separators and bidirectional embeddings, overrides and isolates (UAX #9): they can make a text look like another.
/// The marks that right-to-left names need are not among them.
pub(crate) fn is_misleading(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text cut to what can be printed in one line, at most `max` characters.
pub(super) fn printable(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !is_misleading(*c)).take(max).collect()
}

/// Domains that unwanted links are most often in, and that no name ends with after a dot.
const COMMON_DOMAINS: [&str; 14] =
    ["com", "org", "net", "info", "biz", "online", "site", "shop", "xyz", "top", "click", "link", "io", "ru"];

/// Whether a name holds a web address: the registrant's mail greets nobody by a link. Initials with dots are none.
pub(super) fn has_url(name: &str) -> bool {
    let name = name.to_lowercase();
    if name.contains("://") || name.contains("www.") || name.contains("](") {
        return true;
    }
    // "evil.com": mail programs make a link of it. Initials ("J.R.") and degrees ("Ph.D") are none of these.
    let mut words = name.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'));
    let is_host = |word: &str| {
        let parts = word.trim_matches('.').rsplit_once('.');
        parts.is_some_and(|(host, top)| host.chars().count() >= 2 && COMMON_DOMAINS.contains(&top))
    };
    if words.any(is_host) {
        return true;
    }
    // "evil.com/x": letters, a dot, at least two letters, a slash.
    name.match_indices('/').any(|(slash, _)| {
        let before = name[..slash].rsplit(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).next();
        before.and_then(|host| host.rsplit_once('.')).is_some_and(|(host, top)| {
            !host.is_empty() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)
        })
    })
}

/// Whether a text is a mail address that can be written to: RFC 5321 lengths, a dot-atom of ASCII before the one `@`
/// (RFC 5322, 3.2.3), a domain of at least two labels (IDN letters are taken as typed).
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let local_ok = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let top_ok = labels.last().is_some_and(|top| top.chars().any(char::is_alphabetic) && top.chars().count() >= 2);
    text.len() <= 254 && local_ok && labels.len() >= 2 && labels.into_iter().all(label_ok) && top_ok
}

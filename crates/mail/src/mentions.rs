//! Whether a composed mail names somebody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whether a mail, as it is sent, names somebody in its text: the name as a word or words of its own, in whatever encoding
/// the part has.
pub(crate) fn names(mail: &[u8], name: &str) -> bool {
    let name = name.trim();
    !name.is_empty()
        && [quoted_printable(mail), base64_blocks(mail)].iter().any(|text| has_words(&unescaped(text), name))
}

/// The mail with its quoted-printable parts (RFC 2045, 6.7) decoded.
fn quoted_printable(mail: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(mail.len());
    let mut rest = mail;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            decoded.push(*byte);
        } else if let Some(after) = after.strip_prefix(b"\r\n").or(after.strip_prefix(b"\n")) {
            rest = after;
        } else if let Some(value) = after.get(..2).and_then(hex) {
            decoded.push(value);
            rest = &after[2..];
        } else {
            decoded.push(b'=');
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What stands in lines of base64 (RFC 2045, 6.8), decoded.
fn base64_blocks(mail: &[u8]) -> String {
    let mut decoded = String::new();
    let mut block = Vec::new();
    let is_base64 = |line: &[u8]| {
        !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    };
    for line in mail.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).chain([&b""[..]]) {
        if is_base64(line) {
            block.extend_from_slice(line);
        } else {
            if let Ok(bytes) = STANDARD.decode(&block) {
                decoded.push_str(&String::from_utf8_lossy(&bytes));
                decoded.push('\n');
            }
            block.clear();
        }
    }
    decoded
}

/// What the templates escape, as it was.
fn unescaped(text: &str) -> String {
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#38;", "&")];
    escapes.into_iter().fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c))
}

fn has_words(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::samples::message;

    #[test]
    fn a_name_is_found_however_the_part_is_encoded() {
        for (name, filler) in [
            ("Thoko Banda", "plain"),
            ("Zoë O'Brien & \"Bo\" <x>", "é"),
            ("Thoko Banda", &"Ωμέγα ".repeat(40)),
            ("王小明", "王"),
            (&"Lopadotemachoselachogaleo".repeat(8), "x"),
        ] {
            let escaped = name.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;").replace('\'', "&#39;");
            for (text, html) in [
                (format!("{filler}\n{name}  KENET\n"), "<p></p>".to_owned()),
                (filler.to_owned(), format!("<p>{filler}</p><td>{}</td>", escaped.replace('"', "&#34;"))),
            ] {
                let mail = Message { text, html, ..message() }.to_bytes().unwrap();
                assert!(names(&mail, name), "{name}: {}", String::from_utf8_lossy(&mail));
                assert!(!names(&mail, "Li"));
                assert!(!names(&mail, ""));
            }
        }
    }

    #[test]
    fn a_part_of_a_word_is_no_name() {
        let mail = Message { text: "The Limit is 3.".to_owned(), ..message() }.to_bytes().unwrap();
        assert!(!names(&mail, "Li"));
        assert!(names(&mail, "Limit"));
    }
}

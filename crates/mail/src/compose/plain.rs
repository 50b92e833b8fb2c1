//! Plain text: what people typed made harmless, wrapped lines, aligned labels, columns.

use std::fmt::Write as _;

use presentation::words::Words;

use super::Fact;
use crate::message::{is_bidi_control, is_line_break};

/// Width of the text part, in characters.
pub(crate) const WIDTH: usize = 76;

/// Widest column of labels; a longer label gets a line of its own.
const LABELS: usize = 26;

/// A value of more lines is not set beside its label, but below it.
const MANY_LINES: usize = 30;

/// Text of one line. Line breaks and control characters become spaces; bidi controls become visible, so that nobody is
/// misled by an order they do not see. French has spaces that do not break: they stay.
pub(crate) fn line(text: &str) -> String {
    let breaks = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}');
    block(text).split(breaks).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text of several lines, made harmless as [`line()`] does.
pub(crate) fn block(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' | '\r' => clean.push('\n'),
            c if is_line_break(c) => clean.push('\n'),
            c if c.is_control() => clean.push(' '),
            c if is_bidi_control(c) => {
                // Writing to a String cannot fail.
                let _ = write!(clean, "[U+{:04X}]", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    clean
}

/// Lines of at most `width` characters, broken at spaces, and in a word that is longer. Only a link stays whole, or nobody
/// could follow it.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let (mut current, mut used) = (String::new(), 0);
        // U+00A0 and its like are no place to break: split only at spaces that may.
        for word in paragraph.split([' ', '\t']).filter(|word| !word.is_empty()) {
            for part in parts(word, width) {
                let wide = length(part);
                if used > 0 && used + 1 + wide > width {
                    lines.push(std::mem::take(&mut current));
                    used = 0;
                }
                if used > 0 {
                    current.push(' ');
                    used += 1;
                }
                current.push_str(part);
                used += wide;
            }
        }
        lines.push(current);
    }
    lines
}

/// A word in parts of at most `width` characters.
fn parts(word: &str, width: usize) -> Vec<&str> {
    if length(word) <= width || word.contains("://") {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(width).map_or(rest.len(), |(index, _)| index);
        let (part, more) = rest.split_at(end);
        parts.push(part);
        rest = more;
    }
    parts
}

/// A paragraph wrapped to the width of the mail.
pub(crate) fn paragraph(text: &str) -> String {
    wrap(text, WIDTH).join("\n")
}

/// A heading with a rule below it.
pub(crate) fn heading(text: &str) -> String {
    ruled(text, "-")
}

/// A heading above others.
pub(crate) fn title(text: &str) -> String {
    ruled(text, "=")
}

fn ruled(text: &str, rule: &str) -> String {
    let lines = wrap(text, WIDTH);
    let width = lines.iter().map(|line| length(line)).max().unwrap_or_default();
    format!("{}\n{}", lines.join("\n"), rule.repeat(width))
}

/// Lines set off by two spaces.
pub(crate) fn indented(text: &str) -> String {
    wrap(text, WIDTH - 2).iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Labels in a column, values in another one beside it.
pub(crate) fn facts(facts: &[Fact], words: &Words) -> String {
    let labels: Vec<String> = facts.iter().map(|fact| label(&fact.label, words)).collect();
    let column = labels.iter().map(|label| length(label)).filter(|width| *width <= LABELS).max().unwrap_or(4) + 2;
    let mut lines = Vec::new();
    for (label, fact) in labels.iter().zip(facts) {
        let values = wrap(&fact.value, WIDTH - column);
        if values.len() > MANY_LINES {
            lines.extend(wrap(label, WIDTH));
            lines.push(indented(&fact.value));
            continue;
        }
        let mut values = values.into_iter();
        if length(label) + 2 > column {
            lines.extend(wrap(label, WIDTH));
        } else {
            lines.push(pad(label, column) + &values.next().unwrap_or_default());
        }
        lines.extend(values.map(|value| " ".repeat(column) + &value));
    }
    lines.join("\n")
}

/// Labels and numbers, the numbers flush right; a longer label goes on below.
pub(crate) fn numbers(facts: &[Fact]) -> String {
    let labels = facts.iter().map(|fact| length(&fact.label)).max().unwrap_or_default().min(48);
    let values = facts.iter().map(|fact| length(&fact.value)).max().unwrap_or_default();
    let mut lines = Vec::new();
    for fact in facts {
        let gap = values.saturating_sub(length(&fact.value)) + 2;
        let mut label = wrap(&fact.label, labels.max(1)).into_iter();
        let first = label.next().unwrap_or_default();
        lines.push(format!("  {}{}{}", pad(&first, labels), " ".repeat(gap), fact.value));
        lines.extend(label.map(|more| format!("  {more}")));
    }
    lines.join("\n")
}

/// Rows in columns of these widths; a cell that is longer goes on below.
pub(crate) fn columns<const N: usize>(widths: [usize; N], rows: &[[&str; N]]) -> String {
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| cell_lines(cell, width)).collect();
        for index in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(widths) {
                line.push_str(&pad(cell.get(index).map_or("", String::as_str), width));
                line.push_str("  ");
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines.join("\n")
}

/// A wrapped cell; unlike a paragraph's, its long words are broken, or they would push the next columns aside.
fn cell_lines(cell: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrap(cell, width) {
        let letters: Vec<char> = line.chars().collect();
        if letters.is_empty() {
            lines.push(String::new());
        }
        lines.extend(letters.chunks(width).map(|part| part.iter().collect::<String>()));
    }
    lines
}

/// No trailing spaces, and one blank line where templates leave several.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && blank) {
            tidied.push_str(line);
            tidied.push('\n');
        }
        blank = line.is_empty();
    }
    tidied.truncate(tidied.trim_end().len());
    tidied.push('\n');
    tidied
}

/// `Label:` as the language writes it; a question keeps its question mark.
fn label(label: &str, words: &Words) -> String {
    if label.ends_with(['?', ':', '!', '.']) {
        label.to_owned()
    } else {
        words.fill("mail-label", &[("label", label.into())])
    }
}

fn pad(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(length(text)))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use registration::language::Language;

    use super::*;

    #[test]
    fn what_could_mislead_becomes_visible_or_goes() {
        assert_eq!(line("a\u{202e}b\r\nc\u{0}d\u{2028}e"), "a[U+202E]b c d e");
        assert_eq!(line(" Nil\u{a0};\u{3000} Lac "), "Nil\u{a0}; Lac");
        assert_eq!(block("a\r\nb\rc\u{7}"), "a\nb\nc ");
        assert_eq!(line("{x} [a](http://evil) <script> \u{200f}سلام"), "{x} [a](http://evil) <script> \u{200f}سلام");
    }

    #[test]
    fn labels_and_values_stand_in_columns() {
        let facts = [
            Fact::new("Name".to_owned(), "Thoko"),
            Fact::new("Do you need an invitation letter for your visa?".to_owned(), "Yes"),
            Fact::new("Remarks".to_owned(), format!("{}\n\nEnd", "word ".repeat(20))),
        ];
        assert_eq!(
            super::facts(&facts, Words::of(Language::En)),
            "Name:     Thoko\n\
             Do you need an invitation letter for your visa?\n          Yes\n\
             Remarks:  word word word word word word word word word word word word word\n\
             \x20         word word word word word word word\n          \n          End"
        );
    }

    #[test]
    fn a_long_word_is_broken_and_a_link_is_not() {
        assert_eq!(wrap("to abcdefghijkl, or", 5), ["to", "abcde", "fghij", "kl,", "or"]);
        assert_eq!(wrap("see https://example.org/x", 5), ["see", "https://example.org/x"]);
        assert_eq!(heading(&"x".repeat(80)).lines().map(length).collect::<Vec<_>>(), [76, 4, 76]);
    }

    #[test]
    fn a_value_of_many_lines_stands_below_its_label() {
        let facts = [Fact::new("Comments".to_owned(), "a\n".repeat(31))];
        assert!(super::facts(&facts, Words::of(Language::En)).starts_with("Comments:\n  a\n  a\n"));
    }

    #[test]
    fn numbers_are_flush_right() {
        let facts = [Fact::new("Confirmed".to_owned(), "1,234"), Fact::new("Waiting".to_owned(), "7")];
        assert_eq!(numbers(&facts), "  Confirmed  1,234\n  Waiting        7");
    }

    #[test]
    fn long_cells_go_on_below() {
        assert_eq!(columns([5, 4], &[["Ada of Kent", "abcdef"], ["B", ""]]), "Ada    abcd\nof     ef\nKent\nB");
    }

    #[test]
    fn templates_may_leave_blank_lines() {
        assert_eq!(tidy("\n\na  \n\n\n\nb\n\n"), "a\n\nb\n");
    }

    proptest! {
        #[test]
        fn wrapped_lines_keep_every_letter_and_the_width(text in "[a-z ]{0,200}") {
            let lines = wrap(&text, 20);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&lines.join("")).concat(), words(&text).concat());
            for line in lines {
                prop_assert!(line.len() <= 20);
            }
        }

        #[test]
        fn no_row_is_wider_than_its_columns(a in "\\PC{0,60}", b in "\\PC{0,60}") {
            let (a, b) = (line(&a), line(&b));
            for line in columns([10, 8], &[[&a, &b]]).lines() {
                prop_assert!(line.chars().count() <= 20);
            }
        }
    }
}

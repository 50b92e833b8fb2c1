//! Numbers, plural rules and missing messages.

use presentation::words::Words;
use registration::language::Language;

#[test]
fn numbers_are_grouped_as_the_language_does() {
    let number = |n| Language::ALL.map(|language| Words::of(language).number(n));
    assert_eq!(number(0), ["0", "0"]);
    assert_eq!(number(999), ["999", "999"]);
    assert_eq!(number(1_234), ["1,234", "1\u{202f}234"]);
    assert_eq!(number(-1_234_567), ["−1,234,567", "−1\u{202f}234\u{202f}567"]);
    assert_eq!(number(i64::MIN)[0], "−9,223,372,036,854,775,808");
}

#[test]
fn a_count_is_grouped_inside_a_message_too() {
    let say = |n: i64| Language::ALL.map(|language| Words::of(language).fill("problem-too-long", &[("n", n.into())]));
    assert_eq!(
        say(2000),
        [
            "This is too long. Write at most 2,000 characters.",
            "C’est trop long. Écrivez 2\u{202f}000 caractères au plus."
        ]
    );
}

#[test]
fn plural_rules_are_those_of_the_language() {
    let say = |n: i64| Language::ALL.map(|language| Words::of(language).fill("size-bytes", &[("n", n.into())]));
    assert_eq!(say(0), ["0 bytes", "0 octet"]);
    assert_eq!(say(1), ["1 byte", "1 octet"]);
    assert_eq!(say(2), ["2 bytes", "2 octets"]);
}

#[test]
fn values_go_in_as_they_are_and_without_invisible_characters() {
    let words = Words::of(Language::En);
    let hostile = "{ $x } <b> \u{202e}abc";
    assert_eq!(words.fill("quote", &[("text", hostile.into())]), format!("“{hostile}”"));
}

#[test]
fn a_message_that_nobody_has_gives_its_key() {
    assert_eq!(Words::of(Language::Fr).get("no-such-message"), "no-such-message");
    assert!(!Words::of(Language::Fr).has("no-such-message"));
    assert!(Words::of(Language::Fr).has("month-1"));
}

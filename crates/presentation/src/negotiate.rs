//! Which languages a browser asks for.

use registration::language::Language;

/// Longest header that is looked at, in bytes; browsers send less than a tenth of it.
const MAX_HEADER: usize = 4096;

/// The languages of an `Accept-Language` header that Karibu speaks, best first, each once (RFC 9110, section 12.5.4). Only
/// the primary subtag counts (`fr-CM` is French). Unknown languages, `*`, weights of 0 and what is not well-formed are
/// left out; a header of more than 4 KiB counts as none.
pub fn accept_language(header: Option<&str>) -> Vec<Language> {
    let header = header.filter(|header| header.len() <= MAX_HEADER).unwrap_or_default();
    let mut wanted: Vec<(u16, Language)> = header.split(',').filter_map(range).collect();
    // The sort is stable: equal weights keep the order of the header.
    wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let mut languages = Vec::new();
    for (_, language) in wanted {
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    languages
}

/// One language range with its weight in thousandths.
fn range(part: &str) -> Option<(u16, Language)> {
    let (tag, weight) = match part.split_once(';') {
        None => (part, 1000),
        Some((tag, parameter)) => {
            let (name, value) = parameter.split_once('=')?;
            let weight = if name.trim().eq_ignore_ascii_case("q") { thousandths(value.trim())? } else { return None };
            (tag, weight)
        }
    };
    let language = tag.trim().parse().ok()?;
    (weight > 0).then_some((weight, language))
}

/// `qvalue` of RFC 9110, section 12.4.2: 0 to 1 with at most three decimals.
fn thousandths(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use Language::{En, Fr};
    use proptest::prelude::*;

    use super::*;

    fn of(header: &str) -> Vec<Language> {
        accept_language(Some(header))
    }

    #[test]
    fn the_best_language_comes_first() {
        assert_eq!(of("fr-CM,fr;q=0.9,en;q=0.8"), [Fr, En]);
        assert_eq!(of("en;q=0.2, fr;q=0.7"), [Fr, En]);
        assert_eq!(of("en, fr"), [En, Fr]);
        assert_eq!(of("sw-TZ, pt;q=0.9, FR;Q=0.3"), [Fr]);
        assert_eq!(of("en;q=0.5, fr;q=0.55, en;q=0.6"), [En, Fr]);
    }

    #[test]
    fn what_nobody_asked_for_is_not_there() {
        assert_eq!(accept_language(None), []);
        for header in ["", "*", "de", "fr;q=0", "fr;q=0.000", "english", "*;q=0.5", ",;,=", "-", "fr;level=1"] {
            assert_eq!(of(header), [], "{header:?}");
        }
    }

    #[test]
    fn a_malformed_weight_loses_its_language_only() {
        for weight in ["2", "-1", "0.1234", "1.001", "NaN", "1e3", "", "0,5.", "٣", "0.٣"] {
            assert_eq!(of(&format!("fr;q={weight},en;q=0.1")), [En], "{weight:?}");
        }
    }

    #[test]
    fn a_hostile_length_costs_nothing() {
        assert_eq!(of(&"fr,".repeat(1_000_000)), []);
        assert_eq!(of(&"fr,".repeat(1_000)), [Fr]);
    }

    proptest! {
        #[test]
        fn any_header_gives_each_language_at_most_once(header in ".*") {
            let languages = of(&header);
            prop_assert!(languages.len() <= 2);
            prop_assert!(languages.len() < 2 || languages[0] != languages[1]);
        }
    }
}

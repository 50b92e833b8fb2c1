//! Country names in the reader's language.
//!
//! `data/countries.tsv` holds the 249 codes of ISO 3166-1 with their names in Unicode CLDR (as Babel 2.18 has them): the standard names, and for
//! HK, MO and PS CLDR's short ones, so that people find them under the letter they look for.

use std::sync::LazyLock;

use registration::language::Language;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// By code: code, English name, French name.
static TABLE: &str = include_str!("../data/countries.tsv");

type Names = Vec<(&'static str, &'static str)>;

static EN: LazyLock<Names> = LazyLock::new(|| by_name(Language::En));
static FR: LazyLock<Names> = LazyLock::new(|| by_name(Language::Fr));
static CODES: LazyLock<Vec<[&'static str; 3]>> = LazyLock::new(|| rows().collect());

/// All countries as (ISO 3166-1 alpha-2 code, name), sorted by name as the language sorts: accents, case and punctuation
/// do not count.
pub fn all(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::En => &EN,
        Language::Fr => &FR,
    }
}

/// The name of one country.
pub fn name(code: &str, language: Language) -> Option<&'static str> {
    let row = CODES.binary_search_by_key(&code, |row| row[0]).ok()?;
    Some(CODES[row][column(language)])
}

fn column(language: Language) -> usize {
    match language {
        Language::En => 1,
        Language::Fr => 2,
    }
}

fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some([cells.next()?, cells.next()?, cells.next()?])
    })
}

fn by_name(language: Language) -> Names {
    let mut names: Names = rows().map(|row| (row[0], row[column(language)])).collect();
    names.sort_by_cached_key(|(_, name)| sort_key(name));
    names
}

/// The letters of a name without accents, in lower case; everything else parts words.
fn sort_key(name: &str) -> String {
    let plain: String = name
        .nfd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .map(|letter| if letter.is_alphanumeric() { letter } else { ' ' })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_code_and_a_name_in_both_languages() {
        assert_eq!(CODES.len(), 249);
        assert!(CODES.is_sorted());
        for row in CODES.iter() {
            assert!(row[0].len() == 2 && row[0].bytes().all(|byte| byte.is_ascii_uppercase()), "{row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty() && cell.trim() == *cell), "{row:?}");
        }
        for language in Language::ALL {
            let mut names: Vec<_> = all(language).iter().map(|(_, name)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 249, "two countries have one name in {language}");
        }
    }

    #[test]
    fn the_codes_are_those_that_the_rules_take() {
        for row in CODES.iter() {
            assert!(registration::country::is_code(row[0]), "{row:?}");
        }
        let letters = 'A'..='Z';
        let known = letters.clone().flat_map(|a| letters.clone().map(move |b| format!("{a}{b}")));
        assert_eq!(known.filter(|code| registration::country::is_code(code)).count(), 249);
    }

    #[test]
    fn names_come_in_the_readers_language() {
        assert_eq!(name("ZM", Language::En), Some("Zambia"));
        assert_eq!(name("ZM", Language::Fr), Some("Zambie"));
        assert_eq!(name("CI", Language::En), Some("Côte d’Ivoire"));
        assert_eq!(name("DE", Language::Fr), Some("Allemagne"));
        assert_eq!(name("HK", Language::Fr), Some("Hong Kong"));
        assert_eq!(name("XX", Language::En), None);
        assert_eq!(name("zm", Language::En), None);
        assert_eq!(name("", Language::En), None);
    }

    #[test]
    fn accents_do_not_send_a_country_to_the_end() {
        let place = |code: &str, language| all(language).iter().position(|(known, _)| *known == code);
        assert!(place("AX", Language::En) < place("AL", Language::En), "Åland Islands come before Albania");
        assert!(place("EC", Language::Fr) < place("ES", Language::Fr), "Équateur comes before Espagne");
        assert!(place("EG", Language::Fr) < place("EC", Language::Fr), "Égypte comes before Équateur");
        assert!(place("GN", Language::En) < place("GW", Language::En), "Guinea comes before Guinea-Bissau");
        assert_eq!(all(Language::En).last(), Some(&("ZW", "Zimbabwe")));
        assert_eq!(all(Language::Fr).last(), Some(&("ZW", "Zimbabwe")));
    }
}

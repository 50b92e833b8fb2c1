//! Telephone numbers of any country, kept as E.164.

use phonenumber::Mode;
use phonenumber::country::Id;

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneProblem {
    /// A local number, and no country is chosen to go with it.
    NoCountry,
    /// Not a possible number.
    Invalid,
}

/// Reads a number as people write it (spaces, dots, brackets, `00` or `+`), a local one with the country `region` (ISO
/// 3166-1 alpha-2), and gives E.164 (ITU-T E.164): `+` and at most 15 digits.
pub fn to_e164(written: &str, region: Option<&str>) -> Result<String, PhoneProblem> {
    let plain = plain(written).ok_or(PhoneProblem::Invalid)?;
    let region = region.and_then(|code| code.parse::<Id>().ok());
    if !plain.starts_with('+') && region.is_none() {
        return Err(PhoneProblem::NoCountry);
    }
    let number = phonenumber::parse(region, &plain).map_err(|_| PhoneProblem::Invalid)?;
    let e164 = number.format().mode(Mode::E164).to_string();
    // Possible by length is enough: numbering plans grow faster than tables of valid prefixes.
    let digits = e164.len() - 1;
    let national = digits.saturating_sub(number.country().code().to_string().len());
    // What is kept must be read back as the same number, which odd ones with zeros in front are not.
    let again = phonenumber::parse(None, &e164).map(|again| again.format().mode(Mode::E164).to_string());
    let sound = e164[1..].bytes().all(|digit| digit.is_ascii_digit()) && again.is_ok_and(|again| again == e164);
    if sound && digits <= 15 && (4..=14).contains(&national) && digits >= 7 {
        Ok(e164)
    } else {
        Err(PhoneProblem::Invalid)
    }
}

/// Digits with at most one `+` in front, from what people write; `None` if there is anything else in it.
///
/// The parser below it is made for clean numbers: nothing else reaches it.
fn plain(written: &str) -> Option<String> {
    if written.chars().count() > 40 {
        return None;
    }
    let mut plain = String::new();
    for c in written.trim().chars() {
        match c {
            '+' | '\u{ff0b}' if plain.is_empty() => plain.push('+'),
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}'..='\u{2013}' | '.' | '/' | '(' | ')' => {}
            c if c.is_ascii_digit() => plain.push(c),
            // Full-width, Arabic-Indic and extended Arabic-Indic digits.
            '\u{ff10}'..='\u{ff19}' => plain.push(digit(c, 0xff10)?),
            '\u{660}'..='\u{669}' => plain.push(digit(c, 0x660)?),
            '\u{6f0}'..='\u{6f9}' => plain.push(digit(c, 0x6f0)?),
            _ => return None,
        }
    }
    // The international prefix of most of the world, and (0) as it is written in Europe: +44 (0)20 …
    if let Some(rest) = plain.strip_prefix("00") {
        plain = format!("+{rest}");
    }
    let digits = plain.trim_start_matches('+').len();
    (3..=17).contains(&digits).then_some(plain)
}

fn digit(c: char, zero: u32) -> Option<char> {
    char::from_digit(u32::from(c).checked_sub(zero)?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_country_become_e164() {
        for (written, region, e164) in [
            ("+254 712 345 678", None, "+254712345678"),
            ("0712 345 678", Some("KE"), "+254712345678"),
            ("0712-345-678", Some("KE"), "+254712345678"),
            ("00254712345678", Some("MG"), "+254712345678"),
            ("032 11 222 33", Some("MG"), "+261321122233"),
            ("(021) 650 9111", Some("ZA"), "+27216509111"),
            ("+33 1 42 68 53 00", Some("KE"), "+33142685300"),
            ("06 12 34 56 78", Some("FR"), "+33612345678"),
            ("+1 (202) 456-1111", None, "+12024561111"),
            ("\u{ff0b}254\u{a0}712\u{a0}345\u{a0}678", None, "+254712345678"),
            ("\u{660}\u{667}12345678", Some("KE"), "+254712345678"),
        ] {
            assert_eq!(to_e164(written, region).as_deref(), Ok(e164), "{written}");
        }
    }

    #[test]
    fn a_local_number_needs_a_country() {
        assert_eq!(to_e164("0712 345 678", None), Err(PhoneProblem::NoCountry));
        assert_eq!(to_e164("0712 345 678", Some("XX")), Err(PhoneProblem::NoCountry));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for written in
            ["", "+", "12", "call me", "+254 712 abc", "+999999999999999999", "++254712345678", "+254<script>", "=1+1"]
        {
            assert!(to_e164(written, Some("KE")).is_err(), "{written}");
        }
    }
}

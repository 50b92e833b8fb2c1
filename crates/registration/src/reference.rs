//! The reference of a registration, as people read it out on the telephone.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32 (<https://www.crockford.com/base32.html>): no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters before the check character.
const DIGITS: usize = 7;

/// The check character's value. The plain value mod 32 would be the last digit again and catch nothing else, so the digits
/// are weighed by odd numbers first: every slip in one character and most exchanges of two neighbours change it.
fn check_value(value: u64) -> u64 {
    (0..DIGITS as u64).map(|n| (value >> (5 * n) & 31) * (2 * n + 3)).sum::<u64>() % 32
}

/// A reference like `KC-7F3K-2M9Q`: seven characters of Crockford's base 32 and a check character (a weighted sum mod 32), in
/// two groups of four. Reading is forgiving: case, spaces and hyphens do not matter, `O` is `0`, `I` and `L` are `1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

/// Not a reference, or one with a slip of the pen.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reference; they look like KC-7F3K-2M9Q")]
pub struct BadReference;

impl Reference {
    /// A reference from random bits (the lowest 35 count).
    pub fn from_bits(bits: u64) -> Self {
        let value = bits & ((1 << (5 * DIGITS)) - 1);
        let digit = |n: usize| char::from(ALPHABET[(value >> (5 * (DIGITS - 1 - n)) & 31) as usize]);
        let digits: String = (0..DIGITS).map(digit).collect();
        let check = char::from(ALPHABET[check_value(value) as usize]);
        Self(format!("KC-{}-{}{check}", &digits[..4], &digits[4..]))
    }

    /// The written form, with prefix and hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Nothing that could be a reference is longer, however it is spaced.
        if text.len() > 64 {
            return Err(BadReference);
        }
        let plain: String =
            text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
        let digits = plain.strip_prefix("KC").filter(|rest| rest.len() == DIGITS + 1).unwrap_or(&plain);
        if digits.chars().count() != DIGITS + 1 {
            return Err(BadReference);
        }
        let mut values = digits.chars().map(|c| {
            let c = match c {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            ALPHABET.iter().position(|known| char::from(*known) == c).map(|at| at as u64).ok_or(BadReference)
        });
        let mut value = 0;
        for digit in values.by_ref().take(DIGITS) {
            value = value << 5 | digit?;
        }
        let check = values.next().ok_or(BadReference)??;
        if check != check_value(value) {
            return Err(BadReference);
        }
        Ok(Self::from_bits(value))
    }
}

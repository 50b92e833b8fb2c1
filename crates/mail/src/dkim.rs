//! Signatures by DKIM (RFC 6376, RFC 8463): relaxed/relaxed, RSA or Ed25519, by ring.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};

use crate::SendError;

/// What is signed if it is there. No `Content-Type`: relays write it anew.
const HEADERS: [&str; 11] = [
    "From",
    "Subject",
    "To",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Reply-To",
    "List-Id",
    "Auto-Submitted",
    "In-Reply-To",
    "References",
];

/// What nobody may add on the way: signed once more than it is there (RFC 6376, section 5.4.2).
const CLOSED: [&str; 5] = ["From", "Subject", "To", "Date", "Reply-To"];

/// A signing key and where its public half is published.
pub struct Dkim {
    key: Key,
    selector: String,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// What is wrong with the settings, and what would be right. Never tells the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// The key.
    #[error(
        "it is no private key for DKIM: give the PEM text of an Ed25519 key or of an RSA key of 2048 to 4096 bits, as `openssl \
         genpkey -algorithm ed25519` or `openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048` prints it"
    )]
    Key,
    /// The selector.
    #[error(
        "it is no selector: give the name under which the key is published before ._domainkey, of letters, digits, hyphens and \
         dots, such as karibu2026"
    )]
    Selector,
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dkim").field("selector", &self.selector).finish_non_exhaustive()
    }
}

impl Dkim {
    /// With a private key as PEM (PKCS#8, or PKCS#1 for RSA) and the selector under which its public half is published.
    pub fn new(pem: &str, selector: &str) -> Result<Self, DkimError> {
        let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_label = |part: &str| {
            (1..=63).contains(&part.len()) && part.chars().all(label) && !part.starts_with('-') && !part.ends_with('-')
        };
        if selector.len() > 200 || !selector.split('.').all(is_label) {
            return Err(DkimError::Selector);
        }
        let der = der(pem).ok_or(DkimError::Key)?;
        let rsa = || RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        let key = match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            Ok(pair) => Key::Ed25519(pair),
            Err(_) => Key::Rsa(Box::new(rsa().map_err(|_| DkimError::Key)?)),
        };
        Ok(Self { key, selector: selector.to_ascii_lowercase() })
    }

    /// The selector.
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// The text of the TXT record at `SELECTOR._domainkey.DOMAIN`.
    pub fn record(&self) -> String {
        match &self.key {
            Key::Rsa(pair) => format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public_key_info(pair.public().as_ref()))),
            Key::Ed25519(pair) => format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(pair.public_key())),
        }
    }

    /// The message with a signature of `domain` before it. Fails with [`SendError::Relay`] if the system has no random bytes.
    pub(crate) fn sign(&self, message: &[u8], domain: &str, at: Timestamp) -> Result<Vec<u8>, SendError> {
        let text = String::from_utf8_lossy(message);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let headers = headers(head);
        let (names, mut signed) = chosen(&headers);
        let algorithm = match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        };
        let body_hash = STANDARD.encode(digest(&SHA256, relaxed_body(body).as_bytes()));
        let value = format!(
            " v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n s={}; t={}; h={};\r\n bh={body_hash};\r\n b=",
            self.selector,
            at.as_second(),
            names.chunks(6).map(|names| names.join(":")).collect::<Vec<_>>().join(":\r\n  "),
        );
        signed.push_str(&relaxed_header("DKIM-Signature", &value));
        let signature = STANDARD.encode(self.signature(signed.as_bytes())?);
        let folded: Vec<&str> = signature.as_bytes().chunks(70).filter_map(|part| str::from_utf8(part).ok()).collect();
        let mut whole = format!("DKIM-Signature:{value}{}\r\n", folded.join("\r\n  ")).into_bytes();
        whole.extend_from_slice(message);
        Ok(whole)
    }

    fn signature(&self, data: &[u8]) -> Result<Vec<u8>, SendError> {
        match &self.key {
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .map_err(|_| SendError::Relay("DKIM: the message could not be signed".to_owned()))?;
                Ok(signature)
            }
            // What is signed is the hash (RFC 8463, section 3).
            Key::Ed25519(pair) => Ok(pair.sign(digest(&SHA256, data).as_ref()).as_ref().to_vec()),
        }
    }
}

/// The bytes of a PEM private key. In an environment variable, `\n` may stand for line ends.
fn der(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.replace("\\n", "\n");
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (base64, _) = rest.split_once("-----END ")?;
    let base64: String = base64.split_whitespace().collect();
    matches!(kind, "PRIVATE KEY" | "RSA PRIVATE KEY").then(|| STANDARD.decode(base64).ok()).flatten()
}

/// An RSA public key as `SubjectPublicKeyInfo` (RFC 5280), which is what verifiers expect.
fn public_key_info(key: &[u8]) -> Vec<u8> {
    // rsaEncryption with NULL parameters (RFC 3279).
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = [&[0][..], key].concat();
    let content = [&ALGORITHM[..], &element(0x03, &bits)].concat();
    element(0x30, &content)
}

/// A DER element of up to 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    let length: &[u8] = match content.len() {
        0..128 => &[low],
        128..256 => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

/// Names and values, with their folds.
fn headers(head: &str) -> Vec<(&str, String)> {
    let mut headers: Vec<(&str, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), headers.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => {
                value.push_str("\r\n");
                value.push_str(line);
            }
            (false, _, Some((name, value))) => headers.push((name, value.to_owned())),
            _ => {}
        }
    }
    headers
}

/// The names of the headers to sign, and the headers as they are hashed.
fn chosen(headers: &[(&str, String)]) -> (Vec<String>, String) {
    let (mut names, mut signed) = (Vec::new(), String::new());
    for name in HEADERS {
        let lower = name.to_ascii_lowercase();
        // Of several, the last one comes first (RFC 6376, section 5.4.2).
        for (_, value) in headers.iter().rev().filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
            signed.push_str(&relaxed_header(name, value));
            signed.push_str("\r\n");
            names.push(lower.clone());
        }
        if CLOSED.contains(&name) {
            names.push(lower);
        }
    }
    (names, signed)
}

/// RFC 6376, section 3.4.2, without the line end.
fn relaxed_header(name: &str, value: &str) -> String {
    let value = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{}:{value}", name.to_ascii_lowercase())
}

/// RFC 6376, section 3.4.4.
fn relaxed_body(body: &str) -> String {
    let mut lines: Vec<String> = body.split("\r\n").map(relaxed_line).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.iter().flat_map(|line| [line, "\r\n"]).collect()
}

fn relaxed_line(line: &str) -> String {
    let mut relaxed = String::with_capacity(line.len());
    let mut blank = false;
    for c in line.chars() {
        if matches!(c, ' ' | '\t') {
            blank = true;
        } else {
            if std::mem::take(&mut blank) {
                relaxed.push(' ');
            }
            relaxed.push(c);
        }
    }
    relaxed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_body_are_relaxed_as_the_rfc_shows() {
        // RFC 6376, section 3.4.5.
        let headers = headers("A: X\r\nB : Y\t\r\n\tZ  ");
        assert_eq!(relaxed_header(headers[0].0, &headers[0].1), "a:X");
        assert_eq!(relaxed_header(headers[1].0.trim_end(), &headers[1].1), "b:Y Z");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(relaxed_body(""), "");
        assert_eq!(relaxed_body("\r\n\r\n"), "");
    }

    #[test]
    fn what_is_no_key_or_selector_is_told() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
        assert_eq!(Dkim::new(key, "karibu2026").unwrap().record().matches("k=ed25519; p=").count(), 1);
        assert!(Dkim::new(&key.replace('\n', "\\n"), "a.b-c").is_ok());
        for selector in ["", "a b", "-a", "a..b", "a;b", "é"] {
            assert_eq!(Dkim::new(key, selector).unwrap_err(), DkimError::Selector, "{selector:?}");
        }
        for wrong in ["", "secret", &key.replace("PRIVATE", "PUBLIC"), &key.replace("MC4CAQ", "MC4CAA")] {
            let told = Dkim::new(wrong, "a").unwrap_err().to_string();
            assert!(told.contains("openssl genpkey") && !told.contains("secret"), "{told}");
        }
    }
}

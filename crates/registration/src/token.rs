//! Signed tokens: the form's own, and the links that let somebody read a registration.
//!
//! A token is `base64url(payload) + "." + base64url(HMAC-SHA-256(key, purpose || payload))` (RFC 2104, RFC 4648 §5); the
//! purpose keeps a token of one kind from being taken for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::ids::{EventId, RegistrationId, SubmissionId};

/// How long a form's token is valid.
pub const FORM_TOKEN_DAYS: i64 = 30;

/// How long an organiser's link is valid.
pub const ORGANIZER_LINK_DAYS: i64 = 30;

/// How long the proof of a check is valid.
pub const PROOF_MINUTES: i64 = 10;

/// Ends the payload of a form's token that carries [`FormToken::asked`].
const ASKED: u8 = 1;

/// Signs with the first key and accepts all of them: the list is how keys are rotated.
#[derive(Clone)]
pub struct Signer {
    keys: Vec<Vec<u8>>,
}

/// The token is not ours, was changed, is of another kind, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not ours, changed, or of another kind.
    #[error("not a valid token")]
    Invalid,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
}

/// What a form carries from its GET to its POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormToken {
    /// Event.
    pub event: EventId,
    /// Form version that was shown.
    pub form_version: i32,
    /// Submission id that was given with it.
    pub submission: SubmissionId,
    /// When the form was opened; whole seconds.
    pub opened: Timestamp,
    /// It came back once because something about it was not like a person's, and said "press again": whoever then presses
    /// again is not asked a second time.
    pub asked: bool,
}

/// What an organiser's link opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizerToken {
    /// Event.
    pub event: EventId,
    /// One registration, or with `None` the event's whole list.
    pub registration: Option<RegistrationId>,
    /// The organiser it was made for.
    pub organizer: String,
    /// When it ends; whole seconds.
    pub expires: Timestamp,
}

impl Signer {
    /// A signer with these keys, the first one signing; each at least 32 bytes. None of them is ever shown.
    pub fn new(keys: Vec<Vec<u8>>) -> Self {
        Self { keys }
    }

    /// Signs a form's token.
    pub fn form(&self, token: &FormToken) -> String {
        let mut payload = Vec::with_capacity(36);
        payload.extend(token.event.0.to_be_bytes());
        payload.extend(token.form_version.to_be_bytes());
        payload.extend(token.submission.0.as_bytes());
        payload.extend(token.opened.as_second().to_be_bytes());
        if token.asked {
            payload.push(ASKED);
        }
        self.seal(Purpose::Form, &payload)
    }

    /// Reads a form's token; too old is after [`FORM_TOKEN_DAYS`].
    pub fn read_form(&self, text: &str, now: Timestamp) -> Result<FormToken, TokenError> {
        let token = self.read_form_of_any_age(text)?;
        if now > token.opened + SignedDuration::from_hours(24 * FORM_TOKEN_DAYS) {
            return Err(TokenError::Expired);
        }
        Ok(token)
    }

    /// Reads a form's token however old it is: an old one proves nothing but that the submission id in it was ours.
    pub fn read_form_of_any_age(&self, text: &str) -> Result<FormToken, TokenError> {
        let payload = self.open(Purpose::Form, text)?;
        let mut rest = payload.as_slice();
        let token = FormToken {
            event: EventId(i64::from_be_bytes(take(&mut rest)?)),
            form_version: i32::from_be_bytes(take(&mut rest)?),
            submission: SubmissionId(uuid::Uuid::from_bytes(take(&mut rest)?)),
            opened: time(&mut rest)?,
            asked: rest == [ASKED],
        };
        if rest.is_empty() || token.asked { Ok(token) } else { Err(TokenError::Invalid) }
    }

    /// Signs the link of the page after registering; it does not expire.
    pub fn registered(&self, id: RegistrationId) -> String {
        self.seal(Purpose::Registered, id.0.as_bytes())
    }

    /// Reads the link of the page after registering.
    pub fn read_registered(&self, text: &str) -> Result<RegistrationId, TokenError> {
        self.read_registration(Purpose::Registered, text)
    }

    /// Signs the link by which a registrant adds or replaces attachments. It carries no date: it works until the event's
    /// registration closes, also when that is moved after the link was mailed.
    pub fn attachments(&self, id: RegistrationId) -> String {
        self.seal(Purpose::Attachments, id.0.as_bytes())
    }

    /// Reads the link by which a registrant adds or replaces attachments.
    pub fn read_attachments(&self, text: &str) -> Result<RegistrationId, TokenError> {
        self.read_registration(Purpose::Attachments, text)
    }

    /// Signs an organiser's link.
    pub fn organizer(&self, token: &OrganizerToken) -> String {
        let mut payload = Vec::with_capacity(64);
        payload.extend(token.event.0.to_be_bytes());
        // A list is the nil UUID, which no registration has.
        payload.extend(token.registration.map_or(uuid::Uuid::nil(), |id| id.0).as_bytes());
        payload.extend(token.expires.as_second().to_be_bytes());
        payload.extend(token.organizer.as_bytes());
        self.seal(Purpose::Organizer, &payload)
    }

    /// Reads an organiser's link.
    pub fn read_organizer(&self, text: &str, now: Timestamp) -> Result<OrganizerToken, TokenError> {
        let payload = self.open(Purpose::Organizer, text)?;
        let mut rest = payload.as_slice();
        let event = EventId(i64::from_be_bytes(take(&mut rest)?));
        let registration = uuid::Uuid::from_bytes(take(&mut rest)?);
        let expires = time(&mut rest)?;
        let organizer = String::from_utf8(rest.to_vec()).map_err(|_| TokenError::Invalid)?;
        if now > expires {
            return Err(TokenError::Expired);
        }
        let registration = (!registration.is_nil()).then_some(RegistrationId(registration));
        Ok(OrganizerToken { event, registration, organizer, expires })
    }

    /// Signs the proof by which `karibu check` may register for the hidden event: [`crate::probe::PROOF`].
    pub fn probe(&self, now: Timestamp) -> String {
        self.seal(Purpose::Probe, &now.as_second().to_be_bytes())
    }

    /// Reads that proof; clocks may differ by the same [`PROOF_MINUTES`] as it is valid.
    pub fn read_probe(&self, text: &str, now: Timestamp) -> Result<(), TokenError> {
        let payload = self.open(Purpose::Probe, text)?;
        let made = time(&mut payload.as_slice())?;
        let valid = SignedDuration::from_mins(PROOF_MINUTES);
        if now.duration_since(made).abs() > valid { Err(TokenError::Expired) } else { Ok(()) }
    }

    fn read_registration(&self, purpose: Purpose, text: &str) -> Result<RegistrationId, TokenError> {
        let payload = self.open(purpose, text)?;
        let id = payload.try_into().map_err(|_| TokenError::Invalid)?;
        Ok(RegistrationId(uuid::Uuid::from_bytes(id)))
    }

    fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        let key = self.keys.first().map_or(&[][..], Vec::as_slice);
        let signature = mac(key, purpose, payload).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature))
    }

    fn open(&self, purpose: Purpose, text: &str) -> Result<Vec<u8>, TokenError> {
        let (payload, signature) = text.split_once('.').ok_or(TokenError::Invalid)?;
        // No token of ours is longer: whatever is, is not worth hashing.
        if text.len() > 1024 {
            return Err(TokenError::Invalid);
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Invalid)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Invalid)?;
        let ours = self.keys.iter().any(|key| mac(key, purpose, &payload).verify_slice(&signature).is_ok());
        if ours { Ok(payload) } else { Err(TokenError::Invalid) }
    }
}

/// What a token is for; signed with it.
#[derive(Clone, Copy)]
enum Purpose {
    Form,
    Registered,
    Attachments,
    Organizer,
    Probe,
}

fn mac(key: &[u8], purpose: Purpose, payload: &[u8]) -> Hmac<Sha256> {
    let purpose: &[u8] = match purpose {
        Purpose::Form => b"karibu form 1\0",
        Purpose::Registered => b"karibu registered 1\0",
        Purpose::Attachments => b"karibu attachments 1\0",
        Purpose::Organizer => b"karibu organizer 1\0",
        Purpose::Probe => b"karibu probe 1\0",
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.update(payload);
    mac
}

/// Takes the next `N` bytes of a payload.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], TokenError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(TokenError::Invalid)?;
    *rest = tail;
    Ok(*head)
}

/// Takes a time in whole seconds.
fn time(rest: &mut &[u8]) -> Result<Timestamp, TokenError> {
    Timestamp::from_second(i64::from_be_bytes(take(rest)?)).map_err(|_| TokenError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(byte: u8) -> Signer {
        Signer::new(vec![vec![byte; 32]])
    }

    fn form() -> FormToken {
        FormToken {
            event: EventId(7),
            form_version: 3,
            submission: SubmissionId(uuid::Uuid::from_u128(42)),
            opened: Timestamp::from_second(1_800_000_000).unwrap(),
            asked: false,
        }
    }

    #[test]
    fn a_form_token_reads_back_and_expires_after_thirty_days() {
        let (signer, form) = (signer(1), form());
        let text = signer.form(&form);
        let day = SignedDuration::from_hours(24);
        assert_eq!(signer.read_form(&text, form.opened + day * 30), Ok(form));
        let late = form.opened + day * 30 + SignedDuration::from_secs(1);
        assert_eq!(signer.read_form(&text, late), Err(TokenError::Expired));
    }

    #[test]
    fn a_changed_foreign_or_other_kind_of_token_is_refused() {
        let (signer, form) = (signer(1), form());
        let text = signer.form(&form);
        assert_eq!(self::signer(2).read_form(&text, form.opened), Err(TokenError::Invalid));
        assert_eq!(signer.read_registered(&text), Err(TokenError::Invalid));
        assert_eq!(signer.read_organizer(&text, form.opened), Err(TokenError::Invalid));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of unpadded base64 carries spare bits; decoding refuses those that are not zero.
            assert_ne!(signer.read_form(&changed, form.opened), Ok(form), "changed at {at}");
        }
        for junk in ["", ".", "..", "a.b", "é.é", &"A".repeat(5000)] {
            assert_eq!(signer.read_form(junk, form.opened), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_form_token_tells_whether_it_was_asked_again() {
        let signer = signer(1);
        let asked = FormToken { asked: true, ..form() };
        let text = signer.form(&asked);
        assert_eq!(signer.read_form(&text, asked.opened), Ok(asked));
        assert_ne!(text, signer.form(&form()));
    }

    #[test]
    fn the_links_of_a_registration_are_not_taken_for_each_other() {
        let (signer, id) = (signer(1), RegistrationId(uuid::Uuid::from_u128(9)));
        assert_eq!(signer.read_attachments(&signer.attachments(id)), Ok(id));
        assert_eq!(signer.read_attachments(&signer.registered(id)), Err(TokenError::Invalid));
        assert_eq!(signer.read_registered(&signer.attachments(id)), Err(TokenError::Invalid));
    }

    #[test]
    fn an_older_key_is_still_read() {
        let old = signer(1).registered(RegistrationId(uuid::Uuid::from_u128(9)));
        let rotated = Signer::new(vec![vec![2; 32], vec![1; 32]]);
        assert_eq!(rotated.read_registered(&old), Ok(RegistrationId(uuid::Uuid::from_u128(9))));
    }

    #[test]
    fn an_organizer_link_opens_one_registration_or_the_list_until_it_ends() {
        let signer = signer(1);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for registration in [None, Some(RegistrationId(uuid::Uuid::from_u128(5)))] {
            let token =
                OrganizerToken { event: EventId(1), registration, organizer: "o@example.org".into(), expires: now };
            let text = signer.organizer(&token);
            assert_eq!(signer.read_organizer(&text, now), Ok(token));
            let later = now + SignedDuration::from_secs(1);
            assert_eq!(signer.read_organizer(&text, later), Err(TokenError::Expired));
        }
    }
}

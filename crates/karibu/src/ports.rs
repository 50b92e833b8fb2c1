//! The real clock and the real randomness.

use jiff::Timestamp;
use registration::ports::{Clock, Random};

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the port meets the system")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The system's random bytes.
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is where the port meets the system")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("Linux gives random bytes from early boot on");
    }
}

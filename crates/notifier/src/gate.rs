//! Whether mails go to the relay at all.
//!
//! When the relay is at fault, no mail fares better than the one before, so none is tried: after a while the relay is asked
//! without a mail, and when it answers, one mail goes first. So a long outage costs a few mails one attempt each, and all
//! others go out as soon as the relay is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shortest time without mails after a fault.
const FIRST_HOLD: Duration = Duration::from_secs(1);

/// Longest time before jitter.
const LONGEST_HOLD: Duration = Duration::from_secs(48);

/// How much a hold may be longer, as a part of it.
const JITTER: f64 = 0.25;

/// Opens and closes the way to the relay.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Nothing is known yet: the relay is asked first.
    #[default]
    Unknown,
    /// Mails go.
    Open,
    /// None goes until then; so many faults came one after the other.
    Closed { until: Instant, faults: u32 },
    /// The relay is being asked.
    Probing { faults: u32 },
    /// It answered; one mail at a time until one is taken.
    Trial { faults: u32 },
}

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send.
    Open,
    /// Send one mail if none is on its way.
    One,
    /// Ask the relay; nobody else will be told to until the answer is in.
    Probe,
    /// Wait.
    Closed,
}

impl Gate {
    pub(crate) fn step(&self, now: Instant) -> Step {
        let mut state = self.state();
        let (next, step) = match *state {
            State::Unknown => (State::Probing { faults: 0 }, Step::Probe),
            State::Closed { until, faults } if until <= now => (State::Probing { faults }, Step::Probe),
            // While the relay is asked for the first time, mails need not wait for the answer.
            State::Open | State::Probing { faults: 0 } => (*state, Step::Open),
            State::Trial { .. } => (*state, Step::One),
            State::Closed { .. } | State::Probing { .. } => (*state, Step::Closed),
        };
        *state = next;
        step
    }

    /// The relay answered for a mail, whatever it said about it. True if that ends an outage.
    pub(crate) fn mail_answered(&self) -> bool {
        let before = std::mem::replace(&mut *self.state(), State::Open);
        !matches!(before, State::Unknown | State::Open | State::Probing { faults: 0 })
    }

    /// The relay was at fault. `jitter` is from 0 to 1. True if the relay had just answered without a mail, so that the
    /// fault may be this mail's.
    pub(crate) fn mail_failed(&self, now: Instant, jitter: f64) -> bool {
        let mut state = self.state();
        match *state {
            State::Unknown | State::Open | State::Probing { faults: 0 } => *state = closed(now, 1, jitter),
            State::Trial { faults } => {
                *state = closed(now, faults + 1, jitter);
                return true;
            }
            // Mails that were on their way when another one closed the gate.
            State::Closed { .. } | State::Probing { .. } => {}
        }
        false
    }

    /// The relay answers. True if that settles it: it did not answer before, or nothing was wrong. Where it answered all the
    /// time and yet a mail was told of a fault, only a mail can show whether it is mended.
    pub(crate) fn probe_succeeded(&self) -> bool {
        let mut state = self.state();
        match *state {
            State::Probing { faults: 0 } => *state = State::Open,
            State::Probing { faults } => *state = State::Trial { faults },
            _ => return false,
        }
        !matches!(*state, State::Trial { faults: 1 })
    }

    /// The relay does not answer.
    pub(crate) fn probe_failed(&self, now: Instant, jitter: f64) {
        let mut state = self.state();
        if let State::Probing { faults } = *state {
            *state = closed(now, faults + 1, jitter);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed(now: Instant, faults: u32, jitter: f64) -> State {
    let hold = FIRST_HOLD.saturating_mul(1 << (faults - 1).min(16)).min(LONGEST_HOLD);
    State::Closed { until: now + hold.mul_f64(1.0 + JITTER * jitter.clamp(0.0, 1.0)), faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Gate {
        Gate(Mutex::new(State::Open))
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn at_the_start_the_relay_is_asked_and_mails_go_meanwhile() {
        let (gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.step(now), Step::Probe);
        assert_eq!(gate.step(now), Step::Open);
        assert!(gate.probe_succeeded());
        assert_eq!(gate.step(now), Step::Open);
    }

    #[test]
    fn a_fault_closes_for_a_second_then_the_relay_is_asked() {
        let (gate, now) = (open(), Instant::now());
        gate.mail_failed(now, 0.0);
        gate.mail_failed(now, 0.0);
        assert_eq!(gate.step(now), Step::Closed);
        assert_eq!(gate.step(now + seconds(1)), Step::Probe);
        assert_eq!(gate.step(now + seconds(1)), Step::Closed, "it is asked once");
    }

    #[test]
    fn holds_double_up_to_a_minute() {
        let (gate, mut now) = (open(), Instant::now());
        gate.mail_failed(now, 1.0);
        let mut holds = Vec::new();
        for _ in 0..9 {
            let begun = now;
            while gate.step(now) != Step::Probe {
                now += Duration::from_millis(250);
            }
            holds.push((now - begun).as_millis());
            gate.probe_failed(now, 1.0);
        }
        assert_eq!(holds, [1250, 2500, 5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn after_an_outage_one_mail_goes_first() {
        let (gate, now) = (open(), Instant::now());
        gate.mail_failed(now, 0.0);
        gate.step(now + seconds(1));
        gate.probe_failed(now + seconds(1), 0.0);
        gate.step(now + seconds(3));
        assert!(gate.probe_succeeded(), "it answers again");
        assert_eq!(gate.step(now + seconds(3)), Step::One);
        assert!(gate.mail_answered(), "the outage is over");
        assert_eq!(gate.step(now + seconds(3)), Step::Open);
        assert!(!gate.mail_answered());
    }

    #[test]
    fn a_relay_that_answers_but_takes_no_mail_is_still_at_fault() {
        let (gate, now) = (open(), Instant::now());
        gate.mail_failed(now, 0.0);
        gate.step(now + seconds(1));
        assert!(!gate.probe_succeeded(), "it answered before, too");
        assert!(gate.mail_failed(now + seconds(1), 0.0), "it may be the mail");
        assert_eq!(gate.step(now + seconds(2)), Step::Closed, "the second hold is longer");
        assert_eq!(gate.step(now + seconds(3)), Step::Probe);
    }
}

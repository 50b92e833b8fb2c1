//! The way of an alarm to the on-call.

use std::sync::Arc;

use jiff::Timestamp;
use mail::compose::{AlarmMail, alarm, message_id};
use mail::{Person, Transport};
use presentation::urls::Urls;
use registration::ids::MailId;
use registration::ports::{Clock, Random};
use registration::stored::uuid_v7;

/// Hands alarms to everybody on call, by the first relay that takes them.
#[derive(Clone)]
pub struct Post {
    /// Whom to write to.
    pub oncall: Vec<String>,
    /// The sender's address.
    pub from: String,
    /// The base of links and the host of Message-IDs.
    pub urls: Urls,
    /// The relays, in the order in which they are tried.
    pub relays: Vec<Arc<dyn Transport>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// Whether mails say that this is a demo.
    pub demo: bool,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Whether it is over.
    pub resolved: bool,
    /// What broke, in a line.
    pub summary: String,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What to do, in order.
    pub steps: Vec<String>,
}

impl Post {
    /// Mails it to everybody on call.
    ///
    /// # Errors
    /// Why nobody could be told. Who got it is enough: it is not told again for the others.
    pub async fn tell(&self, what: &Alarm) -> Result<(), String> {
        let mut told = false;
        let mut why = "nobody is on call: set KARIBU_ONCALL".to_owned();
        for to in &self.oncall {
            let now = self.clock.now();
            let mut random = [0; 10];
            self.random.fill(&mut random);
            let from = Person { name: Some("Karibu watch".to_owned()), address: self.from.clone() };
            let message = alarm(&AlarmMail {
                message_id: &message_id(MailId(uuid_v7(now, random)), &self.urls),
                from: &from,
                to,
                urls: &self.urls,
                now,
                demo: self.demo,
                resolved: what.resolved,
                summary: &what.summary,
                facts: &what.facts,
                steps: &what.steps,
            });
            for relay in &self.relays {
                match relay.send(&message).await {
                    Ok(()) => {
                        told = true;
                        break;
                    }
                    Err(error) => why = error.without_words(),
                }
            }
        }
        if told { Ok(()) } else { Err(why) }
    }
}

/// A moment, as alarms tell it.
pub(crate) fn shown(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

//! Whom of the organisers to tell, and when.

use jiff::Timestamp;

use crate::cancel::EventAt;
use crate::digest;
use crate::event::{Delivery, Event, Organizer};
use crate::notification::{Kind, NewNotification};
use crate::register::{Desk, SampleOrganizers};

impl Desk {
    /// How many organisers are told what happens to a registration of an event, each by the mail or digest that they chose.
    pub fn organizers_told(&self, event: &EventAt) -> usize {
        self.to_organizers(&event.event, event.sample, Kind::Cancelled, self.clock.now()).len()
    }

    /// One notification to each organiser who wants mails, in the window of what happens at `at`.
    pub(crate) fn to_organizers(&self, event: &Event, sample: bool, kind: Kind, at: Timestamp) -> Vec<NewNotification> {
        let mut notifications: Vec<NewNotification> = Vec::new();
        for organizer in self.organizers(event, sample) {
            if !notifications.iter().any(|other| other.recipient.eq_ignore_ascii_case(&organizer.email)) {
                notifications.push(NewNotification {
                    window: digest::window(organizer.delivery, &event.zone, at),
                    recipient: organizer.email,
                    kind,
                    language: organizer.language,
                });
            }
        }
        notifications
    }

    fn organizers(&self, event: &Event, sample: bool) -> Vec<Organizer> {
        let mut organizers: Vec<Organizer> = Vec::new();
        for organizer in event.organizers.iter().filter(|organizer| organizer.delivery != Delivery::Off) {
            match &self.sample_organizers {
                SampleOrganizers::Only(named) if sample || is_sample_address(&organizer.email) => {
                    let default = event.language_for(&[]);
                    organizers.extend(named.iter().map(|email| {
                        let written = event.organizers.iter().find(|one| one.email.eq_ignore_ascii_case(email));
                        let language = written.map_or(default, |one| one.language);
                        Organizer { email: email.clone(), delivery: organizer.delivery, language }
                    }));
                }
                _ => organizers.push(organizer.clone()),
            }
        }
        organizers
    }
}

/// The addresses of the sample event. With real mails they stand for whom the settings name, also in a copy of the sample.
const SAMPLE_ADDRESSES: [&str; 2] = ["devops@ubuntunet.net", "programme@ubuntunet.net"];

fn is_sample_address(email: &str) -> bool {
    SAMPLE_ADDRESSES.iter().any(|sample| sample.eq_ignore_ascii_case(email))
}

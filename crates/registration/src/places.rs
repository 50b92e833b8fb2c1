//! Limited places: which counters a registration takes from.

use crate::answers::{Answer, Answers};
use crate::event::Event;
use crate::form::Form;

/// Key of a counter of places: `event` for the whole event, `field=value` for an option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceKey(pub String);

impl PlaceKey {
    /// The whole event.
    pub fn event() -> Self {
        Self("event".to_owned())
    }

    /// An option of a choice field.
    pub fn option(field: &str, value: &str) -> Self {
        Self(format!("{field}={value}"))
    }

    /// Whether it is the whole event's.
    pub fn is_event(&self) -> bool {
        self.0 == "event"
    }

    /// The field and value of an option's counter.
    pub fn field_and_value(&self) -> Option<(&str, &str)> {
        self.0.split_once('=')
    }
}

/// A counter as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceCount {
    /// Which places.
    pub key: PlaceKey,
    /// How many are taken; may exceed `limit` after the limit was lowered.
    pub taken: u32,
    /// How many there are.
    pub limit: u32,
}

impl PlaceCount {
    /// Places left.
    pub fn left(&self) -> u32 {
        self.limit.saturating_sub(self.taken)
    }
}

/// All counters that the event needs, with their limits: options in key order, then the event. Events without a limit need
/// none.
pub fn limits(event: &Event) -> Vec<(PlaceKey, u32)> {
    let mut limits: Vec<(PlaceKey, u32)> = event
        .form
        .fields
        .iter()
        .flat_map(|field| field.options().iter().map(move |option| (field, option)))
        .filter_map(|(field, option)| Some((PlaceKey::option(&field.key, &option.value), option.places?)))
        .collect();
    limits.sort();
    limits.extend(event.capacity.map(|capacity| (PlaceKey::event(), capacity)));
    limits
}

/// The counters that a registration with these answers may take from, in the order the store takes them: options in key
/// order, then the event, so that the busiest row is locked last and shortest. Which of them are limited the store decides
/// inside its transaction: an event may get a limit while somebody sends the form.
pub fn needed(form: &Form, answers: &Answers) -> Vec<PlaceKey> {
    let mut keys = Vec::new();
    for field in &form.fields {
        match answers.get(&field.key) {
            Some(Answer::Choice(value)) if !field.options().is_empty() => {
                keys.push(PlaceKey::option(&field.key, value));
            }
            Some(Answer::Choices(values)) => {
                keys.extend(values.iter().map(|value| PlaceKey::option(&field.key, value)));
            }
            _ => {}
        }
    }
    keys.sort();
    keys.push(PlaceKey::event());
    keys
}

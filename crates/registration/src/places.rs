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

/// Why a registration is on the waiting list, as far as the counters tell now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The event has no place left.
    Event,
    /// The event has; these chosen options have none.
    Options(Vec<PlaceKey>),
    /// The event had none when the registration came in, and has some now. No chosen option is limited.
    EventBefore,
    /// Everything that was chosen has places now.
    Before,
}

/// What a registration on the waiting list with these answers lacks.
pub fn lack(form: &Form, answers: &Answers, counts: &[PlaceCount]) -> Lack {
    let needed = needed(form, answers);
    let (event, options): (Vec<_>, Vec<_>) =
        counts.iter().filter(|count| needed.contains(&count.key)).partition(|count| count.key.is_event());
    if event.iter().any(|count| count.left() == 0) {
        return Lack::Event;
    }
    let full: Vec<PlaceKey> = options.iter().filter(|count| count.left() == 0).map(|count| count.key.clone()).collect();
    match (full.is_empty(), options.is_empty() && !event.is_empty()) {
        (false, _) => Lack::Options(full),
        (true, true) => Lack::EventBefore,
        (true, false) => Lack::Before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{Choice, Field, FieldKind, Required};

    fn form() -> Form {
        let choice = |value: &str| Choice { value: value.to_owned(), label: value.into(), help: None, places: Some(1) };
        let options = vec![choice("lake"), choice("nile")];
        let kind = FieldKind::Multi { options, min: 0, max: 2 };
        let (key, label) = ("tours".to_owned(), "Tours".into());
        let field = Field { key, kind, label, help: None, required: Required::No, show_if: None, summary: false };
        Form { fields: vec![field] }
    }

    #[test]
    fn what_somebody_lacks_who_waits_is_what_has_no_place_left() {
        let chose = |tours: &[&str]| {
            let values = tours.iter().map(|tour| (*tour).to_owned()).collect();
            Answers([("tours".to_owned(), Answer::Choices(values))].into())
        };
        let count = |key, taken| PlaceCount { key, taken, limit: 4 };
        let lack = |tours: &[&str], event, lake, nile| {
            let counts = [
                count(PlaceKey::event(), event),
                count(PlaceKey::option("tours", "lake"), lake),
                count(PlaceKey::option("tours", "nile"), nile),
            ];
            super::lack(&form(), &chose(tours), &counts)
        };
        let nile = || Lack::Options(vec![PlaceKey::option("tours", "nile")]);
        assert_eq!(lack(&["lake", "nile"], 1, 3, 4), nile());
        assert_eq!(lack(&["nile"], 1, 4, 5), nile(), "the lake was not chosen");
        assert_eq!(lack(&["nile"], 4, 0, 4), Lack::Event);
        assert_eq!(lack(&["nile"], 3, 0, 3), Lack::Before);
        assert_eq!(lack(&[], 3, 4, 4), Lack::EventBefore);
        assert_eq!(super::lack(&form(), &chose(&["nile"]), &[]), Lack::Before, "nothing is limited any more");
    }
}

//! The envelope: CloudEvents 1.0 attributes, and the extensions of the council vocabulary.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat};
use serde_json::Value;

use crate::{DispatchId, EventKey, MAX_ATTRIBUTE_BYTES, MAX_EXTENSION_BYTES, Refusal, Rule};

/// How a fact reached the council (extension `channel`).
pub const CHANNELS: [&str; 5] = ["online", "phone", "counter", "post", "system"];

/// The attributes that the hub sets of each event that it makes: nothing that a mapping writes takes their place.
pub const SET_BY_HUB: [&str; 5] = ["specversion", "source", "type", "datacontenttype", "dataschema"];
/// The other names that an event has of its own, and no extension may bear.
const OF_EVENT: [&str; 4] = ["id", "subject", "time", "data"];

/// A business fact that some system states: CloudEvents 1.0 with data of some [`Tree`](crate::Tree); `subject` is required.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<T = Value> {
    /// Unique within its source.
    pub id: String,
    /// Who states it: a URI reference that one system owns.
    pub source: String,
    /// The event type with its version, e.g. `property.created.v1` (CloudEvents `type`).
    pub event_type: String,
    /// What it is about, e.g. `uprn:100061234567`; order is kept per source and subject.
    pub subject: String,
    /// When it was recorded.
    pub time: Option<DateTime<FixedOffset>>,
    /// Every other attribute by name: `correlationid`, `effectivetime`, `channel`, `entityversion`, `traceparent` ...
    pub extensions: BTreeMap<String, String>,
    /// The data, normalised by the decoder.
    pub data: T,
}

impl<T> Event<T> {
    /// The key under which the ledger knows this event.
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.source, &self.id)
    }

    /// When it was recorded, as RFC 3339 text.
    pub fn time_text(&self) -> Option<String> {
        self.time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }

    /// The id of this event's dispatch through `route`.
    pub fn dispatch_id(&self, route: &str) -> DispatchId {
        DispatchId::new(&self.source, &self.id, route)
    }
}

/// Checks a subject: not empty, bounded, without control characters.
///
/// # Errors
/// [`Rule::BadAttribute`] or [`Rule::MissingAttribute`] at `subject`.
pub fn check_subject(subject: &str) -> Result<(), Refusal> {
    check_attribute("subject", subject)
}

/// Checks a required attribute's text: not empty, at most [`MAX_ATTRIBUTE_BYTES`], no control characters.
pub(crate) fn check_attribute(name: &str, text: &str) -> Result<(), Refusal> {
    check_text(name, text, MAX_ATTRIBUTE_BYTES)
}

fn check_text(name: &str, text: &str, max_bytes: usize) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(Rule::MissingAttribute, name, format!("`{name}` is empty")));
    }
    if text.len() > max_bytes {
        let words = format!("`{name}` is longer than {max_bytes} bytes");
        return Err(Refusal::new(Rule::BadAttribute, name, words));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(Rule::BadAttribute, name, format!("`{name}` holds a control character")));
    }
    Ok(())
}

/// Checks the name and text of an extension attribute, and the form of those that the vocabulary defines.
///
/// # Errors
/// [`Rule::BadAttribute`] at the extension's name.
pub fn check_extension(name: &str, text: &str) -> Result<(), Refusal> {
    let bad = |words: String| Err(Refusal::new(Rule::BadAttribute, name, words));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return bad("an extension's name is made of lower-case letters and digits".into());
    }
    if SET_BY_HUB.contains(&name) || OF_EVENT.contains(&name) {
        return bad(format!("`{name}` is no extension: every event has its own"));
    }
    check_text(name, text, MAX_EXTENSION_BYTES)?;
    match name {
        "channel" if !CHANNELS.contains(&text) => bad(format!("`channel` is one of {}", CHANNELS.join(", "))),
        "effectivetime" if parse_time(text).is_none() && text.parse::<NaiveDate>().is_err() => {
            bad("`effectivetime` is a date, or an RFC 3339 instant with its offset".into())
        }
        _ => Ok(()),
    }
}

/// An RFC 3339 instant with its offset.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_the_hub_sets_of_an_event_can_be_an_extension() {
        let event = Event {
            id: "1".into(),
            source: "/systems/shop".into(),
            event_type: "parcel.moved.v1".into(),
            subject: "parcel:1".into(),
            time: Some(DateTime::UNIX_EPOCH.fixed_offset()),
            extensions: BTreeMap::from([("channel".to_owned(), "post".to_owned())]),
            data: Value::from(1),
        };
        let written = serde_json::to_value(&event).expect("an event is JSON");
        let mut own: Vec<&str> = written.as_object().expect("an object").keys().map(String::as_str).collect();
        own.retain(|name| *name != "channel");
        assert_eq!(own.len(), 8);
        for name in own.into_iter().chain(SET_BY_HUB) {
            let refusal = check_extension(name, "online").expect_err(name);
            assert_eq!((refusal.rule, refusal.place.as_str()), (Rule::BadAttribute, name));
        }
        assert_eq!(check_extension("channel", "online"), Ok(()));
        assert_eq!(check_extension("sourcesystem", "till"), Ok(()));
    }
}

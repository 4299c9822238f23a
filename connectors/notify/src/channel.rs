//! By which channel a message goes: the one that it asks for, else the first of the settings by which it can. Pure.

use postroom_connector::{ConnectorError, Failure};
use serde::Deserialize;
use serde_json::Value;

/// Lines of an address that a letter may have, and how many it needs.
const ADDRESS_LINES: std::ops::RangeInclusive<u8> = 1..=7;
const FEWEST_ADDRESS_LINES: usize = 3;

/// A way to a resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Channel {
    Email,
    Sms,
    Letter,
}

impl Channel {
    const ALL: [Self; 3] = [Self::Email, Self::Sms, Self::Letter];

    /// As messages, settings and addresses write it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Letter => "letter",
        }
    }

    /// Whether `message` has an address for it.
    fn reaches(self, message: &Value) -> bool {
        let is_text =
            |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        match self {
            Self::Email => is_text(message.get("email_address")),
            Self::Sms => is_text(message.get("phone_number")),
            Self::Letter => {
                let line = |number: u8| message.pointer(&format!("/personalisation/address_line_{number}"));
                ADDRESS_LINES.filter(|number| is_text(line(*number))).count() >= FEWEST_ADDRESS_LINES
            }
        }
    }
}

/// The rule of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// JSON pointer to the channel that a message asks for.
    pub(crate) from: String,
    /// Where it asks for none, or has no address for it: the first of these that reaches.
    pub(crate) otherwise: Vec<Channel>,
}

impl Choice {
    /// The channel of `message`.
    ///
    /// # Errors
    /// Where it asks for one that is not known, or none reaches; the words tell neither preference nor address.
    pub(crate) fn of(&self, message: &Value) -> Result<Channel, ConnectorError> {
        let preferred = match message.pointer(&self.from) {
            None | Some(Value::Null) => None,
            Some(asked) => {
                let known = Channel::ALL.into_iter().find(|channel| asked == channel.name());
                Some(known.ok_or_else(|| {
                    let words = format!("the channel at `{}` is none of `email`, `sms`, `letter`", self.from);
                    ConnectorError::new(Failure::Permanent, words, "").business()
                })?)
            }
        };
        let mut channels = preferred.into_iter().chain(self.otherwise.iter().copied());
        channels.find(|channel| channel.reaches(message)).ok_or_else(|| {
            let words = "the message has no address for any channel by which it may go";
            ConnectorError::new(Failure::Permanent, words, "").business()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(message: &Value, otherwise: &[Channel], chosen: Option<Channel>) {
        let choice = Choice { from: "/preferred_channel".to_owned(), otherwise: otherwise.to_vec() };
        assert_eq!(choice.of(message).ok(), chosen, "{message} {otherwise:?}");
    }

    #[test]
    fn the_preference_chooses_and_the_settings_say_what_comes_next() {
        use Channel::{Email, Letter, Sms};
        let lines = json!({"address_line_1": "A", "address_line_2": "B", "address_line_7": "ZZ9 9ZZ"});
        let all = |preferred: Value| {
            json!({"preferred_channel": preferred, "email_address": "a@example.org", "phone_number": "+441632960001",
                "personalisation": lines})
        };
        check(&all(json!("sms")), &[Letter], Some(Sms));
        check(&all(json!("email")), &[], Some(Email));
        check(&all(json!(null)), &[Email, Letter], Some(Email));
        check(&all(json!(null)), &[], None);
        check(&all(json!("braille")), &[Letter], None);
        check(&all(json!(5)), &[Letter], None);
        let no_phone = json!({"preferred_channel": "sms", "phone_number": " ", "personalisation": lines});
        check(&no_phone, &[Email, Letter], Some(Letter));
        check(&no_phone, &[], None);
        let two_lines =
            json!({"personalisation": {"address_line_1": "A", "address_line_2": "B", "address_line_8": "C"}});
        check(&two_lines, &[Letter], None);
    }
}

//! An address in which the idempotency key and fields of the message are filled in. Pure.

use postroom_connector::{ConnectorError, Failure, Handover, SettingsError};
use postroom_request::{Plain, Url, check_address};
use serde_json::Value;

use super::body::one_message;

/// Longest address, filled in, in bytes.
const MAX_ADDRESS_BYTES: usize = 8 * 1024;
/// What a field of the message begins with.
const MESSAGE: &str = "message.";

/// An address that passed the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The idempotency key.
    Id,
    /// A field of the message, by its names from the outside in.
    Field(String),
}

impl Address {
    /// Reads what the setting `key` says. `plain` allows `http` to other machines.
    pub(crate) fn read(key: &str, text: &str, plain: Plain) -> Result<Self, SettingsError> {
        let wrong = |words: &str| Err(SettingsError::new(key, words));
        let Some(parts) = parts(text) else {
            return wrong("`{id}`, the idempotency key, and fields such as `{message.uprn}` are filled in");
        };
        let filled: String = parts.iter().map(|part| part.text().unwrap_or("x")).collect();
        let Ok(url) = Url::parse(&filled) else { return wrong("an address such as `https://host/path`") };
        let first = parts.first().and_then(Part::text).unwrap_or_default();
        if parts.len() > 1 && !goes_beyond_the_host(first) {
            return wrong("nothing is filled in before the path of the address");
        }
        check_address(key, &url, plain)?;
        Ok(Self(parts))
    }

    /// Whether two handovers may have different addresses.
    pub(crate) fn is_filled_in(&self) -> bool {
        self.0.iter().any(|part| part.text().is_none())
    }

    /// The address for a handover.
    ///
    /// # Errors
    /// Where a field is missing or does not fit; the words name it, and never its value.
    pub(crate) fn of(&self, handover: &Handover) -> Result<String, ConnectorError> {
        let mut address = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Id => percent_encode(&handover.id, &mut address),
                Part::Field(path) => percent_encode(&field(handover, path)?, &mut address),
            }
        }
        if address.len() > MAX_ADDRESS_BYTES {
            return Err(refused(format!("the address is longer than {MAX_ADDRESS_BYTES} bytes")));
        }
        Ok(address)
    }
}

impl Part {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Id | Self::Field(_) => None,
        }
    }
}

/// The parts of an address; none where something else stands in braces.
fn parts(mut text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some((before, rest)) = text.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(match name {
            "id" => Part::Id,
            name => Part::Field(path(name)?),
        });
        text = after;
    }
    parts.push(Part::Text(text.to_owned()));
    let closed = parts.iter().filter_map(Part::text).all(|text| !text.contains('}'));
    closed.then_some(parts)
}

fn path(name: &str) -> Option<String> {
    let path = name.strip_prefix(MESSAGE)?;
    path.split('.')
        .all(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        .then(|| path.to_owned())
}

fn goes_beyond_the_host(beginning: &str) -> bool {
    beginning.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']))
}

/// The text of the field at `path`. What would lead to another address than the one meant is refused: an empty text, and
/// `.` and `..`, which mean folders even where they are encoded.
fn field(handover: &Handover, path: &str) -> Result<String, ConnectorError> {
    let Some(message) = one_message(handover) else {
        return Err(refused(format!(
            "the address holds `{MESSAGE}{path}`, and a batch is no single message"
        )));
    };
    let pointer: String = path.split('.').flat_map(|name| ["/".to_owned(), escaped(name)]).collect();
    let text = match message.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        None | Some(Value::Null) => {
            return Err(refused(format!("the message has no `{path}` for the address")));
        }
        Some(Value::Array(_) | Value::Object(_)) => {
            return Err(refused(format!("`{path}` of the message is no text or number for the address")));
        }
    };
    if matches!(text.as_str(), "" | "." | "..") {
        return Err(refused(format!("`{path}` of the message cannot stand in an address")));
    }
    Ok(text)
}

/// A name as a step of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn refused(words: String) -> ConnectorError {
    ConnectorError::new(Failure::Permanent, words, "")
}

/// Everything but the unreserved characters (RFC 3986, 2.3) as `%XX`.
pub(crate) fn percent_encode(text: &str, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::handed::handover;
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Address, SettingsError> {
        Address::read("url", text, Plain::Here)
    }

    #[test]
    fn fields_of_the_message_are_filled_in_and_encoded() {
        let handover = handover(json!({
            "uprn": 100_061_234_567_i64, "open": true, "ref": "a/b ?&#%é", "people": [{"id": "P.1"}], "x~/y": "z"
        }));
        for (text, expected) in [
            ("https://till.example/p/{message.uprn}?open={message.open}", "/p/100061234567?open=true"),
            ("https://till.example/r/{message.ref}", "/r/a%2Fb%20%3F%26%23%25%C3%A9"),
            ("https://till.example/q/{message.people.0.id}", "/q/P.1"),
            ("https://till.example/t/{message.x~/y}", "/t/z"),
            ("https://till.example/by-key/{id}", &format!("/by-key/{}", handover.id)),
        ] {
            let address = read(text).expect(text).of(&handover).expect(text);
            assert_eq!(address, format!("https://till.example{expected}"));
        }
    }

    #[test]
    fn what_does_not_fit_an_address_is_permanent_and_names_the_path_and_no_value() {
        let handover = handover(json!({
            "empty": "", "up": "..", "here": ".", "none": null, "owner": {"name": "Zebediah"}, "long": "Zebediah".repeat(2_000)
        }));
        for path in ["absent", "owner.absent", "owner", "empty", "up", "here", "none"] {
            let address = read(&format!("https://till.example/p/{{message.{path}}}")).expect(path);
            let error = address.of(&handover).expect_err(path);
            assert_eq!(error.failure, Failure::Permanent, "{path}");
            assert!(error.words.contains(&format!("`{path}`")), "{error}");
            assert!(!error.to_string().contains("Zebediah"), "{error}");
        }
        let long = read("https://till.example/{message.long}").expect("an address").of(&handover);
        assert!(!long.expect_err("an error").to_string().contains("Zebediah"));
    }

    #[test]
    fn a_batch_has_no_field_of_its_own() {
        let mut batch = handover(json!({"uprn": 1}));
        batch.id = "batch-1".to_owned();
        let address = read("https://till.example/p/{message.uprn}").expect("an address");
        assert_eq!(address.of(&batch).expect_err("an error").failure, Failure::Permanent);
    }

    #[test]
    fn nothing_but_the_path_is_filled_in() {
        for text in [
            "https://{message.host}/",
            "https://till.example{message.more}/",
            "{message.all}",
            "https:{message.host}//till.example/",
            "https://till.example/{name}",
            "https://till.example/{message.}",
            "https://till.example/{message.a..b}",
            "https://till.example/{message.a",
            "https://till.example/a}",
        ] {
            assert_eq!(read(text).expect_err(text).key, "url", "{text}");
        }
        read("https://till.example?uprn={message.uprn}").expect("an address");
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_the_settings_say_so() {
        read("http://127.0.0.1:1/{id}").expect("an address");
        assert_eq!(read("http://till.example/").expect_err("an error").key, "url");
        Address::read("url", "http://till.example/", Plain::Setting(true)).expect("an address");
    }
}

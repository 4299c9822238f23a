//! A form as browsers send it (`application/x-www-form-urlencoded`), read strictly: a byte that is no UTF-8 is a fault, not
//! a replacement. Pure.

use percent_encoding::percent_decode_str;
use postroom_event::{Fault, Record, Rule};
use serde_json::{Map, Value};

/// Most fields of a form.
const MOST_FIELDS: usize = 1_000;
/// What a form breaks that is not in UTF-8.
const ENCODING: &str = "encoding";

/// The form as an object of texts; a field that stands more than once is a list of them.
pub(super) fn read(body: &[u8]) -> Result<Record, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| fault(ENCODING, "the form is not UTF-8"))?;
    let mut fields = Map::new();
    let pairs = text.trim_ascii().split('&').filter(|pair| !pair.is_empty());
    for (index, pair) in pairs.enumerate() {
        if index == MOST_FIELDS {
            return Err(fault(
                Rule::TooLarge.code(),
                &format!("the form has more than {MOST_FIELDS} fields"),
            ));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        put(&mut fields, decode(name)?, Value::String(decode(value)?));
    }
    Ok(Record { number: 1, line: 1, key: None, value: Value::Object(fields) })
}

fn put(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        None => drop(fields.insert(name, value)),
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| fault(ENCODING, "a field of the form is not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(fault(Rule::NulCharacter.code(), "a text holds the character NUL"));
    }
    Ok(decoded.into_owned())
}

fn fault(rule: &'static str, words: &str) -> Fault {
    Fault { number: 0, line: 1, place: String::new(), rule, words: words.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_texts_and_what_stands_twice_is_a_list() {
        let read = |text: &str| read(text.as_bytes()).map(|record| record.value);
        for (text, value) in [
            ("", json!({})),
            ("a=1&b=%C3%A9+%26&c", json!({"a": "1", "b": "\u{e9} &", "c": ""})),
            ("a=1&a=2&a=3&b==", json!({"a": ["1", "2", "3"], "b": "="})),
        ] {
            assert_eq!(read(text), Ok(value), "{text}");
        }
        for (text, rule) in [("a=%ff", "encoding"), ("a=%00", "nul-character"), ("%e9=1", "encoding")] {
            assert_eq!(read(text).expect_err(text).rule, rule, "{text}");
        }
        assert_eq!(read(&"a&".repeat(1_001)).expect_err("a fault").rule, "too-large");
    }
}

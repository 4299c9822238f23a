//! What stands in the body of an answer: JSON, XML as JSON, or text. Pure.

use postroom_format::xml_document;
use postroom_request::{Answer, Body};
use serde_json::Value;

/// The body as JSON where it is JSON, else as what `core/format` makes of XML where it is XML, else as text; null where it
/// is empty, no text, or did not come whole. What the answer says of its kind does not count: many say it wrong.
pub(crate) fn content(answer: &Answer) -> Value {
    let Body::Whole(bytes) = &answer.body else { return Value::Null };
    if bytes.is_empty() {
        return Value::Null;
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return value;
    }
    if let Some(value) = xml_document(bytes) {
        return value;
    }
    std::str::from_utf8(bytes).map_or(Value::Null, |text| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::handed::answer;
    use super::*;
    use serde_json::json;

    fn of(body: Body) -> Value {
        content(&Answer { body, ..answer(200, "") })
    }

    #[test]
    fn a_body_is_what_it_is_and_not_what_it_is_said_to_be() {
        for (body, expected) in [
            (r#"{"id": 1}"#, json!({"id": 1})),
            (" [true]", json!([true])),
            ("<a:r xmlns:a='urn:a'><a:id>T-1</a:id><n/></a:r>", json!({"id": "T-1", "n": ""})),
            ("<html><br></html>", json!("<html><br></html>")),
            ("accepted", json!("accepted")),
            ("", Value::Null),
        ] {
            assert_eq!(of(Body::Whole(body.as_bytes().to_vec())), expected, "{body}");
        }
        let old = b"<?xml version='1.0' encoding='iso-8859-1'?><r><id>\xe9</id></r>";
        assert_eq!(of(Body::Whole(old.to_vec())), json!({"id": "\u{e9}"}));
        for body in [Body::TooLong, Body::Cut("reset".to_owned()), Body::Whole(vec![0xff, 0xfe])] {
            assert_eq!(of(body), Value::Null);
        }
    }
}

//! The items of an answer, in XML or JSON: requests, or errors. Pure.

use postroom_format::xml_document;
use serde_json::{Map, Value};

use crate::writing::Written;

/// The text of an element that has attributes.
const TEXT: &str = "#text";
/// What the name of an attribute begins with.
const ATTRIBUTE: char = '@';

/// The items of an answer, which are elements of the name `item` in XML; nothing where it cannot be understood.
pub(super) fn items(written: Written, item: &str, body: &[u8]) -> Option<Vec<Map<String, Value>>> {
    match written {
        Written::Json => json(body),
        Written::Xml => xml(item, body),
    }
}

/// A text or a number as text, attributes or none; nothing where it is empty.
pub(super) fn text(item: &Map<String, Value>, name: &str) -> Option<String> {
    match item.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(element) if name != TEXT => text(element, TEXT),
        _ => None,
    }
}

/// A list of objects; or, as some endpoints have it, an object that is the item, or holds the list.
fn json(body: &[u8]) -> Option<Vec<Map<String, Value>>> {
    match serde_json::from_slice(body).ok()? {
        Value::Array(items) => objects(items),
        Value::Object(object) => match object.values().find(|value| value.is_array()) {
            Some(Value::Array(items)) if object.len() == 1 => objects(items.clone()),
            _ => Some(vec![object]),
        },
        _ => None,
    }
}

fn objects(items: Vec<Value>) -> Option<Vec<Map<String, Value>>> {
    let object = |item| match item {
        Value::Object(object) => Some(object),
        _ => None,
    };
    items.into_iter().map(object).collect()
}

/// Elements of the name under the outermost one; that one without any content but attributes is a list of none.
fn xml(item: &str, body: &[u8]) -> Option<Vec<Map<String, Value>>> {
    match xml_document(body)? {
        Value::String(text) if text.is_empty() => Some(Vec::new()),
        Value::Object(content) if content.keys().all(|name| name.starts_with(ATTRIBUTE)) => Some(Vec::new()),
        Value::Object(mut content) => match content.remove(item)? {
            Value::Array(items) => objects(items),
            Value::Object(object) => Some(vec![object]),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_in_both_forms_and_what_is_neither_is_none() {
        let ids = |written, body: &str| {
            let items = items(written, "request", body.as_bytes())?;
            Some(items.iter().map(|item| text(item, "service_request_id")).collect::<Vec<_>>())
        };
        let id = Some(vec![Some("638344".to_owned())]);
        for body in [
            "[{\"service_request_id\": 638344}]",
            "[{\"service_request_id\": \"638344\"}]",
            "{\"service_request_id\": 638344, \"notes\": []}",
            "{\"service_requests\": [{\"service_request_id\": 638344}]}",
        ] {
            assert_eq!(ids(Written::Json, body), id, "{body}");
        }
        let xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<service_requests><request>\n\
                   <service_request_id> 638344 </service_request_id><account_id/></request></service_requests>";
        assert_eq!(ids(Written::Xml, xml), id);
        let typed = "<service_requests type=\"array\"><request><service_request_id type=\"integer\">638344\
                     </service_request_id></request></service_requests>";
        assert_eq!(ids(Written::Xml, typed), id);
        for empty in ["<service_requests></service_requests>", "<service_requests type=\"array\"/>"] {
            assert_eq!(ids(Written::Xml, empty), Some(vec![]), "{empty}");
        }
        for (written, body) in [
            (Written::Json, ""),
            (Written::Json, "<a/>"),
            (Written::Json, "[1]"),
            (Written::Xml, ""),
            (Written::Xml, "<html><body>Sorry</body></html>"),
            (Written::Xml, "<service_requests><request>"),
            (Written::Xml, "[]"),
        ] {
            assert_eq!(ids(written, body), None, "{body}");
        }
        assert_eq!(ids(Written::Json, "[{\"service_request_id\": null}]"), Some(vec![None]));
    }
}

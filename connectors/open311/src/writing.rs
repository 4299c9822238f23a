//! Answers as XML or JSON, by the mapping that GeoReport v2 names: a list in JSON is an element with one element for each
//! item in XML. Pure; it does not know what an answer says.

use postroom_listener::header::HeaderValue;
use postroom_listener::{Answer, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// How an answer, or a request to another endpoint, is written: what its path ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Xml,
    Json,
}

impl Written {
    /// What a path ends with.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Json => "json",
        }
    }

    pub(crate) fn of(ending: &str) -> Option<Self> {
        [Self::Xml, Self::Json].into_iter().find(|written| written.ending() == ending)
    }

    fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Xml => "text/xml; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

/// What stands in a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// A text, a number, a truth value, or nothing.
    One(Value),
    /// A list; in XML each item is an element of this name.
    List(&'static str, Vec<Item>),
}

/// Fields in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Item(Vec<(&'static str, Told)>);

impl Item {
    /// The same with a field more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, Told::One(value.into())));
        self
    }

    /// The same with a list more.
    pub(crate) fn with_list(mut self, name: &'static str, item: &'static str, items: Vec<Self>) -> Self {
        self.0.push((name, Told::List(item, items)));
        self
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, told) in &self.0 {
            match told {
                Told::One(value) => map.serialize_entry(name, value)?,
                Told::List(_, items) => map.serialize_entry(name, items)?,
            }
        }
        map.end()
    }
}

/// An answer that is a list.
pub(crate) fn list(written: Written, root: &'static str, item: &'static str, items: &[Item]) -> Answer {
    let body = match written {
        Written::Json => json(items),
        Written::Xml => {
            let mut out = String::from(DECLARATION);
            element(&mut out, root, |out| items.iter().for_each(|one| fields(out, item, one)));
            out
        }
    };
    answer(StatusCode::OK, written, body)
}

/// An answer that is one thing.
pub(crate) fn one(written: Written, root: &'static str, item: &Item) -> Answer {
    let body = match written {
        Written::Json => json(item),
        Written::Xml => {
            let mut out = String::from(DECLARATION);
            fields(&mut out, root, item);
            out
        }
    };
    answer(StatusCode::OK, written, body)
}

/// The answer that says what is wrong, as GeoReport v2 words it: a list of errors, each with its code.
pub(crate) fn errors(written: Written, status: StatusCode, descriptions: &[String]) -> Answer {
    let items: Vec<Item> = descriptions
        .iter()
        .map(|words| Item::default().with("code", status.as_u16()).with("description", words.as_str()))
        .collect();
    Answer { status, ..list(written, "errors", "error", &items) }
}

fn answer(status: StatusCode, written: Written, body: String) -> Answer {
    Answer::new(status).body(written.media_type(), body)
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    // Texts, numbers and lists of them can always be written.
    serde_json::to_string(value).unwrap_or_default()
}

fn element(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push_str(&format!("<{name}>"));
    inside(out);
    out.push_str(&format!("</{name}>"));
}

fn fields(out: &mut String, name: &str, item: &Item) {
    element(out, name, |out| {
        for (name, told) in &item.0 {
            match told {
                Told::One(Value::Null) => out.push_str(&format!("<{name}/>")),
                Told::One(Value::String(text)) => element(out, name, |out| escape(out, text)),
                Told::One(value) => element(out, name, |out| escape(out, &value.to_string())),
                Told::List(item, items) => {
                    element(out, name, |out| items.iter().for_each(|one| fields(out, item, one)));
                }
            }
        }
    });
}

/// A text inside an element; what XML 1.0 has no place for is a replacement character.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.body.to_vec()).expect("UTF-8")
    }

    fn items() -> Vec<Item> {
        let values = vec![Item::default().with("key", "a").with("name", "A & B")];
        vec![
            Item::default().with("code", "1").with("lat", 51.5).with("note", Value::Null),
            Item::default().with("code", "<2>").with("required", true).with_list("values", "value", values),
        ]
    }

    #[test]
    fn a_list_is_an_element_of_elements_in_xml_and_a_list_in_json() {
        let xml = text(&list(Written::Xml, "things", "thing", &items()));
        assert_eq!(
            xml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<things><thing><code>1</code><lat>51.5</lat><note/></thing>\
             <thing><code>&lt;2&gt;</code><required>true</required>\
             <values><value><key>a</key><name>A &amp; B</name></value></values></thing></things>"
        );
        let json = text(&list(Written::Json, "things", "thing", &items()));
        assert_eq!(
            json,
            "[{\"code\":\"1\",\"lat\":51.5,\"note\":null},\
             {\"code\":\"<2>\",\"required\":true,\"values\":[{\"key\":\"a\",\"name\":\"A & B\"}]}]"
        );
    }

    #[test]
    fn errors_have_the_form_that_the_specification_gives_them() {
        let words = ["api_key was not provided".to_owned()];
        let xml = errors(Written::Xml, StatusCode::FORBIDDEN, &words);
        assert_eq!(xml.status, 403);
        assert!(text(&xml).ends_with(
            "<errors><error><code>403</code><description>api_key was not provided</description></error></errors>"
        ));
        let json = errors(Written::Json, StatusCode::FORBIDDEN, &words);
        assert_eq!(text(&json), "[{\"code\":403,\"description\":\"api_key was not provided\"}]");
    }

    #[test]
    fn what_xml_has_no_place_for_is_not_written() {
        let item = Item::default().with("note", "a\u{0}b\u{b}c\nd\re");
        assert!(
            text(&one(Written::Xml, "x", &item))
                .ends_with("<x><note>a\u{fffd}b\u{fffd}c\nd&#13;e</note></x>")
        );
    }
}

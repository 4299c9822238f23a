//! An address or a body in which the cursor and the page are filled in, each escaped as its place needs it. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub(super) const CURSOR: &str = "{cursor}";
pub(super) const PAGE: &str = "{page}";

/// What is not escaped in an address: the unreserved characters of RFC 3986.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a text is filled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Address,
    Xml,
    Json,
}

/// A text with places for the cursor and the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) text: String,
    pub(super) place: Place,
}

impl Template {
    /// Whether the text has a place for `what`.
    pub(super) fn has(&self, what: &str) -> bool {
        self.text.contains(what)
    }

    /// The text with both filled in; what is filled in is never searched for places.
    pub(super) fn fill(&self, cursor: &str, page: &str) -> String {
        let values = [(CURSOR, self.place.escape(cursor)), (PAGE, self.place.escape(page))];
        let (mut filled, mut rest) = (String::new(), self.text.as_str());
        loop {
            let next = values.iter().filter_map(|(name, value)| Some((rest.find(name)?, name, value)));
            let Some((at, name, value)) = next.min_by_key(|(at, ..)| *at) else {
                filled.push_str(rest);
                return filled;
            };
            filled.push_str(&rest[..at]);
            filled.push_str(value);
            rest = &rest[at + name.len()..];
        }
    }
}

impl Place {
    fn escape(self, text: &str) -> String {
        match self {
            Self::Address => utf8_percent_encode(text, &UNRESERVED).to_string(),
            Self::Xml => text.chars().map(xml).collect(),
            Self::Json => {
                let quoted = Value::String(text.to_owned()).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }
}

/// A character as it stands in text and attributes; what XML cannot hold becomes a space.
fn xml(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&apos;".to_owned(),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_escaped_as_its_place_needs_it_and_filled_in_once() {
        for (place, text, filled) in [
            (Place::Address, "/c?since={cursor}&p={page}", "/c?since=%7Bpage%7D%26a%3D%3C%22%2B&p=7"),
            (Place::Xml, "<a b='{cursor}'>{page}</a>", "<a b='{page}&amp;a=&lt;&quot;+'>7</a>"),
            (Place::Json, r#"{"since": "{cursor}", "p": {page}}"#, r#"{"since": "{page}&a=<\"+", "p": 7}"#),
            (Place::Json, "{cursor}{cursor}{x}", r#"{page}&a=<\"+{page}&a=<\"+{x}"#),
        ] {
            let template = Template { text: text.to_owned(), place };
            assert_eq!(template.fill("{page}&a=<\"+", "7"), filled);
        }
    }
}

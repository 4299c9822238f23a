//! Messages as elements of an XML document.

use std::io::Write;

use quick_xml::escape::escape;
use serde_json::{Map, Value};

use super::{WriteError, XmlLayout};
use crate::Encoding;
use crate::xml_events::is_xml_character;

const TEXT: &str = "#text";

/// Whether `name` can be the name of an element (XML 1.0 production 5, in its ASCII part, without colon).
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|other| other.is_alphanumeric() || matches!(other, '_' | '-' | '.'))
}

impl XmlLayout {
    pub(super) fn write<'a>(
        &self,
        messages: impl Iterator<Item = &'a Value>,
        out: &mut dyn Write,
    ) -> Result<(), WriteError> {
        let label = match self.encoding {
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be => "UTF-16",
            Encoding::Utf8 | Encoding::Windows1252 => self.encoding.name(),
        };
        out.write_all(self.encoding.mark())?;
        self.put(&format!("<?xml version=\"1.0\" encoding=\"{label}\"?>\n<{}>\n", self.root), out)?;
        for (before, message) in messages.enumerate() {
            let mut element = Writing { number: before + 1, encoding: self.encoding, text: String::new() };
            element.element(&self.record, message)?;
            element.text.push('\n');
            self.put(&element.text, out)?;
        }
        self.put(&format!("</{}>\n", self.root), out)
    }

    fn put(&self, text: &str, out: &mut dyn Write) -> Result<(), WriteError> {
        let not_encodable = || WriteError::NotEncodable {
            number: 0,
            place: self.root.clone(),
            encoding: self.encoding.name(),
        };
        out.write_all(&self.encoding.bytes(text).ok_or_else(not_encodable)?)?;
        Ok(())
    }
}

/// One message on its way to text.
struct Writing {
    number: usize,
    encoding: Encoding,
    text: String,
}

impl Writing {
    fn element(&mut self, name: &str, value: &Value) -> Result<(), WriteError> {
        if !is_name(name) {
            return Err(WriteError::NotName { number: self.number, place: name.to_owned() });
        }
        if let Value::Array(items) = value {
            return items.iter().try_for_each(|item| match item {
                Value::Array(_) => Err(self.not_text(name)),
                item => self.element(name, item),
            });
        }
        self.push(name, &format!("<{name}"))?;
        match value {
            Value::Object(fields) => self.fields(fields)?,
            scalar => {
                self.text.push('>');
                let text = self.scalar(name, scalar)?;
                self.text.push_str(&text);
            }
        }
        self.push(name, &format!("</{name}>"))
    }

    /// Attributes first, then text and children.
    fn fields(&mut self, fields: &Map<String, Value>) -> Result<(), WriteError> {
        for (key, value) in fields {
            let Some(name) = key.strip_prefix('@') else { continue };
            if !is_name(name) {
                return Err(WriteError::NotName { number: self.number, place: key.clone() });
            }
            let text = self.scalar(key, value)?;
            self.push(key, &format!(" {name}=\"{text}\""))?;
        }
        self.text.push('>');
        for (key, value) in fields {
            match key.as_str() {
                TEXT => {
                    let text = self.scalar(key, value)?;
                    self.text.push_str(&text);
                }
                key if key.starts_with('@') => {}
                key => self.element(key, value)?,
            }
        }
        Ok(())
    }

    /// A text, number, boolean or nothing, escaped.
    fn scalar(&self, place: &str, value: &Value) -> Result<String, WriteError> {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(self.not_text(place)),
        };
        if !text.chars().all(is_xml_character) {
            return Err(WriteError::NotXml { number: self.number, place: place.to_owned() });
        }
        self.check_encoding(place, &text)?;
        Ok(escape(text).replace('\r', "&#13;"))
    }

    fn push(&mut self, place: &str, text: &str) -> Result<(), WriteError> {
        self.check_encoding(place, text)?;
        self.text.push_str(text);
        Ok(())
    }

    fn check_encoding(&self, place: &str, text: &str) -> Result<(), WriteError> {
        if self.encoding.has(text) {
            return Ok(());
        }
        let (number, place, encoding) = (self.number, place.to_owned(), self.encoding.name());
        Err(WriteError::NotEncodable { number, place, encoding })
    }

    fn not_text(&self, place: &str) -> WriteError {
        WriteError::NotText { number: self.number, place: place.to_owned() }
    }
}

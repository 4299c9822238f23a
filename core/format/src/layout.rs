//! A layout: how a system wants its files, and the writing of them.

use std::io::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::Encoding;
use crate::csv::{check_columns, check_delimiter};
use crate::format::FormatError;

mod fixed_width;
mod rows;
mod xml;

/// How a system wants its files, as `format = { kind = "...", ... }` in the settings of a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind")]
pub enum Layout {
    /// Delimited text, a row for each message.
    #[serde(rename = "csv")]
    Csv(CsvLayout),
    /// A line for each message, in which every field has its place.
    #[serde(rename = "fixed-width")]
    FixedWidth(FixedWidthLayout),
    /// A message on each line, as JSON in UTF-8.
    #[serde(rename = "jsonl")]
    JsonLines(JsonLinesLayout),
    /// XML, an element for each message.
    #[serde(rename = "xml")]
    Xml(XmlLayout),
}

/// CSV as RFC 4180 has it; values are written as they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvLayout {
    /// Dotted paths into the message, in the order of the columns; an absent value is an empty column.
    pub columns: Vec<String>,
    /// Whether the first row names the columns; default true.
    #[serde(default = "yes")]
    pub header: bool,
    /// What divides columns, one ASCII character; default `,`.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// What ends a row.
    #[serde(default)]
    pub newline: Newline,
}

/// Fixed-width text: a text that is too long for its field is an error, never cut.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedWidthLayout {
    /// The fields of a line, in their order.
    pub fields: Vec<LayoutField>,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// What ends a line.
    #[serde(default)]
    pub newline: Newline,
}

/// One field of a line of fixed width.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutField {
    /// The dotted path into the message; an absent value leaves the field empty.
    pub path: Option<String>,
    /// What stands there in every line, where there is no path.
    pub text: Option<String>,
    /// Its width, in characters.
    pub width: usize,
    /// At which end of the field its text stands; default left.
    #[serde(default)]
    pub align: Align,
    /// What fills the field up; default a space.
    #[serde(default = "space")]
    pub pad: char,
}

/// At which end of a field its text stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// It begins the field.
    #[default]
    Left,
    /// It ends the field.
    Right,
}

/// What ends a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Newline {
    /// CR LF, as RFC 4180 has it.
    #[default]
    Crlf,
    /// LF.
    Lf,
}

/// JSON Lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonLinesLayout {}

/// XML: keys are element names (`@name` an attribute, `#text` the text), lists repeat the element.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XmlLayout {
    /// The name of the outermost element.
    pub root: String,
    /// The name of the element that is a message.
    pub record: String,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
}

const fn yes() -> bool {
    true
}

const fn comma() -> char {
    ','
}

const fn space() -> char {
    ' '
}

/// Messages that cannot be written; never quotes a value. `number` is the message's, from 1.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The bytes could not be written.
    #[error("writing the messages")]
    Io(#[from] io::Error),
    /// A character that the encoding does not have.
    #[error("message {number}: a character of `{place}` is not in {encoding}")]
    NotEncodable {
        /// The message's number, from 1; 0 for the header.
        number: usize,
        /// The field.
        place: String,
        /// The encoding's name.
        encoding: &'static str,
    },
    /// An object or a list where a text is needed.
    #[error("message {number}: `{place}` is an object or a list, not a text")]
    NotText {
        /// The message's number, from 1.
        number: usize,
        /// The field.
        place: String,
    },
    /// A text that is longer than its field.
    #[error("message {number}: `{place}` is longer than {width} characters")]
    TooLong {
        /// The message's number, from 1.
        number: usize,
        /// The field.
        place: String,
        /// How many characters there is room for.
        width: usize,
    },
    /// A line end in a text that stands in a line.
    #[error("message {number}: `{place}` has a line end in it")]
    NotOneLine {
        /// The message's number, from 1.
        number: usize,
        /// The field.
        place: String,
    },
    /// A key that is no name of an element or attribute.
    #[error("message {number}: the key `{place}` is not the name of an XML element")]
    NotName {
        /// The message's number, from 1.
        number: usize,
        /// The key.
        place: String,
    },
    /// A character that XML does not have, such as a control character.
    #[error("message {number}: a character of `{place}` is not allowed in XML")]
    NotXml {
        /// The message's number, from 1.
        number: usize,
        /// The field.
        place: String,
    },
}

impl Layout {
    /// Checks what the type cannot hold.
    ///
    /// # Errors
    /// The first key that is wrong.
    pub fn check(&self) -> Result<(), FormatError> {
        match self {
            Self::Csv(csv) => {
                check_delimiter(csv.delimiter)?;
                check_columns("columns", &csv.columns)?;
                csv.columns.iter().try_for_each(|path| check_path("columns", path))?;
                csv.encoding.check_written()
            }
            Self::FixedWidth(layout) => layout.check(),
            Self::JsonLines(_) => Ok(()),
            Self::Xml(layout) => {
                for (key, name) in [("root", &layout.root), ("record", &layout.record)] {
                    if !xml::is_name(name) {
                        return Err(FormatError::new(key, "the name of an XML element"));
                    }
                }
                layout.encoding.check_written()
            }
        }
    }

    /// Writes `messages` as one file to `out`, in many small pieces: give it a buffer.
    ///
    /// # Errors
    /// The first message that cannot be written; what was written so far is then of no use.
    pub fn write<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a Value>,
        out: &mut dyn Write,
    ) -> Result<(), WriteError> {
        let messages = messages.into_iter();
        match self {
            Self::Csv(layout) => layout.write(messages, out),
            Self::FixedWidth(layout) => layout.write(messages, out),
            Self::JsonLines(_) => json_lines(messages, out),
            Self::Xml(layout) => layout.write(messages, out),
        }
    }
}

fn check_path(key: &str, path: &str) -> Result<(), FormatError> {
    if path.split('.').any(str::is_empty) {
        return Err(FormatError::new(key, "dotted paths into the message, such as `address.line1`"));
    }
    Ok(())
}

impl FixedWidthLayout {
    fn check(&self) -> Result<(), FormatError> {
        let wrong = |words: &str| Err(FormatError::new("fields", words));
        if self.fields.is_empty() {
            return wrong("at least one field is needed");
        }
        for LayoutField { path, text, width, pad, .. } in &self.fields {
            if *width == 0 || pad.is_control() {
                return wrong(
                    "a field has a width in characters, from 1, and is filled up with what can be seen",
                );
            }
            match (path, text) {
                (Some(_), Some(_)) => return wrong("a field has either a `path` or a `text`"),
                (Some(path), None) => check_path("fields", path)?,
                (None, text) if text.as_ref().is_some_and(|text| text.chars().count() > *width) => {
                    return wrong("a `text` is longer than its field");
                }
                (None, _) => {}
            }
        }
        self.encoding.check_written()
    }
}

fn json_lines<'a>(messages: impl Iterator<Item = &'a Value>, out: &mut dyn Write) -> Result<(), WriteError> {
    for message in messages {
        serde_json::to_writer(&mut *out, message).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

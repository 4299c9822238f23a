//! A layout: how a system wants its files, and the writing of them.

use std::io::{self, Write};

use serde::Deserialize;
use serde_json::Value;

use crate::Encoding;
use crate::csv::{check_columns, check_delimiter};
use crate::format::FormatError;

mod rows;
mod xml;

/// How a system wants its files, as `format = { kind = "...", ... }` in the settings of a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind")]
pub enum Layout {
    /// Delimited text, a row for each message.
    #[serde(rename = "csv")]
    Csv(CsvLayout),
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
                if csv.columns.iter().any(|path| path.split('.').any(str::is_empty)) {
                    return Err(FormatError::new(
                        "columns",
                        "dotted paths into the message, such as `address.line1`",
                    ));
                }
                csv.encoding.check_written()
            }
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
            Self::JsonLines(_) => json_lines(messages, out),
            Self::Xml(layout) => layout.write(messages, out),
        }
    }
}

fn json_lines<'a>(messages: impl Iterator<Item = &'a Value>, out: &mut dyn Write) -> Result<(), WriteError> {
    for message in messages {
        serde_json::to_writer(&mut *out, message).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

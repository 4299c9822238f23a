//! Messages as rows of CSV.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use serde_json::Value;

use crate::csv::delimiter_byte;

use super::{CsvLayout, Newline, WriteError};

impl CsvLayout {
    pub(super) fn write<'a>(
        &self,
        messages: impl Iterator<Item = &'a Value>,
        out: &mut dyn Write,
    ) -> Result<(), WriteError> {
        out.write_all(self.encoding.mark())?;
        if self.header {
            let names: Vec<_> = self.columns.iter().map(|name| Cow::from(name.as_str())).collect();
            self.row(0, &names, out)?;
        }
        for (before, message) in messages.enumerate() {
            let number = before + 1;
            let column = |path: &String| text(message, path).ok_or_else(|| not_text(number, path));
            let texts = self.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            self.row(number, &texts, out)?;
        }
        Ok(())
    }

    fn row(&self, number: usize, texts: &[Cow<'_, str>], out: &mut dyn Write) -> Result<(), WriteError> {
        let lacking = self.columns.iter().zip(texts).find(|(_, text)| !self.encoding.has(text));
        if let Some((path, _)) = lacking {
            let (place, encoding) = (path.clone(), self.encoding.name());
            return Err(WriteError::NotEncodable { number, place, encoding });
        }
        let mut writer = self.writer();
        writer.write_record(texts.iter().map(|text| text.as_bytes())).map_err(io::Error::from)?;
        let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        let row = String::from_utf8(bytes).map_err(io::Error::other)?;
        out.write_all(&self.encoding.bytes(&row).unwrap_or_default())?;
        Ok(())
    }

    fn writer(&self) -> Writer<Vec<u8>> {
        WriterBuilder::new()
            .delimiter(delimiter_byte(self.delimiter))
            .quote_style(QuoteStyle::Necessary)
            .double_quote(true)
            .terminator(match self.newline {
                Newline::Crlf => Terminator::CRLF,
                Newline::Lf => Terminator::Any(b'\n'),
            })
            .buffer_capacity(1_024)
            .from_writer(Vec::new())
    }
}

pub(super) fn not_text(number: usize, path: &str) -> WriteError {
    WriteError::NotText { number, place: path.to_owned() }
}

/// The text at a dotted path: empty where nothing stands, none where an object or a list does.
pub(super) fn text<'a>(message: &'a Value, path: &str) -> Option<Cow<'a, str>> {
    let value = path.split('.').try_fold(message, |value, key| value.get(key));
    match value.unwrap_or(&Value::Null) {
        Value::Null => Some(Cow::Borrowed("")),
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(_) | Value::Number(_) => value.map(|value| Cow::Owned(value.to_string())),
        Value::Array(_) | Value::Object(_) => None,
    }
}

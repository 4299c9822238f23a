//! Messages as lines of fixed width.

use std::io::Write;

use serde_json::Value;

use super::rows::{not_text, text};
use super::{Align, FixedWidthLayout, LayoutField, Newline, WriteError};

impl FixedWidthLayout {
    pub(super) fn write<'a>(
        &self,
        messages: impl Iterator<Item = &'a Value>,
        out: &mut dyn Write,
    ) -> Result<(), WriteError> {
        out.write_all(self.encoding.mark())?;
        for (before, message) in messages.enumerate() {
            let mut line = String::new();
            for field in &self.fields {
                self.put(before + 1, message, field, &mut line)?;
            }
            line.push_str(if self.newline == Newline::Crlf { "\r\n" } else { "\n" });
            out.write_all(&self.encoding.bytes(&line).unwrap_or_default())?;
        }
        Ok(())
    }

    fn put(
        &self,
        number: usize,
        message: &Value,
        field: &LayoutField,
        line: &mut String,
    ) -> Result<(), WriteError> {
        let LayoutField { path, text: fixed, width, align, pad } = field;
        let place = path.clone().unwrap_or_default();
        let text = match (path, fixed) {
            (Some(path), _) => text(message, path).ok_or_else(|| not_text(number, path))?,
            (None, fixed) => fixed.as_deref().unwrap_or_default().into(),
        };
        if !self.encoding.has(&text) {
            return Err(WriteError::NotEncodable { number, place, encoding: self.encoding.name() });
        }
        if text.contains(['\r', '\n']) {
            return Err(WriteError::NotOneLine { number, place });
        }
        let Some(missing) = width.checked_sub(text.chars().count()) else {
            return Err(WriteError::TooLong { number, place, width: *width });
        };
        let padding = std::iter::repeat_n(*pad, missing);
        match align {
            Align::Left => {
                line.push_str(&text);
                line.extend(padding);
            }
            Align::Right => {
                line.extend(padding);
                line.push_str(&text);
            }
        }
        Ok(())
    }
}

//! A value of a row or of a message as every database takes and gives it. Knows no column.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value, json};
use sha2::{Digest, Sha256};

/// The members under which [`Cell::kept`] writes what JSON has no exact form for.
const FLOAT: &str = "float";
const BYTES: &str = "bytes";

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    /// Texts, and everything that a database writes as one: decimals, dates, times, JSON.
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// What a message holds; objects and lists as the text of their JSON.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => number
                .as_i64()
                .map(Self::Integer)
                .or_else(|| number.as_u64().map(Self::Unsigned))
                .or_else(|| number.as_f64().map(Self::Float))
                .unwrap_or(Self::Null),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => Self::Text(value.to_string()),
        }
    }

    /// As a record holds it.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            // What is no number of JSON (infinity) keeps its name.
            Self::Float(number) => {
                Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
            }
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => STANDARD.encode(bytes).into(),
        }
    }

    /// As JSON from which [`Self::of_kept`] makes the same again, to the last bit.
    pub(crate) fn kept(&self) -> Value {
        match self {
            Self::Float(number) => json!({ FLOAT: number.to_string() }),
            Self::Bytes(_) => json!({ BYTES: self.json() }),
            _ => self.json(),
        }
    }

    /// What [`Self::kept`] wrote; nothing for anything else.
    pub(crate) fn of_kept(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Array(_) => None,
            Value::Object(map) => match map.iter().next() {
                Some((kind, Value::String(text))) if kind == FLOAT => text.parse().ok().map(Self::Float),
                Some((kind, Value::String(text))) if kind == BYTES => {
                    STANDARD.decode(text).ok().map(Self::Bytes)
                }
                _ => None,
            },
            plain => Some(Self::of(&plain)),
        }
    }

    /// As text; nothing for null.
    pub(crate) fn text(&self) -> Option<String> {
        match self.json() {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
                _ => 0,
            }
    }
}

/// SHA-256 of a row as it was read.
pub(crate) fn digest(row: &[Cell]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for cell in row {
        let text = cell.text();
        let kind: u8 = match cell {
            Cell::Null => 0,
            Cell::Bool(_) => 1,
            Cell::Integer(_) | Cell::Unsigned(_) => 2,
            Cell::Float(_) => 3,
            Cell::Text(_) => 4,
            Cell::Bytes(_) => 5,
        };
        sha.update([kind]);
        sha.update(text.as_ref().map_or(0, String::len).to_be_bytes());
        sha.update(text.unwrap_or_default());
    }
    sha.finalize().into()
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_message_keep_their_type_and_lists_become_text() {
        for (value, cell) in [
            (json!(null), Cell::Null),
            (json!(true), Cell::Bool(true)),
            (json!(-7), Cell::Integer(-7)),
            (json!(u64::MAX), Cell::Unsigned(u64::MAX)),
            (json!(1.5), Cell::Float(1.5)),
            (json!("a"), Cell::Text("a".to_owned())),
            (json!([1, {"b": 2}]), Cell::Text(r#"[1,{"b":2}]"#.to_owned())),
        ] {
            assert_eq!(Cell::of(&value), cell, "{value}");
        }
    }

    #[test]
    fn a_value_that_was_kept_is_the_same_to_the_last_bit() {
        for cell in [
            Cell::Null,
            Cell::Bool(true),
            Cell::Integer(i64::MIN),
            Cell::Unsigned(u64::MAX),
            Cell::Float(0.1 + 0.2),
            Cell::Float(5e-324),
            Cell::Float(1e300),
            Cell::Float(f64::NEG_INFINITY),
            Cell::Text("{\"float\": \"1\"}\n\u{0}ä".to_owned()),
            Cell::Bytes(vec![0, 255, 10]),
        ] {
            let line = cell.kept().to_string();
            assert!(!line.contains('\n'), "{line}");
            let again = Cell::of_kept(serde_json::from_str(&line).expect("JSON"));
            assert_eq!(again.as_ref(), Some(&cell), "{line}");
        }
        for value in [json!([1]), json!({}), json!({"float": "Ada"}), json!({"bytes": "Ada!"})] {
            assert_eq!(Cell::of_kept(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn rows_that_differ_have_digests_that_differ() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            vec![text("a"), text("b")],
            vec![text("ab"), text("")],
            vec![text("a"), Cell::Null],
            vec![text("a"), text("")],
            vec![Cell::Integer(1)],
            vec![text("1")],
        ];
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[index + 1..] {
                assert_ne!(digest(row), digest(other), "{row:?} {other:?}");
            }
        }
    }

    #[test]
    fn bytes_are_base64_and_what_is_no_number_of_json_is_text() {
        assert_eq!(Cell::Bytes(vec![0, 255]).json(), json!("AP8="));
        assert_eq!(Cell::Float(f64::INFINITY).json(), json!("inf"));
        assert_eq!(Cell::Null.text(), None);
        assert_eq!(Cell::Integer(5).text().as_deref(), Some("5"));
    }
}

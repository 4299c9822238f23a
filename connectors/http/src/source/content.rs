//! What the settings say of a body: its format, where its records are, and what makes a record the same again. Pure.

use std::io::Cursor;

use bytes::Bytes;
use postroom_connector::{SettingsError, words_of};
use postroom_event::Reading;
use postroom_format::{Encoding, Format, Json, ReadError};
use serde::Deserialize;
use serde_json::Value;

use super::form;

/// Most pointers in a key.
const MOST_KEYS: usize = 8;

/// How bodies are written.
#[derive(Debug, Clone)]
enum Written {
    /// A form, as browsers send it.
    Form,
    Format(Format),
}

/// What a body holds.
#[derive(Debug, Clone)]
pub(super) struct Content {
    written: Written,
    key: Vec<String>,
}

/// `key = "/id"` or `key = ["/id", "/version"]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenKey {
    One(String),
    Several(Vec<String>),
}

impl Content {
    /// From the settings `format`, `records` and `key`.
    pub(super) fn new(
        format: Option<toml::Value>,
        records: Option<String>,
        key: Option<WrittenKey>,
    ) -> Result<Self, SettingsError> {
        let written = written(format, records)?;
        let key = match key {
            None => {
                let words = "a JSON pointer to what makes a record the same when it comes again, such as `/id`, \
                             or a list of them";
                return Err(SettingsError::new("key", words));
            }
            Some(WrittenKey::One(pointer)) => vec![pointer],
            Some(WrittenKey::Several(pointers)) => pointers,
        };
        if !(1..=MOST_KEYS).contains(&key.len()) || key.iter().any(|pointer| !pointer.starts_with('/')) {
            let words = format!("from 1 to {MOST_KEYS} JSON pointers into a record, such as `/id`");
            return Err(SettingsError::new("key", words));
        }
        Ok(Self { written, key })
    }

    /// The fields that every record has as text, where the format fixes them.
    pub(super) fn fields(&self) -> Option<Vec<String>> {
        match &self.written {
            Written::Form => None,
            Written::Format(format) => format.fields(),
        }
    }

    /// The format, where it is one of `core/format`.
    pub(super) fn format(&self) -> Option<&Format> {
        match &self.written {
            Written::Form => None,
            Written::Format(format) => Some(format),
        }
    }

    /// The records of a body, without their keys.
    pub(super) fn read(&self, body: &Bytes) -> Result<Vec<Reading>, ReadError> {
        match &self.written {
            Written::Form => Ok(vec![Reading::Record(form::read(body)?)]),
            Written::Format(format) => format.read(Box::new(Cursor::new(body.clone()))).collect(),
        }
    }

    /// The key of a record; the pointer at which nothing stands that could be part of one.
    pub(super) fn key(&self, record: &Value) -> Result<String, &str> {
        let part = |pointer: &'_ String| record.pointer(pointer).and_then(text_of);
        if let [pointer] = self.key.as_slice() {
            return part(pointer).ok_or(pointer);
        }
        let mut parts = Vec::with_capacity(self.key.len());
        for pointer in &self.key {
            parts.push(Value::String(part(pointer).ok_or(pointer.as_str())?));
        }
        // As a list of texts, so that no two lists of parts give the same key.
        Ok(Value::Array(parts).to_string())
    }
}

/// A text that is not empty, a number or a truth value, as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn written(format: Option<toml::Value>, records: Option<String>) -> Result<Written, SettingsError> {
    let json = |records: Option<String>| {
        Format::Json(Json { records: records.unwrap_or_default(), encoding: Encoding::default() })
    };
    let (written, has_pointer) = match format {
        None => (Written::Format(json(records)), false),
        Some(toml::Value::String(word)) if word == "json" => (Written::Format(json(records)), false),
        Some(toml::Value::String(word)) if word == "form" => (Written::Form, records.is_some()),
        Some(toml::Value::Table(table)) => {
            let format = Format::deserialize(toml::Value::Table(table));
            let format = format.map_err(|error| SettingsError::new("format", words_of(&error)))?;
            (Written::Format(format), records.is_some())
        }
        Some(_) => {
            let words = "`json`, `form`, or a format such as `{ kind = \"xml\", record = \"Change\" }`";
            return Err(SettingsError::new("format", words));
        }
    };
    if has_pointer {
        return Err(SettingsError::new("records", "`records` goes with `format = \"json\"`"));
    }
    if let Written::Format(format) = &written {
        let key = |key: &str| match key {
            "records" => "records".to_owned(),
            other => format!("format.{other}"),
        };
        format.check().map_err(|error| SettingsError::new(key(&error.key), error.words))?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(format: &str, records: Option<&str>, keys: &[&str]) -> Result<Content, SettingsError> {
        let table: toml::Table = format.parse().expect("TOML");
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let records = records.map(str::to_owned);
        Content::new(table.get("format").cloned(), records, Some(WrittenKey::Several(keys)))
    }

    fn values(content: &Content, body: &str) -> Vec<Value> {
        let readings = content.read(&Bytes::copy_from_slice(body.as_bytes())).expect("records");
        let record = |reading| match reading {
            Reading::Record(record) => record.value,
            Reading::Refused(fault) => panic!("{fault}"),
        };
        readings.into_iter().map(record).collect()
    }

    #[test]
    fn a_body_is_one_record_or_the_list_that_the_settings_point_at() {
        let one = content("", None, &["/id"]).expect("settings");
        assert_eq!(values(&one, r#"{"id": 1}"#), [json!({"id": 1})]);
        let list = content("format = 'json'", Some("/a/b"), &["/id"]).expect("settings");
        assert_eq!(values(&list, r#"{"a": {"b": [1, 2]}}"#), [json!(1), json!(2)]);
        assert_eq!(values(&list, r#"{"a": {"b": []}}"#), Vec::<Value>::new());
        let xml = content("format = { kind = 'xml', record = 'R' }", None, &["/Id"]).expect("settings");
        assert_eq!(values(&xml, "<a><R><Id>7</Id></R></a>"), [json!({"Id": "7"})]);
        let form = content("format = 'form'", None, &["/id"]).expect("settings");
        assert_eq!(values(&form, "id=7&a=b+c"), [json!({"id": "7", "a": "b c"})]);
    }

    #[test]
    fn a_key_is_told_apart_from_every_other_and_its_absence_names_the_pointer() {
        let one = content("", None, &["/id"]).expect("settings");
        assert_eq!(one.key(&json!({"id": "a"})), Ok("a".to_owned()));
        assert_eq!(one.key(&json!({"id": 7})), Ok("7".to_owned()));
        let two = content("", None, &["/id", "/v"]).expect("settings");
        let key = |id: &str, v: &str| two.key(&json!({"id": id, "v": v})).expect("a key");
        assert_ne!(key("a\",\"b", "c"), key("a", "b\",\"c"));
        for absent in [json!({}), json!({"id": null}), json!({"id": ""}), json!({"id": {}}), json!([])] {
            assert_eq!(one.key(&absent), Err("/id"), "{absent}");
        }
        assert_eq!(two.key(&json!({"id": "a"})), Err("/v"));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (format, records, keys, key) in [
            ("format = 'yaml'", None, &["/id"][..], "format"),
            ("format = { kind = 'yaml' }", None, &["/id"], "format"),
            ("format = { kind = 'xml', record = 'a:b' }", None, &["/id"], "format.record"),
            ("format = 'form'", Some("/a"), &["/id"], "records"),
            ("", Some("a"), &["/id"], "records"),
            ("", None, &[], "key"),
            ("", None, &["id"], "key"),
        ] {
            assert_eq!(content(format, records, keys).expect_err(format).key, key, "{format}");
        }
        assert_eq!(Content::new(None, None, None).expect_err("an error").key, "key");
    }
}

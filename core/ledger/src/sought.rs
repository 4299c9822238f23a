//! What is looked for where no column names a subject: in the bytes of events, messages and records.

use serde_json::Value;

/// The shortest identifier that is looked for by itself, in bytes: a shorter one stands everywhere.
const LEAST_SOUGHT_BYTES: usize = 4;

/// What is looked for in bytes: a subject, and its identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sought<'s> {
    pub(crate) subject: &'s str,
    /// What stands behind its kind, where it is long enough to be told from anything else.
    identifier: Option<&'s str>,
}

impl<'s> Sought<'s> {
    pub(crate) fn new(subject: &'s str) -> Self {
        let identifier = subject.split_once(':').map(|(_, identifier)| identifier);
        Self { subject, identifier: identifier.filter(|text| text.len() >= LEAST_SOUGHT_BYTES) }
    }

    /// One of the subject's dispatches: events of others that tell of it name it.
    pub(crate) fn dispatch(subject: &'s str, id: &'s str) -> Self {
        Self { subject, identifier: Some(id) }
    }

    /// What all bytes hold that are meant.
    pub(crate) fn needle(&self) -> &'s str {
        self.identifier.unwrap_or(self.subject)
    }

    /// Whether bytes mean the subject: as JSON, by a text that names it or a value that is its identifier; else, by either as a
    /// word of its own.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        match serde_json::from_slice(bytes) {
            Ok(json) => self.is_in_json(&json),
            Err(_) => self.is_in_text(&String::from_utf8_lossy(bytes)),
        }
    }

    pub(crate) fn is_in_text(&self, text: &str) -> bool {
        is_word(text, self.needle())
    }

    pub(crate) fn is_in_json(&self, json: &Value) -> bool {
        let is_identifier = |text: &str| self.identifier == Some(text);
        match json {
            Value::String(text) => is_identifier(text) || is_word(text, self.subject),
            Value::Number(number) => is_identifier(&number.to_string()),
            Value::Array(items) => items.iter().any(|item| self.is_in_json(item)),
            Value::Object(fields) => fields.values().any(|value| self.is_in_json(value)),
            Value::Null | Value::Bool(_) => false,
        }
    }
}

/// Whether `word` stands in `text` with no letter or digit beside it.
fn is_word(text: &str, word: &str) -> bool {
    let joins = |beside: Option<char>| beside.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, found)| {
        !joins(text[..at].chars().next_back()) && !joins(text[at + found.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_found_by_its_name_or_its_identifier_and_never_in_a_longer_one() {
        let sought = Sought::new("person:8841");
        for meant in [
            r#"{"subject": "person:8841"}"#,
            r#"{"data": [{"id": 8841}]}"#,
            r#"{"data": {"id": "8841"}}"#,
            r#"{"note": "see person:8841, and others"}"#,
            "<id>8841</id>",
            r#"{"data": "8841" "broken"#,
        ] {
            assert!(sought.is_in(meant.as_bytes()), "{meant}");
        }
        for other in [
            r#"{"subject": "person:88412"}"#,
            r#"{"id": 18841}"#,
            r#"{"note": "house 8841 of the street"}"#,
            "<id>88410</id>",
            r#"{"8841": true}"#,
        ] {
            assert!(!sought.is_in(other.as_bytes()), "{other}");
        }
        assert_eq!(Sought::new("person:12").needle(), "person:12");
        assert!(!Sought::new("person:12").is_in(br#"{"id": 12}"#));
    }
}

//! Where that stands with which something is asked or noted: in the envelope of an event, or in a field of its data.

use std::fmt;

use postroom_transform::{NoCode, Part, Presence, Shape, View};

use crate::Problem;
use crate::written::{Spanned, Text};

/// Where that stands with which something is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// In the envelope: what the event is about.
    Subject,
    /// In a field of the data, or of the record.
    Field(Vec<String>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("subject"),
            Self::Field(path) => f.write_str(&path.join(".")),
        }
    }
}

/// What stands where a code is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A text, or a whole number as text.
    Text(String),
    /// Nothing, or null.
    Absent,
    /// Something else.
    NeverOne,
}

impl Key {
    /// What `text` means: `subject`, or a dotted path, which may begin with a full stop.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text == "subject" {
            return Some(Self::Subject);
        }
        let path: Vec<String> =
            text.strip_prefix('.').unwrap_or(text).split('.').map(str::to_owned).collect();
        path.iter().all(|name| !name.is_empty()).then_some(Self::Field(path))
    }

    /// What stands there, in an event about `subject` or in a record.
    pub fn code(&self, data: Part<'_>, subject: Option<&str>) -> Code {
        let Self::Field(path) = self else {
            return subject.map_or(Code::Absent, |subject| Code::Text(subject.to_owned()));
        };
        match path.iter().try_fold(data, |part, name| part.get(name)).map(Part::view) {
            None | Some(View::Null) => Code::Absent,
            Some(View::Text(text)) => Code::Text(text.to_owned()),
            Some(View::Integer(number)) => Code::Text(number.to_string()),
            Some(_) => Code::NeverOne,
        }
    }
}

/// Where keys are read: the text, and what they lead through.
pub(crate) struct Ground<'a> {
    pub(crate) text: &'a Text,
    pub(crate) shape: &'a Shape,
    /// Whether there is an envelope with a subject.
    pub(crate) subject: Presence,
}

impl Ground<'_> {
    /// The key that is written as `name`, and whether something always stands there.
    pub(crate) fn key(&self, name: &str, written: &Spanned<String>) -> Result<(Key, Presence), Problem> {
        let text = written.as_ref();
        let wrong = |words: String| self.text.problem(written, "lookup", words);
        let form = || wrong(format!("`{name}` is a dotted path such as `reason.code`"));
        let key = Key::read(text).ok_or_else(form)?;
        let presence = match &key {
            Key::Subject if self.subject == Presence::Certain => Presence::Certain,
            Key::Subject => {
                return Err(wrong("a record has no subject; a field of that name is `.subject`".to_owned()));
            }
            Key::Field(path) => self.shape.code_at(path).map_err(|no_code| match no_code {
                NoCode::NeverOne => wrong(format!("`{text}` holds neither text nor a whole number")),
                NoCode::NoField { name, near } => {
                    let words = format!("there is no field `{name}` here");
                    let problem = self.text.problem(written, "unknown-field", words);
                    match near {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None => problem,
                    }
                }
            })?,
        };
        Ok((key, presence))
    }
}

#[cfg(test)]
mod tests {
    use postroom_transform::Data;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_code_is_read_where_the_path_leads() {
        let data = Data::from(json!({"subject": "field", "a": {"b": 7, "c": null, "d": [1], "e": 1.5}}));
        let check = |path: &str, expected: Code| {
            let key = Key::read(path).expect("a path");
            assert_eq!(key.code(data.part(), Some("uprn:1")), expected, "{path}");
        };
        check("subject", Code::Text("uprn:1".into()));
        check(".subject", Code::Text("field".into()));
        check("a.b", Code::Text("7".into()));
        check("a.c", Code::Absent);
        check("a.x", Code::Absent);
        check("a.b.c", Code::Absent);
        check("a.d", Code::NeverOne);
        check("a.e", Code::NeverOne);
        check("a", Code::NeverOne);
        assert_eq!((Key::read(""), Key::read("a..b"), Key::read("a.")), (None, None, None));
    }
}

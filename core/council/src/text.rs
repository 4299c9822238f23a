//! A file of the council's text: read whole, parsed, and the places in it at which something is written or wrong.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use crate::{Place, Problem};

/// Largest file of TOML, VRL or JSON, in bytes.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// A value with the place where it is written.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Spanned<T>(toml::Spanned<T>);

impl<T> Spanned<T> {
    /// Where it is written, in bytes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// The value alone.
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T> AsRef<T> for Spanned<T> {
    fn as_ref(&self) -> &T {
        self.0.as_ref()
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A file that was read, with its text for places.
pub(crate) struct Text {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

impl Text {
    /// Reads a file whole; `None` and a problem where it cannot be.
    pub(crate) fn read(file: &Path) -> Result<Self, Problem> {
        let bytes = read_file(file, MAX_TEXT_BYTES)?;
        let text =
            String::from_utf8(bytes).map_err(|_| Problem::new(file, "unreadable", "it is not UTF-8"))?;
        Ok(Self { file: file.to_owned(), text })
    }

    /// The text as TOML of the shape `T`.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        toml::from_str(&self.text).map_err(|error| {
            let problem = Problem::new(&self.file, "toml", postroom_connector::words_of(&error));
            match error.span() {
                Some(span) => problem.at(Place::of(&self.text, &span)),
                None => problem,
            }
        })
    }

    /// A problem at the key that `path` names from the root (`target.settings.files[0].pattern`),
    /// or at the last table on the way that is written.
    pub(crate) fn problem_at(&self, path: &str, code: &str, words: impl Into<String>) -> Problem {
        let problem = Problem::new(&self.file, code, words);
        let Ok(document) = DeTable::parse(&self.text) else { return problem };
        let mut span = None;
        let mut inner = Some(DeValue::Table(document.into_inner()));
        for part in path.replace('[', ".").replace(']', "").split('.') {
            let Some((found, value)) = inner.take().and_then(|value| member(value, part)) else { break };
            (span, inner) = (Some(found), Some(value));
        }
        match span {
            Some(span) => problem.at(Place::of(&self.text, &span)),
            None => problem,
        }
    }

    /// A problem at something that was written in this file.
    pub(crate) fn problem<T>(&self, at: &Spanned<T>, code: &str, words: impl Into<String>) -> Problem {
        Problem::new(&self.file, code, words).at(Place::of(&self.text, &at.span()))
    }
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_file(file: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    postroom_schema::read_file(file, limit).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => Problem::new(file, "too-large", error.to_string()),
        _ => Problem::new(file, "unreadable", format!("reading it: {error}")),
    })
}

/// The span of the key or item `part`, and its value.
fn member<'i>(value: DeValue<'i>, part: &str) -> Option<(Range<usize>, DeValue<'i>)> {
    match value {
        DeValue::Table(table) => {
            let (key, value) = table.into_iter().find(|(key, _)| key.get_ref() == part)?;
            Some((key.span(), value.into_inner()))
        }
        DeValue::Array(items) => {
            let item = items.into_iter().nth(part.parse().ok()?)?;
            Some((item.span(), item.into_inner()))
        }
        _ => None,
    }
}

//! A format: what the settings say of a system's files, and the reading of them.

use std::io::Read;

use postroom_event::Reading;
use serde::Deserialize;

use crate::decode::Text;
use crate::{Csv, FixedWidth, Json, JsonLines, MixedCsv, ReadError, Xml};

/// The steps through an input: records and refused records, then the end or the reason why reading ended early.
pub type Readings = Box<dyn Iterator<Item = Result<Reading, ReadError>> + Send>;

/// How a system writes its files, as `format = { kind = "...", ... }` in its settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind")]
pub enum Format {
    /// Delimited text whose rows are all of one kind.
    #[serde(rename = "csv")]
    Csv(Csv),
    /// Delimited text in which one column tells the kind of the row.
    #[serde(rename = "mixed-csv")]
    MixedCsv(MixedCsv),
    /// Lines in which every field has its place.
    #[serde(rename = "fixed-width")]
    FixedWidth(FixedWidth),
    /// One JSON document: a record, or a list of records.
    #[serde(rename = "json")]
    Json(Json),
    /// A JSON value on each line.
    #[serde(rename = "jsonl")]
    JsonLines(JsonLines),
    /// XML in which a repeated element is a record.
    #[serde(rename = "xml")]
    Xml(Xml),
}

/// A format or layout that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {words}")]
pub struct FormatError {
    /// The key, dotted, under `format`.
    pub key: String,
    /// What is wrong, and what would be right.
    pub words: String,
}

impl FormatError {
    pub(crate) fn new(key: impl Into<String>, words: impl Into<String>) -> Self {
        Self { key: key.into(), words: words.into() }
    }
}

impl Format {
    /// Checks what the type cannot hold.
    ///
    /// # Errors
    /// The first key that is wrong.
    pub fn check(&self) -> Result<(), FormatError> {
        match self {
            Self::Csv(csv) => csv.check(),
            Self::MixedCsv(mixed) => mixed.check(),
            Self::FixedWidth(fixed) => fixed.check(),
            Self::Json(json) => json.check(),
            Self::JsonLines(_) => Ok(()),
            Self::Xml(xml) => xml.check(),
        }
    }

    /// The fields that every record has as text: the columns of CSV without a header, the required columns of CSV with
    /// one, the fields of fixed-width lines of one kind. None where the settings do not fix them.
    pub fn fields(&self) -> Option<Vec<String>> {
        match self {
            Self::Csv(csv) if csv.header && !csv.required.is_empty() => Some(csv.required.clone()),
            Self::Csv(csv) => csv.columns.clone(),
            Self::FixedWidth(fixed) => fixed.names(),
            _ => None,
        }
    }

    /// Reads `input` step by step, as a stream; blocking. Ends after the first error.
    pub fn read(&self, input: Box<dyn Read + Send>) -> Readings {
        let text = |encoding| Text::new(input, encoding);
        match self {
            Self::Csv(csv) => {
                let mut reader = csv.reader(text(csv.encoding));
                steps(move || reader.step())
            }
            Self::MixedCsv(mixed) => {
                let mut reader = mixed.reader(text(mixed.encoding));
                steps(move || reader.step())
            }
            Self::FixedWidth(fixed) => {
                let mut reader = fixed.reader(text(fixed.encoding));
                steps(move || reader.step())
            }
            Self::Json(json) => {
                let mut reader = json.reader(text(json.encoding));
                steps(move || reader.step())
            }
            Self::JsonLines(lines) => {
                let mut reader = JsonLines::reader(text(lines.encoding));
                steps(move || reader.step())
            }
            Self::Xml(xml) => {
                let mut reader = xml.reader(text(xml.encoding));
                steps(move || reader.step())
            }
        }
    }
}

/// Steps until there is none, or an error.
fn steps(mut step: impl FnMut() -> Result<Option<Reading>, ReadError> + Send + 'static) -> Readings {
    let mut over = false;
    Box::new(std::iter::from_fn(move || {
        if over {
            return None;
        }
        let next = step().transpose();
        over = !matches!(next, Some(Ok(_)));
        next
    }))
}

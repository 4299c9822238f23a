//! CSV as records: every row an object of column -> text, columns named by the settings or by a header; and CSV in
//! which one column tells the kind of the row (the gazetteer's DTF), each kind with columns of its own.

use std::collections::{BTreeMap, BTreeSet};

use postroom_event::{Fault, Reading, Record};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::decode::Text;
use crate::format::FormatError;
use crate::rows::{Row, Rows};
use crate::{Encoding, ReadError, rules};

/// The field of a mixed record that holds its kind.
pub(crate) const KIND: &str = "kind";

/// CSV whose rows are all of one kind: either `columns` (no header) or `header = true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// What divides columns, one ASCII character; default `,`.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// The names of the columns, in their order, of a file without a header.
    pub columns: Option<Vec<String>>,
    /// Whether the first row names the columns.
    #[serde(default)]
    pub header: bool,
    /// The columns that a header must name.
    #[serde(default)]
    pub required: Vec<String>,
}

/// CSV in which one column tells the kind of the row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedCsv {
    /// What divides columns, one ASCII character; default `,`.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// The column that tells the kind, from 1.
    #[serde(default = "first")]
    pub column: usize,
    /// The kinds, by the text in that column.
    pub records: BTreeMap<String, MixedRecord>,
}

/// One kind of row of mixed CSV.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedRecord {
    /// What the record's field `kind` says.
    pub name: String,
    /// The names of all its columns, in their order.
    pub columns: Vec<String>,
}

const fn comma() -> char {
    ','
}

const fn first() -> usize {
    1
}

impl Csv {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        check_delimiter(self.delimiter)?;
        match &self.columns {
            Some(_) if self.header => {
                Err(FormatError::new("header", "either `columns` or `header = true`, not both"))
            }
            Some(_) if !self.required.is_empty() => Err(FormatError::new(
                "required",
                "`required` goes with `header = true`; `columns` are all required",
            )),
            Some(columns) => check_columns("columns", columns),
            None if !self.header => Err(FormatError::new(
                "columns",
                "either `columns`, or `header = true` where the first row names them",
            )),
            None if self.required.is_empty() => Ok(()),
            None => check_columns("required", &self.required),
        }
    }

    pub(crate) fn reader(&self, text: Text) -> CsvReader {
        let shape = match &self.columns {
            Some(columns) => Shape::Columns(columns.clone()),
            None => Shape::Header(self.required.clone()),
        };
        CsvReader::new(text, self.delimiter, shape)
    }
}

impl MixedCsv {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        check_delimiter(self.delimiter)?;
        if self.records.is_empty() {
            return Err(FormatError::new("records", "at least one record kind is needed"));
        }
        for (code, record) in &self.records {
            let key = format!("records.{code}.columns");
            check_columns(&key, &record.columns)?;
            if record.columns.iter().any(|column| column == KIND) {
                let words = format!("`{KIND}` is the field that holds the record's name");
                return Err(FormatError::new(key, words));
            }
            if self.column == 0 || self.column > record.columns.len() {
                let words = "`column` is the position of the record kind in every record, from 1";
                return Err(FormatError::new("column", words));
            }
        }
        Ok(())
    }

    pub(crate) fn reader(&self, text: Text) -> CsvReader {
        let shape = Shape::Mixed { column: self.column.saturating_sub(1), records: self.records.clone() };
        CsvReader::new(text, self.delimiter, shape)
    }
}

pub(crate) fn check_delimiter(delimiter: char) -> Result<(), FormatError> {
    if delimiter.is_ascii() && !matches!(delimiter, '"' | '\r' | '\n' | '\0') {
        return Ok(());
    }
    Err(FormatError::new("delimiter", "a delimiter is one ASCII character, neither a quote nor a line end"))
}

/// The byte of a delimiter that passed [`check_delimiter`].
pub(crate) fn delimiter_byte(delimiter: char) -> u8 {
    u8::try_from(delimiter).unwrap_or(b',')
}

pub(crate) fn check_columns(key: &str, columns: &[String]) -> Result<(), FormatError> {
    if columns.is_empty() {
        return Err(FormatError::new(key, "at least one column is needed"));
    }
    match repeated(columns.iter().map(String::as_str)) {
        Some(column) => Err(FormatError::new(key, format!("column `{column}` stands twice"))),
        None => Ok(()),
    }
}

fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name))
}

/// What the columns of a row are called.
enum Shape {
    /// The next row is the header, and must name these.
    Header(Vec<String>),
    Columns(Vec<String>),
    Mixed {
        column: usize,
        records: BTreeMap<String, MixedRecord>,
    },
}

/// Records out of rows.
pub(crate) struct CsvReader {
    rows: Rows,
    shape: Shape,
    number: u64,
    /// Whether a row before ended in a line end.
    lines_end: bool,
}

impl CsvReader {
    fn new(text: Text, delimiter: char, shape: Shape) -> Self {
        Self { rows: Rows::new(text, delimiter_byte(delimiter)), shape, number: 0, lines_end: false }
    }

    pub(crate) fn step(&mut self) -> Result<Option<Reading>, ReadError> {
        if let Shape::Header(required) = &self.shape {
            let Some(row) = self.rows.next()? else { return Ok(None) };
            self.lines_end = row.terminated;
            self.shape = Shape::Columns(header(row, required)?);
        }
        let Some(row) = self.rows.next()? else { return Ok(None) };
        self.number += 1;
        let read = match &self.shape {
            Shape::Mixed { column, records } => mixed(row, *column, records),
            Shape::Columns(columns) | Shape::Header(columns) => fields(row, columns),
        };
        if self.lines_end && !row.terminated && read.as_ref().is_err_and(Broken::may_be_cut) {
            let words = "the last row ends too early";
            return Err(ReadError::whole(row.line, rules::CUT_OFF, words));
        }
        self.lines_end |= row.terminated;
        Ok(Some(match read {
            Ok(fields) => Reading::Record(Record {
                number: self.number,
                line: row.line,
                key: None,
                value: Value::Object(fields),
            }),
            Err(broken) => Reading::Refused(broken.fault(self.number, row.line)),
        }))
    }
}

/// What is wrong with one row.
pub(crate) enum Broken {
    Missing {
        expected: usize,
        found: usize,
        column: String,
    },
    Surplus {
        expected: usize,
        found: usize,
    },
    Stray {
        column: String,
    },
    /// A kind that is not known; or too few columns to tell.
    Kind {
        last: bool,
    },
}

impl Broken {
    /// Whether a row that stopped too early would look like this.
    fn may_be_cut(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Kind { last: true })
    }

    pub(crate) fn fault(self, number: u64, line: u64) -> Fault {
        let (rule, place, words) = match self {
            Self::Missing { expected, found, column } => {
                (rules::MISSING_COLUMNS, column, format!("expected {expected} columns, found {found}"))
            }
            Self::Surplus { expected, found } => {
                (rules::SURPLUS_COLUMNS, String::new(), format!("expected {expected} columns, found {found}"))
            }
            Self::Stray { column } => {
                (rules::STRAY_QUOTE, column, "text follows the closing quote of a column".to_owned())
            }
            Self::Kind { .. } => {
                let words = "the settings name no record of this kind".to_owned();
                (rules::UNKNOWN_RECORD, KIND.to_owned(), words)
            }
        };
        Fault { number, line, place, rule, words }
    }
}

/// The names in a header row.
pub(crate) fn header(row: &Row, required: &[String]) -> Result<Vec<String>, Fault> {
    let refused = |rule, place: &str, words: &str| {
        Err(Fault { number: 0, line: row.line, place: place.to_owned(), rule, words: words.to_owned() })
    };
    if row.stray.is_some() {
        return refused(rules::STRAY_QUOTE, "", "text follows the closing quote of a column of the header");
    }
    if let Some(column) = required.iter().find(|name| row.columns().all(|column| column != *name)) {
        return refused(rules::MISSING_HEADER, column, "the header does not name this column");
    }
    if let Some(position) = repeated(row.columns()).and_then(|name| row.columns().position(|c| c == name)) {
        let words = format!("the header names column {} again", position + 1);
        return refused(rules::DUPLICATE_HEADER, "", &words);
    }
    Ok(row.columns().map(str::to_owned).collect())
}

fn fields(row: &Row, columns: &[String]) -> Result<Map<String, Value>, Broken> {
    whole(row, columns)?;
    let pairs = columns.iter().zip(row.columns());
    Ok(pairs.map(|(name, text)| (name.clone(), Value::from(text))).collect())
}

/// Whether a row has exactly these columns.
pub(crate) fn whole(row: &Row, columns: &[String]) -> Result<(), Broken> {
    let (expected, found) = (columns.len(), row.len());
    if let Some(stray) = row.stray {
        return Err(Broken::Stray { column: columns.get(stray).cloned().unwrap_or_default() });
    }
    if let Some(column) = columns.get(found) {
        return Err(Broken::Missing { expected, found, column: column.clone() });
    }
    if found > expected {
        return Err(Broken::Surplus { expected, found });
    }
    Ok(())
}

fn mixed(
    row: &Row,
    column: usize,
    records: &BTreeMap<String, MixedRecord>,
) -> Result<Map<String, Value>, Broken> {
    let record = row.get(column).and_then(|code| records.get(code));
    let record = record.ok_or(Broken::Kind { last: row.len() <= column + 1 })?;
    let mut fields = fields(row, &record.columns)?;
    fields.insert(KIND.to_owned(), Value::from(record.name.as_str()));
    Ok(fields)
}

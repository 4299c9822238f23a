//! Fixed-width text as records: every line an object of field -> text, each field at its place, counted in characters; all
//! lines of one kind, or a kind that stands at one place of every line.

use std::collections::{BTreeMap, BTreeSet};

use postroom_event::{Fault, Reading, Record};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::csv::KIND;
use crate::decode::Text;
use crate::format::FormatError;
use crate::{Encoding, MAX_COLUMNS, MAX_RECORD_BYTES, ReadError, rules};

/// Fixed-width text (`kind = "fixed-width"`): either `fields`, or `records` told apart by what stands at `kind_at`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedWidth {
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// The fields of every line, in their order.
    pub fields: Option<Vec<FixedField>>,
    /// Where the kind of a line stands.
    pub kind_at: Option<Place>,
    /// The kinds, by the text that stands there, without the spaces around it.
    #[serde(default)]
    pub records: BTreeMap<String, FixedRecord>,
    /// Whether the spaces at both ends of a field belong to its text; default false: they fill it up.
    #[serde(default)]
    pub keep_spaces: bool,
    /// Whether a line may end before its last fields, which are then empty: for files whose spaces at the end were taken off.
    #[serde(default)]
    pub may_end_early: bool,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedField {
    /// Its name; without one it is not read.
    pub name: Option<String>,
    /// Its width, in characters.
    pub width: usize,
}

/// One kind of line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedRecord {
    /// What the record's field `kind` says.
    pub name: String,
    /// Its fields, in their order.
    pub fields: Vec<FixedField>,
}

/// A place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its first character, from 1.
    pub start: usize,
    /// Its width, in characters.
    pub width: usize,
}

impl FixedWidth {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        match (&self.fields, &self.kind_at) {
            (Some(fields), None) if self.records.is_empty() => check_fields("fields", fields),
            (None, Some(place)) if !self.records.is_empty() => self.check_kinds(*place),
            _ => Err(FormatError::new(
                "fields",
                "either `fields`, or `kind_at` with `records` where lines are of several kinds",
            )),
        }
    }

    fn check_kinds(&self, place: Place) -> Result<(), FormatError> {
        if place.start == 0 || place.width == 0 {
            return Err(FormatError::new("kind_at", "a first character, from 1, and a width"));
        }
        for (code, record) in &self.records {
            let key = format!("records.{code}.fields");
            if code.trim() != code {
                return Err(FormatError::new(format!("records.{code}"), "a kind without spaces at its ends"));
            }
            check_fields(&key, &record.fields)?;
            if record.fields.iter().any(|field| field.name.as_deref() == Some(KIND)) {
                let words = format!("`{KIND}` is the field that holds the record's name");
                return Err(FormatError::new(key, words));
            }
        }
        Ok(())
    }

    /// The fields that every record has as text, where all are of one kind.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        self.fields.as_ref().map(|fields| fields.iter().filter_map(|field| field.name.clone()).collect())
    }

    pub(crate) fn reader(&self, text: Text) -> FixedReader {
        FixedReader { format: self.clone(), text, bytes: Vec::new(), number: 0, lines_end: false }
    }

    /// The record in a line, or what is wrong with it: the rule, its place and the words.
    fn record(&self, line: &str) -> Result<Map<String, Value>, (&'static str, String, String)> {
        let Some(place) = self.kind_at else {
            return self.fields_of(line, self.fields.as_deref().unwrap_or_default());
        };
        let code: String = line.chars().skip(place.start - 1).take(place.width).collect();
        let Some(record) = self.records.get(code.trim()) else {
            let words = "the settings name no record of this kind".to_owned();
            return Err((rules::UNKNOWN_RECORD, KIND.to_owned(), words));
        };
        let mut fields = self.fields_of(line, &record.fields)?;
        fields.insert(KIND.to_owned(), Value::from(record.name.as_str()));
        Ok(fields)
    }

    fn fields_of(
        &self,
        line: &str,
        fields: &[FixedField],
    ) -> Result<Map<String, Value>, (&'static str, String, String)> {
        let (mut rest, mut read) = (line, Map::new());
        for field in fields {
            let end = rest.char_indices().nth(field.width).map_or(rest.len(), |(at, _)| at);
            let (text, behind) = rest.split_at(end);
            if !self.may_end_early && behind.is_empty() && text.chars().count() < field.width {
                let (expected, found) = (width(fields), line.chars().count());
                let words = format!("expected {expected} characters, found {found}");
                return Err((rules::MISSING_COLUMNS, field.name.clone().unwrap_or_default(), words));
            }
            rest = behind;
            if let Some(name) = &field.name {
                let text = if self.keep_spaces { text } else { text.trim_matches(' ') };
                read.insert(name.clone(), Value::from(text));
            }
        }
        if rest.bytes().any(|byte| byte != b' ') {
            let (expected, found) = (width(fields), line.chars().count());
            let words = format!("expected {expected} characters, found {found}");
            return Err((rules::SURPLUS_COLUMNS, String::new(), words));
        }
        Ok(read)
    }
}

fn width(fields: &[FixedField]) -> usize {
    fields.iter().map(|field| field.width).sum()
}

fn check_fields(key: &str, fields: &[FixedField]) -> Result<(), FormatError> {
    let names: Vec<&str> = fields.iter().filter_map(|field| field.name.as_deref()).collect();
    if names.is_empty() || fields.len() > MAX_COLUMNS {
        return Err(FormatError::new(
            key,
            format!("one field with a name at least, and {MAX_COLUMNS} fields at most"),
        ));
    }
    if fields.iter().any(|field| field.width == 0) || width(fields) > MAX_RECORD_BYTES {
        return Err(FormatError::new(key, "the width of a field is the number of its characters, from 1"));
    }
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(FormatError::new(key, format!("field `{name}` stands twice"))),
        None => Ok(()),
    }
}

/// Records out of lines.
pub(crate) struct FixedReader {
    format: FixedWidth,
    text: Text,
    bytes: Vec<u8>,
    number: u64,
    /// Whether a line before ended in a line end.
    lines_end: bool,
}

impl FixedReader {
    pub(crate) fn step(&mut self) -> Result<Option<Reading>, ReadError> {
        let is_blank = |line: &[u8]| matches!(line, b"\n" | b"\r\n");
        let Some(line) = self.text.next_line(&mut self.bytes, is_blank)? else { return Ok(None) };
        self.number += 1;
        let number = self.number;
        let is_ended = self.bytes.last() == Some(&b'\n');
        let end =
            self.bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        // The decoder gives nothing else.
        let text = String::from_utf8_lossy(&self.bytes[..end]);
        let read = self.format.record(&text);
        let may_be_cut = matches!(read, Err((rules::MISSING_COLUMNS | rules::UNKNOWN_RECORD, ..)));
        if may_be_cut && self.lines_end && !is_ended {
            return Err(ReadError::whole(line, rules::CUT_OFF, "the last line ends too early"));
        }
        self.lines_end |= is_ended;
        Ok(Some(match read {
            Ok(fields) => Reading::Record(Record { number, line, key: None, value: Value::Object(fields) }),
            Err((rule, place, words)) => Reading::Refused(Fault { number, line, place, rule, words }),
        }))
    }
}

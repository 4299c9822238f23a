//! A JSON document as records: the value that the settings point at is one record, or a list of them, read item by item.

use std::collections::HashSet;
use std::io::BufRead;

use postroom_event::{Fault, Reading, Record, Rule, read_value};
use serde::Deserialize;
use serde_json::Value;

use crate::decode::Text;
use crate::format::FormatError;
use crate::json_scan::{cut_value, fault, next_byte};
use crate::{Encoding, MAX_DOCUMENT_BYTES, MAX_RECORD_BYTES, ReadError, rules};

/// A JSON document (`kind = "json"`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Json {
    /// JSON pointer (RFC 6901) through objects to the records; default: the whole document.
    #[serde(default)]
    pub records: String,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
}

impl Json {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        if self.records.is_empty() || self.records.starts_with('/') {
            return Ok(());
        }
        Err(FormatError::new("records", "a JSON pointer such as `/items`, or empty for the whole document"))
    }

    pub(crate) fn reader(&self, text: Text) -> JsonReader {
        let unescape = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
        JsonReader {
            text,
            bytes: Vec::new(),
            path: self.records.split('/').skip(1).map(unescape).collect(),
            place: Place::Before,
            open: Vec::new(),
            number: 0,
        }
    }
}

/// Where the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    /// In the list of records, before its first item.
    FirstItem,
    NextItem,
    After,
}

/// Records out of a document.
pub(crate) struct JsonReader {
    text: Text,
    bytes: Vec<u8>,
    path: Vec<String>,
    place: Place,
    /// The keys seen so far in each object that is open around the records.
    open: Vec<HashSet<String>>,
    number: u64,
}

impl JsonReader {
    pub(crate) fn step(&mut self) -> Result<Option<Reading>, ReadError> {
        if self.place == Place::Before {
            self.text.allow(MAX_DOCUMENT_BYTES);
            self.descend()?;
            if next_byte(&mut self.text)? != Some(b'[') {
                self.place = Place::After;
                return self.record(MAX_DOCUMENT_BYTES).map(Some);
            }
            self.text.consume(1);
            self.place = Place::FirstItem;
        }
        if self.place != Place::After && self.at_item()? {
            return self.record(MAX_RECORD_BYTES).map(Some);
        }
        self.text.allow(MAX_DOCUMENT_BYTES);
        self.close()?;
        Ok(None)
    }

    /// Whether an item follows in the list; where none does, the list is left.
    fn at_item(&mut self) -> Result<bool, ReadError> {
        self.text.allow(MAX_RECORD_BYTES);
        match (next_byte(&mut self.text)?, self.place) {
            (Some(b']'), _) => {
                self.text.consume(1);
                self.place = Place::After;
                return Ok(false);
            }
            (_, Place::FirstItem) => self.place = Place::NextItem,
            _ => self.expect(b',')?,
        }
        next_byte(&mut self.text)?;
        Ok(true)
    }

    /// The value at which the text stands, as a record. Bytes that are no JSON refuse the document; a value that breaks
    /// another rule is refused alone.
    fn record(&mut self, limit: usize) -> Result<Reading, ReadError> {
        self.text.allow(limit);
        let line = self.text.line();
        cut_value(&mut self.text, &mut self.bytes)?;
        self.number += 1;
        match read_value(&self.bytes) {
            Ok(value) => Ok(Reading::Record(Record { number: self.number, line, key: None, value })),
            Err(refusal) if refusal.rule == Rule::NotJson => Err(fault(refusal, &self.bytes, 0, line).into()),
            Err(refusal) => Ok(Reading::Refused(fault(refusal, &self.bytes, self.number, line))),
        }
    }

    /// Walks to the value at the path.
    fn descend(&mut self) -> Result<(), ReadError> {
        for depth in 0..self.path.len() {
            if next_byte(&mut self.text)? != Some(b'{') {
                return Err(self.nothing_there());
            }
            self.text.consume(1);
            self.open.push(HashSet::new());
            let mut first = true;
            loop {
                match self.key(first)? {
                    None => return Err(self.nothing_there()),
                    Some(key) if key == self.path[depth] => break,
                    Some(_) => self.pass_value()?,
                }
                first = false;
            }
        }
        Ok(())
    }

    /// Reads what follows the records: the rest of each open object, then nothing.
    fn close(&mut self) -> Result<(), ReadError> {
        while !self.open.is_empty() {
            while self.key(false)?.is_some() {
                self.pass_value()?;
            }
            self.open.pop();
        }
        match next_byte(&mut self.text)? {
            None => Ok(()),
            Some(_) => Err(self.not_json("something follows the document")),
        }
    }

    /// The next key of the innermost open object, and passes over its colon; none at the object's end.
    fn key(&mut self, first: bool) -> Result<Option<String>, ReadError> {
        if next_byte(&mut self.text)? == Some(b'}') {
            self.text.consume(1);
            return Ok(None);
        }
        if !first {
            self.expect(b',')?;
            next_byte(&mut self.text)?;
        }
        let Value::String(key) = self.value()? else {
            return Err(self.not_json("a key is not a text"));
        };
        next_byte(&mut self.text)?;
        self.expect(b':')?;
        if self.open.last_mut().is_some_and(|seen| !seen.insert(key.clone())) {
            let words = "the same key stands twice in one object";
            return Err(ReadError::whole(self.text.line(), rules::DUPLICATE_KEY, words));
        }
        Ok(Some(key))
    }

    fn pass_value(&mut self) -> Result<(), ReadError> {
        next_byte(&mut self.text)?;
        self.value().map(drop)
    }

    fn value(&mut self) -> Result<Value, ReadError> {
        let line = self.text.line();
        cut_value(&mut self.text, &mut self.bytes)?;
        read_value(&self.bytes).map_err(|refusal| fault(refusal, &self.bytes, 0, line).into())
    }

    fn expect(&mut self, byte: u8) -> Result<(), ReadError> {
        match next_byte(&mut self.text)? {
            Some(found) if found == byte => {
                self.text.consume(1);
                Ok(())
            }
            Some(_) => Err(self.not_json(&format!("expected `{}`", char::from(byte)))),
            None => Err(self.not_json("the text ends too early")),
        }
    }

    fn not_json(&self, words: &str) -> ReadError {
        ReadError::whole(self.text.line(), rules::NOT_JSON, words)
    }

    fn nothing_there(&self) -> ReadError {
        let words = "nothing stands where the settings say that the records are";
        Fault {
            number: 0,
            line: self.text.line(),
            place: self.path.iter().map(|segment| format!("/{segment}")).collect(),
            rule: rules::NO_RECORDS,
            words: words.to_owned(),
        }
        .into()
    }
}

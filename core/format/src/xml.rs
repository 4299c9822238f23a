//! XML as records: every element of one name is a record; what stands outside them is passed over, but for a trailer
//! that tells how many there are.

use std::collections::BTreeSet;

use postroom_event::{Fault, Reading, Record};
use serde::Deserialize;
use serde_json::Value;

use crate::decode::Text;
use crate::format::FormatError;
use crate::xml_element::Element;
use crate::xml_events::{Piece, Pieces};
use crate::{Encoding, ReadError, rules};

/// Longest text of a trailer's count, in bytes.
const MAX_COUNT_BYTES: usize = 32;

/// XML in which a repeated element is a record (`kind = "xml"`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xml {
    /// The local name of the element that is a record, wherever it stands.
    pub record: String,
    /// Local names of elements that are lists even where only one stands.
    #[serde(default)]
    pub lists: BTreeSet<String>,
    /// The trailer, where the document must have one.
    pub trailer: Option<Trailer>,
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
}

/// A trailer that tells how many records the document holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// The path to the count under the outermost element, local names divided by `/`.
    pub count: String,
}

impl Xml {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        if !is_local_name(&self.record) {
            return Err(FormatError::new("record", "the local name of an element, without prefix"));
        }
        if !self.lists.iter().all(|name| is_local_name(name)) {
            return Err(FormatError::new("lists", "local names of elements, without prefix"));
        }
        if self.trailer.as_ref().is_some_and(|trailer| !trailer.count.split('/').all(is_local_name)) {
            return Err(FormatError::new(
                "trailer.count",
                "local names divided by `/`, from under the outermost element",
            ));
        }
        Ok(())
    }

    pub(crate) fn reader(&self, text: Text) -> XmlReader {
        let path = |trailer: &Trailer| trailer.count.split('/').map(str::to_owned).collect();
        XmlReader {
            pieces: Pieces::new(text),
            record: self.record.clone(),
            lists: self.lists.clone(),
            trailer: self.trailer.as_ref().map(path),
            count: None,
            element: None,
            number: 0,
        }
    }
}

fn is_local_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([':', '/', '<', '>']) && !name.contains(char::is_whitespace)
}

/// Records out of a document.
pub(crate) struct XmlReader {
    pieces: Pieces,
    record: String,
    lists: BTreeSet<String>,
    trailer: Option<Vec<String>>,
    /// The text of the trailer's count, and its line.
    count: Option<(String, u64)>,
    element: Option<Element>,
    number: u64,
}

impl XmlReader {
    pub(crate) fn step(&mut self) -> Result<Option<Reading>, ReadError> {
        loop {
            if self.element.is_none() {
                self.pieces.begin();
            }
            let line = self.pieces.line();
            match self.pieces.next()? {
                None => {
                    self.check_count()?;
                    return Ok(None);
                }
                Some(Piece::Start { name, attributes }) => self.start(name, attributes, line)?,
                Some(Piece::Text(text)) => self.text(&text),
                Some(Piece::End) => {
                    let value = self.element.as_mut().and_then(|element| element.close(&self.lists));
                    if let Some(reading) = value.and_then(|value| self.reading(value)) {
                        return Ok(Some(reading));
                    }
                }
            }
        }
    }

    fn start(&mut self, name: String, attributes: Vec<(String, String)>, line: u64) -> Result<(), ReadError> {
        if let Some(element) = &mut self.element {
            element.open(name, attributes);
        } else if name == self.record {
            self.element.insert(Element::new(line)).open(name, attributes);
        } else if self.in_trailer() && self.count.replace((String::new(), line)).is_some() {
            let words = "the trailer's count stands twice";
            return Err(ReadError::whole(line, rules::TRAILER_COUNT, words));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = &mut self.element {
            element.text(text);
        } else if self.in_trailer()
            && let Some((count, _)) = &mut self.count
            && count.len() <= MAX_COUNT_BYTES
        {
            count.push_str(text);
        }
    }

    fn in_trailer(&self) -> bool {
        self.trailer.as_deref().is_some_and(|path| self.pieces.path().get(1..) == Some(path))
    }

    /// A record that has just ended.
    fn reading(&mut self, value: Value) -> Option<Reading> {
        let element = self.element.take()?;
        self.number += 1;
        let (number, line) = (self.number, element.line);
        Some(match element.repeated {
            None => Reading::Record(Record { number, line, key: None, value }),
            Some(place) => {
                let words = "an attribute stands twice in one element".to_owned();
                Reading::Refused(Fault { number, line, place, rule: rules::DUPLICATE_KEY, words })
            }
        })
    }

    /// At the end of the document: whether there were as many records as it says, or any.
    fn check_count(&self) -> Result<(), Fault> {
        let refused = |line, place: String, rule, words: &str| {
            Err(Fault { number: 0, line, place, rule, words: words.to_owned() })
        };
        let Some(path) = &self.trailer else {
            if self.number > 0 {
                return Ok(());
            }
            let words = "the document has no element of the name that the settings give to records";
            return refused(1, self.record.clone(), rules::NO_RECORDS, words);
        };
        let place = path.join("/");
        let Some((text, line)) = &self.count else {
            let words = format!("the document has no trailer with a count; it holds {} records", self.number);
            return refused(self.pieces.line(), place, rules::TRAILER_MISSING, &words);
        };
        match text.trim_ascii().parse::<u64>() {
            Ok(count) if count == self.number => Ok(()),
            Ok(count) => {
                let words = format!("the trailer says {count} records, the file holds {}", self.number);
                refused(*line, place, rules::TRAILER_COUNT, &words)
            }
            Err(_) => refused(*line, place, rules::TRAILER_COUNT, "the trailer's count is not a number"),
        }
    }
}

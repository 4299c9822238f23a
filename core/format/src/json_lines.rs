//! JSON Lines: a JSON value on each line. A line that is not JSON is refused, and the rest goes on.

use postroom_event::{Fault, Reading, Record, Refusal, read_value};
use serde::Deserialize;

use crate::decode::Text;
use crate::json_scan::{fault, position};
use crate::{Encoding, ReadError, rules};

/// JSON Lines (`kind = "jsonl"`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonLines {
    /// The encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
}

impl JsonLines {
    pub(crate) fn reader(text: Text) -> LineReader {
        LineReader { text, bytes: Vec::new(), number: 0 }
    }
}

/// Records out of lines.
pub(crate) struct LineReader {
    text: Text,
    bytes: Vec<u8>,
    number: u64,
}

impl LineReader {
    pub(crate) fn step(&mut self) -> Result<Option<Reading>, ReadError> {
        let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
        let Some(line) = self.text.next_line(&mut self.bytes, is_blank)? else { return Ok(None) };
        self.number += 1;
        match read_value(self.bytes.trim_ascii_end()) {
            Ok(value) => Ok(Some(Reading::Record(Record { number: self.number, line, key: None, value }))),
            Err(_) if self.is_cut_off() => {
                Err(ReadError::whole(line, rules::CUT_OFF, "the last line ends too early"))
            }
            Err(refusal) => Ok(Some(Reading::Refused(self.refused(refusal, line)))),
        }
    }

    /// Whether this is the last line, its line end is missing although lines before had one, and its JSON is incomplete.
    fn is_cut_off(&self) -> bool {
        self.number > 1
            && self.bytes.last() != Some(&b'\n')
            && position(self.bytes.trim_ascii_end()).is_some_and(|at| at.too_early)
    }

    fn refused(&self, refusal: Refusal, line: u64) -> Fault {
        fault(refusal, self.bytes.trim_ascii_end(), self.number, line)
    }
}

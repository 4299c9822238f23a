//! Rows of delimited text (RFC 4180), one at a time, with the true line on which each starts.
//!
//! Columns are the text exactly as written between the delimiters; a column that starts with a quote ends with one, and
//! may hold line ends. Blank lines are no rows. It knows nothing of headers or of what the columns mean.

use std::io::BufRead;

use crate::decode::Text;
use crate::{MAX_COLUMNS, MAX_RECORD_BYTES, ReadError, rules};

const QUOTE: u8 = b'"';

/// One row, valid until the next is read.
#[derive(Default)]
pub(crate) struct Row {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The line on which it starts, from 1.
    pub(crate) line: u64,
    /// Whether a line end follows it.
    pub(crate) terminated: bool,
    /// The column, from 0, in which text follows the closing quote.
    pub(crate) stray: Option<usize>,
}

impl Row {
    /// How many columns it has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a column, from 0.
    pub(crate) fn get(&self, column: usize) -> Option<&str> {
        let end = *self.ends.get(column)?;
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.text[start..end]).ok()
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|column| self.get(column))
    }

    fn is_blank(&self) -> bool {
        self.ends.is_empty() && self.text.is_empty()
    }

    fn clear(&mut self, line: u64) {
        self.text.clear();
        self.ends.clear();
        (self.line, self.terminated, self.stray) = (line, false, None);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first character of a column.
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted column: its end, or the first of a doubled quote.
    Closing,
}

/// The rows of a text.
pub(crate) struct Rows {
    text: Text,
    delimiter: u8,
    row: Row,
    state: State,
    after_cr: bool,
}

impl Rows {
    /// Rows of `text` whose columns are divided by `delimiter`, an ASCII character.
    pub(crate) fn new(text: Text, delimiter: u8) -> Self {
        Self { text, delimiter, row: Row::default(), state: State::Start, after_cr: false }
    }

    /// The next row; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&Row>, ReadError> {
        loop {
            self.begin()?;
            let ended = self.fill()?;
            if !ended && self.state == State::Quoted {
                let words = "the input ends inside a quoted column";
                return Err(ReadError::whole(self.row.line, rules::CUT_OFF, words));
            }
            let blank = self.row.is_blank() && self.state == State::Start;
            if blank && !ended {
                return Ok(None);
            }
            if !blank {
                self.row.ends.push(self.row.text.len());
                self.row.terminated = ended;
                return Ok(Some(&self.row));
            }
        }
    }

    /// Passes over the second half of the line end before, and clears the row.
    fn begin(&mut self) -> Result<(), ReadError> {
        self.text.allow(MAX_RECORD_BYTES);
        if self.after_cr && self.text.fill_buf()?.first() == Some(&b'\n') {
            self.text.consume(1);
        }
        self.after_cr = false;
        self.state = State::Start;
        self.row.clear(self.text.line());
        Ok(())
    }

    /// Reads up to the row's end; false where the input ends first.
    fn fill(&mut self) -> Result<bool, ReadError> {
        loop {
            let chunk = self.text.fill_buf()?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let mut feeding =
                Feeding { row: &mut self.row, state: &mut self.state, delimiter: self.delimiter };
            let (used, ended) = feeding.feed(chunk);
            self.after_cr = ended && chunk[used - 1] == b'\r';
            self.text.consume(used);
            if self.row.ends.len() >= MAX_COLUMNS {
                let words = format!("the row has more than {MAX_COLUMNS} columns");
                return Err(ReadError::whole(self.row.line, rules::TOO_LARGE, words));
            }
            if ended {
                return Ok(true);
            }
        }
    }
}

struct Feeding<'a> {
    row: &'a mut Row,
    state: &'a mut State,
    delimiter: u8,
}

impl Feeding<'_> {
    /// Takes from `chunk` up to the row's end: how many bytes were used, and whether the row has ended.
    fn feed(&mut self, chunk: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < chunk.len() {
            let rest = &chunk[at..];
            let run = match self.state {
                State::Plain => rest.iter().position(|byte| self.is_special(*byte)),
                State::Quoted => rest.iter().position(|byte| *byte == QUOTE),
                State::Start | State::Closing => Some(0),
            };
            let run = run.unwrap_or(rest.len());
            self.row.text.extend_from_slice(&rest[..run]);
            at += run;
            if let Some(byte) = chunk.get(at) {
                at += 1;
                if self.take(*byte) {
                    return (at, true);
                }
            }
        }
        (at, false)
    }

    fn is_special(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n' || byte == b'\r'
    }

    /// Takes one byte that may mean something; true where it ends the row.
    fn take(&mut self, byte: u8) -> bool {
        *self.state = match (*self.state, byte) {
            (State::Quoted, _) => State::Closing,
            (_, b'\n' | b'\r') => return true,
            (_, byte) if byte == self.delimiter => {
                self.row.ends.push(self.row.text.len());
                State::Start
            }
            (State::Start, QUOTE) => State::Quoted,
            (State::Closing, QUOTE) => {
                self.row.text.push(QUOTE);
                State::Quoted
            }
            (before, byte) => {
                if before == State::Closing {
                    self.row.stray = self.row.stray.or(Some(self.row.ends.len()));
                }
                self.row.text.push(byte);
                State::Plain
            }
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoding;

    /// Rows as (line, columns).
    fn check(text: &str, expected: &[(u64, &[&str])]) {
        let mut rows =
            Rows::new(Text::new(Box::new(std::io::Cursor::new(text.to_owned())), Encoding::Utf8), b',');
        let mut read = Vec::new();
        while let Some(row) = rows.next().expect("rows") {
            read.push((row.line, row.columns().map(str::to_owned).collect::<Vec<_>>()));
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, row)| (*line, row.iter().map(|column| (*column).to_owned()).collect()))
            .collect();
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn columns_are_the_text_as_written() {
        check("a, b ,\n", &[(1, &["a", " b ", ""])]);
        check("6\" pipe,\"say \"\"hi\"\"\"", &[(1, &["6\" pipe", "say \"hi\""])]);
        check("\"\"\n,", &[(1, &[""]), (2, &["", ""])]);
    }

    #[test]
    fn a_row_tells_the_line_on_which_it_starts_whatever_ends_the_lines() {
        check("a\r\n\r\n\"b\nc\",d\re\n", &[(1, &["a"]), (3, &["b\nc", "d"]), (5, &["e"])]);
    }

    #[test]
    fn an_unterminated_quote_is_a_cut_off_row() {
        let text = Text::new(Box::new(&b"a,b\nc,\"d\n"[..]), Encoding::Utf8);
        let mut rows = Rows::new(text, b',');
        assert!(rows.next().expect("a row").is_some());
        assert!(
            matches!(rows.next(), Err(ReadError::Refused(fault)) if (fault.rule, fault.line) == (rules::CUT_OFF, 2))
        );
    }
}

//! One JSON value at a time cut out of a stream, for the strict reader to judge; and its refusals as faults.

use std::io::BufRead;

use postroom_event::{Fault, Refusal, Rule};
use serde::de::IgnoredAny;

use crate::ReadError;
use crate::decode::Text;

/// The bytes of the value at which `text` stands, into `bytes`: up to its end, or to where it cannot go on. Whether
/// they are JSON is for the strict reader to say.
pub(crate) fn cut_value(text: &mut Text, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
    bytes.clear();
    let mut scan = Scan::default();
    loop {
        let chunk = text.fill_buf()?;
        let (used, ended) = scan.feed(chunk);
        bytes.extend_from_slice(&chunk[..used]);
        let input_ended = chunk.is_empty();
        text.consume(used);
        if ended || input_ended {
            return Ok(());
        }
    }
}

/// Passes over white space; the next byte, or none at the end.
pub(crate) fn next_byte(text: &mut Text) -> Result<Option<u8>, ReadError> {
    loop {
        let chunk = text.fill_buf()?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let blank = chunk.iter().take_while(|byte| is_blank(**byte)).count();
        let next = chunk.get(blank).copied();
        text.consume(blank);
        if next.is_some() {
            return Ok(next);
        }
    }
}

/// White space of JSON (RFC 8259).
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Scan {
    /// How many bytes of `chunk` belong to the value, and whether it ends there.
    fn feed(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (at, byte) in chunk.iter().enumerate() {
            if self.in_string {
                if self.take_in_string(*byte) {
                    return (at + 1, true);
                }
                continue;
            }
            let outermost = self.depth == 0;
            match byte {
                b',' | b':' | b']' | b'}' if outermost => return (at, true),
                b'"' | b'{' | b'[' if outermost && self.begun => return (at, true),
                byte if outermost && is_blank(*byte) => return (at, true),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
            self.begun = true;
        }
        (chunk.len(), false)
    }

    /// True where the byte ends a string that is the whole value.
    fn take_in_string(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        !self.in_string && self.depth == 0
    }
}

/// Where JSON stops being well-formed, counted from the start of `bytes`.
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Whether the text ends before the value does.
    pub(crate) too_early: bool,
}

/// Where `bytes` stop being well-formed JSON; none where they are.
pub(crate) fn position(bytes: &[u8]) -> Option<Position> {
    let error = serde_json::from_slice::<IgnoredAny>(bytes).err()?;
    Some(Position { line: error.line(), column: error.column(), too_early: error.is_eof() })
}

/// The refusal of record `number`, whose `bytes` start at `line`, as a fault with the true line.
pub(crate) fn fault(refusal: Refusal, bytes: &[u8], number: u64, line: u64) -> Fault {
    let rule = refusal.rule.code();
    let Some(at) = position(bytes).filter(|_| refusal.rule == Rule::NotJson) else {
        let words = refusal.words.split(" at line ").next().unwrap_or_default().to_owned();
        return Fault { number, line, place: refusal.place, rule, words };
    };
    let what = if at.too_early { "ends too early" } else { "is not well-formed JSON" };
    let offset = u64::try_from(at.line.saturating_sub(1)).unwrap_or_default();
    let words = format!("the text {what} at line {}, column {}", line + offset, at.column);
    Fault { number, line, place: refusal.place, rule, words }
}

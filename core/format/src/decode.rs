//! Bytes of a stated encoding as UTF-8 text: strict, streaming, counting lines.
//!
//! A byte that is not in the encoding, NUL, an empty input, and another kind of file under the name are faults. They
//! reach the reader inside an I/O error, after all the text before them, so the line that they tell is the true one.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, DecoderResult};

use crate::read_error::whole;
use crate::{BUFFER_BYTES, Encoding, MAX_RECORD_BYTES, rules};

/// How files of other kinds begin.
const OTHER_KINDS: [(&[u8], &str); 5] = [
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
];

/// How web pages begin, in lower case.
const WEB_PAGES: [&str; 2] = ["<!doctype html", "<html"];

/// The text of an input, as a [`BufRead`] of valid UTF-8.
pub(crate) struct Text {
    input: Box<dyn Read + Send>,
    encoding: Encoding,
    decoder: Option<Decoder>,
    raw: Block,
    /// Whether the input has no more bytes than those in `raw`.
    read_all: bool,
    out: Block,
    decoded_all: bool,
    blank: bool,
    pending: Option<(&'static str, String)>,
    line: u64,
    after_cr: bool,
    budget: Budget,
}

/// A buffer of which `at..end` is still to be used.
struct Block {
    bytes: Box<[u8]>,
    at: usize,
    end: usize,
}

impl Block {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER_BYTES].into_boxed_slice(), at: 0, end: 0 }
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }
}

/// How many bytes may still be used for what began at `line`.
struct Budget {
    left: usize,
    limit: usize,
    line: u64,
}

impl Text {
    pub(crate) fn new(input: Box<dyn Read + Send>, encoding: Encoding) -> Self {
        Self {
            input,
            encoding,
            decoder: None,
            raw: Block::new(),
            read_all: false,
            out: Block::new(),
            decoded_all: false,
            blank: true,
            pending: None,
            line: 1,
            after_cr: false,
            budget: Budget { left: MAX_RECORD_BYTES, limit: MAX_RECORD_BYTES, line: 1 },
        }
    }

    /// The line of the next byte, from 1. A line ends with CR LF, LF or CR.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Begins something that may have at most `limit` bytes.
    pub(crate) fn allow(&mut self, limit: usize) {
        self.budget = Budget { left: limit, limit, line: self.line };
    }

    /// The next line that is not blank, with its end, into `line`: its number, or none at the end.
    pub(crate) fn next_line(
        &mut self,
        line: &mut Vec<u8>,
        is_blank: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Option<u64>> {
        loop {
            self.allow(MAX_RECORD_BYTES);
            line.clear();
            let number = self.line();
            if self.read_until(b'\n', line)? == 0 {
                return Ok(None);
            }
            if !is_blank(line) {
                return Ok(Some(number));
            }
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.out.left().is_empty() {
            if let Some((rule, words)) = &self.pending {
                return Err(io::Error::other(whole(self.line, rule, words.clone())));
            }
            if self.decoded_all {
                return Ok(());
            }
            if self.raw.left().is_empty() && !self.read_all {
                self.read_block()?;
            }
            self.decode_block();
        }
        Ok(())
    }

    /// Reads until the buffer is full or the input ends.
    fn read_block(&mut self) -> io::Result<()> {
        (self.raw.at, self.raw.end) = (0, 0);
        while self.raw.end < self.raw.bytes.len() {
            match self.input.read(&mut self.raw.bytes[self.raw.end..]) {
                Ok(0) => {
                    self.read_all = true;
                    break;
                }
                Ok(count) => self.raw.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.decoder.is_none() {
            self.begin();
        }
        Ok(())
    }

    /// Chooses the decoder by the first block.
    fn begin(&mut self) {
        match self.encoding.decoder(self.raw.left()) {
            Ok((decoder, skipped)) => {
                self.decoder = Some(decoder);
                self.raw.at = skipped;
                let head = self.raw.left();
                if let Some((_, kind)) = OTHER_KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
                    self.pending = Some((rules::WRONG_KIND, format!("the file is {kind}")));
                }
            }
            Err(mark) => {
                self.pending = Some((rules::ENCODING, format!("not {}: {mark}", self.encoding.name())));
            }
        }
    }

    fn decode_block(&mut self) {
        let Some(decoder) = self.decoder.as_mut().filter(|_| self.pending.is_none()) else { return };
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(self.raw.left(), &mut self.out.bytes, self.read_all);
        self.raw.at += read;
        (self.out.at, self.out.end) = (0, written);
        match result {
            DecoderResult::InputEmpty => self.decoded_all = self.read_all,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                let words = format!("the bytes are not {}", self.encoding.name());
                self.pending = Some((rules::ENCODING, words));
            }
        }
        self.inspect();
    }

    /// Looks for what no text may hold, and cuts the block before it.
    fn inspect(&mut self) {
        if self.blank && is_web_page(self.out.left()) {
            self.pending = Some((rules::WRONG_KIND, "the file is a web page (HTML)".to_owned()));
            self.out.end = 0;
            return;
        }
        if self.encoding == Encoding::Windows1252
            && let Some(at) = self.out.left().windows(2).position(|pair| pair[0] == 0xc2 && pair[1] < 0xa0)
        {
            let words = "a byte is not defined in windows-1252".to_owned();
            self.pending = Some((rules::ENCODING, words));
            self.out.end = at;
        }
        if let Some(at) = self.out.left().iter().position(|byte| *byte == 0) {
            self.pending = Some((rules::NUL, "the text holds the character NUL".to_owned()));
            self.out.end = at;
        }
        self.blank = self.blank && self.out.left().iter().all(u8::is_ascii_whitespace);
        if self.blank && self.decoded_all && self.pending.is_none() {
            self.pending = Some((rules::EMPTY, "the file is empty".to_owned()));
        }
    }

    fn count_lines(&mut self, used: usize) {
        for byte in &self.out.bytes[self.out.at..self.out.at + used] {
            match byte {
                b'\r' => self.line += 1,
                b'\n' if !self.after_cr => self.line += 1,
                _ => {}
            }
            self.after_cr = *byte == b'\r';
        }
    }
}

fn is_web_page(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    WEB_PAGES
        .iter()
        .any(|page| text.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page.as_bytes())))
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.budget.left == 0 {
            let words = format!("larger than the limit of {} bytes", self.budget.limit);
            return Err(io::Error::other(whole(self.budget.line, rules::TOO_LARGE, words)));
        }
        self.refill()?;
        Ok(self.out.left())
    }

    fn consume(&mut self, used: usize) {
        self.count_lines(used);
        self.out.at += used;
        self.budget.left = self.budget.left.saturating_sub(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadError;

    fn check(bytes: &'static [u8], encoding: Encoding, expected: Result<&str, (&str, u64)>) {
        let mut text = String::new();
        let read = Text::new(Box::new(bytes), encoding).read_to_string(&mut text);
        let read = read.map(|_| text.as_str()).map_err(|error| match ReadError::from(error) {
            ReadError::Refused(fault) => (fault.rule, fault.line),
            ReadError::Io(error) => panic!("{error}"),
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn each_encoding_is_read_with_and_without_its_mark() {
        check("\u{feff}Zoë".as_bytes(), Encoding::Utf8, Ok("Zoë"));
        check(b"Zo\xeb \x80", Encoding::Windows1252, Ok("Zoë €"));
        for encoding in [Encoding::Utf16, Encoding::Utf16Le] {
            check(b"\xff\xfeZ\0\xeb\0", encoding, Ok("Zë"));
            check(b"Z\0\xeb\0", encoding, Ok("Zë"));
        }
        for encoding in [Encoding::Utf16, Encoding::Utf16Be] {
            check(b"\xfe\xff\0Z\0\xeb", encoding, Ok("Zë"));
        }
        check(b"\0Z\0\xeb", Encoding::Utf16Be, Ok("Zë"));
    }

    #[test]
    fn another_encoding_is_refused_on_its_line_and_never_replaced() {
        check(b"a\nZo\xeb", Encoding::Utf8, Err((rules::ENCODING, 2)));
        check(b"a\r\nb\rc\n\x81", Encoding::Windows1252, Err((rules::ENCODING, 4)));
        check(b"a\0b", Encoding::Utf16Le, Err((rules::ENCODING, 1)));
        check(b"\xff\xfea\0", Encoding::Utf8, Err((rules::ENCODING, 1)));
        check(b"\xff\xfea\0", Encoding::Utf16Be, Err((rules::ENCODING, 1)));
        check("\u{feff}Zoë".as_bytes(), Encoding::Windows1252, Err((rules::ENCODING, 1)));
        check(b"a\n\0", Encoding::Utf8, Err((rules::NUL, 2)));
    }

    #[test]
    fn an_empty_input_and_another_kind_of_file_are_refused() {
        for empty in [&b""[..], b"\xef\xbb\xbf", b" \r\n\n"] {
            let mut bytes = Vec::new();
            let error =
                Text::new(Box::new(empty), Encoding::Utf8).read_to_end(&mut bytes).expect_err("a fault");
            assert!(
                matches!(ReadError::from(error), ReadError::Refused(fault) if fault.rule == rules::EMPTY)
            );
        }
        for other in
            [&b"PK\x03\x04.."[..], b"%PDF-1.7", b"\x1f\x8b\x08", b" \n<!DOCTYPE HTML>", b"<html lang=en>"]
        {
            check(other, Encoding::Utf8, Err((rules::WRONG_KIND, 1)));
        }
    }
}

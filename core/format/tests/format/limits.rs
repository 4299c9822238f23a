//! That memory is bounded by the limits, whatever the size of the input.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{format, steps};
use postroom_format::{BUFFER_BYTES, MAX_COLUMNS, MAX_RECORD_BYTES};

/// `unit` again and again up to `left` bytes, noting how far ahead of its consumer it was asked to read.
struct Endless {
    unit: &'static [u8],
    at: usize,
    left: usize,
    given: Arc<AtomicUsize>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.left).min(self.unit.len() - self.at);
        buffer[..count].copy_from_slice(&self.unit[self.at..self.at + count]);
        self.at = (self.at + count) % self.unit.len();
        self.left -= count;
        self.given.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads `size` bytes of `unit`: how many records there were, and the most bytes that were read ahead of a record.
fn read(toml: &str, unit: &'static [u8], size: usize) -> (usize, usize) {
    let given = Arc::new(AtomicUsize::new(0));
    let input = Endless { unit, at: 0, left: size, given: Arc::clone(&given) };
    let (mut records, mut ahead) = (0, 0);
    for step in format(toml).read(Box::new(input)) {
        step.expect("a record");
        records += 1;
        ahead = ahead.max(given.load(Ordering::Relaxed) - records * unit.len());
    }
    (records, ahead)
}

#[test]
fn a_reader_holds_no_more_than_one_buffer_ahead_of_the_record_it_gives() {
    let row = b"20900161,\"1, High Street\",Zedbury,ZZ1 1AA\n";
    for (toml, unit) in [
        (r#"{ kind = "csv", columns = ["usrn", "street", "town", "postcode"] }"#, &row[..]),
        (r#"{ kind = "jsonl" }"#, b"{\"usrn\": 20900161, \"town\": \"Zedbury\"}\n"),
    ] {
        let size = 4 * 1024 * 1024 / unit.len() * unit.len();
        let (records, ahead) = read(toml, unit, size);
        assert_eq!(records, size / unit.len());
        assert!(ahead <= BUFFER_BYTES, "{ahead} bytes read ahead");
    }
}

#[test]
fn a_record_over_the_limit_refuses_the_input() {
    let long = "x".repeat(MAX_RECORD_BYTES + BUFFER_BYTES);
    let too_large = "refused: line 1: too-large at ";
    for (toml, text) in [
        (r#"{ kind = "csv", columns = ["a"] }"#, format!("\"{long}")),
        (r#"{ kind = "csv", columns = ["a"] }"#, ",".repeat(MAX_COLUMNS)),
        (r#"{ kind = "jsonl" }"#, format!("\"{long}\"")),
        (r#"{ kind = "json" }"#, format!("[\"{long}\"]")),
        (r#"{ kind = "xml", record = "a" }"#, format!("<b><a>{long}</a></b>")),
        (r#"{ kind = "xml", record = "a" }"#, format!("<b>{long}</b>")),
    ] {
        assert_eq!(steps(&format(toml), text), [too_large], "{toml}");
    }
    let within = format!("{}\n", ",".repeat(MAX_COLUMNS - 1));
    assert_eq!(
        steps(&format(r#"{ kind = "csv", columns = ["a"] }"#), within),
        ["line 1: surplus-columns at "]
    );
}

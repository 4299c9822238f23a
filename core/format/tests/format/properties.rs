//! What holds for any bytes, and for any messages.

use std::io::{Cursor, Read};

use crate::common::{format, records};
use postroom_format::{Layout, ReadError};
use proptest::prelude::*;
use serde_json::{Value, json};

const FORMATS: [&str; 9] = [
    r#"{ kind = "fixed-width", fields = [{ name = "a", width = 2 }, { name = "b", width = 1 }] }"#,
    r#"{ kind = "fixed-width", may_end_early = true, kind_at = { start = 2, width = 1 }, records = { a = { name = "x", fields = [{ name = "b", width = 3 }] } } }"#,
    r#"{ kind = "csv", columns = ["a", "b"] }"#,
    r#"{ kind = "csv", header = true, encoding = "utf-16" }"#,
    r#"{ kind = "mixed-csv", encoding = "windows-1252", records = { 1 = { name = "x", columns = ["a"] } } }"#,
    r#"{ kind = "json" }"#,
    r#"{ kind = "json", records = "/a" }"#,
    r#"{ kind = "jsonl" }"#,
    r#"{ kind = "xml", record = "a", trailer = { count = "b" } }"#,
];

/// Gives at most three bytes at a time.
struct Drops(Cursor<Vec<u8>>);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(3);
        self.0.read(&mut buffer[..most])
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let markup = "([\\[\\]{}\":,0-9an<>/=&;#\" \\r\\n\\\\]|</?a>|<b>|\"a\"|\\PC){0,60}";
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), markup.prop_map(String::into_bytes)]
}

fn text() -> impl Strategy<Value = String> {
    "([a-z\"',;| \\r\\n\\t=é€]|[^\\x00\u{feff}]){0,12}"
}

fn layout(inner: &str) -> Layout {
    let outer: toml::Table = format!("format = {{ {inner} }}").parse().expect("TOML");
    outer["format"].clone().try_into().expect("a layout")
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic_or_run_for_ever(bytes in bytes()) {
        for toml in FORMATS {
            let steps: Vec<_> = format(toml).read(Box::new(Drops(Cursor::new(bytes.clone())))).collect();
            prop_assert!(steps.len() <= bytes.len() + 1);
            prop_assert!(steps.iter().rev().skip(1).all(Result::is_ok), "nothing follows an error");
            prop_assert!(!matches!(steps.last(), Some(Err(ReadError::Io(_)))));
        }
    }

    #[test]
    fn rows_that_were_written_are_read_back_as_they_were(
        rows in proptest::collection::vec((text(), text()), 1..8),
        delimiter in prop_oneof![Just(","), Just(";"), Just("|"), Just("\\t")],
        encoding in prop_oneof![Just("utf-8"), Just("utf-16le")],
        newline in prop_oneof![Just("crlf"), Just("lf")],
    ) {
        let messages: Vec<Value> = rows.iter().map(|(a, b)| json!({"a": a, "b": b})).collect();
        let common = format!(r#"delimiter = "{delimiter}", encoding = "{encoding}""#);
        let mut bytes = Vec::new();
        layout(&format!(r#"kind = "csv", columns = ["a", "b"], newline = "{newline}", {common}"#))
            .write(&messages, &mut bytes)
            .expect("written");
        let format = format(&format!(r#"{{ kind = "csv", header = true, {common} }}"#));
        prop_assert_eq!(records(&format, bytes), messages);
    }

    #[test]
    fn lines_that_were_written_are_read_back_as_they_were(
        rows in proptest::collection::vec((text(), any::<i64>()), 1..8),
    ) {
        let messages: Vec<Value> = rows.iter().map(|(a, n)| json!({"a": a, "n": [n, null]})).collect();
        let mut bytes = Vec::new();
        layout(r#"kind = "jsonl""#).write(&messages, &mut bytes).expect("written");
        prop_assert_eq!(records(&format(r#"{ kind = "jsonl" }"#), bytes), messages);
    }

    #[test]
    fn elements_that_were_written_are_read_back_as_they_were(
        rows in proptest::collection::vec("[a-z<>&\"' é\\r]{1,12}x", 1..8),
    ) {
        let messages: Vec<Value> = rows.iter().map(|a| json!({"@id": a, "a": a, "b": [a, a]})).collect();
        let mut bytes = Vec::new();
        layout(r#"kind = "xml", root = "r", record = "m""#).write(&messages, &mut bytes).expect("written");
        prop_assert_eq!(records(&format(r#"{ kind = "xml", record = "m" }"#), bytes), messages);
    }
}

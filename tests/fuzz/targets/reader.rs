//! Bytes as a file, whose first byte says in which format: every step of the reading is a record, a refusal or the end.
#![no_main]

use std::io::Cursor;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use postroom_format::Format;

const FORMATS: [&str; 8] = [
    "kind = 'csv'\nheader = true",
    "kind = 'csv'\nencoding = 'windows-1252'\ndelimiter = '|'\ncolumns = ['a', 'b']",
    "kind = 'mixed-csv'\ncolumn = 1\n[records]\n1 = { name = 'a', columns = ['of', 'b'] }\n2 = { name = 'c', columns = ['of', 'd', 'e'] }",
    "kind = 'fixed-width'\nfields = [{ name = 'a', width = 3 }, { width = 1 }, { name = 'b', width = 2 }]",
    "kind = 'json'",
    "kind = 'json'\nrecords = '/items'",
    "kind = 'jsonl'",
    "kind = 'xml'\nrecord = 'item'",
];

fn formats() -> &'static [Format] {
    static READ: OnceLock<Vec<Format>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |text: &&str| {
            let format: Format = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            format.check().unwrap_or_else(|error| panic!("{text}: {error}"));
            format
        };
        FORMATS.iter().map(read).collect()
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, content)) = bytes.split_first() else { return };
    let format = &formats()[usize::from(*first) % FORMATS.len()];
    let steps = format.read(Box::new(Cursor::new(content.to_vec()))).count();
    assert!(steps <= content.len() + 2, "{steps} steps of {} bytes", content.len());
});

//! Reading a text by a format as the settings write it, told in few words.

use std::io::Cursor;

use postroom_event::Reading;
use postroom_format::{Format, RULES, ReadError};
use serde_json::Value;

/// The format of `format = { ... }` as a council writes it.
pub(crate) fn format(toml: &str) -> Format {
    #[derive(serde::Deserialize)]
    struct Settings {
        format: Format,
    }
    let settings: Settings = toml::from_str(&format!("format = {toml}")).expect("a format");
    settings.format.check().expect("a format without contradictions");
    settings.format
}

/// Every step of an input, and how it ended: `line N: RECORD` for a record, `line N: rule at place` for a row that is
/// refused, `refused: line N: rule at place` for the whole.
pub(crate) fn steps(format: &Format, input: impl Into<Vec<u8>>) -> Vec<String> {
    let readings = format.read(Box::new(Cursor::new(input.into())));
    readings.map(|step| tell(step.as_ref())).collect()
}

fn tell(step: Result<&Reading, &ReadError>) -> String {
    match step {
        Ok(Reading::Record(record)) => format!("line {}: {}", record.line, record.value),
        Ok(Reading::Refused(fault)) | Err(ReadError::Refused(fault)) => {
            assert!(RULES.iter().any(|(code, _)| *code == fault.rule), "{} is not listed", fault.rule);
            let whole = if step.is_err() { "refused: " } else { "" };
            format!("{whole}line {}: {} at {}", fault.line, fault.rule, fault.place)
        }
        Err(ReadError::Io(error)) => panic!("{error}"),
    }
}

/// The records of an input that has no fault.
pub(crate) fn records(format: &Format, input: impl Into<Vec<u8>>) -> Vec<Value> {
    let record = |step| match step {
        Ok(Reading::Record(record)) => record.value,
        other => panic!("{}", tell(other.as_ref())),
    };
    format.read(Box::new(Cursor::new(input.into()))).map(record).collect()
}

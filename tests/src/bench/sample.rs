//! The event that is measured: `resident.moved.v1`, whose data has 1 KiB, as a system publishes it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Outcome;

/// The event type.
pub(crate) const EVENT_TYPE: &str = "resident.moved.v1";
/// The system that states it.
pub(crate) const SYSTEM: &str = "crm";
/// The CloudEvents source of its events.
pub(crate) const SOURCE: &str = "/systems/crm";
/// The postcode to which the person moves: what filters ask for.
pub(crate) const POSTCODE: &str = "ZZ2 3AB";

/// The folder of the canonical vocabulary.
pub(crate) fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// Events that differ in id and subject only.
pub(crate) struct Sample {
    data: String,
    run: String,
}

impl Sample {
    /// Events whose ids begin with `run`.
    pub(crate) fn new(run: &str) -> Outcome<Self> {
        let file = schemas().join(EVENT_TYPE).join("valid/full.json");
        let data: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        Ok(Self { data: data.to_string(), run: run.to_owned() })
    }

    /// The id of the event of that number.
    pub(crate) fn id(&self, number: usize) -> String {
        format!("{}-{number:08}", self.run)
    }

    /// What it is about.
    pub(crate) fn subject(&self, number: usize) -> String {
        format!("person:{:04}", number % 1_000)
    }

    /// The event of that number in structured mode; a thousand subjects take turns.
    pub(crate) fn event(&self, number: usize) -> Vec<u8> {
        let (id, subject, data) = (self.id(number), self.subject(number), &self.data);
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"{SOURCE}","type":"{EVENT_TYPE}","subject":"{subject}","time":"2026-10-01T09:30:00+01:00","datacontenttype":"application/json","data":{data}}}"#
        )
        .into_bytes()
    }
}

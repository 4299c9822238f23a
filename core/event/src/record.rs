//! A record: what a source connector read, before the source mapping makes events of it.

use serde_json::Value;

/// One record of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its number in the batch, from 1.
    pub number: u64,
    /// The line on which it starts, from 1; 0 where the form has no lines.
    pub line: u64,
    /// What makes it the same record whenever it is read again, where its source tells: the number of a row in an outbox, the id of
    /// a webhook. It is part of the ids of its events, and is shown nowhere. `None`: its batch and its number do.
    pub key: Option<String>,
    /// The record as JSON: an object of texts for rows, any JSON for JSON and XML.
    pub value: Value,
}

/// Why a record, or a whole batch, was refused; never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}: {words}")]
pub struct Fault {
    /// The record's number in the batch, from 1; 0 for the whole batch.
    pub number: u64,
    /// The line, from 1; 0 where it is not known.
    pub line: u64,
    /// The field (column, element or JSON pointer), or empty.
    pub place: String,
    /// The stable code of the rule that was broken, in kebab case.
    pub rule: &'static str,
    /// What an officer should read.
    pub words: String,
}

/// One step through a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A record that is whole.
    Record(Record),
    /// A record that is refused while the rest of its batch goes on.
    Refused(Fault),
}

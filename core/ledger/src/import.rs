//! Imports as a source connector's runner sees them.

use serde::Serialize;

use crate::entry::ImportKey;

/// A batch of records that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// The system it came from.
    pub system: String,
    /// The batch's id: SHA-256 of its content, in hex.
    pub batch: String,
    /// Its name for people.
    pub label: String,
    /// Records that the check counted.
    pub total: u64,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// How far a batch of records has been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Which.
    pub key: ImportKey,
    /// Its name for people.
    pub label: String,
    /// Records in it.
    pub total: u64,
    /// Records confirmed: the cursor.
    pub position: u64,
    /// Records mapped.
    pub mapped: u64,
    /// Events published.
    pub published: u64,
    /// How often the same content came again and was put away unread.
    pub repeats: u64,
    /// Its state.
    pub state: ImportState,
    /// When it was first seen, in microseconds since the epoch.
    pub first_seen: i64,
    /// When it last moved, in microseconds since the epoch.
    pub updated: i64,
}

/// The state of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportState {
    /// Being taken.
    Open,
    /// Every record is accounted for.
    Done,
    /// Refused as a whole.
    Refused,
}

impl ImportState {
    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Open, Self::Done, Self::Refused].into_iter().find(|state| state.as_stored() == text)
    }
}

/// A record that was refused; number 0 is the whole batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRecord {
    /// Which time the batch was taken.
    pub round: u32,
    /// The record's number in the batch.
    pub number: u64,
    /// The line, from 1; 0 where it is not known.
    pub line: u64,
    /// The field, or empty.
    pub place: String,
    /// The rule that was broken.
    pub rule: String,
    /// What an officer should read.
    pub words: String,
}

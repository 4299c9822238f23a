//! How far a batch of records has come.

use postroom_event::Fault;

/// Which import a fact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportKey {
    /// The system it came from.
    pub system: String,
    /// The batch's id: SHA-256 of its content, in hex.
    pub batch: String,
    /// Which time it is taken, from 0.
    pub round: u32,
}

/// Progress of an import: what a chunk of confirmed records came to. Applied once for each position.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The import.
    pub import: ImportKey,
    /// Records confirmed so far, from the start of the batch.
    pub position: u64,
    /// Records of this chunk that were mapped.
    pub mapped: u64,
    /// Events of this chunk that were published.
    pub published: u64,
    /// Records of this chunk that were ignored, by rule.
    pub ignored: Vec<(String, u64)>,
    /// Records of this chunk that were refused.
    pub refused: Vec<Fault>,
    /// When.
    pub at: i64,
}

/// A batch of records that was refused as a whole.
#[derive(Debug, Clone)]
pub struct RefusedImport {
    /// The system it came from.
    pub system: String,
    /// The batch's id; may be empty when it was not read.
    pub batch: String,
    /// Its name for people.
    pub label: String,
    /// Why.
    pub fault: Fault,
    /// When.
    pub at: i64,
}

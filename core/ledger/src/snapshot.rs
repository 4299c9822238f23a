//! Snapshots as the runner of a source sees them: what was known of each record, what differs, and how far that is published.
//!
//! A record is known by a hash of its key. What is kept of it is JSON in bytes, as it was given.

use postroom_event::Fault;
use uuid::Uuid;

use crate::entry::{Advance, ImportKey, RefusedImport};
use crate::import::Import;

/// A snapshot in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its import.
    pub import: Import,
    /// Its number among those of its system, from 1.
    pub generation: u64,
    /// Records compared so far, from the start of the batch.
    pub compared: u64,
    /// Those among them that were refused.
    pub refused: u64,
    /// How many snapshots of the system were taken whole before.
    pub taken: u64,
}

/// What opening a snapshot found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is compared from where it stands.
    Comparing(Snapshot),
    /// This one, or an earlier one of the system, was compared and accepted and is not published whole: that comes first.
    Publishing(Snapshot),
    /// The last snapshot of the system was this very one.
    Taken(Import),
}

/// What is known of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The hash of its key.
    pub key: Uuid,
    /// The hash of its content; absent: its creation is not published.
    pub hash: Option<Uuid>,
    /// The last snapshot that had it.
    pub generation: u64,
}

/// What is known of the records of a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownChunk {
    /// The generation that is being compared, and how far; another than expected: somebody else is at work.
    pub place: Option<(u64, u64)>,
    /// What is known.
    pub known: Vec<Known>,
}

/// How many records of a system are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownCount {
    /// In all.
    pub all: u64,
    /// Those that the snapshot in hand has not.
    pub missing: u64,
}

/// A record of the snapshot in hand that is new or differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPending {
    /// Its number in the batch, from 1.
    pub number: u64,
    /// Its line.
    pub line: u64,
    /// The hash of its key.
    pub key: Uuid,
    /// The hash of its content.
    pub hash: Uuid,
    /// Its content.
    pub content: Vec<u8>,
}

/// The same, with what was known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The record.
    pub new: NewPending,
    /// Where it is kept.
    pub id: i64,
    /// The hash of its old content; absent: it is new.
    pub old_hash: Option<Uuid>,
    /// What is kept of its old content.
    pub old: Option<Vec<u8>>,
}

/// A record that is known and that the snapshot in hand has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Where it is kept.
    pub id: i64,
    /// The hash of its key.
    pub key: Uuid,
    /// The hash of its content.
    pub hash: Uuid,
    /// What is kept of it.
    pub content: Vec<u8>,
}

/// Which snapshot a step belongs to; a step of one that is not in hand any more changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// The system.
    pub system: String,
    /// Its generation.
    pub generation: u64,
}

/// A step of a snapshot.
#[derive(Debug, Clone)]
pub enum SnapshotStep {
    /// A chunk was compared.
    Compared(Compared),
    /// It was compared whole, and is published from now on; with what an officer should know of it.
    Accepted(ImportKey, Option<Fault>),
    /// Records that were pending are published.
    Published(PublishedChanges),
    /// Records that it has not are told to be removed, and forgotten.
    Removed(RemovedRecords),
    /// It was taken whole.
    Done,
    /// It was refused as a whole; nothing of it was published, and no record of it is counted.
    Refused(ImportKey, RefusedImport),
}

/// A chunk that was compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Records compared before, from the start of the batch.
    pub from: u64,
    /// Records compared now.
    pub to: u64,
    /// Records that are known, by the hashes of their keys.
    pub seen: Vec<Uuid>,
    /// Records that are not.
    pub created: Vec<Uuid>,
    /// Those that are to be published.
    pub pending: Vec<NewPending>,
    /// Those of the chunk that are accounted for already: unchanged, or refused.
    pub step: Advance,
}

/// Records that were pending and are published, in the order of the batch.
#[derive(Debug, Clone)]
pub struct PublishedChanges {
    /// The number of the last of them.
    pub to: u64,
    /// Those among them that were refused, by the hashes of their keys: they stay what they were.
    pub refused: Vec<Uuid>,
    /// What is kept of the others, and where.
    pub kept: Vec<(i64, Vec<u8>)>,
    /// What they came to.
    pub step: Advance,
}

/// Records that a snapshot has not, by the hashes of their keys.
#[derive(Debug, Clone)]
pub struct RemovedRecords {
    /// Those whose removal is published.
    pub removed: Vec<Uuid>,
    /// Those whose removal was refused: they stay until the next snapshot.
    pub refused: Vec<Uuid>,
    /// What they came to.
    pub step: Advance,
}

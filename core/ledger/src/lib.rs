//! The hub's own database, and the only crate that names sqlx: outcomes of events, receipts, holds, dead letters, invalid
//! events, batches, leases, jobs, pauses, cross-references, the cursors of imports and the records of snapshots; in a file
//! (SQLite), or on a server (PostgreSQL).
//!
//! All writes go through one task that commits many callers at once; a call returns only after the commit. It knows
//! neither the broker nor the council: it is told what became of things.

mod apply;
mod batch;
mod checkpoint;
mod db;
mod entry;
mod erasure;
mod error;
mod file;
mod group;
mod hold;
mod import;
mod intern;
mod job;
mod journey;
mod kept;
mod lane_state;
mod lease;
mod ledger;
mod outbox;
mod pause;
mod peer;
mod place;
mod sent;
mod snapshot;
mod sought;
mod sql;
mod subject;
mod sums;
mod tail;
mod taken;
mod waiting;
mod watermark;
mod work;
mod writer;
mod xref;

pub use batch::{StagedBatch, StagedItem, StagedSummary};
pub use entry::{
    Advance, Body, Broken, Claims, DeadLetter, Delivered, Dispatch, Entry, EventOutcome, Fate, Handed,
    ImportKey, InvalidEvent, JournalPlace, Reason, RefusedImport, StagedDispatch, Whole,
};
pub use erasure::{Erase, Erased, Erasure, Open};
pub use error::{Failure, Kind, LedgerError};
pub use hold::{
    Attempt, AttemptOutcome, BlockedSubject, HeldDispatch, HoldFilter, HoldListed, HoldRow, HoldSummaries,
    HoldSummary, LANE_FULL, Message,
};
pub use import::{Import, ImportState, NewImport, RefusedRecord};
pub use job::{Job, JobFilter, JobState, NewJob};
pub use journey::{Failing, Holding, Journey, Leg, Released, State, Verdict};
pub use kept::{
    Action, DeadFilter, DeadGroup, DeadRow, DeadShown, Decision, InvalidFilter, InvalidGroup, InvalidRow,
    InvalidShown, Note,
};
pub use lane_state::LaneState;
pub use lease::{Acquired, Fence, LEASE_TIME, Lease};
pub use ledger::Ledger;
pub use outbox::{Outcome, Receipt};
pub use pause::Pause;
pub use peer::Peer;
pub use place::{LedgerUrl, Place, ROOT_CERTIFICATE};
pub use sent::Sent;
pub use snapshot::{
    Compared, Gone, InHand, Known, KnownChunk, KnownCount, NewPending, Opened, Pending, PublishedChanges,
    RemovedRecords, Snapshot, SnapshotStep,
};
pub use sql::run::RunStart;
pub use subject::{Mention, MentionedIn, StagedKept, SubjectHeld};
pub use sums::{EventSums, SourceSums, Sums, TargetSums};
pub use taken::{Made, Stage, Taken};
pub use waiting::{Pruned, WaitingDispatch, WaitingPage};
pub use watermark::Watermark;
pub use work::{Business, ByConcern, Happened, NoWorkId, WorkFilter, WorkId, WorkItem, WorkLine};
pub use xref::{MAX_XREF_BYTES, Xref, XrefFilter, XrefKey};

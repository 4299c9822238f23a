//! The hub's own database, and the only crate that names sqlx: outcomes of events, receipts, batches, dead letters,
//! invalid events and the cursors of imports.
//!
//! All writes go through one task that commits many callers at once; a call returns only after the commit. It knows
//! neither the broker nor the council: it is told what became of things.

mod batch;
mod entry;
mod error;
mod file;
mod group;
mod import;
mod intern;
mod journey;
mod kept;
mod ledger;
mod sql;
mod sums;
mod tail;
mod writer;

pub use batch::{StagedBatch, StagedItem, StagedSummary};
pub use entry::{
    Advance, Body, Claims, DeadLetter, Delivered, Dispatch, Entry, EventOutcome, Fate, Handed, ImportKey,
    InvalidEvent, Reason, RefusedImport, StagedDispatch, Whole,
};
pub use error::{Failure, LedgerError};
pub use import::{Import, ImportState, NewImport, RefusedRecord};
pub use journey::{Journey, Leg, State, Verdict};
pub use kept::{DeadFilter, DeadRow, DeadShown, InvalidRow, InvalidShown};
pub use ledger::{Ledger, RunStart};
pub use sums::{EventSums, SourceSums, Sums, TargetSums};

//! What the hub writes: one entry is one fact, and all entries of one call are written together or not at all.
//!
//! Times are microseconds since the epoch.

mod dispatch;
mod event;
mod import;
mod invalid;

use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};

pub use self::dispatch::{DeadLetter, Delivered, Dispatch, Reason, StagedDispatch, Whole};
pub use self::event::{EventOutcome, Fate, Handed, JournalPlace};
pub use self::import::{Advance, ImportKey, RefusedImport};
pub use self::invalid::{Body, Broken, Claims, InvalidEvent};
use crate::hold::{Attempt, HeldDispatch};
use crate::kept::Decision;
use crate::sent::Sent;
use crate::snapshot::{InHand, SnapshotStep};
use crate::xref::Xref;

/// One fact for the ledger.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An event was decided: routed, or no route.
    Event(EventOutcome),
    /// Events of `system` came again and were dropped.
    Duplicates {
        /// The system whose events they are.
        system: String,
        /// How many.
        count: u64,
    },
    /// These events of `system` came again and were dropped; unlike [`Self::Duplicates`], their source is told.
    Repeated {
        /// The system whose events they are.
        system: String,
        /// Which.
        keys: Vec<EventKey>,
        /// When.
        at: i64,
    },
    /// An event could not be understood.
    Invalid(InvalidEvent),
    /// A dispatch was staged for its target's next batch.
    Staged(StagedDispatch),
    /// A dispatch arrived.
    Delivered(Delivered),
    /// What a dispatch sent that arrived, written with its receipt.
    Sent(Sent),
    /// A dispatch was given up.
    Dead(DeadLetter),
    /// The dead letter of a dispatch, written with this or before, blocks: later dispatches of its source and subject
    /// wait for it until it is discarded or redriven.
    Blocks {
        /// The dispatch.
        dispatch: DispatchId,
        /// CloudEvents source of its event.
        source: Arc<str>,
    },
    /// A dispatch waits in the ledger from now on, until it arrives or is given up.
    Held(HeldDispatch),
    /// Dispatches that were held as [`crate::LANE_FULL`] are in their lane, since then.
    Entered(Vec<DispatchId>, i64),
    /// A held dispatch was tried again in vain.
    Retried {
        /// The dispatch.
        dispatch: DispatchId,
        /// Attempts made.
        attempts: u32,
        /// Waits of the retry schedule that were begun.
        waits: u16,
        /// When to try again; absent: when what is before it has gone.
        next_at: Option<i64>,
        /// How it went.
        attempt: Attempt,
    },
    /// Attempts at a dispatch failed; written with the hold, the dead letter or the receipt that they led to.
    Attempts {
        /// The dispatch.
        dispatch: DispatchId,
        /// The attempts.
        attempts: Vec<Attempt>,
    },
    /// Open dead letters are sent again; written with the holds that they become, it is applied before them.
    Redriven {
        /// The dispatches.
        dispatches: Vec<DispatchId>,
        /// Who, why, when.
        decision: Decision,
    },
    /// Open dead letters are given up for good.
    Discarded {
        /// The dispatches.
        dispatches: Vec<DispatchId>,
        /// Who, why, when.
        decision: Decision,
    },
    /// An open invalid event was decided again and understood; written with its outcome.
    Understood {
        /// Its number in the list of invalid events.
        number: i64,
        /// Who, why, when.
        decision: Decision,
    },
    /// An open invalid event was decided again and is still invalid; it stays open.
    StillInvalid {
        /// Its number in the list of invalid events.
        number: i64,
        /// The rule that it breaks now.
        broken: Broken,
        /// Who, why, when.
        decision: Decision,
    },
    /// Events are delivered once more under ids of their own.
    Again {
        /// The dispatches.
        dispatches: Vec<Dispatch>,
        /// The replay's id, which is part of their ids.
        replay: String,
        /// When.
        at: i64,
    },
    /// Receipts were published: their places in the outbox.
    ReceiptsSent(Vec<i64>),
    /// It was told what became of items of the work list: the places in their outbox.
    WorkTold(Vec<i64>),
    /// A batch arrived: every dispatch in it has its receipt.
    BatchDelivered {
        /// The batch.
        id: String,
        /// The target's reference, or the name of the file written.
        reference: Option<String>,
        /// When.
        at: i64,
    },
    /// An attempt at a batch failed.
    BatchTried {
        /// The batch.
        id: String,
        /// The attempt.
        attempt: Attempt,
    },
    /// A batch was refused for good: every dispatch in it becomes a dead letter, but for those behind another of their source
    /// and subject whose route holds the subject up: they wait for another batch.
    BatchRefused {
        /// The batch.
        id: String,
        /// Why.
        reason: Reason,
        /// The routes on which a dead letter holds its subject up.
        holding: Vec<Arc<str>>,
        /// When.
        at: i64,
    },
    /// Records of an import were confirmed.
    Advanced(Advance),
    /// An import was read to its end.
    ImportDone(ImportKey, i64),
    /// Systems have these ids of things.
    Xrefs(Vec<Xref>),
    /// Where a source goes on that keeps a cursor.
    CursorMoved {
        /// The source system.
        system: String,
        /// Its cursor, as its connector wrote it.
        cursor: String,
        /// When, in microseconds since the epoch.
        at: i64,
    },
    /// The same content came again and was put away unread.
    ImportRepeated(ImportKey, i64),
    /// A batch of records was refused as a whole.
    ImportRefused(RefusedImport),
    /// A step of the snapshot in hand.
    Snapshot(InHand, Box<SnapshotStep>),
    /// Every event of a source in the journal before a place is recorded.
    JournalRead {
        /// The source system.
        system: String,
        /// The place.
        place: JournalPlace,
    },
    /// These events are about to be handled one by one after an unclean stop.
    Trying(Vec<EventKey>),
    /// These events were handled without harm.
    Survived(Vec<EventKey>),
    /// Takes back the last attempt on each: it was ended by something else.
    Untried(Vec<EventKey>),
}

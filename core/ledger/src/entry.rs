//! What the hub writes: one entry is one fact, and all entries of one call are written together or not at all.
//!
//! Times are microseconds since the epoch.

use std::sync::Arc;

use postroom_event::{DispatchId, EventKey, Fault};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::hold::{Attempt, HeldDispatch};
use crate::kept::Decision;
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

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPlace {
    /// The offset of the first entry behind it.
    pub position: u64,
    /// When it was noted, in microseconds since the epoch.
    pub at: i64,
    /// Whether what is behind it is being read: events may be missing that only the journal has.
    pub is_reading: bool,
}

/// How the router decided an event.
#[derive(Debug, Clone)]
pub struct EventOutcome {
    /// Its key.
    pub key: EventKey,
    /// The system it came from.
    pub system: Arc<str>,
    /// CloudEvents source.
    pub source: Arc<str>,
    /// CloudEvents id.
    pub id: String,
    /// CloudEvents type.
    pub event_type: Arc<str>,
    /// CloudEvents subject.
    pub subject: String,
    /// The extension `correlationid`.
    pub correlation: Option<String>,
    /// When the hub took it.
    pub received_at: i64,
    /// One for each route that matched; none: no route.
    pub dispatches: Vec<Handed>,
}

/// A dispatch as the router leaves it.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The route.
    pub route: Arc<str>,
    /// The target system.
    pub target: Arc<str>,
    /// What the router did with it.
    pub fate: Fate,
}

/// What the router did with a dispatch.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Confirmed in the queue that the target reads itself: delivered.
    Queued,
    /// Confirmed in the target's lane: waiting.
    InLane,
    /// Held at once: its queue would not take it, or what is before it waits.
    Held(Box<HeldDispatch>),
    /// Given up at once.
    Dead(Box<DeadLetter>),
}

/// Which dispatch a fact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Its id.
    pub id: DispatchId,
    /// Its event.
    pub event: EventKey,
    /// Its route.
    pub route: Arc<str>,
    /// Its target system.
    pub target: Arc<str>,
    /// The event's type.
    pub event_type: Arc<str>,
    /// What the event is about.
    pub subject: String,
}

/// An event as it was received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whole {
    /// AMQP content type.
    pub content_type: Option<String>,
    /// AMQP headers as texts.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A receipt: that a dispatch arrived.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// When.
    pub at: i64,
    /// The target's reference.
    pub reference: Option<String>,
}

/// A dispatch that waits for its target's next batch.
#[derive(Debug, Clone)]
pub struct StagedDispatch {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// CloudEvents source of its event.
    pub source: Arc<str>,
    /// The message, valid for the target's schema.
    pub message: Value,
    /// Its event, kept in case the batch is refused.
    pub event: Whole,
    /// When.
    pub at: i64,
}

/// Why something was given up; words hold no value of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable code in kebab case.
    pub code: String,
    /// What an officer should read.
    pub words: String,
    /// The technical detail; may be empty.
    pub detail: String,
}

/// A dispatch that could not be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// Why.
    pub reason: Reason,
    /// When the last attempt failed.
    pub failed_at: i64,
    /// Attempts made.
    pub attempts: u32,
    /// Its event, whole.
    pub event: Whole,
    /// The message, if it was mapped.
    pub message: Option<Value>,
}

/// An event that could not be understood.
#[derive(Debug, Clone)]
pub struct InvalidEvent {
    /// The system whose ingress it came through.
    pub system: String,
    /// When.
    pub received_at: i64,
    /// The code of the rule that was broken.
    pub code: String,
    /// JSON pointer or attribute; empty for the whole.
    pub place: String,
    /// What an officer should read.
    pub words: String,
    /// AMQP content type.
    pub content_type: Option<String>,
    /// AMQP headers as texts.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// What its envelope claims, where that could be read.
    pub claims: Claims,
}

/// Which rule an event breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The code of the rule.
    pub code: String,
    /// JSON pointer or attribute; empty for the whole.
    pub place: String,
    /// What an officer should read.
    pub words: String,
}

/// What the envelope of an invalid event claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Claims {
    /// CloudEvents id.
    pub id: Option<String>,
    /// CloudEvents source.
    pub source: Option<String>,
    /// CloudEvents type.
    pub event_type: Option<String>,
    /// CloudEvents subject.
    pub subject: Option<String>,
}

/// A body, kept whole or, when oversized, as its hash and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The bytes, unless oversized.
    pub bytes: Option<Vec<u8>>,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub size: u64,
}

impl Body {
    /// Keeps `bytes` whole up to `limit` bytes, else their hash and size only.
    pub fn kept(bytes: &[u8], limit: usize) -> Self {
        Self {
            bytes: (bytes.len() <= limit).then(|| bytes.to_vec()),
            sha256: Sha256::digest(bytes).into(),
            size: bytes.len() as u64,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oversized_body_is_kept_as_its_hash_and_size() {
        let body = Body::kept(b"four", 3);
        assert_eq!((body.bytes, body.size), (None, 4));
        assert_eq!(Body::kept(b"four", 4).bytes.as_deref(), Some(b"four".as_slice()));
        assert_eq!(Body::kept(b"four", 4).sha256, body.sha256);
        assert_ne!(Body::kept(b"five", 4).sha256, body.sha256);
    }
}

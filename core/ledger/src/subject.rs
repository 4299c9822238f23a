//! What the ledger holds of one subject, as it is shown to whom it concerns. A subject is what CloudEvents call so,
//! e.g. `person:8841`; the ledger knows nothing else of a person.

use postroom_event::DispatchId;
use serde::Serialize;
use serde_json::Value;

use crate::entry::Whole;
use crate::hold::HeldDispatch;
use crate::job::Job;
use crate::journey::Journey;
use crate::kept::{DeadShown, InvalidShown};
use crate::outbox::Receipt;
use crate::sent::Sent;
use crate::xref::Xref;

/// Everything that the ledger holds of a subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubjectHeld {
    /// Its events with what became of them, in order of time.
    pub events: Vec<Journey>,
    /// Its dead letters.
    pub dead: Vec<DeadShown>,
    /// Its invalid events: those that claim it.
    pub invalid: Vec<InvalidShown>,
    /// Its dispatches that are held.
    pub held: Vec<HeldDispatch>,
    /// Its dispatches that are staged.
    pub staged: Vec<StagedKept>,
    /// What was sent to systems, as far as it is kept.
    pub sent: Vec<Sent>,
    /// What systems call it.
    pub xrefs: Vec<Xref>,
    /// What its source is still to be told of its events.
    pub receipts: Vec<Receipt>,
    /// Jobs that name it or one of its events.
    pub jobs: Vec<Job>,
    /// What is about something else, or about nobody knows what, and holds its identifier.
    pub mentions: Vec<Mention>,
}

/// A dispatch that waits for its target's next batch, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedKept {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// Its route.
    pub route: String,
    /// Its target.
    pub target: String,
    /// When it was staged, in microseconds since the epoch.
    pub at: i64,
    /// The batch, once it has one.
    pub batch: Option<String>,
    /// The message.
    pub message: Value,
    /// Its event.
    pub event: Whole,
}

/// Where an identifier was found by looking for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// What holds it.
    #[serde(flatten)]
    pub place: MentionedIn,
    /// The source of a record or an invalid event; whose id a cross-reference is; else the target.
    pub system: String,
    /// Whether it is still to be settled or sent, or its snapshot is in hand: nobody but its own end removes it.
    pub is_open: bool,
}

/// What holds an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "in")]
pub enum MentionedIn {
    /// A dead letter about something else.
    DeadLetter {
        /// Its dispatch.
        id: DispatchId,
    },
    /// A held dispatch about something else.
    Hold {
        /// The dispatch.
        id: DispatchId,
    },
    /// A staged dispatch about something else.
    Staged {
        /// The dispatch.
        id: DispatchId,
    },
    /// An invalid event that claims another subject, or none.
    InvalidEvent {
        /// Its number.
        id: i64,
    },
    /// What is kept of a record of a source of snapshots.
    Record {
        /// Where it is kept.
        id: i64,
        /// What is kept, or what the snapshot in hand has of it.
        content: Value,
    },
    /// A cross-reference of another thing, whose id it is.
    CrossReference {
        /// The kind of thing.
        kind: String,
        /// The thing.
        key: String,
    },
}

//! Holds: dispatches that wait in the ledger until their target takes them, and the attempts that failed.
//!
//! Times are microseconds since the epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};
use serde::Serialize;

use crate::entry::{Dispatch, Reason, Whole};

/// The code of a hold that its lane's queue did not take: its dispatch is still on its way into the lane, and what arrives
/// there is that dispatch all the same.
pub const LANE_FULL: &str = "lane-full";

/// A message in the very bytes that were sent, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their media type.
    pub content_type: Option<String>,
}

/// A dispatch to be held, or held. The order of a target's holds is the order of their recording.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldDispatch {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// CloudEvents source: with the subject it names what is kept in order.
    pub source: Arc<str>,
    /// Its event, whole.
    pub event: Whole,
    /// The message, where one was made; it is sent again byte for byte.
    pub message: Option<Message>,
    /// Why it is held.
    pub reason: Reason,
    /// Attempts made.
    pub attempts: u32,
    /// Waits of the retry schedule that were begun.
    pub waits: u16,
    /// When to try again; absent: when what is before it has gone.
    pub next_at: Option<i64>,
    /// When it was held.
    pub at: i64,
}

/// A hold without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldRow {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// Its route.
    pub route: String,
    /// The reason's code.
    pub code: String,
    /// CloudEvents source.
    pub source: String,
    /// What the event is about.
    pub subject: String,
    /// Attempts made.
    pub attempts: u32,
    /// Waits of the retry schedule that were begun.
    pub waits: u16,
    /// When to try again; absent: when what is before it has gone.
    pub next_at: Option<i64>,
    /// When it was held.
    pub held_at: i64,
    /// A dead letter of the same source, subject and target is open and blocks.
    pub behind_dead_letter: bool,
}

/// A hold in a list for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldListed {
    /// The hold.
    #[serde(flatten)]
    pub hold: HoldRow,
    /// Its event.
    pub event: EventKey,
    /// Its target.
    pub target: String,
    /// The event's type.
    pub event_type: String,
    /// What an officer should read.
    pub words: String,
}

/// Which holds to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldFilter {
    /// The target system.
    pub target: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// What the event is about.
    pub subject: Option<String>,
    /// The reason's code.
    pub code: Option<String>,
}

/// How much a target has in holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HoldSummary {
    /// Dispatches held.
    pub count: u64,
    /// When the oldest was held.
    pub oldest: i64,
}

/// By target system.
pub type HoldSummaries = BTreeMap<String, HoldSummary>;

/// A subject that waits behind an open dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockedSubject {
    /// The dead letter.
    pub dispatch: DispatchId,
    /// CloudEvents source.
    pub source: String,
    /// What the events are about.
    pub subject: String,
}

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which it was, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: i64,
    /// How long it took, in microseconds.
    pub took: i64,
    /// What kind of failure it was.
    pub outcome: AttemptOutcome,
    /// What the target answered, in words that hold no value of the event.
    pub words: String,
    /// The technical detail of that, no value of the event either; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// It may succeed later.
    Transient,
    /// It was refused for good.
    Permanent,
    /// No answer came: it may have arrived.
    Unknown,
    /// The target was not there.
    Down,
}

impl AttemptOutcome {
    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
            Self::Down => "down",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Transient, Self::Permanent, Self::Unknown, Self::Down]
            .into_iter()
            .find(|outcome| outcome.as_stored() == text)
    }
}

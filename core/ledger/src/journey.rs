//! Journeys: what became of an event, from its source to every target.

use postroom_event::{DispatchId, EventKey};
use serde::Serialize;

use crate::hold::Attempt;
use crate::kept::Note;

/// One event's journey. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Journey {
    /// Its key; absent for an invalid event.
    pub key: Option<EventKey>,
    /// The system it came from.
    pub system: String,
    /// CloudEvents source; empty where it could not be read.
    pub source: String,
    /// CloudEvents id; empty where it could not be read.
    pub id: String,
    /// CloudEvents type; empty where it could not be read.
    pub event_type: String,
    /// CloudEvents subject; empty where it could not be read.
    pub subject: String,
    /// The extension `correlationid`.
    pub correlation: Option<String>,
    /// When the hub took it.
    pub received_at: i64,
    /// How it was decided.
    pub verdict: Verdict,
    /// The name of the batch it came in, where one is known.
    pub import: Option<String>,
    /// Its dispatches, in the order of their routes.
    pub legs: Vec<Leg>,
}

/// How an event was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// At least one route matched.
    Routed,
    /// No route matched.
    NoRoute,
    /// It could not be understood.
    Invalid {
        /// Its number in the list of invalid events.
        number: i64,
        /// The code of the rule that was broken.
        code: String,
        /// Where.
        place: String,
        /// What an officer should read.
        words: String,
        /// `open`, `discarded` or `redriven`.
        state: String,
        /// Who decided what on it, in order of time.
        notes: Vec<Note>,
    },
}

/// One dispatch of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Its id.
    pub id: DispatchId,
    /// Its route.
    pub route: String,
    /// Its target.
    pub target: String,
    /// How far it came.
    pub state: State,
    /// Set while it waits in the ledger instead of its lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Holding>,
    /// The holds that have ended, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
    /// The attempts that failed, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The last time it was given up, where it was sent again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failing>,
    /// Who decided what on it, in order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// How a dispatch was given up that was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// When.
    pub at: i64,
    /// The reason's code.
    pub code: String,
    /// What an officer should read.
    pub words: String,
}

/// How a dispatch is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holding {
    /// Since when.
    pub at: i64,
    /// Attempts made.
    pub attempts: u32,
    /// When it is tried again; absent: when what is before it has gone.
    pub next_at: Option<i64>,
    /// The reason's code.
    pub code: String,
    /// What an officer should read.
    pub words: String,
}

/// A hold that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Since when it was held.
    pub held_at: i64,
    /// When it ended: the dispatch arrived, was given up, or came into the hands of its lane.
    pub at: i64,
    /// The code of why it was held.
    pub code: String,
    /// What an officer should read of that.
    pub words: String,
}

/// How far a dispatch came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// In its lane, or held ([`Leg::held`]).
    Waiting,
    /// In the ledger, for the next batch.
    Staged {
        /// When.
        at: i64,
        /// The batch, once it has one.
        batch: Option<String>,
    },
    /// In the queue that the target reads itself.
    Queued,
    /// It has a receipt.
    Delivered {
        /// When.
        at: i64,
        /// Attempts made.
        attempts: u32,
        /// The batch it went in.
        batch: Option<String>,
        /// The target's reference, or the name of the file written.
        reference: Option<String>,
    },
    /// It was given up.
    Dead {
        /// When the last attempt failed.
        at: i64,
        /// Attempts made.
        attempts: u32,
        /// The reason's code.
        code: String,
        /// What an officer should read.
        words: String,
        /// Whether it was discarded since.
        discarded: bool,
    },
}

//! What becomes of an event that was understood, and how far its journal was read.

use std::sync::Arc;

use postroom_event::EventKey;

use super::DeadLetter;
use crate::hold::HeldDispatch;

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

//! Dispatches that were handed to a lane and have neither ended nor been held.

use std::sync::Arc;

use serde::Serialize;

use crate::entry::Dispatch;

/// A dispatch that should be in its target's lane.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingDispatch {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// CloudEvents source of its event.
    pub source: Arc<str>,
    /// CloudEvents id of its event.
    pub event_id: String,
    /// The replay that makes it once more.
    pub replay: Option<String>,
    /// When the hub took the event, in microseconds since the epoch.
    pub received_at: i64,
}

/// A part of what waits for a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WaitingPage {
    /// In the order of their recording.
    pub found: Vec<WaitingDispatch>,
    /// Where to go on; absent at the end.
    pub next: Option<i64>,
    /// Up to this event nothing was found.
    pub(crate) clear_to: i64,
    /// The event after which the search began.
    pub(crate) began_at: i64,
    /// How often a subject had been erased by then.
    pub(crate) erasures: i64,
}

/// What one step of pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Outcomes of events.
    pub events: u64,
    /// Receipts.
    pub receipts: u64,
    /// Dead letters that were discarded, or arrived after they were redriven.
    pub dead: u64,
    /// Invalid events that were discarded or redriven.
    pub invalid: u64,
    /// Old events remain that were not looked at yet.
    pub more: bool,
}

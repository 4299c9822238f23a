//! The three sums: every input is accounted for (DESIGN section 1).

use std::collections::BTreeMap;

use serde::Serialize;

/// What the ledger has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// By source system.
    pub sources: BTreeMap<String, SourceSums>,
    /// By target system.
    pub targets: BTreeMap<String, TargetSums>,
}

/// What came from one system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceSums {
    /// Records confirmed: mapped + refused + ignored.
    pub records_read: u64,
    /// Records mapped.
    pub mapped: u64,
    /// Records refused one by one.
    pub refused: u64,
    /// Records ignored, by rule.
    pub ignored: BTreeMap<String, u64>,
    /// Events published by the hub for this system.
    pub published: u64,
    /// Batches taken to their end.
    pub batches_done: u64,
    /// Batches not yet taken to their end.
    pub batches_open: u64,
    /// Batches that were cut on their way, while others were taken since: what is left of them comes again by itself, as a file
    /// does, or within other batches, as what is posted or polled does.
    pub batches_cut: u64,
    /// Batches refused as a whole.
    pub batches_refused: u64,
    /// Batches that came again with the same content.
    pub batches_repeated: u64,
    /// Events.
    pub events: EventSums,
}

/// What became of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EventSums {
    /// At least one route matched.
    pub routed: u64,
    /// No route matched.
    pub no_route: u64,
    /// Could not be understood.
    pub invalid: u64,
    /// Came again and were dropped.
    pub duplicate: u64,
}

/// What became of the dispatches to one system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TargetSums {
    /// Handed on by the router.
    pub dispatched: u64,
    /// In the lane: dispatched, and none of the others.
    pub waiting: u64,
    /// In the ledger until the target takes them.
    pub held: u64,
    /// In the ledger, for the next batch.
    pub staged: u64,
    /// With a receipt, or in the queue that the system reads itself.
    pub delivered: u64,
    /// Dead letters that are open.
    pub dead: u64,
    /// Dead letters that were discarded.
    pub discarded: u64,
    /// What is held or has ended beyond what was dispatched. It passes where a lane was faster than the router's own
    /// record; one that stays is an error.
    pub excess: u64,
}

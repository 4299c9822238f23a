//! Batches of staged dispatches as a sink sees them.

use postroom_event::DispatchId;
use serde_json::Value;
use uuid::Uuid;

/// A batch that is assigned and not ended: until it ends it comes again with the same id and items.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedBatch {
    /// Its id, 32 hexadecimal digits: the idempotency key of the whole.
    pub id: String,
    /// Its items in the order of their staging.
    pub items: Vec<StagedItem>,
    /// Attempts at it that failed.
    pub attempts: u32,
}

/// One item of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedItem {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// The event's type.
    pub event_type: String,
    /// What the event is about.
    pub subject: String,
    /// The message.
    pub message: Value,
}

/// What waits for a target's next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedSummary {
    /// Dispatches that may go into the next batch.
    pub count: u64,
    /// When the oldest of them was staged, in microseconds since the epoch.
    pub oldest: Option<i64>,
}

/// Under which its attempts are kept; an id that is none is nobody's.
pub(crate) fn batch_key(id: &str) -> DispatchId {
    DispatchId(Uuid::parse_str(id).unwrap_or_default())
}

/// The id of the batch of `count` items that starts with `first` at `position` (a position is never used twice).
pub(crate) fn batch_id(first: Uuid, position: i64, count: i64) -> String {
    Uuid::new_v5(&first, format!("{position}\n{count}").as_bytes()).simple().to_string()
}

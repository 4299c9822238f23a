//! How a lane stands, for those who look from outside of the hub that works on it.

use serde::Serialize;

/// What the worker of a lane noted last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneState {
    /// The target.
    pub target: String,
    /// Since when the target cannot be reached, in microseconds since the epoch; absent: it can.
    pub down_since: Option<i64>,
    /// Dispatches in the worker's hands: the broker does not count them as ready.
    pub in_hand: u64,
    /// When it was noted, in microseconds since the epoch.
    pub at: i64,
}

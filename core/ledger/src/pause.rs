//! Pauses: systems that take or give nothing for now, because somebody said so.

use serde::Serialize;

/// A system that is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// The system.
    pub system: String,
    /// Since when, in microseconds since the epoch.
    pub since: i64,
    /// Until when, in microseconds since the epoch; absent: until it is resumed.
    pub until: Option<i64>,
    /// Who paused it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

//! What was sent, kept for a while: what is told of a dispatch later finds by its id what the target got.

use postroom_event::DispatchId;

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its dispatch.
    pub dispatch: DispatchId,
    /// The system that got it.
    pub target: String,
    /// Which of its messages it is.
    pub message: String,
    /// The message, JSON.
    pub content: Vec<u8>,
    /// Until when it is kept, in microseconds since the epoch.
    pub until: i64,
}

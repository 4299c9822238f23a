//! What becomes of a dispatch.

use std::sync::Arc;

use postroom_event::{DispatchId, EventKey};
use serde_json::Value;

/// Which dispatch a fact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Its id.
    pub id: DispatchId,
    /// Its event.
    pub event: EventKey,
    /// Its route.
    pub route: Arc<str>,
    /// Its target system.
    pub target: Arc<str>,
    /// The event's type.
    pub event_type: Arc<str>,
    /// What the event is about.
    pub subject: String,
}

/// An event as it was received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whole {
    /// AMQP content type.
    pub content_type: Option<String>,
    /// AMQP headers as texts.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A receipt: that a dispatch arrived.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// When.
    pub at: i64,
    /// The target's reference.
    pub reference: Option<String>,
}

/// A dispatch that waits for its target's next batch.
#[derive(Debug, Clone)]
pub struct StagedDispatch {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// CloudEvents source of its event.
    pub source: Arc<str>,
    /// The message, valid for the target's schema.
    pub message: Value,
    /// Its event, kept in case the batch is refused.
    pub event: Whole,
    /// When.
    pub at: i64,
}

/// Why something was given up; words hold no value of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable code in kebab case.
    pub code: String,
    /// What an officer should read.
    pub words: String,
    /// The technical detail; may be empty.
    pub detail: String,
}

/// A dispatch that could not be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// Why.
    pub reason: Reason,
    /// When the last attempt failed.
    pub failed_at: i64,
    /// Attempts made.
    pub attempts: u32,
    /// Its event, whole.
    pub event: Whole,
    /// The message, if it was mapped.
    pub message: Option<Value>,
}

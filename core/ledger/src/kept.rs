//! What the ledger keeps for people: dead letters and invalid events, as lists and one by one.

use postroom_event::{DispatchId, EventKey};
use serde::Serialize;

use crate::entry::{Body, Claims, DeadLetter};

/// Which dead letters to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// The target system.
    pub target: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// The reason's code.
    pub code: Option<String>,
    /// `open`, `discarded` or `redriven`.
    pub state: Option<String>,
}

/// A dead letter in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadRow {
    /// The dispatch.
    pub dispatch: DispatchId,
    /// Its event.
    pub event: EventKey,
    /// Its route.
    pub route: String,
    /// Its target.
    pub target: String,
    /// The event's type.
    pub event_type: String,
    /// What the event is about.
    pub subject: String,
    /// The reason's code.
    pub code: String,
    /// What an officer should read.
    pub words: String,
    /// When the last attempt failed.
    pub failed_at: i64,
    /// Attempts made.
    pub attempts: i64,
    /// `open`, `discarded` or `redriven`.
    pub state: String,
}

/// A dead letter, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadShown {
    /// The letter as it was written.
    pub letter: DeadLetter,
    /// `open`, `discarded` or `redriven`.
    pub state: String,
}

/// An invalid event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidRow {
    /// Its number.
    pub id: i64,
    /// The system whose ingress it came through.
    pub system: String,
    /// When.
    pub received_at: i64,
    /// The code of the rule that was broken.
    pub code: String,
    /// JSON pointer or attribute; empty for the whole.
    pub place: String,
    /// What an officer should read.
    pub words: String,
    /// What its envelope claims.
    pub claims: Claims,
    /// Size of the body in bytes.
    pub body_size: u64,
    /// `open` or `discarded`.
    pub state: String,
}

/// An invalid event, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidShown {
    /// What the list shows.
    pub summary: InvalidRow,
    /// AMQP content type.
    pub content_type: Option<String>,
    /// AMQP headers as texts.
    pub headers: Vec<(String, String)>,
    /// The body, or its hash.
    pub body: Body,
}

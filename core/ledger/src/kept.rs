//! What the ledger keeps for people: dead letters and invalid events, as lists and one by one, and who decided on them.

use postroom_event::{DispatchId, EventKey};
use serde::Serialize;

use crate::entry::{Body, Claims, DeadLetter};
use crate::hold::{Attempt, Message};
use crate::work::ByConcern;

/// Which dead letters to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// The target system.
    pub target: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// The reason's code.
    pub code: Option<String>,
    /// What the event is about.
    pub subject: Option<String>,
    /// Failed at this time or later, in microseconds since the epoch.
    pub from: Option<i64>,
    /// Failed before this time, in microseconds since the epoch.
    pub until: Option<i64>,
    /// `open`, `discarded` or `redriven`.
    pub state: Option<String>,
    /// Whose concern.
    pub concern: Option<ByConcern>,
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
    /// While it is open, later dispatches of its source and subject wait for it.
    pub blocks: bool,
    /// The job that redrove or discarded it.
    pub job: Option<i64>,
}

/// Dead letters of one target and one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadGroup {
    /// The target system.
    pub target: String,
    /// The reason's code.
    pub code: String,
    /// How many.
    pub count: u64,
    /// When the first of them failed.
    pub oldest: i64,
    /// When the last of them failed.
    pub newest: i64,
}

/// A dead letter, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadShown {
    /// The letter as it was written.
    pub letter: DeadLetter,
    /// `open`, `discarded` or `redriven`.
    pub state: String,
    /// While it is open, later dispatches of its source and subject wait for it.
    pub blocks: bool,
    /// The message, byte for byte as it was sent.
    pub sent: Option<Message>,
    /// The attempts that failed, in their order.
    pub attempts: Vec<Attempt>,
    /// Who decided what on it, in order of time.
    pub notes: Vec<Note>,
}

/// Why somebody decides something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The job that carries it out, where there is one.
    pub job: Option<i64>,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What.
    pub action: Action,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The job that carried it out, where there was one.
    pub job: Option<i64>,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// What can be decided on a dead letter or an invalid event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is given up.
    Discarded,
    /// It is sent again.
    Redriven,
}

impl Action {
    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Redriven => "redriven",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Discarded, Self::Redriven].into_iter().find(|action| action.as_stored() == text)
    }
}

/// Which invalid events to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvalidFilter {
    /// The system whose ingress it came through.
    pub system: Option<String>,
    /// The code of the rule that was broken.
    pub code: Option<String>,
    /// What its envelope claims to be about.
    pub subject: Option<String>,
    /// Received at this time or later, in microseconds since the epoch.
    pub from: Option<i64>,
    /// Received before this time, in microseconds since the epoch.
    pub until: Option<i64>,
    /// `open`, `discarded` or `redriven`.
    pub state: Option<String>,
    /// Whose concern.
    pub concern: Option<ByConcern>,
}

/// Invalid events of one system that broke one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidGroup {
    /// The system whose ingress they came through.
    pub system: String,
    /// The code of the rule.
    pub code: String,
    /// How many.
    pub count: u64,
    /// When the first of them came.
    pub oldest: i64,
    /// When the last of them came.
    pub newest: i64,
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
    /// `open`, `discarded` or `redriven`.
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
    /// Who decided what on it, in order of time.
    pub notes: Vec<Note>,
}

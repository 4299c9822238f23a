//! Receipts for source systems: what became of their events, kept until it was published; and whether anybody is told of the
//! work list.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use postroom_event::{DispatchId, EventKey};
use serde::Serialize;

use crate::work::Business;

/// What a source system is to be told about one of its events, or about one dispatch of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Its place in the outbox; never used twice.
    pub position: i64,
    /// The source system.
    pub system: String,
    /// The event's key, where its envelope could be read.
    pub event: Option<EventKey>,
    /// CloudEvents source; empty where it could not be read.
    pub source: String,
    /// CloudEvents id; empty where it could not be read.
    pub id: String,
    /// CloudEvents type; empty where it could not be read.
    pub event_type: String,
    /// CloudEvents subject; empty where it could not be read.
    pub subject: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The dispatch, where the receipt is about one.
    pub dispatch: Option<DispatchId>,
    /// Its route.
    pub route: Option<String>,
    /// Its target.
    pub target: Option<String>,
    /// The target's own reference.
    pub reference: Option<String>,
    /// The code of the reason, where it failed.
    pub code: Option<String>,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// What became of an event or a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// It waits in the ledger until the target takes it.
    Held,
    /// It was given up.
    Dead,
    /// It was given up, and nobody will send it again.
    Discarded,
    /// It could not be understood.
    Invalid,
    /// It was recorded before.
    Duplicate,
    /// Nobody wants it.
    NoRoute,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Held,
        Self::Dead,
        Self::Discarded,
        Self::Invalid,
        Self::Duplicate,
        Self::NoRoute,
    ];

    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Held => "held",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::NoRoute => "no-route",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_stored() == text)
    }
}

/// What is told of outcomes, beside their being written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tell {
    /// Whether some system wants receipts.
    pub(crate) receipts: bool,
    /// Which of them are items of the work list, where somebody is to be told of those.
    pub(crate) work: Option<Arc<Business>>,
}

/// The systems that want receipts, and what is told of the work list.
#[derive(Debug, Default)]
pub(crate) struct Wanting(RwLock<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    receipts: HashSet<String>,
    work: Option<Arc<Business>>,
}

impl Wanting {
    pub(crate) fn set(&self, systems: HashSet<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).receipts = systems;
    }

    pub(crate) fn tell_work(&self, business: Arc<Business>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).work = Some(business);
    }

    pub(crate) fn all(&self) -> HashSet<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).receipts.clone()
    }

    pub(crate) fn tell(&self) -> Tell {
        let wanted = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Tell { receipts: !wanted.receipts.is_empty(), work: wanted.work.clone() }
    }
}

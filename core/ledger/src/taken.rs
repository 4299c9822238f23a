//! Events that were taken, and how far each of their dispatches came: in a word, for many at once.

use postroom_event::{DispatchId, EventKey};

/// An event that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its place in the order of recording, which is the order of intake for the events of one source.
    pub row: i64,
    /// Its key.
    pub key: EventKey,
    /// CloudEvents source.
    pub source: String,
    /// CloudEvents id.
    pub id: String,
    /// What it is about.
    pub subject: String,
    /// Its dispatches, those of replays behind the others.
    pub dispatches: Vec<Made>,
}

/// One dispatch of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: DispatchId,
    /// Its route.
    pub route: String,
    /// Its target.
    pub target: String,
    /// How far it came.
    pub stage: Stage,
}

/// How far a dispatch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In its lane.
    Waiting,
    /// In the ledger, until its target takes it.
    Held,
    /// In the ledger, for the next batch.
    Staged,
    /// In the queue that the target reads itself.
    Queued,
    /// It has a receipt.
    Delivered,
    /// It was given up.
    Dead,
    /// It was given up, and an officer wants it no more.
    Discarded,
}

impl Stage {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Staged => "staged",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// Whether it is with its target.
    pub fn has_arrived(self) -> bool {
        matches!(self, Self::Delivered | Self::Queued | Self::Staged)
    }

    /// Whether it is with its target, or comes there before what is appended to its lane now.
    pub fn is_ahead(self) -> bool {
        self.has_arrived() || matches!(self, Self::Waiting | Self::Held)
    }
}

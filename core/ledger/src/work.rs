//! The work list of officers: what is an item of it, and what is told of items. Which reasons are business's the ledger is
//! told ([`Business`]); it knows none itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use postroom_event::{Concern, DispatchId};
use serde::{Serialize, Serializer};

/// How the number of an invalid event begins as an item.
const EVENT: &str = "event-";
/// How the number of an import begins as an item.
const INPUT: &str = "input-";

/// Which reasons are business's, by their codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Business {
    /// Of dead letters.
    pub dead: Vec<String>,
    /// Of invalid events.
    pub invalid: Vec<String>,
    /// Of records that are refused.
    pub records: Vec<String>,
    /// The system that tells of the items: what is wrong with its own events is no item.
    pub teller: String,
    /// The types of its events.
    pub told_as: Vec<String>,
}

impl Business {
    pub(crate) fn is_event(&self, code: &str) -> bool {
        self.invalid.iter().any(|known| known == code)
    }
}

/// Words in bars, as the statements look for one of them.
pub(crate) fn bars(words: &[String]) -> String {
    format!("|{}|", words.join("|"))
}

/// Whose concern something must be to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByConcern {
    /// Whose.
    pub concern: Concern,
    /// Which reasons are business's.
    pub business: Arc<Business>,
}

impl ByConcern {
    pub(crate) fn word(&self) -> &'static str {
        self.concern.word()
    }
}

/// An item of the work list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkId {
    /// A dead letter.
    Dispatch(DispatchId),
    /// An invalid event.
    Event(i64),
    /// An input of which records were refused, or all of it.
    Input(i64),
}

impl fmt::Display for WorkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dispatch(id) => write!(f, "{id}"),
            Self::Event(number) => write!(f, "{EVENT}{number}"),
            Self::Input(number) => write!(f, "{INPUT}{number}"),
        }
    }
}

/// That a text names no item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is the id of no item: a dispatch, `event-N` or `input-N`")]
pub struct NoWorkId;

impl FromStr for WorkId {
    type Err = NoWorkId;

    fn from_str(text: &str) -> Result<Self, NoWorkId> {
        let number = |digits: &str| digits.parse().map_err(|_| NoWorkId);
        if let Some(digits) = text.strip_prefix(EVENT) {
            return number(digits).map(Self::Event);
        }
        if let Some(digits) = text.strip_prefix(INPUT) {
            return number(digits).map(Self::Input);
        }
        text.parse().map(Self::Dispatch).map_err(|_| NoWorkId)
    }
}

impl Serialize for WorkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Which items to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkFilter {
    /// The target of a dead letter, the source of everything else.
    pub system: Option<String>,
    /// The route of a dead letter.
    pub route: Option<String>,
    /// There at this time or later, in microseconds since the epoch.
    pub from: Option<i64>,
}

/// An item that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkItem {
    /// Which.
    pub id: WorkId,
    /// Since when, in microseconds since the epoch.
    pub since: i64,
    /// The target of a dead letter, the source of everything else.
    pub system: String,
    /// The route of a dead letter.
    pub route: Option<String>,
    /// The event's type, where there is an event.
    pub event_type: Option<String>,
    /// What the event is about.
    pub subject: Option<String>,
    /// The reason's code.
    pub code: String,
    /// What an officer should read.
    pub words: String,
    /// Who has it.
    pub taken_by: Option<String>,
    /// Since when they have it, in microseconds since the epoch.
    pub taken_at: Option<i64>,
}

/// What became of an item, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkLine {
    /// Its place in the outbox; never used twice.
    pub position: i64,
    /// What happened.
    pub happened: Happened,
    /// Which item.
    pub item: WorkId,
    /// The target of a dead letter, the source of everything else.
    pub system: String,
    /// The route of a dead letter.
    pub route: Option<String>,
    /// The event's type, where there is an event.
    pub event_type: Option<String>,
    /// The reason's code.
    pub code: String,
    /// What an officer should read.
    pub words: String,
    /// Since when it was there, in microseconds since the epoch.
    pub since: i64,
    /// When it happened, in microseconds since the epoch.
    pub at: i64,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It came into being.
    Raised,
    /// It was given up.
    Discarded,
    /// It was sent again.
    Redriven,
}

impl Happened {
    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Discarded => "discarded",
            Self::Redriven => "redriven",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let all = [Self::Raised, Self::Discarded, Self::Redriven];
        all.into_iter().find(|happened| happened.as_stored() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_back_from_its_id_and_nothing_else_is() {
        let dispatch = WorkId::Dispatch(DispatchId::new("/shop", "1", "to-dock"));
        for item in [dispatch, WorkId::Event(17), WorkId::Input(3)] {
            assert_eq!(item.to_string().parse(), Ok(item));
        }
        for wrong in ["", "17", "event-", "event-x", "input", "0b6e"] {
            assert_eq!(wrong.parse::<WorkId>(), Err(NoWorkId), "{wrong}");
        }
    }
}

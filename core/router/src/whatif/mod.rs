//! What if: the journal run through two configurations, the one in use and a changed one, and what would differ. Nothing is
//! delivered, and nothing is written to broker or ledger.

mod compare;
mod hand;
mod run;
mod tally;

use std::collections::BTreeMap;

use serde::Serialize;

pub use run::{Trial, what_if};

/// Most fields of one route that are told apart; what is more is counted together.
const MOST_FIELDS: usize = 500;
/// Most examples of one route.
pub const MOST_EXAMPLES: usize = 100;
/// Most fields of one example.
const MOST_EXAMPLE_FIELDS: usize = 20;
/// Largest value of an example, in bytes; of a larger one only that is told.
const MAX_EXAMPLE_BYTES: usize = 1_000;
/// What stands for fields beyond [`MOST_FIELDS`].
const OTHERS: &str = "(others)";

/// What differs between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Differences {
    /// How far back the journal was read.
    pub reach: Reach,
    /// Events that were looked at; what was published twice counts twice.
    pub events: u64,
    /// Those that are invalid by both.
    pub still_invalid: u64,
    /// Those that the changed configuration refuses alone, by the code of the rule.
    pub newly_invalid: BTreeMap<&'static str, u64>,
    /// Those that the one in use refuses alone.
    pub newly_valid: u64,
    /// One for each route and target of either, by name.
    pub routes: Vec<RouteDifferences>,
    /// The first differences of each route, as many as were asked for, in the order of the journal.
    pub examples: Vec<Example>,
    /// Whether a route looks something up in the ledger: the answers are today's.
    pub asked_the_ledger: bool,
}

/// How far back a journal goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Since when events were asked for, in seconds since the epoch.
    pub asked: u64,
    /// Whether the journal begins later than that.
    pub short: bool,
    /// When the first event that was read came into being, where it tells (RFC 3339).
    pub first: Option<String>,
}

/// In which of the configurations a route is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// In both.
    #[default]
    Both,
    /// In the changed one only.
    New,
    /// In the one in use only.
    Gone,
}

/// What differs on one route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RouteDifferences {
    /// Its name.
    pub route: String,
    /// Its target; a route that has another one now is gone, and new.
    pub target: String,
    /// In which configuration it is.
    pub standing: Standing,
    /// Messages that are the same.
    pub same: u64,
    /// Messages that are other ones.
    pub changed: u64,
    /// In which fields, by dotted path, and in how many messages.
    pub fields: BTreeMap<String, u64>,
    /// Events of which no message can be made any more, or of which none could be made for another reason, by its code.
    pub newly_refused: BTreeMap<&'static str, u64>,
    /// Messages that were not made before.
    pub newly_sent: u64,
    /// Messages that are not made any more, for the route does not want the event.
    pub no_longer_sent: u64,
    /// Events of which no message could be made, and which the route does not want any more.
    pub no_longer_refused: u64,
    /// Events of which no message can be made, for the same reason as before.
    pub still_refused: u64,
}

impl RouteDifferences {
    /// Whether anything differs.
    pub fn differs(&self) -> bool {
        let counts = [self.changed, self.newly_sent, self.no_longer_sent, self.no_longer_refused];
        self.standing != Standing::Both
            || counts.iter().any(|count| *count > 0)
            || !self.newly_refused.is_empty()
    }
}

impl Differences {
    /// Whether anything differs.
    pub fn differs(&self) -> bool {
        let routes = self.routes.iter().any(RouteDifferences::differs);
        routes || self.newly_valid > 0 || !self.newly_invalid.is_empty()
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// Its event's place in the journal.
    pub offset: u64,
    /// CloudEvents id of its event.
    pub event: String,
    /// What its event is about.
    pub subject: String,
    /// The route.
    pub route: String,
    /// The target.
    pub target: String,
    /// Which difference, e.g. `changed`.
    pub what: &'static str,
    /// Why no message is made, where that is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The fields that are others, as they are: whoever shows them masks them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ExampleField>,
}

/// A field of a message that is another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExampleField {
    /// Its dotted path.
    pub field: String,
    /// What stood there; nothing where it was not there.
    pub before: Option<serde_json::Value>,
    /// What stands there.
    pub after: Option<serde_json::Value>,
}

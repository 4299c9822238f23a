//! Replay: events of the journal are decided with the configuration as it is now and sent again, a set that was frozen when
//! it was planned, slowly, under an id of its own.

mod changed;
mod plan;
mod prepared;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{JobFilter, JobState, Ledger, LedgerError, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use plan::plan;
pub(crate) use run::run;

use crate::entries::now;

/// The kind of job that sends again.
pub const REPLAY: &str = "replay";
/// Most dispatches that one replay looks at; what is more is asked for in parts.
pub const MOST_LINES: usize = 50_000;
/// Most replays at work that are looked through.
const MOST_JOBS: u32 = 1_000;

/// What is to be replayed; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Came into the journal at this time or later, in seconds since the epoch. The broker keeps the time of a chunk, so some
    /// older ones may be among them.
    pub from: Option<u64>,
    /// Came into the journal before this time, by the same clock.
    pub until: Option<u64>,
    /// The source system.
    pub system: Option<String>,
    /// The event type.
    pub event_type: Option<String>,
    /// What the event is about.
    pub subject: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// The target system.
    pub to: Option<String>,
    /// Whether what was delivered is delivered once more, under ids of the replay.
    pub again: bool,
    /// Whether what later ones of its subject overtook is sent as well.
    pub stale: bool,
}

/// What a replay would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The id of the replay.
    pub replay: String,
    /// Whether what later ones of its subject overtook is sent as well.
    pub stale: bool,
    /// Events that were looked at.
    pub events: u64,
    /// Those that the ledger does not know: on their way, or to be reconciled.
    pub unknown: u64,
    /// Those that are invalid by the configuration as it is now.
    pub invalid: u64,
    /// One for each dispatch, in the order of the journal.
    pub lines: Vec<Line>,
}

/// What becomes of one dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its event's place in the journal.
    pub offset: u64,
    /// Its event.
    pub key: EventKey,
    /// CloudEvents id of its event.
    pub event: String,
    /// CloudEvents source of its event.
    pub source: String,
    /// The system that published its event.
    pub system: String,
    /// What the event is about.
    pub subject: String,
    /// The route.
    pub route: String,
    /// The target.
    pub target: String,
    /// The dispatch.
    pub dispatch: DispatchId,
    /// What becomes of it.
    pub fate: Fate,
    /// JSON pointers of the fields in which the message that was kept (of a hold or a dead letter) differs from the one
    /// that would be made now; absent where none was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<String>>,
}

/// What becomes of one dispatch of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
pub enum Fate {
    /// It is sent; there was no such dispatch before.
    New,
    /// It is sent once more.
    Again {
        /// How the first one ended.
        was: &'static str,
    },
    /// It is not sent: there is such a dispatch.
    Suppressed {
        /// How far it came.
        was: &'static str,
    },
    /// It is not sent: a later one of its subject has arrived.
    Overtaken {
        /// The later event's CloudEvents id.
        by: String,
    },
    /// It is not sent: no message can be made of the event.
    Unmappable {
        /// The code of the reason.
        code: &'static str,
    },
    /// It was made once, and the configuration makes it no more.
    NoLonger {
        /// How far it came.
        was: &'static str,
    },
}

impl Fate {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Again { .. } => "again",
            Self::Suppressed { .. } => "suppressed",
            Self::Overtaken { .. } => "overtaken",
            Self::Unmappable { .. } => "unmappable",
            Self::NoLonger { .. } => "no-longer",
        }
    }

    /// Whether it is sent.
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::New | Self::Again { .. })
    }
}

/// How many dispatches of one route end how, by [`Fate::word`].
pub type Counts = BTreeMap<(String, String), BTreeMap<&'static str, u64>>;

impl Plan {
    /// Counts by route and target.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for line in &self.lines {
            let route = counts.entry((line.route.clone(), line.target.clone())).or_default();
            *route.entry(line.fate.word()).or_default() += 1;
        }
        counts
    }

    /// How many dispatches are sent.
    pub fn sent(&self) -> usize {
        self.lines.iter().filter(|line| line.fate.is_sent()).count()
    }
}

/// One dispatch to be sent, as a job keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its event's place in the journal.
    pub offset: u64,
    /// The route.
    pub route: String,
    /// Whether the replay's id is part of its own.
    pub again: bool,
    /// Its event.
    #[serde(default)]
    pub key: Option<EventKey>,
}

/// What a job of a replay keeps: decided once, so that it goes on after a stop from where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Params {
    pub(crate) replay: String,
    /// Dispatches a second.
    pub(crate) rate: u32,
    /// Whether what later ones of its subject overtook is sent as well.
    #[serde(default)]
    pub(crate) stale: bool,
    /// In the order of the journal.
    pub(crate) sends: Vec<Sent>,
}

/// Submits the jobs of a plan, one for each lease under which it is carried out; their numbers.
///
/// # Errors
/// When the ledger cannot be written.
pub async fn submit_replay(
    ledger: &Ledger,
    plan: &Plan,
    rate: u32,
    (actor, reason): (&str, &str),
    lease_of: impl Fn(&Line) -> String,
) -> Result<Vec<i64>, LedgerError> {
    let mut by_lease: BTreeMap<String, Vec<Sent>> = BTreeMap::new();
    for line in plan.lines.iter().filter(|line| line.fate.is_sent()) {
        let again = matches!(line.fate, Fate::Again { .. });
        let sent = Sent { offset: line.offset, route: line.route.clone(), again, key: Some(line.key) };
        by_lease.entry(lease_of(line)).or_default().push(sent);
    }
    let mut jobs = Vec::with_capacity(by_lease.len());
    for (target, sends) in by_lease {
        let params = json!(Params { replay: plan.replay.clone(), rate, stale: plan.stale, sends });
        let (kind, actor, reason) = (REPLAY.to_owned(), actor.to_owned(), reason.to_owned());
        jobs.push(ledger.submit(NewJob { kind, target, params, actor, reason, at: now() }).await?);
    }
    Ok(jobs)
}

/// The routes of the replays at work: what one of them noted as dispatched when the hub stopped, it sends when it goes on.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn replaying(ledger: &Ledger) -> Result<BTreeSet<String>, LedgerError> {
    let mut routes = BTreeSet::new();
    for state in [JobState::Running, JobState::Cancelling] {
        let filter = JobFilter { kind: Some(REPLAY.to_owned()), state: Some(state), ..JobFilter::default() };
        for job in ledger.jobs(&filter, MOST_JOBS).await? {
            let params = serde_json::from_value::<Params>(job.params);
            routes.extend(params.into_iter().flat_map(|params| params.sends).map(|sent| sent.route));
        }
    }
    Ok(routes)
}

//! Jobs: how commands act while the hub runs. A command submits one; the holder of the target's lease carries it out.

use serde::Serialize;
use serde_json::Value;

/// A job to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// What kind of work.
    pub kind: String,
    /// Whose lease its executor must hold; empty where none.
    pub target: String,
    /// What exactly; the executor knows its shape.
    pub params: Value,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// What kind of work.
    pub kind: String,
    /// Whose lease its executor must hold; empty where none.
    pub target: String,
    /// What exactly.
    pub params: Value,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// How far it came.
    pub state: JobState,
    /// When it was submitted, in microseconds since the epoch.
    pub submitted_at: i64,
    /// When it last moved, in microseconds since the epoch.
    pub updated_at: i64,
    /// Steps done.
    pub done: u64,
    /// Steps in all, where that is known; else 0.
    pub total: u64,
    /// What came of it, or came of it so far.
    pub outcome: Option<Value>,
}

/// How far a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Nobody has begun it.
    Submitted,
    /// Somebody works on it, or did and was stopped: it is given out again.
    Running,
    /// Somebody works on it and is to stop.
    Cancelling,
    /// It was stopped, or never begun.
    Cancelled,
    /// It has ended; its outcome says how.
    Done,
}

impl JobState {
    pub(crate) fn as_stored(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Submitted, Self::Running, Self::Cancelling, Self::Cancelled, Self::Done]
            .into_iter()
            .find(|state| state.as_stored() == text)
    }
}

/// Which jobs to list; an absent field matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// One job.
    pub id: Option<i64>,
    /// What kind of work.
    pub kind: Option<String>,
    /// The target.
    pub target: Option<String>,
    /// How far it came.
    pub state: Option<JobState>,
}

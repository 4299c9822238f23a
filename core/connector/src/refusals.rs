//! Requests of systems that were refused, counted by whoever answers them until somebody tells of them. It knows whose they were
//! and why, and nothing that was in one.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Why a request was refused, in the words of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// Who asks is not proved.
    NotProved,
    /// The rate is used up.
    TooMany,
    /// The body is too long.
    TooLong,
    /// The body did not come in time.
    TooSlow,
    /// It cannot be understood.
    NotUnderstood,
    /// What it is for is not there.
    NotThere,
    /// It could not be taken at that time.
    NotNow,
}

impl Refused {
    /// As metrics and log lines name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotProved => "not-proved",
            Self::TooMany => "too-many",
            Self::TooLong => "too-long",
            Self::TooSlow => "too-slow",
            Self::NotUnderstood => "not-understood",
            Self::NotThere => "not-there",
            Self::NotNow => "not-now",
        }
    }
}

/// How many requests of each system were refused, by reason.
pub type RefusedRequests = BTreeMap<(String, Refused), u64>;

/// Counts refused requests. It holds no more of them than systems times reasons.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<RefusedRequests>);

impl Refusals {
    /// Those of this process.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Refusals> = LazyLock::new(Refusals::default);
        &SHARED
    }

    /// Counts one.
    pub fn note(&self, system: &str, why: Refused) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((system.to_owned(), why)).or_default() += 1;
    }

    /// What was counted since the last call.
    pub fn take(&self) -> RefusedRequests {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

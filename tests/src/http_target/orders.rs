//! What a target is told to do with requests. Pure: what it does follows from the orders and the requests so far.

use serde::{Deserialize, Serialize};

/// What the target does instead of taking a message and saying so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Takes it, and says so after so many milliseconds.
    Slow(u64),
    /// Answers with this status.
    Status(u16),
    /// Answers 429 with this `Retry-After`, in seconds.
    Busy(u64),
    /// Takes it and never answers.
    Hangs,
    /// Cuts the line and has not taken it.
    CutsBefore,
    /// Takes it and cuts the line.
    CutsAfter,
    /// Takes it and answers what is no HTTP.
    Garbage,
}

impl Does {
    /// Whether the message lands.
    pub fn lands(self) -> bool {
        match self {
            Self::Slow(_) | Self::Hangs | Self::CutsAfter | Self::Garbage => true,
            Self::Status(_) | Self::Busy(_) | Self::CutsBefore => false,
        }
    }
}

/// Which requests meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    does: Does,
    subject: Option<String>,
    every: u64,
    times: u64,
    /// Requests that it could have met.
    #[serde(default)]
    seen: u64,
}

impl Order {
    /// For every request.
    pub fn new(does: Does) -> Self {
        Self { does, subject: None, every: 1, times: u64::MAX, seen: 0 }
    }

    /// For requests about one subject only.
    #[must_use]
    pub fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// For every so manieth of them only.
    #[must_use]
    pub fn every(self, every: u64) -> Self {
        Self { every, ..self }
    }

    /// For so many of them only.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// What it says about a request.
    pub fn meets(&mut self, subject: &str) -> Option<Does> {
        if self.times == 0 || self.subject.as_deref().is_some_and(|about| about != subject) {
            return None;
        }
        self.seen += 1;
        if !self.seen.is_multiple_of(self.every) {
            return None;
        }
        self.times -= 1;
        Some(self.does)
    }
}

#[test]
fn an_order_meets_the_requests_that_it_names_and_no_other() {
    let mut order = Order::new(Does::Hangs).about("a").every(2).times(2);
    let met: Vec<bool> =
        ["a", "b", "a", "a", "a", "a", "a"].map(|subject| order.meets(subject).is_some()).into();
    assert_eq!(met, [false, false, true, false, true, false, false]);
}

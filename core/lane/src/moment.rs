//! Points in time as numbers, and the time in which a lane was able to work. Knows no clock.

use std::ops::Add;
use std::time::Duration;

/// A point in time, in microseconds on the caller's axis.
///
/// The axis should be a monotonic one: a moment that goes to the ledger is turned into wall time by the caller, and
/// back when it is loaded, so that a clock that is set does not move a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(i64);

impl Moment {
    /// The moment `micros` microseconds after the origin of the axis.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the origin of the axis.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it is still to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// Counts only the time in which attempts could start: an outage or a pause must not eat the time for retries.
#[derive(Debug, Default)]
pub(crate) struct Working {
    stood: Duration,
    still_since: Option<Moment>,
}

impl Working {
    /// The time worked up to `now`, as a moment on an axis of its own.
    pub(crate) fn at(&self, now: Moment) -> Moment {
        let until = self.still_since.unwrap_or(now);
        Moment(until.0.saturating_sub(i64::try_from(self.stood.as_micros()).unwrap_or(i64::MAX)))
    }

    /// From `now` on nothing can start; no change if that was so already.
    pub(crate) fn halt(&mut self, now: Moment) {
        self.still_since.get_or_insert(now);
    }

    /// From `now` on attempts can start again; no change if they could.
    pub(crate) fn go_on(&mut self, now: Moment) {
        if let Some(since) = self.still_since.take() {
            self.stood += now.since(since);
        }
    }
}

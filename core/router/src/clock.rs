//! The time of a lane: the wall's at the start, and monotonic from then on, so that a clock that is set moves no retry.

use std::time::Duration;

use postroom_lane::Moment;
use tokio::time::Instant;

use crate::entries;

/// Longest sleep of a lane that waits for nothing.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// A clock for the lane: the wall's time at the start, and monotonic from then on.
pub(crate) struct Clock {
    wall: i64,
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: entries::now(), began: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::from_micros(self.wall) + self.began.elapsed()
    }

    pub(crate) fn at(&self, instant: Instant) -> Moment {
        Moment::from_micros(self.wall) + instant.duration_since(self.began)
    }

    pub(crate) fn instant(&self, moment: Option<Moment>) -> Instant {
        let wait = moment.map_or(LONGEST_SLEEP, |moment| moment.since(self.now()));
        Instant::now() + wait.min(LONGEST_SLEEP)
    }

    pub(crate) fn said(&self, moment: Moment) -> String {
        chrono::DateTime::from_timestamp_micros(moment.micros())
            .map_or_else(String::new, |at| at.to_rfc3339())
    }
}

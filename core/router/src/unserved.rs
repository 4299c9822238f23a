//! Queues that the broker has and does not serve (ADR 0007): whoever consumes one loses the session, and with it all others
//! their work. So such a queue is left alone, for longer each time, until it is served or somebody has deleted it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroom_telemetry as telemetry;
use tokio::time::Instant;

/// How long such a queue is left alone each time; the last again and again.
const WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(300)];

/// Those that this hub has met, over all its sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unserved(Arc<Mutex<HashMap<String, Tried>>>);

#[derive(Debug)]
struct Tried {
    times: usize,
    at: Instant,
}

impl Unserved {
    fn queues(&self) -> MutexGuard<'_, HashMap<String, Tried>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker serves `queue`, or has it no more.
    pub(crate) fn is_well(&self, queue: &str) {
        self.queues().remove(queue);
    }

    /// The broker does not serve `queue` at `now`, for the reason that it gives.
    pub(crate) fn failed(&self, queue: &str, reason: &str, now: Instant) {
        telemetry::queue_unserved(queue, reason);
        let mut queues = self.queues();
        let tried = queues.entry(queue.to_owned()).or_insert(Tried { times: 0, at: now });
        (tried.times, tried.at) = (tried.times + 1, now);
    }

    /// How long `queue` is to be left alone yet.
    pub(crate) fn wait(&self, queue: &str, now: Instant) -> Duration {
        let queues = self.queues();
        let Some(tried) = queues.get(queue) else { return Duration::ZERO };
        let wait = WAITS[tried.times.saturating_sub(1).min(WAITS.len() - 1)];
        (tried.at + wait).saturating_duration_since(now)
    }

    /// Every queue that was not served when it was asked for last.
    pub(crate) fn all(&self) -> Vec<String> {
        self.queues().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_left_alone_for_longer_each_time_until_it_is_served() {
        let (unserved, now, lane) = (Unserved::default(), Instant::now(), "lane.till");
        assert_eq!(unserved.wait(lane, now), Duration::ZERO);
        for wait in [WAITS[0], WAITS[1], WAITS[2], WAITS[3], WAITS[3]] {
            unserved.failed(lane, "", now);
            assert_eq!(unserved.wait(lane, now), wait);
        }
        assert_eq!(unserved.wait(lane, now + WAITS[3]), Duration::ZERO);
        assert_eq!(unserved.wait("lane.book", now), Duration::ZERO);
        unserved.is_well(lane);
        assert_eq!((unserved.wait(lane, now), unserved.all()), (Duration::ZERO, vec![]));
    }
}

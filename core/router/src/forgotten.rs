//! Queues that the broker has and does not serve (ADR 0007): whoever consumes one loses the session, and with it all others
//! their work. So it is left alone for a while, and in the end made again and filled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroom_telemetry as telemetry;
use tokio::time::Instant;

/// How long such a queue is left alone each time; the last again and again.
const WAITS: [Duration; 4] =
    [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(300)];
/// As often as this it is tried before it is given up.
const TRIES: usize = 3;

/// Those that this hub has met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forgotten(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    unserved: HashMap<String, Unserved>,
    /// How many queues were served that were asked for.
    served: u64,
}

#[derive(Debug)]
struct Unserved {
    tries: usize,
    tried_at: Instant,
    /// How many queues had been served when it first was not.
    served: u64,
}

impl Forgotten {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker serves `queue`.
    pub(crate) fn served(&self, queue: &str) {
        let mut known = self.known();
        known.served += 1;
        known.unserved.remove(queue);
    }

    /// It does not, at `now`, for the reason that it gives.
    pub(crate) fn unserved(&self, queue: &str, reason: &str, now: Instant) {
        let mut known = self.known();
        let served = known.served;
        let first = Unserved { tries: 0, tried_at: now, served };
        let unserved = known.unserved.entry(queue.to_owned()).or_insert(first);
        if unserved.tries == 0 {
            telemetry::queue_unserved(queue, reason);
        }
        unserved.tries += 1;
        unserved.tried_at = now;
    }

    /// How long `queue` is to be left alone yet.
    pub(crate) fn wait(&self, queue: &str, now: Instant) -> Duration {
        let known = self.known();
        let Some(unserved) = known.unserved.get(queue) else { return Duration::ZERO };
        let wait = WAITS[unserved.tries.saturating_sub(1).min(WAITS.len() - 1)];
        (unserved.tried_at + wait).saturating_duration_since(now)
    }

    /// Whether it is given up: tried often enough, while the broker served another, so that it is not the broker that cannot.
    pub(crate) fn is_given_up(&self, queue: &str) -> bool {
        let known = self.known();
        known
            .unserved
            .get(queue)
            .is_some_and(|unserved| unserved.tries >= TRIES && known.served > unserved.served)
    }

    /// It is deleted.
    pub(crate) fn deleted(&self, queue: &str) {
        self.known().unserved.remove(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: &str = "lane.till";

    #[test]
    fn a_queue_is_left_alone_for_longer_each_time_and_not_after_it_was_served() {
        let (forgotten, now) = (Forgotten::default(), Instant::now());
        assert_eq!(forgotten.wait(LANE, now), Duration::ZERO);
        for wait in [WAITS[0], WAITS[1], WAITS[2], WAITS[3], WAITS[3]] {
            forgotten.unserved(LANE, "", now);
            assert_eq!(forgotten.wait(LANE, now), wait);
        }
        assert_eq!(forgotten.wait(LANE, now + WAITS[3]), Duration::ZERO);
        forgotten.served(LANE);
        assert_eq!(forgotten.wait(LANE, now), Duration::ZERO);
    }

    #[test]
    fn a_queue_is_given_up_after_some_tries_unless_the_broker_serves_no_other_either() {
        let (forgotten, now) = (Forgotten::default(), Instant::now());
        forgotten.served("lane.book");
        for _ in 0..TRIES {
            assert!(!forgotten.is_given_up(LANE));
            forgotten.unserved(LANE, "", now);
        }
        assert!(!forgotten.is_given_up(LANE), "nothing was served meanwhile");
        forgotten.served("lane.book");
        assert!(forgotten.is_given_up(LANE));
        forgotten.deleted(LANE);
        assert!(!forgotten.is_given_up(LANE));
    }
}

//! How long to wait before trying again: the one module that names the `backoff` crate, and for its policy only.
//!
//! It keeps no clock of its own and never gives up: its owner decides when enough is enough.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};

/// First wait before a new session with the broker.
const RECONNECT_FIRST: Duration = Duration::from_millis(200);
/// Longest wait before a new session with the broker.
const RECONNECT_LONGEST: Duration = Duration::from_secs(10);
/// How far a wait may lie from its nominal length, as a share of it, so that many do not try at once.
const JITTER: f64 = 0.5;
/// Each nominal wait is so many times the one before.
const GROWTH: f64 = 2.0;

/// Exponential waits with jitter, without end.
#[derive(Debug)]
pub struct Backoff {
    policy: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// Waits that begin near `first` and double, and are never longer than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        let policy = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            .with_max_interval(longest)
            .with_multiplier(GROWTH)
            .with_randomization_factor(JITTER)
            .with_max_elapsed_time(None)
            .build();
        Self { policy, longest }
    }

    /// The waits between sessions with the broker: from 0.2 s to 10 s.
    pub fn reconnecting() -> Self {
        Self::new(RECONNECT_FIRST, RECONNECT_LONGEST)
    }

    /// The next wait.
    pub fn next_delay(&mut self) -> Duration {
        self.policy.next_backoff().unwrap_or(self.longest).min(self.longest)
    }

    /// Begins again with the first wait: call it after a success that lasted.
    pub fn reset(&mut self) {
        self.policy.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_the_first_to_the_longest_and_stay_there() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        let mut backoff = Backoff::new(first, longest);
        let mut nominal = first;
        for _ in 0..20 {
            let delay = backoff.next_delay();
            assert!(delay >= nominal.mul_f64(1.0 - JITTER) && delay <= nominal.mul_f64(1.0 + JITTER));
            assert!(delay <= longest);
            nominal = (nominal * 2).min(longest);
        }
    }

    #[test]
    fn a_reset_begins_again_with_the_first_wait() {
        let mut backoff = Backoff::reconnecting();
        for _ in 0..10 {
            backoff.next_delay();
        }
        backoff.reset();
        assert!(backoff.next_delay() <= RECONNECT_FIRST.mul_f64(1.0 + JITTER));
    }
}

//! How many requests are taken in a time: a bucket that fills evenly. Pure.

use std::time::{Duration, Instant};

/// Units of a rate in the settings, in seconds.
const UNITS: [(&str, u64); 3] = [("s", 1), ("min", 60), ("h", 3_600)];
/// Most requests in a rate.
const MOST: u32 = 1_000_000;

/// So many requests in so long a time, as `50/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    most: u32,
    per: Duration,
}

impl RateLimit {
    /// So many, above 0, in so long a time.
    pub(crate) const fn new(most: u32, per: Duration) -> Self {
        Self { most, per }
    }

    /// Reads `50/s`, `600/min` or `1000/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (most, unit) = text.split_once('/')?;
        let most = most.parse().ok().filter(|most| (1..=MOST).contains(most))?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        Some(Self { most, per: Duration::from_secs(*seconds) })
    }
}

/// What is left of a rate.
#[derive(Debug)]
pub struct Rate {
    limit: RateLimit,
    /// When the bucket is full again: the more has been taken, the later.
    full: Instant,
}

impl Rate {
    /// A full bucket at `now`.
    pub fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, full: now }
    }

    /// Takes one at `now`.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.full = self.look(now)?;
        Ok(())
    }

    /// When the bucket were full again, if one were taken at `now`.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub(crate) fn look(&self, now: Instant) -> Result<Instant, Duration> {
        let full = self.full.max(now) + self.limit.per / self.limit.most;
        let ahead = full - now;
        if ahead > self.limit.per { Err(ahead - self.limit.per) } else { Ok(full) }
    }

    /// When the bucket is full again.
    pub(crate) fn full(&self) -> Instant {
        self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_rate_says_are_taken_and_then_one_for_each_part_of_the_time() {
        let start = Instant::now();
        let mut rate = Rate::new(RateLimit::parse("4/s").expect("a rate"), start);
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!((0..4).map(|_| rate.take(start)).filter(Result::is_ok).count(), 4);
        assert_eq!(rate.take(start), Err(Duration::from_millis(250)));
        assert_eq!(rate.take(at(249)), Err(Duration::from_millis(1)));
        assert_eq!((rate.take(at(250)), rate.take(at(250))), (Ok(()), Err(Duration::from_millis(250))));
        assert_eq!((0..9).filter(|_| rate.take(at(60_000)).is_ok()).count(), 4);
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        for right in ["1/s", "600/min", "1000000/h"] {
            assert!(RateLimit::parse(right).is_some(), "{right}");
        }
        for wrong in ["", "50", "0/s", "/s", "-1/s", "50/d", "50/", "5.5/s", "1000001/s"] {
            assert_eq!(RateLimit::parse(wrong), None, "{wrong}");
        }
    }
}

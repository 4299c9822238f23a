//! How many requests go out in a time: each has a turn of its own, the turns evenly spaced. Knows no request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postroom_connector::SettingsError;
use tokio::time::Instant;

/// Most requests that a rate may allow, in a second.
const FASTEST: u64 = 1_000;
const FORM: &str = "a number of requests in a time, such as `10/s` or `600/min`, at most `1000/s`";

/// The time between two requests.
pub(crate) fn interval(written: &str) -> Result<Duration, SettingsError> {
    let wrong = || SettingsError::new("rate", FORM);
    let (number, unit) = written.split_once('/').ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        _ => return Err(wrong()),
    };
    if number == 0 || number > FASTEST * seconds {
        return Err(wrong());
    }
    Ok(Duration::from_nanos(seconds * 1_000_000_000 / number))
}

/// Gives turns.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// A turn every `interval`, the first at once.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// At once, where none is left before `latest`: how long it would take until one is.
    pub(crate) async fn turn(&self, latest: Instant) -> Result<(), Duration> {
        let at = self.take(Instant::now(), latest)?;
        tokio::time::sleep_until(at).await;
        Ok(())
    }

    /// The next turn at `now`, which is then taken.
    fn take(&self, now: Instant, latest: Instant) -> Result<Instant, Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = now.max(*next);
        if at > latest {
            return Err(at - now);
        }
        *next = at + self.interval;
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_with_its_unit() {
        for (text, milliseconds) in [("10/s", 100), ("600/min", 100), ("1/s", 1_000), ("30/min", 2_000)] {
            assert_eq!(interval(text).expect(text), Duration::from_millis(milliseconds), "{text}");
        }
        for wrong in ["10", "0/s", "10/h", "/s", "-1/s", "1.5/s", "1001/s", "60001/min", "10 /s"] {
            assert_eq!(interval(wrong).expect_err(wrong).key, "rate", "{wrong}");
        }
    }

    #[test]
    fn turns_are_evenly_spaced_and_none_is_given_that_comes_too_late() {
        let pace = Pace::new(Duration::from_secs(1));
        let now = Instant::now() + Duration::from_secs(1);
        let latest = now + Duration::from_secs(2);
        for turn in 0..3 {
            assert_eq!(pace.take(now, latest), Ok(now + Duration::from_secs(turn)));
        }
        assert_eq!(pace.take(now, latest), Err(Duration::from_secs(3)));
        assert_eq!(
            pace.take(now, latest),
            Err(Duration::from_secs(3)),
            "a turn that is not given is not taken"
        );
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.take(later, later), Ok(later), "what was not used is not made up for");
    }
}

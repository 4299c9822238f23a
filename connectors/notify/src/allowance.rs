//! How many notifications may go on a day: Notify's day ends at midnight in UTC, and so does the council's own limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use postroom_connector::{ConnectorError, Failure};

/// A limit, and what was used of it. It counts since the hub was started: Notify's own limit stands behind it.
pub(crate) struct Allowance {
    limit: Option<u32>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    day: NaiveDate,
    count: u32,
}

impl Allowance {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, used: Mutex::default() }
    }

    /// Takes one of the day's.
    ///
    /// # Errors
    /// Where none is left: nothing goes until the day ends, and no message is to blame.
    pub(crate) fn take(&self, now: DateTime<Utc>) -> Result<(), ConnectorError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.day != now.date_naive() {
            *used = Used { day: now.date_naive(), count: 0 };
        }
        if used.count >= limit {
            let words = format!("the {limit} notifications of `daily_limit` are sent");
            let error = ConnectorError::new(Failure::Down, words, "");
            return Err(error.retry_after(Some(until_midnight(now))));
        }
        used.count += 1;
        Ok(())
    }

    /// Gives back one that was not sent.
    pub(crate) fn give_back(&self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.count = used.count.saturating_sub(1);
    }
}

/// How long it is until the next midnight in UTC.
pub(crate) fn until_midnight(now: DateTime<Utc>) -> Duration {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    (tomorrow.and_time(NaiveTime::MIN).and_utc() - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_days_limit_waits_for_midnight() {
        let (today, tomorrow) = ("2026-07-01T22:00:00Z", "2026-07-02T00:00:00Z");
        let [today, tomorrow]: [DateTime<Utc>; 2] =
            [today, tomorrow].map(|text| text.parse().expect("an instant"));
        let allowance = Allowance::new(Some(2));
        allowance.take(today).expect("the first");
        allowance.take(today).expect("the second");
        let error = allowance.take(today).expect_err("no third");
        assert_eq!((error.failure, error.retry_after), (Failure::Down, Some(Duration::from_secs(7_200))));
        allowance.give_back();
        allowance.take(today).expect("what was given back");
        allowance.take(tomorrow).expect("another day");
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let allowance = Allowance::new(None);
        assert!((0..10_000).all(|_| allowance.take(Utc::now()).is_ok()));
    }
}

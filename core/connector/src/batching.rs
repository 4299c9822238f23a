//! When a batch of staged messages is due: a count, an age, or times of the day.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::London;
use serde::Deserialize;

use crate::parse_duration;

/// Most messages in one batch, unless the council sets another.
const MAX_ITEMS: usize = 10_000;
/// Most minutes by which clocks go forward.
const MOST_SKIPPED: i64 = 180;

/// The table `[target.batch]`: a batch is due at a time of the day, at an age of its oldest message, or when it is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batching {
    /// Times of the day in Europe/London at which whatever waits is handed over.
    pub at: Vec<NaiveTime>,
    /// The age of the oldest waiting message at which a batch is due.
    pub every: Option<Duration>,
    /// A batch is due, and cut, at this many messages.
    pub max_items: usize,
}

/// A rule for batches that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BatchingError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    at: Vec<String>,
    every: Option<String>,
    max_items: Option<usize>,
}

impl Batching {
    /// Reads the table as the council wrote it.
    ///
    /// # Errors
    /// Which key is wrong, and what would be right.
    pub fn from_table(table: &toml::Table) -> Result<Self, BatchingError> {
        let written = Written::deserialize(toml::Value::Table(table.clone()))
            .map_err(|error| BatchingError(error.message().to_owned()))?;
        let at: Result<Vec<_>, _> = written.at.iter().map(|text| time_of_day(text)).collect();
        let every = match written.every {
            None => None,
            Some(text) => Some(parse_duration(&text).ok_or_else(|| {
                BatchingError("`every` is a duration such as `30s`, `5min` or `1d`".to_owned())
            })?),
        };
        let max_items = written.max_items.unwrap_or(MAX_ITEMS);
        let batching = Self { at: at?, every, max_items };
        if max_items == 0 || (batching.at.is_empty() && every.is_none()) {
            return Err(BatchingError("a batch needs `at` or `every`, and `max_items` above 0".to_owned()));
        }
        Ok(batching)
    }

    /// Whether `waiting` messages, the oldest staged at `oldest`, are due at `now`. Where the clock was set back since, the oldest is
    /// of a time that is still to come, and its age is not known: a batch waits for that no longer than for its age.
    pub fn due(&self, now: DateTime<Utc>, oldest: DateTime<Utc>, waiting: usize) -> bool {
        waiting > 0
            && (waiting >= self.max_items
                || self
                    .every
                    .is_some_and(|age| (now - oldest).abs().to_std().is_ok_and(|waited| waited >= age))
                || self.at.iter().any(|at| passed_between(*at, oldest, now)))
    }
}

fn time_of_day(text: &str) -> Result<NaiveTime, BatchingError> {
    NaiveTime::parse_from_str(text, "%H:%M")
        .map_err(|_| BatchingError("`at` lists times of the day such as `18:00`".to_owned()))
}

/// Whether `at` came after `oldest` and no later than `now`.
fn passed_between(at: NaiveTime, oldest: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let today = now.with_timezone(&London).date_naive();
    let days = today.pred_opt().into_iter().chain([today]);
    days.filter_map(|day| moment(day.and_time(at))).any(|moment| oldest < moment && moment <= now)
}

/// When clocks in London show that time: for the first time, where they go back and show it twice; the next moment, where they go
/// forward and never show it.
fn moment(local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let mut later = (0..=MOST_SKIPPED).map(|minutes| local + TimeDelta::minutes(minutes));
    later.find_map(|local| London.from_local_datetime(&local).earliest()).map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batching(text: &str) -> Result<Batching, BatchingError> {
        Batching::from_table(&text.parse().expect("TOML"))
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_batch_is_due_by_count_or_by_age() {
        let rule = batching("every = '30s'\nmax_items = 3").expect("valid");
        let now = instant("2026-07-01T12:00:30Z");
        assert!(rule.due(now, instant("2026-07-01T12:00:00Z"), 1));
        assert!(!rule.due(now, instant("2026-07-01T12:00:01Z"), 2));
        assert!(rule.due(now, now, 3));
        assert!(!rule.due(now, instant("2026-07-01T12:00:00Z"), 0));
    }

    #[test]
    fn a_batch_does_not_wait_for_an_hour_by_which_the_clock_was_set_back() {
        let rule = batching("every = '30s'").expect("valid");
        let now = instant("2026-07-01T12:00:00Z");
        assert!(rule.due(now, instant("2026-07-01T13:00:00Z"), 1));
        assert!(!rule.due(now, instant("2026-07-01T12:00:29Z"), 1), "of a hub whose clock goes before");
    }

    #[test]
    fn a_time_of_the_day_is_london_time_in_summer_too() {
        let rule = batching("at = ['18:00']").expect("valid");
        let oldest = instant("2026-07-01T12:00:00Z");
        assert!(!rule.due(instant("2026-07-01T16:59:00Z"), oldest, 1));
        assert!(rule.due(instant("2026-07-01T17:00:00Z"), oldest, 1));
        assert!(!rule.due(instant("2026-07-02T16:59:00Z"), instant("2026-07-01T17:30:00Z"), 1));
        assert!(
            rule.due(instant("2026-07-02T08:00:00Z"), instant("2026-07-01T12:00:00Z"), 1),
            "missed at night"
        );
    }

    #[test]
    fn a_time_that_clocks_show_twice_in_october_comes_once_and_one_that_they_skip_in_march_at_the_next_moment()
     {
        let rule = batching("at = ['01:30']").expect("valid");
        for (oldest, now, is_due) in [
            // 01:30 is 00:30 UTC, and again 01:30 UTC.
            ("2026-10-24T12:00:00Z", "2026-10-25T00:29:00Z", false),
            ("2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", true),
            ("2026-10-25T00:15:00Z", "2026-10-25T01:10:00Z", true),
            ("2026-10-25T00:31:00Z", "2026-10-25T01:31:00Z", false),
            ("2026-10-25T00:31:00Z", "2026-10-26T01:29:00Z", false),
            ("2026-10-25T00:31:00Z", "2026-10-26T01:30:00Z", true),
            // Behind 01:00 UTC, which is 01:00, comes 02:00.
            ("2026-03-28T12:00:00Z", "2026-03-29T00:59:00Z", false),
            ("2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", true),
            ("2026-03-29T01:01:00Z", "2026-03-29T01:31:00Z", false),
            ("2026-03-29T01:01:00Z", "2026-03-30T00:29:00Z", false),
            ("2026-03-29T01:01:00Z", "2026-03-30T00:30:00Z", true),
        ] {
            assert_eq!(rule.due(instant(now), instant(oldest), 1), is_due, "{oldest} {now}");
        }
    }

    #[test]
    fn a_rule_that_would_never_be_due_is_refused() {
        for wrong in [
            "",
            "max_items = 5",
            "every = 'soon'",
            "at = ['6pm']",
            "every = '1s'\nmax_items = 0",
            "often = 1",
        ] {
            assert!(batching(wrong).is_err(), "{wrong}");
        }
    }
}

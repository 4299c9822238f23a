//! How far a source has read: a text of the system's own, a number, or a time. Pure.

use std::time::Duration;

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::Deserialize;

/// What a cursor is, and so which of two is further.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A time with its offset (RFC 3339), a time without one, or a date.
    #[default]
    Time,
    /// A whole number.
    Number,
    /// A text whose order is that of its characters.
    Text,
}

/// A time as a system writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Instant(DateTime<FixedOffset>),
    /// Without an offset: by the clock of the system.
    Local(NaiveDateTime),
    Day(NaiveDate),
}

/// How far clocks on the wall here are ahead of UTC at most.
const AHEAD: TimeDelta = TimeDelta::hours(1);
/// By how much clocks go back.
const FOLD: TimeDelta = TimeDelta::hours(1);
/// How times without an offset are written.
const LOCAL: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
const DAY: &str = "%Y-%m-%d";

impl Kind {
    /// Whether `text` is a cursor of this kind.
    pub(super) fn is(self, text: &str) -> bool {
        match self {
            Self::Time => moment(text).is_some(),
            Self::Number => number(text).is_some(),
            Self::Text => !text.is_empty(),
        }
    }

    /// Whether `a` is further than `b`; what is not of this kind is further than nothing.
    pub(super) fn is_further(self, a: &str, b: &str) -> bool {
        match self {
            Self::Time => match (moment(a), moment(b)) {
                (Some((a, _)), Some((b, _))) => seconds(a) > seconds(b),
                (a, _) => a.is_some(),
            },
            Self::Number => number(a) > number(b),
            Self::Text => a > b,
        }
    }

    /// Whether `text` is a time that has not come yet at `now`: a cursor there would pass by all that comes before it.
    pub(super) fn is_ahead(self, text: &str, now: DateTime<Utc>) -> bool {
        let (at, margin) = match moment(text) {
            Some((moment @ Moment::Instant(_), _)) => (moment, TimeDelta::zero()),
            Some((moment, _)) => (moment, AHEAD),
            None => return false,
        };
        self == Self::Time && seconds(at).0 > (now + margin).timestamp()
    }

    /// The cursor from which is asked: earlier by the overlap, and written as the system writes it. Of a time without an offset that
    /// clocks in `zone` show twice, an hour earlier: what comes when they show it again has an earlier time.
    pub(super) fn back(self, text: &str, overlap: Duration, zone: Tz) -> String {
        if self != Self::Time {
            return text.to_owned();
        }
        let is_twice = is_shown_twice(text, zone);
        let earlier = || {
            let overlap = TimeDelta::from_std(overlap).ok()?;
            let overlap = if is_twice { overlap + FOLD } else { overlap };
            let (moment, form) = moment(text)?;
            Some(match moment {
                Moment::Instant(at) => at
                    .checked_sub_signed(overlap)?
                    .to_rfc3339_opts(SecondsFormat::AutoSi, text.ends_with('Z')),
                Moment::Local(at) => at.checked_sub_signed(overlap)?.format(form).to_string(),
                Moment::Day(day) => {
                    // A day that has begun counts whole.
                    let days = overlap.num_seconds().div_euclid(86_400)
                        + i64::from(overlap.num_seconds() % 86_400 > 0);
                    day.checked_sub_signed(TimeDelta::try_days(days)?)?.format(form).to_string()
                }
            })
        };
        if overlap.is_zero() && !is_twice {
            text.to_owned()
        } else {
            earlier().unwrap_or_else(|| text.to_owned())
        }
    }
}

fn is_shown_twice(text: &str, zone: Tz) -> bool {
    match moment(text) {
        Some((Moment::Local(at), _)) => matches!(zone.from_local_datetime(&at), LocalResult::Ambiguous(..)),
        _ => false,
    }
}

fn number(text: &str) -> Option<i128> {
    text.parse().ok()
}

/// A time, and the form in which it is written.
fn moment(text: &str) -> Option<(Moment, &'static str)> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some((Moment::Instant(at), ""));
    }
    let local = |form| Some((Moment::Local(NaiveDateTime::parse_from_str(text, form).ok()?), form));
    let day = || Some((Moment::Day(NaiveDate::parse_from_str(text, DAY).ok()?), DAY));
    LOCAL.into_iter().find_map(local).or_else(day)
}

/// What orders times: seconds and their parts since 1970, a time without an offset taken as it stands.
fn seconds(moment: Moment) -> (i64, u32) {
    let at = match moment {
        Moment::Instant(at) => at.naive_utc(),
        Moment::Local(at) => at,
        Moment::Day(day) => day.into(),
    };
    (at.and_utc().timestamp(), at.and_utc().timestamp_subsec_nanos())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::London;

    use super::*;

    #[test]
    fn a_time_that_has_not_come_yet_is_no_cursor_and_numbers_are_no_times() {
        let now = "2026-07-01T12:00:00Z".parse().expect("an instant");
        for (text, is_ahead) in [
            ("2026-07-01T12:00:00Z", false),
            ("2026-07-01T12:00:01Z", true),
            ("2026-07-01T13:00:00+01:00", false),
            ("2026-07-01T13:00:00", false),
            ("2026-07-01T13:00:01", true),
            ("2026-07-01", false),
            ("2099-01-01", true),
        ] {
            assert_eq!(Kind::Time.is_ahead(text, now), is_ahead, "{text}");
        }
        assert!(!Kind::Number.is_ahead("99999999999", now) && !Kind::Text.is_ahead("2099-01-01", now));
    }

    #[test]
    fn times_are_ordered_as_instants_and_numbers_as_numbers() {
        for (kind, a, b) in [
            (Kind::Time, "2026-07-01T12:00:00+01:00", "2026-07-01T10:59:59Z"),
            (Kind::Time, "2026-07-01T12:00:00.002Z", "2026-07-01T12:00:00.001Z"),
            (Kind::Time, "2026-07-02", "2026-07-01"),
            (Kind::Time, "2026-07-01 12:00:01", "2026-07-01 12:00:00"),
            (Kind::Time, "2026-07-01", "no time"),
            (Kind::Number, "10", "9"),
            (Kind::Number, "0", ""),
            (Kind::Text, "b", "a"),
        ] {
            assert!(kind.is_further(a, b) && !kind.is_further(b, a) && !kind.is_further(a, a), "{a} {b}");
        }
    }

    #[test]
    fn the_overlap_is_taken_back_in_the_form_of_the_system() {
        let five = Duration::from_secs(300);
        for (text, back) in [
            ("2026-07-01T12:00:00Z", "2026-07-01T11:55:00Z"),
            ("2026-07-01T00:00:00.250+01:00", "2026-06-30T23:55:00.250+01:00"),
            ("2026-07-01T12:00:00", "2026-07-01T11:55:00"),
            ("2026-07-01 12:00:00.5", "2026-07-01 11:55:00.500"),
            ("2026-07-01", "2026-06-30"),
            ("17", "17"),
        ] {
            assert_eq!(Kind::Time.back(text, five, London), back);
            assert_eq!(Kind::Time.back(text, Duration::ZERO, London), text);
        }
        assert_eq!(Kind::Time.back("2026-03-02", Duration::from_secs(2 * 86_400), London), "2026-02-28");
        assert_eq!(Kind::Number.back("17", five, London), "17");
    }

    #[test]
    fn the_hour_that_clocks_show_twice_is_read_again_from_its_begin() {
        for (text, zone, back) in [
            ("2026-10-25T01:50:00", London, "2026-10-25T00:50:00"),
            ("2026-10-25 01:00:00", London, "2026-10-25 00:00:00"),
            ("2026-10-25T00:59:59", London, "2026-10-25T00:59:59"),
            ("2026-10-25T02:00:00", London, "2026-10-25T02:00:00"),
            ("2026-10-25T01:50:00", Tz::UTC, "2026-10-25T01:50:00"),
            ("2026-10-25T01:50:00Z", London, "2026-10-25T01:50:00Z"),
            ("2026-03-29T01:30:00", London, "2026-03-29T01:30:00"),
            ("2026-10-25", London, "2026-10-25"),
        ] {
            assert_eq!(Kind::Time.back(text, Duration::ZERO, zone), back, "{text}");
        }
        let five = Duration::from_secs(300);
        assert_eq!(Kind::Time.back("2026-10-25T01:50:00", five, London), "2026-10-25T00:45:00");
        assert_eq!(Kind::Text.back("2026-10-25T01:50:00", five, London), "2026-10-25T01:50:00");
    }

    #[test]
    fn what_is_no_cursor_of_the_kind_is_known() {
        for (kind, right, wrong) in [
            (Kind::Time, "2026-07-01T12:00:00Z", "yesterday"),
            (Kind::Number, "-5", "5.5"),
            (Kind::Text, "x", ""),
        ] {
            assert!(kind.is(right) && !kind.is(wrong), "{right} {wrong}");
        }
    }
}

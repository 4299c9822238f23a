//! `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or a date. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// How long to wait at `now`; `None` for a value that is neither. A date that has passed is no wait.
pub(crate) fn parse(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What does not fit is longer than anything that is kept.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_waits_and_anything_else_is_none() {
        let now = "1994-11-06T08:49:00Z".parse().expect("an instant");
        for (text, wait) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(parse(text, now), wait.map(Duration::from_secs), "{text}");
        }
    }
}

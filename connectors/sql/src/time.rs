//! Timestamps as databases write them: taken apart, given a zone, moved back. Pure.

use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{Europe::London, Tz};

/// How long the part up to the second is: `2026-03-29 01:30:00`, in bytes.
const TO_THE_SECOND: usize = 19;
/// By how much clocks are put back in autumn.
const FOLD: Duration = Duration::from_secs(3_600);

/// A timestamp, as a text in which every part stands where ISO 8601 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written<'t> {
    at: NaiveDateTime,
    /// What stands between date and time.
    between: char,
    /// From the point on, or nothing.
    fraction: &'t str,
    /// `Z`, `+00`, `+01:00`, or nothing.
    offset: &'t str,
}

/// A local time that clocks show twice, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unclear {
    Twice,
    Never,
}

impl<'t> Written<'t> {
    /// Nothing for a text that is no timestamp.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let (head, rest) = text.split_at_checked(TO_THE_SECOND)?;
        let between = head.chars().nth(10).filter(|c| matches!(c, ' ' | 'T'))?;
        let at = NaiveDateTime::parse_from_str(head, &format!("%Y-%m-%d{between}%H:%M:%S")).ok()?;
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
        let (fraction, offset) = rest.split_at(end);
        let is_fraction = fraction.is_empty() || (fraction.starts_with('.') && fraction.len() > 1);
        let is_offset = matches!(offset, "" | "Z")
            || (offset.starts_with(['+', '-'])
                && matches!(offset.len(), 3 | 5 | 6)
                && offset[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b':'));
        (is_fraction && is_offset).then_some(Self { at, between, fraction, offset })
    }

    /// ISO 8601; with the offset that it has.
    pub(crate) fn iso(&self) -> String {
        let (at, fraction, offset) = (self.at.format("%Y-%m-%dT%H:%M:%S"), self.fraction, self.offset);
        match (offset, offset.len()) {
            ("+00" | "+0000" | "+00:00", _) => format!("{at}{fraction}Z"),
            (_, 3) => format!("{at}{fraction}{offset}:00"),
            (_, 5) => format!("{at}{fraction}{}:{}", &offset[..3], &offset[3..]),
            _ => format!("{at}{fraction}{offset}"),
        }
    }

    /// ISO 8601 of an instant: where no offset is written it is UTC.
    pub(crate) fn instant(&self) -> String {
        Self { offset: if self.offset.is_empty() { "Z" } else { self.offset }, ..*self }.iso()
    }

    /// ISO 8601 with the offset that `zone` has then; one that is written stays.
    ///
    /// # Errors
    /// Where the clocks of the zone show it twice, or never.
    pub(crate) fn within(&self, zone: Tz) -> Result<String, Unclear> {
        if !self.offset.is_empty() {
            return Ok(self.iso());
        }
        match zone.from_local_datetime(&self.at) {
            LocalResult::Single(at) => Ok(format!("{}{}", self.iso(), at.offset().fix())),
            LocalResult::Ambiguous(..) => Err(Unclear::Twice),
            LocalResult::None => Err(Unclear::Never),
        }
    }

    /// The same form, earlier by whole seconds; nothing before the calendar.
    fn earlier(&self, by: Duration) -> Option<String> {
        let seconds = by.as_secs() + u64::from(by.subsec_nanos() > 0);
        let at = self.at.checked_sub_signed(chrono::Duration::try_seconds(i64::try_from(seconds).ok()?)?)?;
        let form = format!("%Y-%m-%d{}%H:%M:%S", self.between);
        Some(format!("{}{}{}", at.format(&form), self.fraction, self.offset))
    }

    /// From where on to read again, so that nothing that was written up to `overlap` late is missed. Where the clocks of `zone` go
    /// back on the way, from an hour earlier.
    pub(crate) fn reread(&self, overlap: Duration, zone: Option<Tz>) -> Option<String> {
        let back = self.earlier(overlap)?;
        let twice = |at: &NaiveDateTime| {
            zone.is_some_and(|zone| matches!(zone.from_local_datetime(at), LocalResult::Ambiguous(..)))
        };
        if twice(&self.at) || Written::read(&back).is_some_and(|back| twice(&back.at)) {
            return self.earlier(overlap + FOLD);
        }
        Some(back)
    }

    /// Whether it lies in the future; the time of a clock on a wall is compared with one in London.
    pub(crate) fn is_ahead(&self, now: DateTime<Utc>, is_instant: bool) -> bool {
        let clock = if is_instant || !self.offset.is_empty() {
            now.naive_utc()
        } else {
            now.with_timezone(&London).naive_local()
        };
        self.at > clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written<'_> {
        Written::read(text).expect(text)
    }

    #[test]
    fn an_offset_is_of_digits_and_nothing_else_is_cut_as_one() {
        for text in ["2026-07-01 12:00:00+1é2", "2026-07-01 12:00:00+ab", "2026-07-01 12:00:00+1"] {
            assert!(Written::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_databases_write_becomes_iso_with_the_offset_that_it_has() {
        for (text, iso) in [
            ("2026-07-01 12:00:00", "2026-07-01T12:00:00"),
            ("2026-07-01T12:00:00.250", "2026-07-01T12:00:00.250"),
            ("2026-07-01 12:00:00.123456+00", "2026-07-01T12:00:00.123456Z"),
            ("2026-07-01 12:00:00+01", "2026-07-01T12:00:00+01:00"),
            ("2026-07-01 12:00:00-0330", "2026-07-01T12:00:00-03:30"),
            ("2026-07-01T12:00:00+01:00", "2026-07-01T12:00:00+01:00"),
        ] {
            assert_eq!(written(text).iso(), iso);
        }
        assert_eq!(written("2026-07-01 12:00:00.5").instant(), "2026-07-01T12:00:00.5Z");
        for wrong in ["infinity", "2026-07-01", "2026-02-30 12:00:00", "2026-07-01 12:00:00 BC", "", "ä"] {
            assert_eq!(Written::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_zone_decides_but_where_its_clocks_show_a_time_twice_or_never() {
        for (text, made) in [
            ("2026-07-01 12:00:00.5", Ok("2026-07-01T12:00:00.5+01:00")),
            ("2026-01-01 12:00:00", Ok("2026-01-01T12:00:00+00:00")),
            ("2026-01-01 12:00:00Z", Ok("2026-01-01T12:00:00Z")),
            ("2026-10-25 01:30:00", Err(Unclear::Twice)),
            ("2026-03-29 01:30:00", Err(Unclear::Never)),
        ] {
            assert_eq!(written(text).within(London), made.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_watermark_goes_back_in_its_own_form_and_over_the_hour_that_comes_twice() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        for (text, zone, back) in [
            ("2026-07-01 00:02:00.123456+00", None, "2026-06-30 23:57:00.123456+00"),
            ("2026-07-01T00:02:00Z", None, "2026-06-30T23:57:00Z"),
            ("2026-10-25 01:59:00", None, "2026-10-25 01:54:00"),
            ("2026-10-25 01:59:00", Some(London), "2026-10-25 00:54:00"),
            ("2026-10-25 02:01:00", Some(London), "2026-10-25 00:56:00"),
            ("2026-10-25 02:06:00", Some(London), "2026-10-25 02:01:00"),
        ] {
            assert_eq!(written(text).reread(minutes(5), zone).as_deref(), Some(back), "{text}");
        }
        let short = Duration::from_millis(1);
        assert_eq!(
            written("2026-07-01 00:00:00").reread(short, None).as_deref(),
            Some("2026-06-30 23:59:59")
        );
    }

    #[test]
    fn the_future_is_told_from_an_hour_of_summer() {
        let now = "2026-07-01T12:00:00Z".parse().expect("an instant");
        assert!(!written("2026-07-01 12:59:00").is_ahead(now, false));
        assert!(written("2026-07-01 13:01:00").is_ahead(now, false));
        assert!(written("2026-07-01 12:01:00").is_ahead(now, true));
        assert!(written("2026-07-01 12:01:00+00").is_ahead(now, false));
    }
}

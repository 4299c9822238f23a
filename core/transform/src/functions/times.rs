//! Instants. A time without an offset is on the wall clock of a named zone, Europe/London unless another is given. A time that
//! the clocks show twice, or skip, tells two instants: it is an error, unless the mapping says which of them is meant.

use std::fmt::Write as _;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{Europe::London, Tz};
use vrl::compiler::prelude::*;

use super::own::{Arguments, Checked, Outcome, Own};

const PARSED: &[Parameter] = &[
    Parameter::required("value", kind::BYTES, "the text"),
    Parameter::required("format", kind::BYTES, "its form, as in strptime"),
    Parameter::optional("timezone", kind::BYTES, "the zone of a time without an offset"),
    Parameter::optional(
        "clock_change",
        kind::BYTES,
        "which instant a time tells that the clocks show twice or skip",
    ),
];
/// What a mapping may say of such a time.
const EARLIER: &str = "earlier";
const LATER: &str = "later";
const FORMATTED: &[Parameter] = &[
    Parameter::required("value", kind::TIMESTAMP, "the instant"),
    Parameter::required("format", kind::BYTES, "the form, as in strftime"),
    Parameter::optional("timezone", kind::BYTES, "the zone in which it is told"),
];

/// Farther from a change of the clocks than any zone skips.
const AROUND: TimeDelta = TimeDelta::hours(3);

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    Own {
        name: "parse_timestamp",
        parameters: PARSED,
        returns: kind::TIMESTAMP,
        result: |_| TypeDef::timestamp().fallible(),
        run: parse_timestamp,
        check: decided,
    },
    Own {
        name: "format_timestamp",
        parameters: FORMATTED,
        returns: kind::BYTES,
        result: |_| TypeDef::bytes(),
        run: format_timestamp,
        check: tellable,
    },
];

/// Format and zone are written in the source, so that they are right or wrong before anything runs.
fn written_out(given: &ArgumentList, state: &TypeState, _: &mut FunctionCompileContext) -> Checked {
    let format = given.required_literal("format", state)?;
    let format = format.to_str_lossy().unwrap_or_default();
    if StrftimeItems::new(&format).any(|item| matches!(item, Item::Error)) {
        return Err(refused("the format is none that strftime knows"));
    }
    match given.optional_literal("timezone", state)? {
        Some(zone) if named(&zone).is_none() => {
            return Err(refused("the timezone is none of the tz database"));
        }
        _ => {}
    }
    Ok(())
}

/// The same, and the format tells any instant: some forms are only read.
fn tellable(given: &ArgumentList, state: &TypeState, context: &mut FunctionCompileContext) -> Checked {
    written_out(given, state, context)?;
    let format = given.required_literal("format", state)?;
    let told =
        write!(String::new(), "{}", DateTime::UNIX_EPOCH.format(&format.to_str_lossy().unwrap_or_default()));
    told.map_err(|_| refused("an instant cannot be told in this format"))
}

/// The same, and which instant is meant, where the clocks change.
fn decided(given: &ArgumentList, state: &TypeState, context: &mut FunctionCompileContext) -> Checked {
    written_out(given, state, context)?;
    match given.optional_literal("clock_change", state)? {
        Some(which) if !matches!(which.to_str_lossy().as_deref(), Some(EARLIER | LATER)) => {
            Err(refused("`clock_change` is \"earlier\" or \"later\""))
        }
        _ => Ok(()),
    }
}

fn refused(words: &str) -> Box<dyn DiagnosticMessage> {
    Box::new(ExpressionError::from(words))
}

fn named(zone: &Value) -> Option<Tz> {
    zone.to_str_lossy()?.parse().ok()
}

fn zone_of(zone: &Value) -> Tz {
    named(zone).unwrap_or(London)
}

fn parse_timestamp([value, format, zone, which]: Arguments) -> Outcome {
    let text = value.to_str_lossy().ok_or("not a text")?;
    let format = format.to_str_lossy().ok_or("not a format")?;
    let mut parsed = Parsed::new();
    parse(&mut parsed, &text, StrftimeItems::new(&format)).map_err(|_| "the text has not this form")?;
    if parsed.offset().is_some() || parsed.timestamp().is_some() {
        let instant = parsed.to_datetime().map_err(|_| "the text tells no instant")?;
        return told(instant.to_utc());
    }
    let shown = parsed.to_naive_datetime_with_offset(0).map_err(|_| "the text tells no time")?;
    let [earlier, later] = instants(shown, zone_of(&zone)).ok_or("the text tells no time of this zone")?;
    match which.to_str_lossy().as_deref() {
        Some(EARLIER) => told(earlier),
        Some(LATER) => told(later),
        _ if earlier == later => told(earlier),
        _ => Err("the text tells a time that the clocks skip or show twice"),
    }
}

fn told(instant: DateTime<Utc>) -> Outcome {
    let told = is_told(&instant).then_some(Value::Timestamp(instant));
    told.ok_or("the text tells a year before 1 or beyond 9999")
}

/// Whether the year of the instant has four digits, as RFC 3339 has it.
pub(crate) fn is_told(instant: &impl Datelike) -> bool {
    (1..=9_999).contains(&instant.year())
}

/// The instants that a time on the wall clock may mean: one, mostly. A time that is skipped is read by the clock before the change
/// and by the clock after it, as both have been forgotten to be changed.
fn instants(shown: NaiveDateTime, zone: Tz) -> Option<[DateTime<Utc>; 2]> {
    let at = |shown: NaiveDateTime| zone.from_local_datetime(&shown);
    if let (Some(earlier), Some(later)) = (at(shown).earliest(), at(shown).latest()) {
        return Some([earlier.to_utc(), later.to_utc()]);
    }
    let offset = |around: Option<NaiveDateTime>| Some(at(around?).earliest()?.offset().fix());
    let before = offset(shown.checked_sub_signed(AROUND))?;
    let after = offset(shown.checked_add_signed(AROUND))?;
    Some([shown.checked_sub_offset(after)?.and_utc(), shown.checked_sub_offset(before)?.and_utc()])
}

fn format_timestamp([value, format, zone, _]: Arguments) -> Outcome {
    let Value::Timestamp(instant) = value else { return Err("not a timestamp") };
    let format = format.to_str_lossy().ok_or("not a format")?;
    let shown = instant.with_timezone(&zone_of(&zone));
    if shown.year() > 9_999 {
        return Err("the year is beyond 9999 in this zone");
    }
    let mut text = String::new();
    let told = write!(text, "{}", shown.format(&format));
    told.map_err(|_| "the instant cannot be told in this form")?;
    Ok(Value::from(text))
}

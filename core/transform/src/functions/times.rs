//! Instants. A time without an offset is on the wall clock of a named zone, Europe/London unless another is given.

use std::fmt::Write as _;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Utc};
use chrono_tz::{Europe::London, Tz};
use vrl::compiler::prelude::*;

use super::own::{Arguments, Checked, Outcome, Own};

const PARSED: &[Parameter] = &[
    Parameter::required("value", kind::BYTES, "the text"),
    Parameter::required("format", kind::BYTES, "its form, as in strptime"),
    Parameter::optional("timezone", kind::BYTES, "the zone of a time without an offset"),
];
const FORMATTED: &[Parameter] = &[
    Parameter::required("value", kind::TIMESTAMP, "the instant"),
    Parameter::required("format", kind::BYTES, "the form, as in strftime"),
    Parameter::optional("timezone", kind::BYTES, "the zone in which it is told"),
];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    Own {
        name: "parse_timestamp",
        parameters: PARSED,
        returns: kind::TIMESTAMP,
        result: |_| TypeDef::timestamp().fallible(),
        run: parse_timestamp,
        check: written_out,
    },
    Own {
        name: "format_timestamp",
        parameters: FORMATTED,
        returns: kind::BYTES,
        result: |_| TypeDef::bytes(),
        run: format_timestamp,
        check: written_out,
    },
];

/// Format and zone are written in the source, so that they are right or wrong before anything runs.
fn written_out(given: &ArgumentList, state: &TypeState) -> Checked {
    let format = given.required_literal("format", state)?;
    let format = format.to_str_lossy().unwrap_or_default();
    if StrftimeItems::new(&format).any(|item| matches!(item, Item::Error)) {
        return Err(refused("the format is none that strftime knows"));
    }
    match given.optional_literal("timezone", state)? {
        Some(zone) if named(&zone).is_none() => Err(refused("the timezone is none of the tz database")),
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

fn parse_timestamp([value, format, zone]: Arguments) -> Outcome {
    let text = value.to_str_lossy().ok_or("not a text")?;
    let format = format.to_str_lossy().ok_or("not a format")?;
    let mut parsed = Parsed::new();
    parse(&mut parsed, &text, StrftimeItems::new(&format)).map_err(|_| "the text has not this form")?;
    let instant: DateTime<Utc> = if parsed.offset().is_some() || parsed.timestamp().is_some() {
        parsed.to_datetime().map_err(|_| "the text tells no instant")?.to_utc()
    } else {
        let local = parsed.to_datetime_with_timezone(&zone_of(&zone));
        local.map_err(|_| "the text tells no time, or one that the clocks skip or show twice")?.to_utc()
    };
    Ok(Value::Timestamp(instant))
}

fn format_timestamp([value, format, zone]: Arguments) -> Outcome {
    let Value::Timestamp(instant) = value else { return Err("not a timestamp") };
    let format = format.to_str_lossy().ok_or("not a format")?;
    let mut text = String::new();
    let told = write!(text, "{}", instant.with_timezone(&zone_of(&zone)).format(&format));
    told.map_err(|_| "the instant cannot be told in this form")?;
    Ok(Value::from(text))
}

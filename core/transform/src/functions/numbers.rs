//! Numbers: written ones are decimal, null is never 0, and nothing wraps round or becomes infinite.

use vrl::compiler::prelude::*;

use super::own::{Arguments, Kinds, Outcome, Own, fallible_unless, unchecked};
use crate::value::integral;

pub(super) const NUMBER: u16 = kind::INTEGER | kind::FLOAT;
const ANY: &[Parameter] = &[Parameter::required("value", kind::ANY, "what is read as a number")];
const TEXT: &[Parameter] = &[Parameter::required("value", kind::BYTES, "a text that writes a number")];
const ROUNDED: &[Parameter] = &[
    Parameter::required("value", NUMBER, "the number"),
    Parameter::optional("precision", kind::INTEGER, "how many decimal places"),
];
const ONE: &[Parameter] = &[Parameter::required("value", NUMBER, "the number")];
const DIVISION: &[Parameter] = &[
    Parameter::required("value", kind::INTEGER, "the whole number"),
    Parameter::required("modulus", kind::INTEGER, "what it is divided by"),
];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    own("to_int", ANY, kind::INTEGER, int_kind, to_int),
    own("to_float", ANY, kind::FLOAT, float_kind, to_float),
    own("to_bool", ANY, kind::BOOLEAN, bool_kind, to_bool),
    own("parse_int", TEXT, kind::INTEGER, |_| TypeDef::integer().fallible(), to_int),
    own("parse_float", TEXT, kind::FLOAT, |_| TypeDef::float().fallible(), to_float),
    own("floor", ROUNDED, NUMBER, same_kind, |given| rounded(given, f64::floor)),
    own("ceil", ROUNDED, NUMBER, same_kind, |given| rounded(given, f64::ceil)),
    own("round", ROUNDED, NUMBER, same_kind, |given| rounded(given, f64::round)),
    own("abs", ONE, NUMBER, abs_kind, abs),
    own("mod", DIVISION, kind::INTEGER, |_| TypeDef::integer().fallible(), remainder),
];

const fn own(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: u16,
    result: fn(&Kinds) -> TypeDef,
    run: fn(Arguments) -> Outcome,
) -> Own {
    Own { name, parameters, returns, result, run, check: unchecked }
}

fn int_kind(given: &Kinds) -> TypeDef {
    fallible_unless(Kind::integer(), &given[0], &Kind::integer().or_boolean())
}

fn float_kind(given: &Kinds) -> TypeDef {
    fallible_unless(Kind::float(), &given[0], &Kind::integer().or_float())
}

fn bool_kind(given: &Kinds) -> TypeDef {
    fallible_unless(Kind::boolean(), &given[0], &Kind::integer().or_float().or_boolean())
}

/// A whole number stays one, and one with a fraction stays a float.
fn same_kind(given: &Kinds) -> TypeDef {
    match given[0].kind() {
        kind if kind.is_integer() => TypeDef::integer(),
        kind if kind.is_float() => TypeDef::float(),
        _ => TypeDef::integer().or_float(),
    }
}

/// The least whole number of 64 bits has none of the other sign.
fn abs_kind(given: &Kinds) -> TypeDef {
    same_kind(given).maybe_fallible(!given[0].kind().is_float())
}

fn to_int([value, ..]: Arguments) -> Outcome {
    match value {
        Value::Integer(_) => Ok(value),
        Value::Boolean(value) => Ok(Value::Integer(i64::from(value))),
        Value::Float(float) => integral(float.into_inner())
            .map(Value::Integer)
            .ok_or("the number has a fraction or is too large"),
        text => {
            let text = text.to_str_lossy().ok_or("neither a number nor a text")?;
            text.parse().map(Value::Integer).map_err(|_| "the text does not write a whole number")
        }
    }
}

fn to_float([value, ..]: Arguments) -> Outcome {
    match value {
        Value::Float(_) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "that is what was asked for")]
        Value::Integer(integer) => finite(integer as f64),
        text => {
            let text = text.to_str_lossy().ok_or("neither a number nor a text")?;
            finite(text.parse().map_err(|_| "the text does not write a number")?)
        }
    }
}

fn to_bool([value, ..]: Arguments) -> Outcome {
    match value {
        Value::Boolean(_) => Ok(value),
        Value::Integer(integer) => Ok(Value::Boolean(integer != 0)),
        Value::Float(float) => Ok(Value::Boolean(float.into_inner() != 0.0)),
        text => {
            let text = text.to_str_lossy().ok_or("neither a number nor a text")?;
            let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
            match (is(["true", "yes", "y", "t", "1"]), is(["false", "no", "n", "f", "0"])) {
                (true, _) => Ok(Value::Boolean(true)),
                (_, true) => Ok(Value::Boolean(false)),
                _ => Err("the text says neither yes nor no"),
            }
        }
    }
}

pub(super) fn finite(float: f64) -> Outcome {
    NotNan::new(float)
        .ok()
        .filter(|float| float.is_finite())
        .map(Value::Float)
        .ok_or("the number is too large")
}

fn rounded([value, precision, ..]: Arguments, round: fn(f64) -> f64) -> Outcome {
    let Value::Float(float) = value else { return Ok(value) };
    let places =
        precision.as_integer().map_or(0, |places| i32::try_from(places.clamp(-400, 400)).unwrap_or(0));
    let scale = 10_f64.powi(places);
    let result = round(float.into_inner() * scale) / scale;
    // Beyond what a float can tell, the number is as round as it will be.
    Ok(finite(result).unwrap_or(Value::Float(float)))
}

fn abs([value, ..]: Arguments) -> Outcome {
    match value {
        Value::Integer(integer) => {
            integer.checked_abs().map(Value::Integer).ok_or("a whole number beyond 64 bits")
        }
        Value::Float(float) => finite(float.abs()),
        _ => Err("not a number"),
    }
}

fn remainder([value, modulus, ..]: Arguments) -> Outcome {
    match (value, modulus) {
        (Value::Integer(value), Value::Integer(modulus)) => {
            value.checked_rem(modulus).map(Value::Integer).ok_or("a modulus of 0")
        }
        _ => Err("not whole numbers"),
    }
}

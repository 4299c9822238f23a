//! Between JSON and VRL's values, moving texts and holding numbers to what `postroom_event` promises.

use bytestring::ByteString;
use postroom_event::MAX_DEPTH;
use serde_json::{Number, Value as Json};
use vrl::value::{KeyString, Value};

/// Largest whole number that a float carries exactly: 2^53.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// A JSON value for VRL; integral floats become integers, as in the decoder.
pub(crate) fn into_vrl(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => from_number(&number),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::Array(items.into_iter().map(into_vrl).collect()),
        Json::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (KeyString::from(name), into_vrl(value))).collect(),
        ),
    }
}

fn from_number(number: &Number) -> Value {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => Value::Integer(integer),
        (None, Some(float)) => integral(float).map_or_else(|| Value::from_f64_or_zero(float), Value::Integer),
        (None, None) => Value::Null,
    }
}

/// The integer that a float is, where it is one and carries it exactly.
pub(crate) fn integral(float: f64) -> Option<i64> {
    let exact = float.fract() == 0.0 && float.abs() <= MAX_EXACT_FLOAT;
    #[expect(clippy::cast_possible_truncation, reason = "integral and within 2^53: exact")]
    exact.then_some(float as i64)
}

/// Holds the result of a program to what JSON can carry: timestamps become RFC 3339 text in UTC, integral floats
/// integers.
///
/// # Errors
/// Words for what JSON cannot carry: a pattern, a number that is not finite, nesting beyond [`MAX_DEPTH`].
pub(crate) fn hold_to_json(value: &mut Value, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("the result is nested too deep");
    }
    match value {
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::String(_) => {}
        Value::Float(float) => match integral(float.into_inner()) {
            Some(integer) => *value = Value::Integer(integer),
            None if float.is_finite() => {}
            None => return Err("the result holds a number that is not finite"),
        },
        Value::Bytes(bytes) => {
            let text = ByteString::try_from(std::mem::take(bytes));
            *value = Value::String(text.map_err(|_| "a text of the result is not UTF-8")?);
        }
        Value::Timestamp(_) => *value = Value::from(value.to_string_lossy().into_owned()),
        Value::Regex(_) => return Err("the result holds a pattern"),
        Value::Array(items) => items.iter_mut().try_for_each(|item| hold_to_json(item, depth + 1))?,
        Value::Object(members) => {
            members.values_mut().try_for_each(|member| hold_to_json(member, depth + 1))?;
        }
    }
    Ok(())
}

/// What was held to JSON, as a JSON value.
pub(crate) fn into_json(value: Value) -> Json {
    match value {
        Value::Boolean(value) => Json::Bool(value),
        Value::Integer(integer) => Json::from(integer),
        Value::Float(float) => Number::from_f64(float.into_inner()).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_string()),
        Value::Array(items) => Json::Array(items.into_iter().map(into_json).collect()),
        Value::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name.into(), into_json(value))).collect())
        }
        // The others are no JSON: `hold_to_json`.
        Value::Null | Value::Bytes(_) | Value::Timestamp(_) | Value::Regex(_) => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn held(mut value: Value) -> Result<Json, &'static str> {
        hold_to_json(&mut value, 0)?;
        Ok(into_json(value))
    }

    #[test]
    fn json_survives_the_way_there_and_back() {
        for value in [
            json!(null),
            json!({"a": [1, -2, true, "é☃", {"b": 2.5}], "": {}, "big": i64::MAX, "small": i64::MIN}),
            json!([[], {}, "", 0, 1e300]),
        ] {
            assert_eq!(held(into_vrl(value.clone())), Ok(value));
        }
    }

    #[test]
    fn integral_floats_become_integers_both_ways() {
        assert_eq!(held(into_vrl(json!([1.0, -0.0, 2.5]))), Ok(json!([1, 0, 2.5])));
        assert_eq!(held(Value::from_f64_or_zero(3.0)), Ok(json!(3)));
    }

    #[test]
    fn what_json_cannot_carry_is_refused() {
        assert!(held(Value::from_f64_or_zero(f64::INFINITY)).is_err());
        assert!(held(Value::Bytes(vec![0xff].into())).is_err());
        let deep = (0..=MAX_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(held(deep).is_err());
    }
}

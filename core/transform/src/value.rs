//! Between JSON and VRL's values, moving texts and holding numbers to what `postroom_event` promises.

use postroom_event::MAX_DEPTH;
use serde_json::{Map, Number, Value as Json};
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

/// The result of a program as JSON: timestamps as RFC 3339 text in UTC, integral floats as integers.
///
/// # Errors
/// Words for what JSON cannot carry: a pattern, a number that is not finite, nesting beyond [`MAX_DEPTH`].
pub(crate) fn into_json(value: Value) -> Result<Json, &'static str> {
    below(value, 0)
}

fn below(value: Value, depth: usize) -> Result<Json, &'static str> {
    if depth > MAX_DEPTH {
        return Err("the result is nested too deep");
    }
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(value),
        Value::Integer(integer) => Json::from(integer),
        Value::Float(float) => to_number(float.into_inner())?,
        Value::Bytes(bytes) => Json::String(
            String::from_utf8(Vec::from(bytes)).map_err(|_| "a text of the result is not UTF-8")?,
        ),
        Value::String(text) => Json::String(text.to_string()),
        Value::Timestamp(_) => Json::String(value.to_string_lossy().into_owned()),
        Value::Regex(_) => return Err("the result holds a pattern"),
        Value::Array(items) => {
            Json::Array(items.into_iter().map(|item| below(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name.into(), below(value, depth + 1)?)));
            Json::Object(fields.collect::<Result<Map<_, _>, &'static str>>()?)
        }
    })
}

fn to_number(float: f64) -> Result<Json, &'static str> {
    if let Some(integer) = integral(float) {
        return Ok(Json::from(integer));
    }
    Number::from_f64(float).map(Json::Number).ok_or("the result holds a number that is not finite")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_survives_the_way_there_and_back() {
        for value in [
            json!(null),
            json!({"a": [1, -2, true, "é☃", {"b": 2.5}], "": {}, "big": i64::MAX, "small": i64::MIN}),
            json!([[], {}, "", 0, 1e300]),
        ] {
            assert_eq!(into_json(into_vrl(value.clone())), Ok(value));
        }
    }

    #[test]
    fn integral_floats_become_integers_both_ways() {
        assert_eq!(into_json(into_vrl(json!([1.0, -0.0, 2.5]))), Ok(json!([1, 0, 2.5])));
        assert_eq!(into_json(Value::from_f64_or_zero(3.0)), Ok(json!(3)));
    }

    #[test]
    fn what_json_cannot_carry_is_refused() {
        assert!(into_json(Value::from_f64_or_zero(f64::INFINITY)).is_err());
        let deep = (0..=MAX_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(into_json(deep).is_err());
    }
}

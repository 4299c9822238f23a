//! JSON read strictly: the one path from bytes to a value.
//!
//! `serde_json` keeps the last of two equal keys, turns integers beyond 64 bits into floats, and lets NUL through;
//! each of them would change a fact on its way. Integral floats become integers here, because JSON Schema calls
//! `1.0` an integer and a mapping would see a float.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{MAX_DEPTH, Refusal, Rule};

/// Largest whole number that a float carries exactly: 2^53.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Reads one JSON value from `bytes`, refusing what would not survive the way through the hub unchanged.
///
/// # Errors
/// A [`Refusal`] with the JSON pointer of the first offence; syntax errors carry line and column instead.
pub fn read_value(bytes: &[u8]) -> Result<Value, Refusal> {
    let trouble = RefCell::new(Trouble::default());
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = Node { depth: 0, trouble: &trouble }.deserialize(&mut json).and_then(|value| {
        json.end()?;
        Ok(value)
    });
    read.map_err(|error| trouble.into_inner().refusal(&error))
}

/// What went wrong, and the path to it: innermost segment first, filled while the error travels outwards.
#[derive(Default)]
struct Trouble {
    rule: Option<(Rule, String)>,
    path: Vec<String>,
}

impl Trouble {
    fn refusal(self, error: &serde_json::Error) -> Refusal {
        let Some((rule, words)) = self.rule else { return syntax(error) };
        let place = self.path.iter().rev().fold(String::new(), |mut pointer, segment| {
            pointer.push('/');
            pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            pointer
        });
        Refusal::new(rule, place, words)
    }
}

/// A syntax error without the parser's own words, which may quote the text.
fn syntax(error: &serde_json::Error) -> Refusal {
    let (line, column) = (error.line(), error.column());
    if error.to_string().starts_with("number out of range") {
        return Refusal::new(
            Rule::NumberOutOfRange,
            "",
            format!("number too large at line {line}, column {column}"),
        );
    }
    let what = if error.is_eof() { "ends too early" } else { "is not well-formed JSON in UTF-8" };
    Refusal::new(Rule::NotJson, "", format!("the text {what} at line {line}, column {column}"))
}

#[derive(Clone, Copy)]
struct Node<'a> {
    depth: usize,
    trouble: &'a RefCell<Trouble>,
}

impl Node<'_> {
    fn refuse<E: serde::de::Error>(&self, rule: Rule, words: impl Into<String>) -> E {
        self.trouble.borrow_mut().rule = Some((rule, words.into()));
        E::custom(rule.code())
    }

    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(Rule::TooDeep, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.as_bytes().contains(&0) {
            return Err(self.refuse(Rule::NulCharacter, "a text holds the character NUL"));
        }
        Ok(())
    }

    /// Notes the segment under which an error came up.
    fn under<T, E>(self, read: Result<T, E>, segment: impl FnOnce() -> String) -> Result<T, E> {
        if read.is_err() {
            self.trouble.borrow_mut().path.push(segment());
        }
        read
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::from)
            .map_err(|_| self.refuse(Rule::NumberOutOfRange, "a whole number beyond 64 bits"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if value.fract() != 0.0 {
            return Ok(Number::from_f64(value).map_or(Value::Null, Value::Number));
        }
        if value.abs() > MAX_EXACT_FLOAT {
            return Err(self.refuse(Rule::NumberOutOfRange, "a whole number that cannot be carried exactly"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "integral and within 2^53: exact")]
        Ok(Value::from(value as i64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.text(text)?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.text(&text)?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = self.under(items.next_element_seed(below), || list.len().to_string())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.text::<A::Error>(&key)?;
            let value = self.under(entries.next_value_seed(below), || key.clone())?;
            if object.contains_key(&key) {
                let refused = Err(self.refuse(Rule::DuplicateKey, "the same key stands twice in one object"));
                return self.under(refused, || key);
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(text: &str) -> (Rule, String) {
        let refusal = read_value(text.as_bytes()).expect_err("a refusal");
        (refusal.rule, refusal.place)
    }

    #[test]
    fn an_integral_float_is_read_as_the_integer_it_is() {
        let value = read_value(br#"{"uprn": 100061234567.0, "rate": 2.5, "zero": -0.0}"#).expect("valid");
        assert_eq!(value, json!({"uprn": 100_061_234_567_i64, "rate": 2.5, "zero": 0}));
    }

    #[test]
    fn a_number_that_would_change_is_refused_with_its_place() {
        assert_eq!(refused(r#"{"a": [1, 9223372036854775808]}"#), (Rule::NumberOutOfRange, "/a/1".into()));
        assert_eq!(
            refused(r#"{"a": 123456789012345678901234567890}"#),
            (Rule::NumberOutOfRange, "/a".into())
        );
        assert_eq!(refused(r#"{"a": 1e400}"#).0, Rule::NumberOutOfRange);
    }

    #[test]
    fn a_duplicate_key_is_refused_at_any_depth() {
        assert_eq!(refused(r#"{"a": {"b/c": 1, "b/c": 2}}"#), (Rule::DuplicateKey, "/a/b~1c".into()));
    }

    #[test]
    fn nul_is_refused_in_text_and_key() {
        assert_eq!(refused(r#"{"a": "x\u0000y"}"#), (Rule::NulCharacter, "/a".into()));
        assert_eq!(refused(r#"{"a\u0000": 1}"#).0, Rule::NulCharacter);
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused_and_at_the_limit_is_read() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read_value(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(refused(&nested(MAX_DEPTH + 1)).0, Rule::TooDeep);
    }

    #[test]
    fn a_syntax_error_tells_the_place_and_never_the_text() {
        let refusal = read_value(b"{\"name\": \"Ada\",\n oops}").expect_err("a refusal");
        assert_eq!(refusal.rule, Rule::NotJson);
        assert!(refusal.words.contains("line 2"), "{}", refusal.words);
        assert!(!refusal.words.contains("oops") && !refusal.words.contains("Ada"));
        assert!(read_value(b"\xff\xfe").is_err() && read_value(b"{} {}").is_err());
    }
}

//! How `jsonschema` reads the data that mappings run on, so that it is validated as it is and never copied for it.

use std::borrow::Cow;

use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use jsonschema::types::JsonType;
use postroom_event::Tree;
use postroom_transform::{Data, List, Members, Object as Fields, Part, View};
use serde_json::{Number, Value};

/// The representation.
pub(crate) enum OfData {}

impl Json for OfData {
    type Node<'a> = Part<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // Objects are ordered maps, as in the crate's own representation of `serde_json`.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Part<'_>) -> T) -> T {
        f(Data::text(string.to_owned()).part())
    }
}

impl<'a> Node<'a, OfData> for Part<'a> {
    type Object = Fields<'a>;
    type Array = List<'a>;
    type Number = Figure;

    fn as_object(&self) -> Option<Fields<'a>> {
        match self.view() {
            View::Object(fields) => Some(fields),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<List<'a>> {
        match self.view() {
            View::List(list) => Some(list),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.as_text().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<Figure> {
        match self.view() {
            View::Integer(integer) => Some(Figure::Integer(integer)),
            View::Float(float) => Some(Figure::Float(float)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.view() {
            View::Boolean(value) => Some(value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.view(), View::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.view() {
            View::Null => JsonType::Null,
            View::Boolean(_) => JsonType::Boolean,
            View::Integer(_) | View::Float(_) => JsonType::Number,
            View::Text(_) => JsonType::String,
            View::List(_) => JsonType::Array,
            View::Object(_) => JsonType::Object,
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.as_text()?;
        // A character takes one to four bytes.
        let bytes = text.len() as u64;
        if min <= bytes.div_ceil(4) && bytes <= max {
            return Some(true);
        }
        Some((min..=max).contains(&(text.chars().count() as u64)))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.view(), expected) {
            (View::Text(text), Value::String(expected)) => text == expected,
            _ => jsonschema::json::cmp::equal(&Node::to_value(self), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::from(self.to_data()))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(self.address()))
    }
}

impl<'a> Object<'a, OfData> for Fields<'a> {
    type Node = Part<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        Fields::len(*self)
    }

    fn get(&self, key: &String) -> Option<Part<'a>> {
        Fields::get(*self, key)
    }

    fn members(&self) -> Members<'a> {
        self.iter()
    }
}

impl<'a> Array<'a, OfData> for List<'a> {
    type Node = Part<'a>;
    type ElementsIter = postroom_transform::Items<'a>;

    fn len(&self) -> usize {
        List::len(*self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}

/// A number.
pub(crate) enum Figure {
    Integer(i64),
    Float(f64),
}

impl JsonNumber for Figure {
    fn as_u64(&self) -> Option<u64> {
        self.as_i64().and_then(|integer| u64::try_from(integer).ok())
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Float(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what `serde_json` does with an integer, too")]
    fn as_f64(&self) -> Option<f64> {
        Some(match self {
            Self::Integer(integer) => *integer as f64,
            Self::Float(float) => *float,
        })
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_number().to_string())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(match self {
            Self::Integer(integer) => Number::from(*integer),
            Self::Float(float) => Number::from_f64(*float).unwrap_or_else(|| Number::from(0)),
        })
    }

    fn is_integer(&self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    fn is_written_as_integer(&self) -> bool {
        matches!(self, Self::Integer(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonschema::json::conformance::{assert_conformance, document};

    #[test]
    fn data_keeps_the_contract_that_the_validator_relies_on() {
        assert_conformance::<OfData>(&Data::from(document()).part());
    }
}

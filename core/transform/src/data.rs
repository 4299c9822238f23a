//! The data of events, records and messages in the form that mappings run on: read from bytes once, shared with them
//! where it can be, and written back (ADR 0004). What it holds is JSON: no pattern, no number that is not finite.

use std::collections::btree_map::{self, Entry};
use std::slice;

use bytestring::ByteString;
use postroom_event::Tree;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value as Json;
use vrl::value::{KeyString, ObjectMap, Value};

use crate::value;

/// A JSON value that mappings run on.
#[derive(Debug, Clone, PartialEq)]
pub struct Data(pub(crate) Value);

/// A part of [`Data`], as cheap to copy as a reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a>(pub(crate) &'a Value);

/// What a [`Part`] is.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, or beyond 64 bits; finite.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// A list.
    List(List<'a>),
    /// An object.
    Object(Object<'a>),
}

/// A list in [`Data`].
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(&'a [Value]);

/// An object in [`Data`].
#[derive(Debug, Clone, Copy)]
pub struct Object<'a>(&'a ObjectMap);

impl Data {
    /// The result of a program as data: timestamps as RFC 3339 text in UTC, integral floats as integers.
    pub(crate) fn of_result(mut result: Value) -> Result<Self, &'static str> {
        value::hold_to_json(&mut result, 0)?;
        Ok(Self(result))
    }

    /// The whole as a part.
    pub fn part(&self) -> Part<'_> {
        Part(&self.0)
    }

    /// As JSON in UTF-8; `capacity` is a guess of its size, in bytes.
    pub fn to_bytes(&self, capacity: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(capacity);
        // Data in memory always becomes bytes.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes
    }

    /// The members of an object, by name; nothing of anything else.
    pub fn into_members(self) -> Option<impl Iterator<Item = (String, Self)>> {
        let Value::Object(members) = self.0 else { return None };
        Some(members.into_iter().map(|(name, value)| (name.into(), Self(value))))
    }

    /// The items of a list; anything else is one item.
    pub fn into_items(self) -> Vec<Self> {
        match self.0 {
            Value::Array(items) => items.into_iter().map(Self).collect(),
            one => vec![Self(one)],
        }
    }

    /// The text, where it is one.
    pub fn into_text(self) -> Option<String> {
        self.part().as_text().map(str::to_owned)
    }
}

impl From<Json> for Data {
    fn from(json: Json) -> Self {
        Self(value::into_vrl(json))
    }
}

impl From<Data> for Json {
    fn from(data: Data) -> Self {
        value::into_json(data.0)
    }
}

impl<'a> Part<'a> {
    /// What it is.
    pub fn view(self) -> View<'a> {
        match self.0 {
            Value::Boolean(value) => View::Boolean(*value),
            Value::Integer(value) => View::Integer(*value),
            Value::Float(value) => View::Float(value.into_inner()),
            Value::String(text) => View::Text(text),
            Value::Array(items) => View::List(List(items)),
            Value::Object(members) => View::Object(Object(members)),
            // The others are no JSON, and so never in `Data`.
            Value::Null | Value::Bytes(_) | Value::Timestamp(_) | Value::Regex(_) => View::Null,
        }
    }

    /// The text, where it is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self.view() {
            View::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The member of that name, where it is an object that has one.
    pub fn get(self, name: &str) -> Option<Self> {
        match self.view() {
            View::Object(object) => object.get(name),
            _ => None,
        }
    }

    /// A copy that stands by itself.
    pub fn to_data(self) -> Data {
        Data(self.0.clone())
    }

    /// Where it is in memory: what tells one part from another.
    pub fn address(self) -> usize {
        std::ptr::from_ref(self.0) as usize
    }
}

impl<'a> List<'a> {
    /// How many items.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Its items in order.
    pub fn iter(self) -> Items<'a> {
        Items(self.0.iter())
    }
}

impl<'a> Object<'a> {
    /// How many members.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// The member of that name.
    pub fn get(self, name: &str) -> Option<Part<'a>> {
        self.0.get(name).map(Part)
    }

    /// Its members in the order of their names.
    pub fn iter(self) -> Members<'a> {
        Members(self.0.iter())
    }
}

/// The items of a [`List`].
#[derive(Debug)]
pub struct Items<'a>(slice::Iter<'a, Value>);

impl<'a> Iterator for Items<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        self.0.next().map(Part)
    }
}

/// The members of an [`Object`].
#[derive(Debug)]
pub struct Members<'a>(btree_map::Iter<'a, KeyString, Value>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), Part(value)))
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.part().serialize(serializer)
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.view() {
            View::Null => serializer.serialize_unit(),
            View::Boolean(value) => serializer.serialize_bool(value),
            View::Integer(value) => serializer.serialize_i64(value),
            View::Float(value) => serializer.serialize_f64(value),
            View::Text(text) => serializer.serialize_str(text),
            View::List(list) => {
                let mut items = serializer.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|item| items.serialize_element(&item))?;
                items.end()
            }
            View::Object(object) => {
                let mut members = serializer.serialize_map(Some(object.len()))?;
                object.iter().try_for_each(|(name, part)| members.serialize_entry(name, &part))?;
                members.end()
            }
        }
    }
}

impl Tree for Data {
    type Members = ObjectMap;

    fn null() -> Self {
        Self(Value::Null)
    }

    fn boolean(value: bool) -> Self {
        Self(Value::Boolean(value))
    }

    fn integer(value: i64) -> Self {
        Self(Value::Integer(value))
    }

    fn float(value: f64) -> Self {
        Self(Value::from_f64_or_zero(value))
    }

    fn text(text: String) -> Self {
        Self(Value::from(text))
    }

    fn part(json: &ByteString, text: &str) -> Self {
        Self(Value::String(json.slice_ref(text)))
    }

    fn list(items: Vec<Self>) -> Self {
        Self(Value::Array(items.into_iter().map(|item| item.0).collect()))
    }

    fn put(object: &mut ObjectMap, key: String, value: Self) -> Result<(), String> {
        match object.entry(KeyString::from(key)) {
            Entry::Vacant(place) => {
                place.insert(value.0);
                Ok(())
            }
            Entry::Occupied(place) => Err(place.key().to_string()),
        }
    }

    fn object(object: ObjectMap) -> Self {
        Self(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_is_written_as_the_json_that_it_was_made_of() {
        let json = json!({"a": [1, -2, 2.5, true, null, "é\n☃", {"b": {}}], "": [], "big": i64::MAX});
        let bytes = Data::from(json.clone()).to_bytes(0);
        assert_eq!(serde_json::from_slice::<Json>(&bytes).ok(), Some(json));
    }
}

//! What JSON is read into. The hub reads data straight into the values that mappings run on (ADR 0004).

use bytestring::ByteString;
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// A JSON value under construction: `null`, a boolean, an integer of 64 bits, a float that is not integral, a text, a
/// list or an object.
pub trait Tree: Sized {
    /// The members of an object that is not finished.
    type Members: Default;

    /// `null`.
    fn null() -> Self;
    /// `true` or `false`.
    fn boolean(value: bool) -> Self;
    /// A whole number.
    fn integer(value: i64) -> Self;
    /// A number with a fraction; finite.
    fn float(value: f64) -> Self;
    /// A text of its own.
    fn text(text: String) -> Self;
    /// A text that stands as it is in `json`, which may be shared.
    fn part(json: &ByteString, text: &str) -> Self;
    /// A list.
    fn list(items: Vec<Self>) -> Self;
    /// Puts a member into an object.
    ///
    /// # Errors
    /// The key, where it is in the object already.
    fn put(object: &mut Self::Members, key: String, value: Self) -> Result<(), String>;
    /// The finished object.
    fn object(object: Self::Members) -> Self;
}

impl Tree for Value {
    type Members = Map<String, Self>;

    fn null() -> Self {
        Self::Null
    }

    fn boolean(value: bool) -> Self {
        Self::Bool(value)
    }

    fn integer(value: i64) -> Self {
        Self::from(value)
    }

    fn float(value: f64) -> Self {
        Number::from_f64(value).map_or(Self::Null, Self::Number)
    }

    fn text(text: String) -> Self {
        Self::String(text)
    }

    fn part(_json: &ByteString, text: &str) -> Self {
        Self::String(text.to_owned())
    }

    fn list(items: Vec<Self>) -> Self {
        Self::Array(items)
    }

    fn put(object: &mut Self::Members, key: String, value: Self) -> Result<(), String> {
        match object.entry(key) {
            Entry::Vacant(place) => {
                place.insert(value);
                Ok(())
            }
            Entry::Occupied(place) => Err(place.key().clone()),
        }
    }

    fn object(object: Self::Members) -> Self {
        Self::Object(object)
    }
}

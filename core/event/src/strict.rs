//! JSON read strictly: the one path from bytes to a tree.
//!
//! `serde_json` keeps the last of two equal keys, turns integers beyond 64 bits into floats, and lets NUL through;
//! each of them would change a fact on its way. Integral floats become integers here, because JSON Schema calls
//! `1.0` an integer and a mapping would see a float.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::de::StrRead;

use crate::{MAX_DEPTH, Refusal, Rule, Tree};

/// Largest whole number that a float carries exactly: 2^53.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Reads one JSON value from `bytes`, refusing what would not survive the way through the hub unchanged.
///
/// # Errors
/// A [`Refusal`] with the JSON pointer of the first offence; syntax errors carry line and column instead.
pub fn read_value(bytes: &[u8]) -> Result<Value, Refusal> {
    read_tree(&utf8(&Bytes::copy_from_slice(bytes))?)
}

/// Reads one JSON value into a [`Tree`], which may share parts of `json`.
///
/// # Errors
/// As [`read_value`].
pub(crate) fn read_tree<T: Tree>(json: &ByteString) -> Result<T, Refusal> {
    read(json, |at, text| at.seed::<T>().deserialize(text))
}

/// Reads an object whose member `data` becomes a [`Tree`], and every other a value.
///
/// # Errors
/// As [`read_value`]; anything but an object is not JSON of an envelope.
pub(crate) fn read_envelope<T: Tree>(json: &ByteString) -> Result<Envelope<'_, T>, Refusal> {
    read(json, |at, text| text.deserialize_any(EnvelopeSeed { at, tree: PhantomData }))
}

/// The members of an envelope.
pub(crate) struct Envelope<'j, T> {
    pub(crate) attributes: BTreeMap<Cow<'j, str>, Value>,
    pub(crate) data: Option<T>,
}

/// The bytes as UTF-8.
///
/// # Errors
/// [`Rule::NotJson`], with line and column of the first byte that is none.
pub(crate) fn utf8(bytes: &Bytes) -> Result<ByteString, Refusal> {
    ByteString::try_from(bytes.clone()).map_err(|_| {
        let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let (line, column) = (valid.split('\n').count(), valid.split('\n').next_back().map_or(0, str::len));
        not_json("is not well-formed JSON in UTF-8", line, column + 1)
    })
}

fn read<'j, T>(
    json: &'j ByteString,
    work: impl FnOnce(At<'_>, &mut serde_json::Deserializer<StrRead<'j>>) -> Result<T, serde_json::Error>,
) -> Result<T, Refusal> {
    let trouble = RefCell::new(Trouble::default());
    let mut text = serde_json::Deserializer::from_str(json);
    let read = work(At { depth: 0, json, trouble: &trouble }, &mut text).and_then(|tree| {
        text.end()?;
        Ok(tree)
    });
    read.map_err(|error| trouble.into_inner().refusal(&error))
}

/// What went wrong, and the path to it: innermost segment first, filled while the error travels outwards.
#[derive(Default)]
struct Trouble {
    refusal: Option<Refusal>,
    path: Vec<String>,
}

impl Trouble {
    fn refusal(self, error: &serde_json::Error) -> Refusal {
        let Some(refusal) = self.refusal else { return syntax(error) };
        if !refusal.place.is_empty() {
            return refusal;
        }
        let place = self.path.iter().rev().fold(String::new(), |mut pointer, segment| {
            pointer.push('/');
            pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            pointer
        });
        Refusal { place, ..refusal }
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
    not_json(if error.is_eof() { "ends too early" } else { "is not well-formed JSON in UTF-8" }, line, column)
}

fn not_json(what: &str, line: usize, column: usize) -> Refusal {
    Refusal::new(Rule::NotJson, "", format!("the text {what} at line {line}, column {column}"))
}

/// Where the reader stands.
#[derive(Clone, Copy)]
struct At<'a> {
    depth: usize,
    json: &'a ByteString,
    trouble: &'a RefCell<Trouble>,
}

impl<'a> At<'a> {
    fn seed<T>(self) -> Seed<'a, T> {
        Seed { at: self, tree: PhantomData }
    }

    fn refuse<E: serde::de::Error>(&self, rule: Rule, words: impl Into<String>) -> E {
        self.trouble.borrow_mut().refusal = Some(Refusal::new(rule, "", words));
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

    fn twice<E: serde::de::Error>(self, key: String) -> E {
        let refused = self.refuse(Rule::DuplicateKey, "the same key stands twice in one object");
        self.trouble.borrow_mut().path.push(key);
        refused
    }

    /// Notes the segment under which an error came up.
    fn under<T, E>(self, read: Result<T, E>, segment: impl FnOnce() -> String) -> Result<T, E> {
        if read.is_err() {
            self.trouble.borrow_mut().path.push(segment());
        }
        read
    }
}

/// Reads one value of a tree.
struct Seed<'a, T> {
    at: At<'a>,
    tree: PhantomData<T>,
}

impl<'de, T: Tree> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Tree> Visitor<'de> for Seed<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
        i64::try_from(value)
            .map(T::integer)
            .map_err(|_| self.at.refuse(Rule::NumberOutOfRange, "a whole number beyond 64 bits"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<T, E> {
        if value.fract() != 0.0 {
            return Ok(T::float(value));
        }
        if value.abs() > MAX_EXACT_FLOAT {
            return Err(self
                .at
                .refuse(Rule::NumberOutOfRange, "a whole number that cannot be carried exactly"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "integral and within 2^53: exact")]
        Ok(T::integer(value as i64))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<T, E> {
        self.at.text(text)?;
        Ok(T::part(self.at.json, text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        self.at.text(text)?;
        Ok(T::text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let below = self.at.below()?;
        let mut list = Vec::new();
        while let Some(item) =
            self.at.under(items.next_element_seed(below.seed()), || list.len().to_string())?
        {
            list.push(item);
        }
        Ok(T::list(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let below = self.at.below()?;
        let mut object = T::Members::default();
        while let Some(key) = entries.next_key::<String>()? {
            self.at.text::<A::Error>(&key)?;
            let value = self.at.under(entries.next_value_seed(below.seed()), || key.clone())?;
            T::put(&mut object, key, value).map_err(|key| self.at.twice::<A::Error>(key))?;
        }
        Ok(T::object(object))
    }
}

/// Reads an envelope.
struct EnvelopeSeed<'a, T> {
    at: At<'a>,
    tree: PhantomData<T>,
}

impl<'de, T: Tree> Visitor<'de> for EnvelopeSeed<'_, T> {
    type Value = Envelope<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let below = self.at.below()?;
        let (mut attributes, mut data) = (BTreeMap::new(), None);
        while let Some(Name(name)) = members.next_key()? {
            if name == "data" {
                let read = self.at.under(members.next_value_seed(below.seed()), || "data".to_owned())?;
                if data.replace(read).is_some() {
                    return Err(self.at.twice(name.into_owned()));
                }
                continue;
            }
            self.at.text::<A::Error>(&name)?;
            let value = self.at.under(members.next_value_seed(below.seed()), || name.clone().into_owned())?;
            match attributes.entry(name) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(place) => return Err(self.at.twice(place.key().clone().into_owned())),
            }
        }
        Ok(Envelope { attributes, data })
    }
}

/// The name of a member, borrowed where it is written without escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'j>(#[serde(borrow)] Cow<'j, str>);

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

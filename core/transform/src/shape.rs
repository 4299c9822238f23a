//! What `.` may hold: a JSON Schema, or the columns of rows, as the `Kind` that a program is compiled against.
//!
//! Every shape over-approximates: a value that the schema allows is always inside it, once numbers are normalised as
//! `postroom_event` does. Patterns, formats, lengths, ranges and conditions are left to validation.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value};
use vrl::path::{OwnedSegment, OwnedValuePath};
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field, Index};

use crate::fields::{self, Missing};
use crate::lengths;

/// How many references are followed into one another before anything is allowed.
const MAX_HOPS: usize = 8;
/// How many elements that a list certainly has are told apart.
const MAX_CERTAIN: u64 = 4;
/// Most parts of a schema that are told apart, references followed; any JSON is allowed by the rest.
const MAX_PARTS: usize = 5_000;
/// The same of a branch whose types alone are asked for.
const MAX_PARTS_OF_BRANCH: usize = 50;

/// What the data of a program may be, and which lookups answer it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The data.
    pub(crate) kind: Kind,
    /// What `%old` may hold, where a snapshot tells it.
    pub(crate) old: Option<Kind>,
    /// What stands under `%lookup`, by name.
    pub(crate) lookups: BTreeMap<Field, Kind>,
    /// The schema that the data keeps, where one tells all of it.
    pub(crate) schema: Option<Arc<Value>>,
}

impl Shape {
    /// Any JSON.
    #[must_use]
    pub fn any() -> Self {
        Self::of(&Kind::json())
    }

    /// What a JSON Schema (2020-12) allows; `$ref` is followed inside `schema` only.
    #[must_use]
    pub fn of_schema(schema: &Value) -> Self {
        let kind = Reader { root: schema, left: Cell::new(MAX_PARTS) }.kind(schema, MAX_HOPS);
        Self { schema: Some(Arc::new(schema.clone())), ..Self::of(&kind) }
    }

    /// The types that a branch in the schema `root` allows; what is inside them is told of a few parts only.
    pub(crate) fn of_branch(root: &Value, branch: &Value) -> Kind {
        Reader { root, left: Cell::new(MAX_PARTS_OF_BRANCH) }.kind(branch, MAX_HOPS)
    }

    /// The kind of a value that a schema lists; lists and objects are only told to be such.
    pub(crate) fn of_value(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::null(),
            Value::Bool(_) => Kind::boolean(),
            Value::String(_) => Kind::bytes(),
            Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                Kind::integer()
            }
            Value::Number(_) => Kind::float(),
            Value::Array(_) => Kind::array(Collection::json()),
            Value::Object(_) => Kind::object(Collection::json()),
        }
    }

    /// What the keyword `type` allows, whatever is inside; none where it names an unknown type.
    pub(crate) fn of_types(types: &Value) -> Option<Kind> {
        let rules = Map::from_iter([("type".to_owned(), types.clone())]);
        Reader { root: &Value::Null, left: Cell::new(MAX_PARTS) }.typed(&rules, 0)
    }

    /// An object that has exactly these fields, each a text: a row with these columns.
    #[must_use]
    pub fn of_texts(fields: &[String]) -> Self {
        let known: BTreeMap<Field, Kind> =
            fields.iter().map(|name| (Field::from(name.as_str()), Kind::bytes())).collect();
        Self::of(&Kind::object(Collection::from_parts(known, Kind::undefined())))
    }

    /// An object that has no other fields than these, each any JSON or absent.
    #[must_use]
    pub fn of_some(fields: &[String]) -> Self {
        let known: BTreeMap<Field, Kind> =
            fields.iter().map(|name| (Field::from(name.as_str()), Kind::json().or_undefined())).collect();
        Self::of(&Kind::object(Collection::from_parts(known, Kind::undefined())))
    }

    /// The same data, with lookups of these names that give text, or null where that is told.
    #[must_use]
    pub fn with_lookups<'n>(self, lookups: impl IntoIterator<Item = (&'n str, Presence)>) -> Self {
        let kind = |presence| match presence {
            Presence::Certain => Kind::bytes(),
            Presence::MayLack => Kind::bytes().or_null(),
        };
        let lookups = lookups.into_iter().map(|(name, presence)| (Field::from(name), kind(presence)));
        Self { lookups: lookups.collect(), ..self }
    }

    /// The same data, with a lookup of this name, too, that gives what is in `answer`, or null where that is told.
    #[must_use]
    pub fn with_answer(mut self, name: &str, answer: Self, presence: Presence) -> Self {
        let kind = match presence {
            Presence::Certain => answer.kind,
            Presence::MayLack => answer.kind.or_null(),
        };
        self.lookups.insert(Field::from(name), kind);
        self
    }

    /// Whether what `path` leads to can be a code, a text or a whole number, and whether it may be absent or null.
    ///
    /// # Errors
    /// Where it leads nowhere, or to what is never a code.
    pub fn code_at(&self, path: &[String]) -> Result<Presence, NoCode> {
        let mut kind = self.kind.clone();
        for name in path {
            let segment = OwnedSegment::field(name);
            let below = kind.at_path(&OwnedValuePath { segments: vec![segment.clone()] });
            if below.is_undefined() || below.is_never() {
                let Missing { name, near } = fields::missing(&kind, &segment);
                return Err(NoCode::NoField { name, near });
            }
            kind = below;
        }
        if !kind.contains_bytes() && !kind.contains_integer() {
            return Err(NoCode::NeverOne);
        }
        let may_lack = kind.contains_null() || kind.contains_undefined();
        Ok(if may_lack { Presence::MayLack } else { Presence::Certain })
    }

    /// Either this or the other, e.g. rows of several kinds in one file.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { kind: lengths::certain(&self.kind.union(other.kind)), schema: None, ..self }
    }

    /// The same for records of snapshots, of which `kept` is left when the next one comes: `%old` holds that, and so does
    /// `.` of a record that was removed.
    #[must_use]
    pub fn of_snapshots(self, kept: Self) -> Self {
        Self { old: Some(kept.kind.clone()), ..self.or(kept) }
    }

    /// Tells all that a program compiled against it depends on.
    pub fn tell(&self, told: &mut impl Hasher) {
        match &self.schema {
            Some(schema) => schema.to_string().hash(told),
            None => format!("{:?} {:?}", self.kind, self.old).hash(told),
        }
        format!("{:?}", self.lookups).hash(told);
    }

    fn of(kind: &Kind) -> Self {
        Self { kind: lengths::certain(kind), old: None, lookups: BTreeMap::new(), schema: None }
    }
}

/// Whether a value is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It always is.
    Certain,
    /// It may be absent or null.
    MayLack,
}

/// Why no code stands where one is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCode {
    /// There is no field of that name; one that is, if one is near.
    NoField {
        /// The name.
        name: String,
        /// The near one.
        near: Option<String>,
    },
    /// What stands there is neither a text nor a whole number.
    NeverOne,
}

struct Reader<'a> {
    root: &'a Value,
    /// How many parts may still be read.
    left: Cell<usize>,
}

impl<'a> Reader<'a> {
    fn kind(&self, schema: &'a Value, hops: usize) -> Kind {
        self.left.set(self.left.get().saturating_sub(1));
        let rules = match schema {
            _ if self.left.get() == 0 => return Kind::json(),
            Value::Object(rules) => rules,
            Value::Bool(false) => return Kind::never(),
            _ => return Kind::json(),
        };
        // Keywords beside one another only restrict, so that the first one which tells a type is enough.
        self.listed(rules)
            .or_else(|| self.typed(rules, hops))
            .or_else(|| self.referred(rules, hops))
            .or_else(|| self.branched(rules, hops))
            .unwrap_or_else(Kind::json)
    }

    fn listed(&self, rules: &'a Map<String, Value>) -> Option<Kind> {
        if let Some(value) = rules.get("const") {
            return Some(Shape::of_value(value));
        }
        let values = rules.get("enum")?.as_array()?;
        Some(values.iter().map(Shape::of_value).fold(Kind::never(), |all, kind| all.union(kind)))
    }

    fn typed(&self, rules: &'a Map<String, Value>, hops: usize) -> Option<Kind> {
        let names: Vec<&str> = match rules.get("type")? {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let mut kind = Kind::never();
        for name in names {
            match name {
                "string" => kind.add_bytes(),
                "integer" => kind.add_integer(),
                "number" => kind.add_integer() | kind.add_float(),
                "boolean" => kind.add_boolean(),
                "null" => kind.add_null(),
                "array" => kind.add_array(self.list(rules, hops)),
                "object" => kind.add_object(self.object(rules, hops)),
                _ => return None,
            };
        }
        Some(kind)
    }

    fn referred(&self, rules: &'a Map<String, Value>, hops: usize) -> Option<Kind> {
        let target = rules.get("$ref")?.as_str()?.strip_prefix('#')?;
        let target = self.root.pointer(target)?;
        Some(if hops == 0 { Kind::json() } else { self.kind(target, hops - 1) })
    }

    fn branched(&self, rules: &'a Map<String, Value>, hops: usize) -> Option<Kind> {
        let below = hops.checked_sub(1)?;
        let either = |key: &str| {
            let branches = rules.get(key)?.as_array()?;
            Some(branches.iter().fold(Kind::never(), |all, branch| all.union(self.kind(branch, below))))
        };
        either("oneOf").or_else(|| either("anyOf")).or_else(|| {
            let all = rules.get("allOf")?.as_array()?;
            all.iter().map(|part| self.kind(part, below)).find(|kind| !kind.is_json())
        })
    }

    fn object(&self, rules: &'a Map<String, Value>, hops: usize) -> Collection<Field> {
        let mut unknown = match rules.get("additionalProperties") {
            Some(schema) => self.kind(schema, hops),
            None => Kind::json(),
        };
        for schema in
            rules.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values)
        {
            unknown = unknown.union(self.kind(schema, hops));
        }
        let required: BTreeSet<&str> = texts(rules.get("required"));
        let mut known: BTreeMap<Field, Kind> = BTreeMap::new();
        for (name, schema) in rules.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let kind = self.kind(schema, hops);
            let certain = required.contains(name.as_str()) && !kind.is_never();
            known.insert(Field::from(name.as_str()), if certain { kind } else { kind.or_undefined() });
        }
        for name in required {
            known.entry(Field::from(name)).or_insert_with(|| unknown.clone());
        }
        Collection::from_parts(known, unknown.or_undefined())
    }

    /// Elements that are certain come first; what may be absent is never told by its place, because VRL would count it.
    fn list(&self, rules: &'a Map<String, Value>, hops: usize) -> Collection<Index> {
        let rest = rules.get("items").map_or_else(Kind::json, |schema| self.kind(schema, hops));
        let certain = rules.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(MAX_CERTAIN);
        let prefix = rules.get("prefixItems").and_then(Value::as_array);
        let prefix: Vec<Kind> = prefix.into_iter().flatten().map(|schema| self.kind(schema, hops)).collect();
        let certain = usize::try_from(certain).unwrap_or(0);
        let known: BTreeMap<Index, Kind> = (0..certain)
            .map(|at| (Index::from(at), prefix.get(at).unwrap_or(&rest).clone()))
            .filter(|(_, kind)| !kind.is_never())
            .collect();
        let unknown = prefix.into_iter().skip(known.len()).fold(rest, |all, kind| all.union(kind));
        Collection::from_parts(known, unknown.or_undefined())
    }
}

fn texts(list: Option<&Value>) -> BTreeSet<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, inside: &[Value], outside: &[Value]) {
        let shape = Shape::of_schema(schema);
        let fits = |value: &Value| crate::proof::holds(&shape.kind, &crate::value::into_vrl(value.clone()));
        for value in inside {
            assert!(fits(value), "{schema} has to allow {value}");
        }
        for value in outside {
            assert!(!fits(value), "{schema} should not allow {value}");
        }
    }

    #[test]
    fn scalars_lists_and_closed_objects_are_told_exactly() {
        check(&json!({"type": "integer"}), &[json!(1), json!(2.0)], &[json!("1"), json!(1.5), json!(null)]);
        check(&json!({"type": ["string", "null"]}), &[json!("a"), json!(null)], &[json!(1)]);
        check(
            &json!({"type": "object", "additionalProperties": false, "required": ["a"],
                "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}),
            &[json!({"a": "x"}), json!({"a": "x", "b": 1}), json!({"a": "x", "b": 1.5})],
            &[json!({}), json!({"a": 1}), json!({"a": "x", "c": 1}), json!([])],
        );
        check(
            &json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            &[json!(["a"]), json!(["a", "b", "c", "d", "e", "f"])],
            &[json!([]), json!([1]), json!(["a", 1])],
        );
    }

    #[test]
    fn an_enum_of_floats_allows_the_integer_that_arrives() {
        check(&json!({"enum": [1.0, "a", null]}), &[json!(1), json!("a"), json!(null)], &[json!(true)]);
    }

    #[test]
    fn what_is_not_understood_allows_anything() {
        for schema in [
            json!(true),
            json!({}),
            json!({"properties": {"a": {"type": "string"}}}),
            json!({"items": {"type": "string"}}),
            json!({"$ref": "urn:other"}),
            json!({"$ref": "#/nowhere"}),
            json!({"not": {"type": "string"}}),
            json!({"if": {"type": "string"}, "then": {"type": "null"}}),
            json!({"type": "strange"}),
        ] {
            check(&schema, &[json!(1), json!("a"), json!({"a": 1}), json!([1]), json!(null)], &[]);
        }
    }

    #[test]
    fn branches_are_united_and_references_followed_to_a_limit() {
        let either = json!({"oneOf": [{"type": "string"}, {"$ref": "#/$defs/n"}], "$defs": {"n": {"type": "integer"}}});
        check(&either, &[json!("a"), json!(1)], &[json!(true), json!(1.5)]);
        let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {
            "left": {"$ref": "#/$defs/node"}, "right": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}}});
        let deep = (0..40).fold(json!({}), |inner, _| json!({"left": inner, "right": null}));
        check(&tree, &[json!({}), deep], &[json!([])]);
    }

    #[test]
    fn properties_by_pattern_and_forbidden_ones_are_allowed_for() {
        check(
            &json!({"type": "object", "properties": {"no": false}, "required": ["yes"],
                "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": {"type": "string"}}),
            &[json!({"yes": "a"}), json!({"yes": 1, "x1": 5, "other": "text"})],
            &[json!({}), json!({"yes": "a", "other": true}), json!({"yes": "a", "no": 1})],
        );
        check(
            &json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false}),
            &[json!([]), json!(["a"]), json!(["a", 1])],
            &[json!([true])],
        );
    }

    #[test]
    fn rows_have_exactly_their_columns_as_texts() {
        let shape = Shape::of_texts(&["a".into(), "b".into()]).or(Shape::of_texts(&["a".into(), "c".into()]));
        assert!(shape.kind.at_path(&vrl::path::parse_value_path("a").expect("a path")).is_bytes());
        assert!(shape.kind.at_path(&vrl::path::parse_value_path("c").expect("a path")).contains_undefined());
        assert!(shape.kind.at_path(&vrl::path::parse_value_path("d").expect("a path")).is_undefined());
    }

    #[test]
    fn a_code_is_a_text_or_a_whole_number_that_may_be_absent() {
        let shape = Shape::of_schema(
            &json!({"type": "object", "additionalProperties": false, "required": ["a", "n"],
            "properties": {"a": {"type": "string"}, "n": {"type": ["integer", "null"]}, "o": {"type": "object",
                "additionalProperties": false, "required": ["b"], "properties": {"b": {"type": "string"}}},
                "list": {"type": "array", "items": {"type": "string"}}}}),
        );
        let check = |path: &str, expected: Result<Presence, NoCode>| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert_eq!(shape.code_at(&path), expected, "{path:?}");
        };
        let lacks = |name: &str, near: Option<&str>| {
            Err(NoCode::NoField { name: name.to_owned(), near: near.map(str::to_owned) })
        };
        check("a", Ok(Presence::Certain));
        check("n", Ok(Presence::MayLack));
        check("o.b", Ok(Presence::MayLack));
        check("lst", lacks("lst", Some("list")));
        check("a.b", lacks("b", None));
        check("list.b", lacks("b", None));
        check("o", Err(NoCode::NeverOne));
        check("list", Err(NoCode::NeverOne));
        assert_eq!(Shape::any().code_at(&["x".to_owned()]), Ok(Presence::MayLack));
    }
}

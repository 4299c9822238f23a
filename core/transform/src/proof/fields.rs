//! Objects and lists: which fields are set, and which are taken.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use vrl::path::OwnedSegment;
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

use super::kinds::is_anything;
use super::walk::{Asked, At, Walk, shown};
use super::words::{MERGED, all_named, one_way};
use super::{Found, Happens};
use crate::fields;
use crate::outline::{Is, Spot, Step};

/// What a schema says of the fields of an object.
struct Taken<'a> {
    properties: Option<&'a Map<String, Value>>,
    required: BTreeSet<&'a str>,
    /// What other fields have to be; `None` is anything.
    others: Option<&'a Value>,
    has_patterns: bool,
}

impl<'a> Taken<'a> {
    fn of(rules: &'a Map<String, Value>) -> Self {
        let required = rules.get("required").and_then(Value::as_array).into_iter().flatten();
        Self {
            properties: rules.get("properties").and_then(Value::as_object),
            required: required.filter_map(Value::as_str).collect(),
            others: rules.get("additionalProperties").filter(|schema| **schema != Value::Bool(true)),
            has_patterns: rules.get("patternProperties").is_some(),
        }
    }

    fn property(&self, name: &str) -> Option<&'a Value> {
        self.properties?.get(name)
    }

    /// Every name that it tells.
    fn names(&self) -> BTreeSet<&'a str> {
        self.properties
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .chain(self.required.iter().copied())
            .collect()
    }

    fn is_closed(&self) -> bool {
        self.others == Some(&Value::Bool(false))
    }

    fn asked(&self, name: &str) -> Asked {
        if self.required.contains(name) { Asked::Required } else { Asked::Optional }
    }
}

impl<'a> Walk<'_, 'a> {
    /// Compares the fields of an object, where there may be one.
    pub(super) fn fields(&mut self, made: &Kind, rules: &'a Map<String, Value>, at: &At<'a>) {
        let Some(made) = made.as_object() else { return };
        let taken = Taken::of(rules);
        let rest = made.unknown_kind().without_undefined();
        let is_open = !rest.is_never() && taken.is_closed() && !taken.has_patterns;
        if is_open {
            let words = format!(
                "{} may hold fields of any name, and {} takes none but its own",
                shown(&at.path),
                self.taker
            );
            let hint = Some(all_named(&taken.names()));
            let unknown = at.spots.iter().find(|spot| matches!(spot.is, Is::Unknown));
            let span = unknown.map_or(at.span, |spot| spot.entry);
            self.note(Found { hint, span, ..self.of(at, "open-object", words) });
        }
        for name in taken.names() {
            match made.known().get(&Field::from(name)) {
                Some(kind) => self.field(name, kind, &taken, at),
                None if is_open && is_anything(&rest) => {}
                None => self.field(name, &made.unknown_kind(), &taken, at),
            }
        }
        for (name, kind) in made.known().iter().filter(|(name, _)| taken.property(name.as_str()).is_none()) {
            self.other(name, &kind.without_undefined(), &taken, at);
        }
        if taken.has_patterns {
            self.leave(at, "patternProperties");
        } else if let Some(schema) = taken.others.filter(|_| !is_open && !rest.is_never()) {
            let path = format!("{}.*", at.path.trim_end_matches('.'));
            self.compare(&rest, schema, &At { path, spots: vec![], ..at.clone() });
        }
    }

    /// A field that the schema tells.
    fn field(&mut self, name: &str, kind: &Kind, taken: &Taken<'a>, around: &At<'a>) {
        let asked = taken.asked(name);
        let at = self.below(around, &Step::Field(name.to_owned()), asked);
        let set = kind.without_undefined();
        if asked == Asked::Required && (set.is_never() || kind.contains_undefined()) {
            self.lacking(name, &set, &at, around);
        }
        if let Some(schema) = taken.property(name).filter(|_| !set.is_never()) {
            self.compare(&set, schema, &at);
        }
    }

    fn lacking(&mut self, name: &str, set: &Kind, at: &At<'a>, around: &At<'a>) {
        if set.is_never() {
            let words = format!("`{}` is required, and never set", at.path);
            let object = around.spots.iter().rfind(|spot| matches!(spot.is, Is::Object(_)));
            let span = object.map_or(around.span, |spot| spot.own);
            let hint = Some(format!("add `\"{name}\": ...` to the object"));
            let found = Found { happens: Happens::Always, hint, span, ..self.of(at, "missing", words) };
            return self.note(found);
        }
        let words = format!("`{}` is required, and not set on every way", at.path);
        let compacted = at.spots.iter().any(|spot| spot.compacted);
        let hint = if compacted { MERGED.replace("NAME", name) } else { one_way(name) };
        let lacks = |spot: &&Spot<'a>| match spot.is {
            Is::Object(fields) => !spot.compacted && !fields.contains_key(name),
            _ => false,
        };
        let span = around.spots.iter().rfind(lacks).map_or(at.span, |spot| spot.own);
        self.note(Found { hint: Some(hint), span, ..self.of(at, "may-be-missing", words) });
    }

    /// A field that the schema does not tell by name.
    fn other(&mut self, name: &Field, kind: &Kind, taken: &Taken<'a>, around: &At<'a>) {
        if kind.is_never() || taken.has_patterns {
            return;
        }
        let at = self.below(around, &Step::Field(name.to_string()), Asked::Optional);
        if !taken.is_closed() {
            if let Some(schema) = taken.others {
                self.compare(kind, schema, &at);
            }
            return;
        }
        let known = taken.names().into_iter().map(|name| (Field::from(name), Kind::null())).collect();
        let known = Kind::object(Collection::from_parts(known, Kind::undefined()));
        let near = fields::missing(&known, &OwnedSegment::field(name.as_str())).near;
        let hint = near.map_or_else(|| all_named(&taken.names()), |near| format!("did you mean `{near}`?"));
        let words = format!("{} has no field `{}`", self.taker, at.path);
        self.note(Found {
            happens: Happens::Always,
            hint: Some(hint),
            ..self.of(&at, "unknown-field", words)
        });
    }

    /// Compares the items of a list, where there may be one.
    pub(super) fn items(&mut self, made: &Kind, rules: &'a Map<String, Value>, at: &At<'a>) {
        let Some(items) = made.as_array() else { return };
        if rules.get("prefixItems").is_some() {
            return self.leave(at, "prefixItems");
        }
        let kind = items.reduced_kind().without_undefined();
        if let Some(schema) = rules.get("items").filter(|_| !kind.is_never()) {
            let below = self.below(at, &Step::Item, Asked::Required);
            self.compare(&kind, schema, &below);
        }
    }
}

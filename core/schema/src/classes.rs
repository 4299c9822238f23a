//! The classes of data (`x-class`) that a schema gives a field with everything below it. Pure; knows no purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;

use serde_json::{Map, Value};

/// Keywords whose schemas are about the same value.
pub(crate) const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Keywords that may give a member of an object a schema which is not looked at here: what they may be about has no class.
const NOT_LOOKED_AT: [&str; 5] =
    ["patternProperties", "then", "else", "dependentSchemas", "unevaluatedProperties"];

/// The classes of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// Those that stand at it or below.
    pub known: BTreeSet<String>,
    /// Whether something may stand at it or below that has no class.
    pub unclassed: bool,
}

/// The classes of the field at a dotted path; `None` where nothing can stand.
pub(crate) fn at(schema: &Value, path: &str) -> Option<Classes> {
    let (mut here, mut unsure) = (vec![schema], false);
    for name in path.split('.') {
        let all: Vec<&Value> = here.iter().flat_map(|node| same(schema, node, &BRANCHES)).collect();
        unsure |= all.iter().any(|node| says_more(node));
        let mut next: Vec<&Value> = all.iter().filter_map(|node| node.get("properties")?.get(name)).collect();
        if next.is_empty() {
            next = all.iter().filter_map(|node| others(node)).collect();
        }
        let is_closed = |node: &&Value| node.get("additionalProperties") == Some(&Value::Bool(false));
        // A branch that is closed closes nothing beside it.
        let is_shut = |node: &&Value| same(schema, node, &["allOf"]).iter().any(is_closed);
        if next.is_empty() && (unsure || !here.iter().all(is_shut)) {
            return Some(Classes { unclassed: true, ..Classes::default() });
        }
        here = next;
    }
    if here.is_empty() {
        return None;
    }
    let found = Classes { unclassed: unsure, ..Classes::default() };
    let mut walk = Walk { root: schema, found, seen: BTreeMap::new() };
    for node in here {
        walk.found.unclassed |= !walk.collect(node);
    }
    Some(walk.found)
}

/// Whether a node has a keyword that is not looked at.
pub(crate) fn says_more(node: &Value) -> bool {
    NOT_LOOKED_AT.iter().any(|key| node.get(*key).is_some_and(|value| !value.is_boolean()))
}

/// A node, and every other that says more of the same value by a reference or these keywords, each once.
pub(crate) fn same<'a>(root: &'a Value, node: &'a Value, branches: &[&str]) -> Vec<&'a Value> {
    let mut all = vec![node];
    let mut looked = 0;
    while let Some(node) = all.get(looked).copied() {
        looked += 1;
        let referred = node.get("$ref").and_then(|at| root.pointer(at.as_str()?.strip_prefix('#')?));
        let parts = branches.iter().filter_map(|key| node.get(*key)?.as_array()).flatten();
        for more in referred.into_iter().chain(parts) {
            if !all.iter().any(|known| ptr::eq(*known, more)) {
                all.push(more);
            }
        }
    }
    all
}

/// The schema of the members of an object that it does not name.
pub(crate) fn others(node: &Value) -> Option<&Value> {
    node.get("additionalProperties").filter(|value| value.is_object())
}

/// A walk over everything below a field.
struct Walk<'a> {
    root: &'a Value,
    found: Classes,
    /// The nodes that were met, and whether there is any class at or below each; of one that is being looked at, yes.
    seen: BTreeMap<*const Value, bool>,
}

impl<'a> Walk<'a> {
    /// Adds the classes at `node` and below; whether there is any.
    fn collect(&mut self, node: &'a Value) -> bool {
        if let Some(classed) = self.seen.insert(node, true) {
            self.seen.insert(node, classed);
            return classed;
        }
        let all = same(self.root, node, &BRANCHES);
        let own: Vec<&str> = all.iter().flat_map(|node| written(node)).collect();
        self.found.known.extend(own.iter().map(|class| (*class).to_owned()));
        let mut any = !own.is_empty();
        for child in all.iter().flat_map(|node| children(node)) {
            let classed = self.collect(child);
            // What has no class of its own has that of the whole.
            self.found.unclassed |= !classed && own.is_empty();
            any |= classed;
        }
        let has_names = all.iter().any(|node| node.get("properties").is_some());
        let is_closed =
            all.iter().any(|node| node.get("additionalProperties").is_some_and(|more| *more != true));
        let is_open = has_names && !is_closed || all.iter().any(|node| says_more(node));
        self.found.unclassed |= is_open && own.is_empty();
        self.seen.insert(node, any);
        any
    }
}

/// The schemas of what stands in a value.
fn children(node: &Value) -> impl Iterator<Item = &Value> {
    let properties = node.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let items = node.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
    properties.chain(node.get("items")).chain(items).chain(others(node))
}

/// The classes that are written at a node.
pub(crate) fn written(node: &Value) -> Vec<&str> {
    match node.get("x-class") {
        Some(Value::String(class)) => vec![class],
        Some(Value::Array(classes)) => classes.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object", "additionalProperties": false, "anyOf": [{"required": ["uprn"]}],
            "properties": {
                "uprn": {"type": "integer", "x-class": "none"},
                "name": {"type": "string", "x-class": ["P", "C"]},
                "bare": {"type": "string"},
                "maybe": {"oneOf": [{"type": "string", "x-class": "S"}, {"type": "null"}]},
                "address": {"$ref": "#/$defs/address"},
                "people": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                    "properties": {"age": {"type": "integer", "x-class": "P"}, "note": {"type": "string"}}}},
                "whole": {"type": "object", "x-class": "P", "properties": {"part": {"type": "string"}}},
                "open": {"type": "object", "properties": {"a": {"type": "string", "x-class": "none"}}},
                "map": {"type": "object", "additionalProperties": {"type": "string", "x-class": "B"}},
                "loop": {"allOf": [{"$ref": "#/properties/loop"}, {"$ref": "#/properties/loop"}]},
                "tree": {"$ref": "#/$defs/tree"},
            },
            "$defs": {"address": {"type": "object", "additionalProperties": false, "properties": {
                "line1": {"type": "string", "x-class": "P"}, "town": {"type": "string", "x-class": "none"},
            }}, "tree": {"type": "object", "additionalProperties": false, "properties": {
                "left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"},
                "name": {"type": "string", "x-class": "P"},
            }}},
        })
    }

    #[test]
    fn a_field_has_the_classes_of_everything_below_it() {
        let check = |path: &str, known: &[&str], unclassed: bool| {
            let known = known.iter().map(|class| (*class).to_owned()).collect();
            assert_eq!(at(&schema(), path), Some(Classes { known, unclassed }), "{path}");
        };
        check("uprn", &["none"], false);
        check("name", &["C", "P"], false);
        check("bare", &[], true);
        check("maybe", &["S"], false);
        check("address", &["P", "none"], false);
        check("address.town", &["none"], false);
        check("people", &["P"], true);
        check("whole", &["P"], false);
        check("open", &["none"], true);
        check("open.b", &[], true);
        check("map", &["B"], false);
        check("map.any", &["B"], false);
        check("loop", &[], true);
        check("tree", &["P"], false);
        check("tree.left.right.name", &["P"], false);
    }

    #[test]
    fn what_is_not_looked_at_and_what_only_one_branch_closes_has_no_class() {
        let check = |schema: Value, path: &str| {
            assert!(at(&schema, path).is_some_and(|classes| classes.unclassed), "{schema} {path}");
        };
        let pattern =
            json!({"patternProperties": {"^name": {"x-class": "S"}}, "additionalProperties": false});
        check(pattern.clone(), "name");
        check(json!({"properties": {"who": pattern}, "additionalProperties": false}), "who");
        check(json!({"then": {"properties": {"a": {"x-class": "S"}}}, "additionalProperties": false}), "a");
        let closed = json!({"properties": {"b": {"x-class": "none"}}, "additionalProperties": false});
        check(json!({"anyOf": [closed, {"type": "object"}]}), "a");
        assert_eq!(at(&json!({"allOf": [closed]}), "a"), None);
    }

    #[test]
    fn where_nothing_can_stand_there_is_no_class() {
        assert_eq!(at(&schema(), "nowhere"), None);
        assert_eq!(at(&schema(), "address.line9"), None);
        assert_eq!(at(&json!({"type": "object"}), "a").map(|classes| classes.unclassed), Some(true));
    }
}

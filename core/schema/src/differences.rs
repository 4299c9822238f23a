//! Where two schemas of the same thing differ: by the fields that data may have, whatever is written by reference. Pure; what is
//! there for people (`title`, `description`) makes no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;

use serde_json::Value;

use crate::classes::{BRANCHES, others, same};

/// Keywords that lead to other nodes, or say nothing of data.
const NO_RULES: [&str; 16] = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "$comment",
    "title",
    "description",
    "examples",
    "x-source",
    "properties",
    "items",
    "prefixItems",
    "required",
    "allOf",
    "anyOf",
    "oneOf",
];
/// What branches say together beyond what each says of a field.
const TOGETHER: [&str; 2] = ["anyOf", "oneOf"];
/// Deepest field that is looked at; a schema that refers to itself has no end.
const MAX_DEPTH: usize = 24;

/// How a field differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// Its dotted path, `[]` for the items of a list; empty for the whole.
    pub path: String,
    /// How.
    pub how: Differs,
}

/// How a field differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Differs {
    /// The new schema has it, and the old one has not.
    New,
    /// The old schema has it, and the new one has not.
    Gone,
    /// These rules are others, by their keywords.
    Rules(Vec<String>),
}

/// What the schema says of one field, by keyword: what each node about it says.
type Rules = BTreeMap<String, BTreeSet<String>>;

/// Every field that differs, in the order of their paths.
pub(crate) fn between(old: &Value, new: &Value) -> Vec<FieldDifference> {
    let (old, new) = (fields(old), fields(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |path: &&String| match (old.get(*path), new.get(*path)) {
        (Some(_), None) => Some(Differs::Gone),
        (None, Some(_)) => Some(Differs::New),
        (Some(old), Some(new)) => {
            let rules: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let others = rules.into_iter().filter(|rule| old.get(*rule) != new.get(*rule));
            let others: Vec<String> = others.cloned().collect();
            (!others.is_empty()).then_some(Differs::Rules(others))
        }
        (None, None) => None,
    };
    let all = paths.into_iter().filter_map(|path| Some((path.clone(), differs(&path)?)));
    all.map(|(path, how)| FieldDifference { path, how }).collect()
}

fn fields(schema: &Value) -> BTreeMap<String, Rules> {
    let mut found = BTreeMap::new();
    Walk { root: schema, around: Vec::new(), found: &mut found }.at("", &[schema], false);
    found
}

struct Walk<'s, 'f> {
    root: &'s Value,
    /// The nodes on the way down: one that stands in itself is looked at once.
    around: Vec<&'s Value>,
    found: &'f mut BTreeMap<String, Rules>,
}

impl<'s> Walk<'s, '_> {
    fn at(&mut self, path: &str, nodes: &[&'s Value], required: bool) {
        let all: Vec<&Value> = nodes.iter().flat_map(|node| same(self.root, node, &BRANCHES)).collect();
        let mut rules = Rules::new();
        for node in &all {
            for (rule, says) in node.as_object().into_iter().flatten() {
                if !NO_RULES.contains(&rule.as_str()) {
                    rules.entry(rule.clone()).or_default().insert(says.to_string());
                }
                if TOGETHER.contains(&rule.as_str()) {
                    rules.entry(rule.clone()).or_default().insert(bare(says).to_string());
                }
            }
        }
        if required {
            rules.entry("required".to_owned()).or_default();
        }
        self.found.insert(path.to_owned(), rules);
        let looped = nodes.iter().all(|node| self.around.iter().any(|known| ptr::eq(*known, *node)));
        if nodes.is_empty() || looped || self.around.len() > MAX_DEPTH {
            return;
        }
        let depth = self.around.len();
        self.around.extend(nodes);
        self.below(path, &all);
        self.around.truncate(depth);
    }

    fn below(&mut self, path: &str, all: &[&'s Value]) {
        let names: BTreeSet<&String> = all
            .iter()
            .filter_map(|node| node.get("properties")?.as_object())
            .flat_map(|properties| properties.keys())
            .collect();
        for name in names {
            let nodes: Vec<&Value> =
                all.iter().filter_map(|node| node.get("properties")?.get(name)).collect();
            let asks = |node: &&&Value| {
                let required = node.get("required").and_then(Value::as_array);
                required.is_some_and(|names| names.iter().any(|one| one == name.as_str()))
            };
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.at(&below, &nodes, all.iter().any(|node| asks(&node)));
        }
        let items = |node: &&'s Value| node.get("items").into_iter().chain(placed(node)).collect::<Vec<_>>();
        let items: Vec<&Value> = all.iter().flat_map(items).filter(|items| items.is_object()).collect();
        if !items.is_empty() {
            self.at(&format!("{path}[]"), &items, false);
        }
        let others: Vec<&Value> = all.iter().filter_map(|node| others(node)).collect();
        if !others.is_empty() {
            self.at(&format!("{path}.*"), &others, false);
        }
    }
}

fn placed(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("prefixItems").and_then(Value::as_array).into_iter().flatten()
}

/// A schema without what is there for people.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !["title", "description"].contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), bare(value))).collect()
        }
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn old() -> Value {
        json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
                "name": {"$ref": "#/$defs/name"},
                "uprn": {"type": "integer", "description": "A UPRN."},
                "people": {"type": "array", "items": {"properties": {"age": {"type": "integer"}}}},
                "tree": {"$ref": "#/$defs/tree"},
            },
            "$defs": {
                "name": {"type": "object", "properties": {"given": {"type": "string"}, "family": {"type": "string"}}},
                "tree": {"properties": {"left": {"$ref": "#/$defs/tree"}, "leaf": {"type": "string"}}},
            },
        })
    }

    fn check(change: impl Fn(&mut Value), expected: &[(&str, Differs)]) {
        let mut new = old();
        change(&mut new);
        let found = between(&old(), &new);
        let found: Vec<(&str, Differs)> =
            found.iter().map(|one| (one.path.as_str(), one.how.clone())).collect();
        assert_eq!(found, expected);
    }

    fn rules(rules: &[&str]) -> Differs {
        Differs::Rules(rules.iter().map(|rule| (*rule).to_owned()).collect())
    }

    #[test]
    fn each_field_that_is_new_or_gone_or_has_other_rules_is_told_by_its_path() {
        check(|_| {}, &[]);
        check(|new| new["properties"]["uprn"]["description"] = json!("Other words."), &[]);
        check(|new| new["properties"]["uprn"] = json!({"type": "string"}), &[("uprn", rules(&["type"]))]);
        check(|new| new["required"] = json!(["name", "uprn"]), &[("uprn", rules(&["required"]))]);
        check(|new| new["properties"]["usrn"] = json!({}), &[("usrn", Differs::New)]);
        check(
            |new| new["$defs"]["name"]["properties"] = json!({"given": {"type": "string", "maxLength": 3}}),
            &[("name.family", Differs::Gone), ("name.given", rules(&["maxLength"]))],
        );
        check(
            |new| new["properties"]["people"]["items"]["properties"]["age"]["minimum"] = json!(1),
            &[("people[].age", rules(&["minimum"]))],
        );
        check(
            |new| new["anyOf"] = json!([{"required": ["uprn"]}, {"required": ["people"]}]),
            &[("", rules(&["anyOf"])), ("people", rules(&["required"])), ("uprn", rules(&["required"]))],
        );
    }

    #[test]
    fn the_same_written_by_reference_and_in_place_is_no_difference_and_a_schema_without_an_end_has_one() {
        check(
            |new| {
                let name = new["$defs"]["name"].clone();
                new["properties"]["name"] = name;
            },
            &[],
        );
        let mut new = old();
        new["$defs"]["tree"]["properties"]["leaf"] = json!({"type": "integer"});
        let found = between(&old(), &new);
        assert!(found.iter().any(|one| one.path == "tree.leaf") && found.len() < 5, "{found:?}");
    }
}

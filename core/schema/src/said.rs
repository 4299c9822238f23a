//! What a schema says of each value that stands in data: its classes, and what it may be. Pure; whatever branch of the schema may
//! be about a value counts.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::classes::{BRANCHES, others, same, says_more, written};

/// What a schema says of one value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Its classes (`x-class`), or those of what it stands in.
    pub classes: BTreeSet<String>,
    /// Whether something may say more of it that is not looked at here, or nothing says its class.
    pub unclassed: bool,
    /// Whether it is one of the values that the schema lists (`enum`, `const`).
    pub listed: bool,
    /// The least whole number that it may be, and the greatest.
    pub range: [Option<i64>; 2],
}

/// What is known at one place.
#[derive(Clone, Copy)]
struct Here<'s> {
    root: &'s Value,
    /// The classes of what it stands in.
    around: &'s BTreeSet<String>,
    unsure: bool,
}

/// Hands each value of `data` that is neither a list nor an object to `visit`, with its JSON pointer.
pub(crate) fn each(schema: &Value, data: &mut Value, visit: &mut dyn FnMut(&str, &Said, &mut Value)) {
    let here = Here { root: schema, around: &BTreeSet::new(), unsure: false };
    walk(here, &[schema], ("", data), visit);
}

fn walk(
    here: Here<'_>,
    nodes: &[&Value],
    (at, data): (&str, &mut Value),
    visit: &mut dyn FnMut(&str, &Said, &mut Value),
) {
    let all: Vec<&Value> = nodes.iter().flat_map(|node| same(here.root, node, &BRANCHES)).collect();
    let own: BTreeSet<String> = all.iter().flat_map(|node| written(node)).map(str::to_owned).collect();
    let classes = if own.is_empty() { here.around } else { &own };
    let inside =
        Here { around: classes, unsure: here.unsure || all.iter().any(|node| says_more(node)), ..here };
    match data {
        Value::Object(members) => {
            for (name, member) in members {
                let mut below: Vec<&Value> =
                    all.iter().filter_map(|node| node.get("properties")?.get(name)).collect();
                if below.is_empty() {
                    below = all.iter().filter_map(|node| others(node)).collect();
                }
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                walk(inside, &below, (&at, member), visit);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter_mut().enumerate() {
                let below: Vec<&Value> = all.iter().filter_map(|node| of_item(node, number)).collect();
                walk(inside, &below, (&format!("{at}/{number}"), item), visit);
            }
        }
        value => {
            let said = Said {
                unclassed: inside.unsure || classes.is_empty(),
                classes: classes.clone(),
                listed: all.iter().any(|node| lists(node, value)),
                range: range(&all),
            };
            visit(at, &said, value);
        }
    }
}

/// The schema of the item of that number.
fn of_item(node: &Value, number: usize) -> Option<&Value> {
    node.get("prefixItems").and_then(|items| items.get(number)).or_else(|| node.get("items"))
}

fn lists(node: &Value, value: &Value) -> bool {
    let among = node.get("enum").and_then(Value::as_array).is_some_and(|among| among.contains(value));
    among || node.get("const") == Some(value)
}

fn range(nodes: &[&Value]) -> [Option<i64>; 2] {
    let limits = |name: &'static str| nodes.iter().filter_map(move |node| node.get(name)?.as_i64());
    [limits("minimum").max(), limits("maximum").min()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Class, whether it has none, whether it is listed.
    fn said(schema: &Value, mut data: Value) -> Vec<(String, String, bool, bool)> {
        let mut found = Vec::new();
        each(schema, &mut data, &mut |at, said, _| {
            let classes = said.classes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            found.push((at.to_owned(), classes, said.unclassed, said.listed));
        });
        found
    }

    #[test]
    fn each_value_has_the_classes_of_its_field_or_of_what_it_stands_in() {
        let schema = json!({
            "properties": {
                "name": {"$ref": "#/$defs/name"},
                "list": {"items": {"properties": {"uprn": {"x-class": "none"}}}},
                "kind": {"x-class": "P", "enum": ["a", "b"]},
                "maybe": {"oneOf": [{"x-class": "none"}, {"x-class": ["P", "S"]}]},
                "whole": {"x-class": "P", "properties": {"part": {}}},
                "map": {"additionalProperties": {"x-class": "B"}},
                "bare": {},
                "more": {"x-class": "none", "patternProperties": {"^a": {"x-class": "S"}}},
            },
            "$defs": {"name": {"properties": {"given": {"x-class": "P"}}}},
        });
        let data = json!({
            "name": {"given": "Ada"}, "list": [{"uprn": 1}], "kind": "a", "maybe": 1, "whole": {"part": 1},
            "map": {"x": 1}, "bare": 1, "more": {"a": 1}, "unknown": 1,
        });
        let check = |at: &str, classes: &str, unclassed: bool, listed: bool| {
            let expected = (at.to_owned(), classes.to_owned(), unclassed, listed);
            assert!(said(&schema, data.clone()).contains(&expected), "{expected:?}");
        };
        check("/name/given", "P", false, false);
        check("/list/0/uprn", "none", false, false);
        check("/kind", "P", false, true);
        check("/maybe", "P S none", false, false);
        check("/whole/part", "P", false, false);
        check("/map/x", "B", false, false);
        check("/bare", "", true, false);
        check("/more/a", "none", true, false);
        check("/unknown", "", true, false);
    }

    #[test]
    fn a_value_that_is_none_of_the_listed_ones_is_not_listed_and_a_range_is_the_narrowest() {
        let schema = json!({"properties": {
            "a": {"anyOf": [{"const": "x"}, {"type": "string"}]},
            "n": {"allOf": [{"minimum": 1, "maximum": 9}, {"minimum": 3}]},
        }});
        assert!(said(&schema, json!({"a": "x"}))[0].3 && !said(&schema, json!({"a": "y"}))[0].3);
        let mut ranges = Vec::new();
        each(&schema, &mut json!({"n": 5}), &mut |_, said, _| ranges.push(said.range));
        assert_eq!(ranges, [[Some(3), Some(9)]]);
    }
}

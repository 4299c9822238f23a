//! The fields that a schema describes, one by one, down to the last. Pure; knows no class and no purpose.

use serde_json::Value;

/// How deep fields are told: a schema that refers to itself has no last one.
const MAX_DEPTH: usize = 12;
/// How many references are followed one after another.
const MAX_HOPS: usize = 32;

/// Whether a field is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// It is always there.
    Always,
    /// It is always there where what is around it is.
    WithItsObject,
    /// It may be absent.
    Maybe,
}

/// A field that a schema describes.
#[derive(Debug, Clone)]
pub struct Field<'s> {
    /// Where it stands: `to_address.town`; `[]` is any item of a list.
    pub path: String,
    /// Whether it is there.
    pub presence: Presence,
    /// What its own schema says, references followed.
    pub schema: &'s Value,
}

/// Every field of the schema, each object and list before what is in it.
pub fn fields(schema: &Value) -> Vec<Field<'_>> {
    let mut walk = Walk { root: schema, found: Vec::new() };
    walk.inside(schema, "", Presence::Always, 0);
    walk.found
}

/// What a part of the schema `root` says, its references followed; the part itself where one leads out of the file.
pub fn followed<'s>(root: &'s Value, part: &'s Value) -> &'s Value {
    let mut here = part;
    for _ in 0..MAX_HOPS {
        let target = here.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => here = next,
            None => return here,
        }
    }
    here
}

struct Walk<'s> {
    root: &'s Value,
    found: Vec<Field<'s>>,
}

impl<'s> Walk<'s> {
    /// The fields in what stands at `path`, of which `presence` tells whether it is there.
    fn inside(&mut self, schema: &'s Value, path: &str, presence: Presence, depth: usize) {
        let schema = followed(self.root, schema);
        if depth == MAX_DEPTH {
            return;
        }
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let presence = match (required.contains(&name.as_str()), presence) {
                (true, Presence::Always) => Presence::Always,
                (true, _) => Presence::WithItsObject,
                (false, _) => Presence::Maybe,
            };
            self.field(field, &below, presence, depth);
        }
        if let Some(items) = schema.get("items") {
            self.inside(items, &format!("{path}[]"), Presence::WithItsObject, depth + 1);
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            let presence = if key == "allOf" { presence } else { Presence::Maybe };
            for branch in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
                self.inside(branch, path, presence, depth + 1);
            }
        }
    }

    /// A field, once however many branches tell it.
    fn field(&mut self, schema: &'s Value, path: &str, presence: Presence, depth: usize) {
        if self.found.iter().any(|known| known.path == path) {
            return;
        }
        self.found.push(Field { path: path.to_owned(), presence, schema: followed(self.root, schema) });
        self.inside(schema, path, presence, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, expected: &[(&str, Presence)]) {
        let found = fields(schema);
        let found: Vec<_> = found.iter().map(|field| (field.path.as_str(), field.presence)).collect();
        assert_eq!(found, expected, "{schema}");
    }

    #[test]
    fn each_field_is_told_once_with_whether_it_is_there() {
        let text = json!({"type": "string"});
        let schema = json!({
            "required": ["a", "o", "list"],
            "properties": {
                "a": text, "o": {"$ref": "#/$defs/o"}, "p": {"$ref": "#/$defs/o"},
                "list": {"items": {"required": ["x"], "properties": {"x": text}}},
            },
            "anyOf": [{"required": ["a"], "properties": {"a": text, "z": text}}],
            "$defs": {"o": {"required": ["b"], "properties": {"b": text, "c": text}}},
        });
        let expected = [
            ("a", Presence::Always),
            ("list", Presence::Always),
            ("list[].x", Presence::WithItsObject),
            ("o", Presence::Always),
            ("o.b", Presence::Always),
            ("o.c", Presence::Maybe),
            ("p", Presence::Maybe),
            ("p.b", Presence::WithItsObject),
            ("p.c", Presence::Maybe),
            ("z", Presence::Maybe),
        ];
        check(&schema, &expected);
    }

    #[test]
    fn a_schema_that_refers_to_itself_has_an_end() {
        let schema = json!({"properties": {"again": {"$ref": "#"}}});
        assert_eq!(fields(&schema).len(), MAX_DEPTH);
        assert_eq!(followed(&json!({"$ref": "#"}), &json!({"$ref": "#"})), &json!({"$ref": "#"}));
    }
}

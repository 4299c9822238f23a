//! The first mapping: an object literal with everything that a schema requires, each field from one of the same name and type
//! where there is one that is always there, else a literal of the right type, marked for the analyst. What it makes fits the
//! schema by its types; values that only look right are never taken for right.

use std::collections::BTreeSet;
use std::fmt::Write;

use postroom_schema::{Field, Presence, fields, followed};
use serde_json::Value;

use super::literal::{Literals, MAX_DEPTH, form, least, literal, required, text_of, type_of};
use super::{DECIDE, quoted};

/// What a mapping may read.
pub(super) struct Given<'s> {
    fields: Vec<Field<'s>>,
    /// What is to be decided where nothing of it will do.
    lacks: &'static str,
}

/// The object literal, and how many places the analyst has to decide.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) text: String,
    pub(super) decisions: usize,
}

impl<'s> Given<'s> {
    /// What has this schema: the data of an event, or a record.
    pub(super) fn data(schema: &'s Value) -> Self {
        Self { fields: fields(schema), lacks: "nothing of this name and type is there" }
    }

    /// Nothing: every field is a literal.
    pub(super) fn nothing() -> Self {
        Self { fields: Vec::new(), lacks: "where does it come from?" }
    }

    /// What `wanted` requires.
    pub(super) fn fill(&self, wanted: &Value, indent: usize) -> Filled {
        let mut filling = Filling { given: self, root: wanted, decisions: 0 };
        let whole = form(wanted, followed(wanted, wanted));
        let text = match type_of(whole) {
            None | Some("object") => filling.object(whole, "", indent, 0),
            Some(_) => Literals { root: wanted }.of(whole, 0),
        };
        Filled { text, decisions: filling.decisions }
    }

    /// The names that `wanted` may hold and need not, and the data has.
    pub(super) fn also(&self, wanted: &Value) -> Vec<String> {
        let same = |field: &Field<'_>| {
            field.presence == Presence::Maybe
                && !field.path.contains('.')
                && self.fields.iter().any(|own| own.path == field.path && fits(own.schema, field.schema))
        };
        fields(wanted).into_iter().filter(same).map(|field| field.path).collect()
    }

    /// The field at exactly that place.
    fn at(&self, path: &str, wanted: &Value) -> Option<&Field<'s>> {
        self.fields.iter().find(|field| field.path == path && fits(field.schema, wanted))
    }

    /// The fields of that last name anywhere but in lists.
    fn named(&self, path: &str, wanted: &Value) -> Vec<&Field<'s>> {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let named = |field: &&Field<'_>| {
            !field.path.contains("[]") && last(&field.path) == last(path) && fits(field.schema, wanted)
        };
        self.fields.iter().filter(named).collect()
    }
}

/// Whether every value of one schema has the type that the other takes, and is one that it lists where it lists any.
fn fits(own: &Value, wanted: &Value) -> bool {
    let same = match (type_of(own), type_of(wanted)) {
        (Some(own), Some(wanted)) => own == wanted || (own == "integer" && wanted == "number"),
        _ => false,
    };
    let list = |schema: &Value| -> Option<BTreeSet<String>> {
        let values = schema.get("enum").and_then(Value::as_array).cloned();
        let values = values.or_else(|| schema.get("const").map(|only| vec![only.clone()]));
        values.map(|values| values.iter().map(Value::to_string).collect())
    };
    let listed = match (list(own), list(wanted)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(wanted)) => own.is_subset(&wanted),
    };
    same && listed && type_of(own) != Some("object") && type_of(own) != Some("array")
}

/// A literal on its way.
struct Filling<'a, 's> {
    given: &'a Given<'s>,
    root: &'a Value,
    decisions: usize,
}

impl<'a> Filling<'a, '_> {
    fn object(&mut self, schema: &'a Value, path: &str, indent: usize, depth: usize) -> String {
        let schema = form(self.root, schema);
        let required = required(schema);
        if required.is_empty() {
            return "{}".to_owned();
        }
        let (pad, mut lines) = (" ".repeat(indent + 2), Vec::new());
        for name in &required {
            let below = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
            let field = schema
                .get("properties")
                .and_then(|all| all.get(*name))
                .map(|field| followed(self.root, field));
            let (value, note) = match field {
                Some(field) => self.value(field, &below, indent + 2, depth + 1),
                None => ("null".to_owned(), self.decide("the schema does not say what stands here")),
            };
            lines.push((format!("{pad}{}: {value}", quoted(name)), note));
        }
        let last = lines.len() - 1;
        let mut text = "{\n".to_owned();
        for (at, (line, note)) in lines.into_iter().enumerate() {
            let comma = if at == last { "" } else { "," };
            let note = note.map(|note| format!(" # {note}")).unwrap_or_default();
            let _infallible = writeln!(text, "{line}{comma}{note}");
        }
        text + &" ".repeat(indent) + "}"
    }

    /// A value, and what is to be decided of it.
    fn value(
        &mut self,
        schema: &'a Value,
        path: &str,
        indent: usize,
        depth: usize,
    ) -> (String, Option<String>) {
        if let Some(only) = schema.get("const") {
            return (literal(only), None);
        }
        if let Some(field) = self.given.at(path, schema) {
            let read = path_of(&field.path);
            if field.presence == Presence::Always {
                return (read, None);
            }
            if let Some(or_else) = otherwise(&read, schema) {
                return (or_else, self.decide("it may be absent"));
            }
        }
        if type_of(schema) == Some("object") && depth < MAX_DEPTH {
            return (self.object(schema, path, indent, depth), None);
        }
        let named = self.given.named(path, schema);
        match named.as_slice() {
            [only] if only.presence == Presence::Always => {
                (path_of(&only.path), self.decide("is this the one that is meant?"))
            }
            [] => (Literals { root: self.root }.of(schema, depth), self.decide(self.given.lacks)),
            several => {
                let paths: Vec<String> = several.iter().map(|field| path_of(&field.path)).collect();
                (
                    Literals { root: self.root }.of(schema, depth),
                    self.decide(&format!("{}?", paths.join(" or "))),
                )
            }
        }
    }

    fn decide(&mut self, words: &str) -> Option<String> {
        self.decisions += 1;
        Some(format!("{DECIDE}: {words}"))
    }
}

/// Reads what may be absent, with a literal instead; nothing where no function tells the type.
fn otherwise(read: &str, schema: &Value) -> Option<String> {
    let (function, instead) = match type_of(schema)? {
        "string" => ("string", quoted(&text_of(schema))),
        "integer" => ("int", least(schema).to_string()),
        "boolean" => ("bool", "false".to_owned()),
        _ => return None,
    };
    let instead = schema.get("enum").and_then(|all| all.get(0)).map_or(instead, literal);
    Some(format!("{function}({read}) ?? {instead}"))
}

/// A path as VRL reads it.
pub(super) fn path_of(path: &str) -> String {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    path.split('.')
        .map(|name| if plain(name) { format!(".{name}") } else { format!(".{}", quoted(name)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use postroom_transform::{Context, Mapping, Shape};
    use serde_json::json;

    use super::*;

    fn check(event: &Value, message: &Value, expected: &str, decisions: usize) {
        let filled = Given::data(event).fill(message, 0);
        assert_eq!((filled.text.as_str(), filled.decisions), (expected, decisions));
        let mapping = Mapping::compile(&filled.text, &Shape::of_schema(event), Context::Route);
        assert_eq!(mapping.expect("it compiles").fit(message).misfits, []);
    }

    fn object(required: &[&str], properties: &Value) -> Value {
        json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
    }

    #[test]
    fn a_field_of_the_same_name_and_type_is_taken_and_everything_else_is_marked() {
        let text = json!({"type": "string"});
        let event = object(
            &["reference", "address", "count"],
            &json!({
                "reference": text, "count": {"type": "integer"}, "maybe": text,
                "address": object(&["town"], &json!({"town": text, "postcode": text})),
            }),
        );
        let message = object(
            &["count", "kind", "maybe", "reference", "town", "when", "address"],
            &json!({
                "reference": text, "count": text, "maybe": text, "kind": {"const": "X"}, "town": text,
                "when": {"type": "string", "format": "date"},
                "address": object(&["town"], &json!({"town": text})),
            }),
        );
        let expected = r#"{
  "address": {
    "town": .address.town
  },
  "count": "decide", # decide: nothing of this name and type is there
  "kind": "X",
  "maybe": string(.maybe) ?? "decide", # decide: it may be absent
  "reference": .reference,
  "town": .address.town, # decide: is this the one that is meant?
  "when": "2000-01-01" # decide: nothing of this name and type is there
}"#;
        check(&event, &message, expected, 4);
    }

    #[test]
    fn a_literal_has_the_type_and_the_bounds_of_its_schema() {
        let message = object(
            &["a", "b", "c", "d", "e", "f", "g"],
            &json!({
                "a": {"type": "integer", "minimum": 3}, "b": {"type": "number"}, "c": {"enum": ["x", "y"], "type": "string"},
                "d": {"type": "array", "minItems": 1, "items": object(&["n"], &json!({"n": {"type": "boolean"}}))},
                "e": {"type": ["null", "string"], "maxLength": 3}, "f": {"type": "array", "items": {"type": "string"}},
                "g": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            }),
        );
        let filled = Given::nothing().fill(&message, 0).text;
        for line in [
            "\"a\": 3,",
            "\"b\": 0.0,",
            "\"c\": \"x\",",
            "\"d\": [{ \"n\": false }],",
            "\"e\": \"dec\",",
            "\"f\": [],",
            "\"g\": 0 ",
        ] {
            assert!(filled.contains(line), "{line} is not in {filled}");
        }
        let mapping = Mapping::compile(&filled, &Shape::any(), Context::Route);
        assert_eq!(mapping.expect("it compiles").fit(&message).misfits, []);
    }

    #[test]
    fn of_a_message_of_several_forms_the_first_is_filled() {
        let event = object(
            &["reference", "when"],
            &json!({"reference": {"type": "string"}, "when": {"type": "string"}}),
        );
        let closed =
            object(&["kind", "when"], &json!({"kind": {"const": "closed"}, "when": {"type": "string"}}));
        let open = object(
            &["kind", "reference"],
            &json!({"kind": {"const": "open"}, "reference": {"type": "string"}}),
        );
        let expected = "{\n  \"kind\": \"closed\",\n  \"when\": .when\n}";
        for key in ["oneOf", "anyOf"] {
            check(&event, &json!({key: [closed, open]}), expected, 0);
            check(&event, &json!({"type": "object", key: [closed, open]}), expected, 0);
            let referred =
                json!({key: [{"$ref": "#/$defs/closed"}, open], "$defs": {"closed": {"oneOf": [closed]}}});
            check(&event, &referred, expected, 0);
            let inside = object(&["form"], &json!({"form": {"type": "object", key: [closed, open]}}));
            let noted = " # decide: nothing of this name and type is there";
            let expected = "{\n  \"form\": {\n    \"kind\": \"closed\",\n    \"when\": .when # decide: is this the one that is meant?\n  }\n}";
            check(&event, &inside, expected, 1);
            let list = object(
                &["all"],
                &json!({"all": {"type": "array", "minItems": 1, "items": {"type": "object", key: [closed]}}}),
            );
            let item = r#"[{ "kind": "closed", "when": "decide" }]"#;
            check(&event, &list, &format!("{{\n  \"all\": {item}{noted}\n}}"), 1);
        }
        check(&event, &json!({"oneOf": [{"type": "array", "items": {"type": "string"}}, open]}), "[]", 0);
    }

    #[test]
    fn a_text_that_would_be_a_template_and_a_name_that_is_no_word_are_written_so_that_they_mean_themselves() {
        let event = object(&["odd-name"], &json!({"odd-name": {"type": "string"}}));
        let message = object(
            &["odd-name", "t"],
            &json!({"odd-name": {"type": "string"}, "t": {"type": "string", "const": "a {{b}} \"c\""}}),
        );
        check(
            &event,
            &message,
            "{\n  \"odd-name\": .\"odd-name\",\n  \"t\": \"a {\" + \"{b}} \\\"c\\\"\"\n}",
            0,
        );
    }

    #[test]
    fn what_may_be_there_as_well_is_told_by_its_name() {
        let text = json!({"type": "string"});
        let event = object(&[], &json!({"a": text, "b": text, "n": {"type": "integer"}}));
        let message = object(&["a"], &json!({"a": text, "b": text, "n": text}));
        assert_eq!(Given::data(&event).also(&message), ["b"]);
    }
}

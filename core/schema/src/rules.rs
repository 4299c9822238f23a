//! What the house asks of the schema of an event type, beyond being a schema: closed, described, classed.

use serde_json::Value;

use crate::CLASSES;

/// Where a schema falls short: JSON pointer and words.
pub(crate) fn shortcomings(schema: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    object(schema, "", &mut found);
    for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        node(definition, &format!("/$defs/{name}"), &mut found);
    }
    found
}

fn node(schema: &Value, at: &str, found: &mut Vec<(String, String)>) {
    if schema.get("$ref").is_some() {
        return;
    }
    for key in ["oneOf", "anyOf"] {
        let Some(branches) = schema.get(key).and_then(Value::as_array) else { continue };
        for (number, branch) in branches.iter().enumerate() {
            node(branch, &format!("{at}/{key}/{number}"), found);
        }
        return;
    }
    if is(schema, "object") {
        return object(schema, at, found);
    }
    if !is(schema, "array") {
        return leaf(schema, at, found);
    }
    match schema.get("items") {
        Some(items) => node(items, &format!("{at}/items"), found),
        None => found.push((at.to_owned(), "a list says what its items are (`items`)".to_owned())),
    }
}

/// Whether a value of that type may stand here, alone or among others.
fn is(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        _ => false,
    }
}

fn object(schema: &Value, at: &str, found: &mut Vec<(String, String)>) {
    if !is(schema, "object") {
        found.push((at.to_owned(), "`type` is `object`".to_owned()));
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        found.push((at.to_owned(), "the object is closed (`additionalProperties: false`)".to_owned()));
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{at}/properties/{name}");
        if field.get("description").is_none() && field.get("$ref").is_none() {
            found.push((at.clone(), "every field has a `description`".to_owned()));
        }
        node(field, &at, found);
    }
}

fn leaf(schema: &Value, at: &str, found: &mut Vec<(String, String)>) {
    let classes: Vec<&str> = match schema.get("x-class") {
        Some(Value::String(class)) => vec![class],
        Some(Value::Array(classes)) => classes.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if classes.is_empty() || classes.iter().any(|class| !CLASSES.contains(class)) {
        found.push((at.to_owned(), format!("`x-class` is one of {}, or a list of them", CLASSES.join(", "))));
    }
}

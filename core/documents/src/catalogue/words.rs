//! What a schema says of a field, in words: its type with its rules, and its classes.

use serde_json::Value;

use crate::html::{code, escaped};
use crate::who::said;

/// The names of types, and how people call a value of each.
const TYPES: [(&str, &str); 7] = [
    ("string", "text"),
    ("integer", "whole number"),
    ("number", "number"),
    ("boolean", "true or false"),
    ("array", "list"),
    ("object", "object"),
    ("null", "nothing"),
];
/// Rules on the size of a value: the least and the most, and what is counted.
const SIZES: [(&str, &str, &str); 3] = [
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minimum", "maximum", ""),
];

/// The type and its rules, as markup.
pub(super) fn of_type(schema: &Value) -> String {
    let mut words = escaped(&types(schema));
    if let Some(format) = said(schema, "format") {
        words = format!("{words} ({})", escaped(format));
    }
    let rules: Vec<String> = allowed(schema)
        .into_iter()
        .chain(SIZES.iter().filter_map(|size| sized(schema, *size)))
        .chain(said(schema, "pattern").map(|pattern| format!("as {}", code(pattern))))
        .collect();
    if rules.is_empty() { words } else { format!("{words}<br><small>{}</small>", rules.join("; ")) }
}

fn types(schema: &Value) -> String {
    let names: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("const").or_else(|| schema.get("enum")).is_some() => return "code".to_owned(),
        _ => return "any value".to_owned(),
    };
    let word = |name| TYPES.iter().find(|(known, _)| *known == name).map_or(name, |(_, word)| *word);
    names.into_iter().map(word).collect::<Vec<_>>().join(" or ")
}

/// The values that a schema lists.
fn allowed(schema: &Value) -> Option<String> {
    let shown =
        |value: &Value| code(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str());
    if let Some(only) = schema.get("const") {
        return Some(format!("always {}", shown(only)));
    }
    let values = schema.get("enum")?.as_array()?;
    Some(format!("one of {}", values.iter().map(shown).collect::<Vec<_>>().join(", ")))
}

fn sized(schema: &Value, (least, most, what): (&str, &str, &str)) -> Option<String> {
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{what}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{what}")),
        (Some(least), None) => Some(format!("at least {least}{what}")),
        (None, Some(most)) => Some(format!("at most {most}{what}")),
        (None, None) => None,
    }
}

/// The classes of a field; nothing for what only holds other fields.
pub(super) fn classes(schema: &Value) -> String {
    match schema.get("x-class") {
        Some(Value::String(class)) => escaped(class),
        Some(Value::Array(classes)) => {
            classes.iter().filter_map(Value::as_str).map(escaped).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_is_told_with_its_rules() {
        let check = |schema: Value, expected: &str| assert_eq!(of_type(&schema), expected, "{schema}");
        check(json!({"type": "string"}), "text");
        check(json!({"type": "string", "format": "date"}), "text (date)");
        check(
            json!({"type": ["integer", "null"], "minimum": 1}),
            "whole number or nothing<br><small>at least 1</small>",
        );
        check(
            json!({"type": "string", "maxLength": 9, "minLength": 9, "pattern": "^<"}),
            "text<br><small>exactly 9 characters; as <code>^&lt;</code></small>",
        );
        check(json!({"enum": ["a", 1]}), "code<br><small>one of <code>a</code>, <code>1</code></small>");
        check(json!({"const": "x"}), "code<br><small>always <code>x</code></small>");
        check(json!(true), "any value");
        assert_eq!(classes(&json!({"x-class": ["P", "C"]})), "P, C");
    }
}

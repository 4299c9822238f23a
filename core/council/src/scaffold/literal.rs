//! Literals that have the type of a schema, for what nothing else fills: what stands there is only of the right kind.

use postroom_schema::followed;
use serde_json::Value;

use super::{DECIDE, quoted};

/// How deep objects are filled.
pub(super) const MAX_DEPTH: usize = 12;
/// The most items of a literal list.
const MAX_ITEMS: usize = 4;
/// Texts that look like their format.
const FORMATS: [(&str, &str); 5] = [
    ("date", "2000-01-01"),
    ("date-time", "2000-01-01T00:00:00Z"),
    ("email", "somebody@council.example"),
    ("uri", "https://council.example"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
];

/// Literals for parts of the schema `root`.
pub(super) struct Literals<'a> {
    pub(super) root: &'a Value,
}

impl<'a> Literals<'a> {
    /// A literal of the schema's type.
    pub(super) fn of(&self, schema: &'a Value, depth: usize) -> String {
        let listed = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first());
        if let Some(one) = schema.get("const").or(listed) {
            return literal(one);
        }
        let name = match schema.get("type") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
            other => other.and_then(Value::as_str),
        };
        match name {
            _ if depth >= MAX_DEPTH => "null".to_owned(),
            Some("string") => quoted(&text_of(schema)),
            Some("integer") => least(schema).to_string(),
            Some("number") => format!("{}.0", least(schema)),
            Some("boolean") => "false".to_owned(),
            Some("array") => self.items(schema, depth),
            Some("object") => self.object(schema, depth),
            _ => self.branch(schema, depth),
        }
    }

    fn items(&self, schema: &'a Value, depth: usize) -> String {
        let least =
            schema.get("minItems").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
        let item = schema.get("items").map(|items| self.of(followed(self.root, items), depth + 1));
        let items = vec![item.unwrap_or_else(|| "null".to_owned()); least.unwrap_or(0).min(MAX_ITEMS)];
        format!("[{}]", items.join(", "))
    }

    fn object(&self, schema: &'a Value, depth: usize) -> String {
        let schema = form(self.root, schema);
        let member = |name: &&str| {
            let field = schema.get("properties").and_then(|all| all.get(*name));
            let value = field.map(|field| self.of(followed(self.root, field), depth + 1));
            format!("{}: {}", quoted(name), value.unwrap_or_else(|| "null".to_owned()))
        };
        let members: Vec<String> = required(schema).iter().map(member).collect();
        if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join(", ")) }
    }

    fn branch(&self, schema: &'a Value, depth: usize) -> String {
        let first = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema.get(*key)?.as_array()?.first());
        first.map_or_else(|| "null".to_owned(), |branch| self.of(followed(self.root, branch), depth + 1))
    }
}

/// The schema itself, or where only alternatives tell its fields the first of them.
pub(super) fn form<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let first = |schema: &&'a Value| {
        let branches = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array());
        let branch = branches.filter(|_| schema.get("properties").is_none())?.first()?;
        Some(followed(root, branch))
    };
    std::iter::successors(Some(schema), first).take(MAX_DEPTH).last().unwrap_or(schema)
}

/// The one type of a schema; nothing where it has several or none.
pub(super) fn type_of(schema: &Value) -> Option<&str> {
    schema.get("type")?.as_str()
}

/// What an object must have: what it requires, and what the first of its alternatives requires.
pub(super) fn required(schema: &Value) -> Vec<&str> {
    let of = |schema: &'_ Value| -> Vec<String> {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut wanted = of(schema);
    for key in ["anyOf", "oneOf"] {
        wanted.extend(
            schema.get(key).and_then(Value::as_array).and_then(|all| all.first()).map(of).unwrap_or_default(),
        );
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let in_order = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
    in_order.filter(|name| wanted.iter().any(|wanted| wanted == name)).collect()
}

/// A text that a schema's lengths and format let be.
pub(super) fn text_of(schema: &Value) -> String {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some((_, text)) = FORMATS.iter().find(|(known, _)| Some(*known) == format) {
        return (*text).to_owned();
    }
    let length =
        |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let (least, most) =
        (length("minLength").unwrap_or(0).min(1_000), length("maxLength").unwrap_or(usize::MAX));
    DECIDE.chars().chain(std::iter::repeat('-')).take(DECIDE.len().max(least).min(most)).collect()
}

/// The number nearest to zero from the least on.
pub(super) fn least(schema: &Value) -> i64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let above = bound("exclusiveMinimum").map(|bound| bound.saturating_add(1));
    let least = bound("minimum").or(above).unwrap_or(0).max(0);
    bound("maximum").map_or(least, |most| least.min(most))
}

/// A value as VRL writes it; `{{` would begin a template.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text).replace("{{", "{\" + \"{"),
        other => other.to_string(),
    }
}

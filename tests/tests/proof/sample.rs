//! Random data that keep a schema, as far as the vocabulary's schemas and those of the family go.

use postroom_tests::dice::Dice;
use postroom_tests::marked::FORMS;
use serde_json::{Map, Value, json};

/// Most items of a list beyond those that it must have.
const MORE_ITEMS: u64 = 2;
/// How often in a hundred an optional field is set.
const SET: u64 = 60;

/// Texts without a form: short, long, not ASCII, and such that look like something else.
const TEXTS: [&str; 10] =
    ["a", "B", "12", "0", "true", "é☃", " x ", "-", "two words", "a text that is rather long"];

/// A value that keeps `schema`, a part of `root`.
pub(crate) fn value(root: &Value, schema: &Value, dice: &mut Dice) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.trim_start_matches('#')).expect("the reference leads somewhere");
        return value(root, target, dice);
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        return value(root, &joined(root, schema, parts), dice);
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return pick(values, dice).clone();
    }
    let types = match schema.get("type") {
        Some(Value::String(only)) => vec![only.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => match schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
            Some(branches) => return value(root, pick(branches, dice), dice),
            None => vec!["null", "string", "integer", "number", "boolean"],
        },
    };
    match dice.one_of(&types) {
        "null" => Value::Null,
        "boolean" => json!(dice.happens(50)),
        "integer" => whole(schema, dice),
        "number" if dice.happens(40) => whole(schema, dice),
        "number" => {
            json!(whole(schema, dice).as_i64().map_or(0.5, |whole| whole as f64 + 0.5).min(most(schema)))
        }
        "string" => json!(text(schema, dice)),
        "array" => list(root, schema, dice),
        _ => object(root, schema, dice),
    }
}

/// What all the parts ask for, but for what they ask for of the same field.
fn joined(root: &Value, schema: &Value, parts: &[Value]) -> Value {
    let mut all = schema.as_object().cloned().unwrap_or_default();
    all.remove("allOf");
    for part in parts {
        let target =
            part.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.trim_start_matches('#')));
        for (keyword, asked) in target.unwrap_or(part).as_object().into_iter().flatten() {
            all.entry(keyword.clone()).or_insert_with(|| asked.clone());
        }
    }
    Value::Object(all)
}

fn pick<'a>(all: &'a [Value], dice: &mut Dice) -> &'a Value {
    let at = dice.below(all.len() as u64);
    &all[usize::try_from(at).expect("small")]
}

fn most(schema: &Value) -> f64 {
    schema.get("maximum").and_then(Value::as_f64).unwrap_or(f64::MAX)
}

fn whole(schema: &Value, dice: &mut Dice) -> Value {
    let bound = |name: &str, otherwise: i64| schema.get(name).and_then(Value::as_i64).unwrap_or(otherwise);
    let least = bound("minimum", bound("exclusiveMinimum", -1_001) + 1);
    let most = bound("maximum", bound("exclusiveMaximum", 1_000_001) - 1);
    let step = schema.get("multipleOf").or_else(|| schema.get("then")?.get("multipleOf"));
    if let Some(step) = step.and_then(Value::as_i64) {
        return json!((least / step + i64::try_from(dice.below(20)).expect("few")) * step);
    }
    json!(match dice.below(6) {
        0 if least == -1_000 => i64::MIN,
        0 => least,
        1 if most == 1_000_000 => i64::MAX,
        1 => most,
        _ => least + i64::try_from(dice.below((most - least).unsigned_abs() + 1)).expect("within the bounds"),
    })
}

fn text(schema: &Value, dice: &mut Dice) -> String {
    let limit = |name: &str, otherwise: u64| schema.get(name).and_then(Value::as_u64).unwrap_or(otherwise);
    let form = schema.get("pattern").or(schema.get("format")).and_then(Value::as_str);
    if let Some(form) = form {
        let samples = FORMS.iter().find(|(known, _)| *known == form).map(|(_, samples)| *samples);
        return dice.one_of(samples.unwrap_or_else(|| panic!("no sample of {form}"))).to_owned();
    }
    let least = usize::try_from(limit("minLength", 0)).expect("small");
    if least == 0 && dice.happens(20) {
        return String::new();
    }
    let most = usize::try_from(limit("maxLength", 40)).expect("small");
    let mut text: String = dice.one_of(&TEXTS).chars().take(most).collect();
    while text.chars().count() < least || schema.pointer("/not/const") == Some(&json!(text)) {
        text.push('x');
    }
    text
}

fn list(root: &Value, schema: &Value, dice: &mut Dice) -> Value {
    let limit = |name: &str, otherwise: u64| schema.get(name).and_then(Value::as_u64).unwrap_or(otherwise);
    let least = limit("minItems", 0);
    let count = (least + dice.below(MORE_ITEMS + 1)).min(limit("maxItems", u64::MAX));
    let any = Value::Bool(true);
    let items = schema.get("items").unwrap_or(&any);
    let first = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let count = usize::try_from(count).expect("few");
    let mut all: Vec<Value> =
        (0..count).map(|at| value(root, first.get(at).unwrap_or(items), dice)).collect();
    all.extend(schema.get("contains").map(|asked| value(root, asked, dice)));
    let is_new = |at: usize, all: &[Value]| !all[..at].contains(&all[at]);
    if schema.get("uniqueItems").is_some() {
        all = (0..all.len()).filter(|at| is_new(*at, &all)).map(|at| all[at].clone()).collect();
    }
    Value::Array(all)
}

fn object(root: &Value, schema: &Value, dice: &mut Dice) -> Value {
    let mut required: Vec<&Value> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        required.extend(pick(branches, dice).get("required").and_then(Value::as_array).into_iter().flatten());
    }
    let mut fields = Map::new();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if dice.happens(SET) || required.iter().any(|needed| *needed == name) {
            fields.insert(name.clone(), value(root, field, dice));
        }
    }
    let pattern = schema.get("patternProperties").and_then(|all| all.as_object()?.values().next());
    let any = json!({"type": ["string", "integer", "null"]});
    let others = schema.get("additionalProperties").unwrap_or(&any);
    if let Some(pattern) = pattern.filter(|_| dice.happens(SET)) {
        fields.insert("q1".to_owned(), value(root, pattern, dice));
    } else if *others != Value::Bool(false)
        && schema.get("unevaluatedProperties").is_none()
        && dice.happens(25)
    {
        let others = if others.is_object() { others } else { &any };
        fields.insert(dice.one_of(&["q1", "x", "other"]).to_owned(), value(root, others, dice));
    }
    Value::Object(fields)
}

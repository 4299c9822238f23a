//! A generated family of schemas, and of mappings between them: some right, some wrong in one way or several.

use postroom_tests::dice::Dice;
use serde_json::{Map, Value, json};

/// Names of fields, in sources and in targets.
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// Fields of the objects inside.
const INNER: [&str; 3] = ["x", "y", "z"];

/// A schema of an object: closed where `closed` is, with these many fields.
fn object(names: &[&str], depth: u64, dice: &mut Dice) -> Value {
    let mut fields = Map::new();
    let mut required = Vec::new();
    for name in names {
        if dice.happens(75) {
            fields.insert((*name).to_owned(), field(depth, dice));
            if dice.happens(50) {
                required.push(*name);
            }
        }
    }
    json!({"type": "object", "additionalProperties": false, "properties": fields, "required": required})
}

fn field(depth: u64, dice: &mut Dice) -> Value {
    match dice.below(if depth == 0 { 10 } else { 14 }) {
        0 | 1 => json!({"type": "string"}),
        2 => json!({"type": "integer", "minimum": 0, "maximum": 100}),
        3 => json!({"type": "boolean"}),
        4 => json!({"type": "number"}),
        5 => json!({"type": ["string", "null"], "maxLength": 5}),
        6 => json!({"enum": ["a", "b", 1]}),
        7 => json!({"type": "string", "pattern": "^[a-z]+$"}),
        8 => json!({"type": "string", "minLength": 1}),
        9 => json!({"type": "integer"}),
        10 => json!({"type": "array", "items": field(depth - 1, dice), "minItems": dice.below(2)}),
        11 => json!({"anyOf": [{"type": "string"}, object(&INNER, 0, dice)]}),
        12 => json!({"oneOf": [{"type": "null"}, {"type": "integer"}, {"$ref": "#/$defs/word"}]}),
        _ => object(&INNER, depth - 1, dice),
    }
}

/// The schema of what comes.
pub(crate) fn source(dice: &mut Dice) -> Value {
    with_words(object(&NAMES, 2, dice))
}

/// The schema of what is taken: often the one of what comes, with other rules.
pub(crate) fn target(source: &Value, dice: &mut Dice) -> Value {
    if dice.happens(30) {
        return source.clone();
    }
    let mut target = if dice.happens(60) { source.clone() } else { with_words(object(&NAMES, 2, dice)) };
    for name in NAMES {
        if dice.happens(15) {
            target["properties"][name] = field(1, dice);
        }
    }
    if dice.happens(15) {
        target["additionalProperties"] = json!({"type": ["string", "integer"]});
    }
    if dice.happens(15) {
        target["anyOf"] = json!([{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}]);
    }
    target
}

fn with_words(mut schema: Value) -> Value {
    schema["$defs"] = json!({"word": {"type": "string", "minLength": 1}});
    schema
}

/// A mapping that tries to make what `target` takes of what `source` gives.
pub(crate) fn mapping(source: &Value, target: &Value, dice: &mut Dice) -> String {
    let mut names: Vec<&str> =
        target["properties"].as_object().expect("fields").keys().map(String::as_str).collect();
    if dice.happens(10) {
        names.push("surplus");
    }
    names.retain(|_| !dice.happens(8));
    let known: Vec<&str> =
        source["properties"].as_object().expect("fields").keys().map(String::as_str).collect();
    let fields = |part: &[&str], dice: &mut Dice| -> String {
        let entries = part
            .iter()
            .map(|name| format!("  \"{name}\": {}", made(name, &known, &target["properties"][name], dice)));
        format!("{{\n{}\n}}", entries.collect::<Vec<_>>().join(",\n"))
    };
    if names.is_empty() {
        return ".".to_owned();
    }
    let (some, rest) = names.split_at(usize::try_from(dice.below(names.len() as u64)).expect("few"));
    match dice.below(6) {
        0 => ".".to_owned(),
        1 => format!("compact({})", fields(&names, dice)),
        2 if !some.is_empty() => format!("merge(compact({}), {})", fields(some, dice), fields(rest, dice)),
        3 if !known.is_empty() => {
            format!(
                "if exists(.{}) {{ return {} }}\n{}",
                known[0],
                fields(&names, dice),
                fields(&names, dice)
            )
        }
        4 if !some.is_empty() => {
            let set = some.iter().map(|name| {
                format!("out.{name} = {}\n", made(name, &known, &target["properties"][name], dice))
            });
            let set: String = set.collect();
            format!("out = {}\n{set}out", fields(rest, dice))
        }
        _ => fields(&names, dice),
    }
}

/// An expression for a field, from the field of the same name or another.
fn made(name: &str, known: &[&str], taken: &Value, dice: &mut Dice) -> String {
    let from = if known.contains(&name) && dice.happens(70) {
        name
    } else if known.is_empty() {
        return "null".to_owned();
    } else {
        dice.one_of(known)
    };
    match dice.below(16) {
        0..=2 => format!(".{from}"),
        3 => format!("string(.{from}) ?? \"a\""),
        4 => format!("int(.{from}) ?? 1"),
        5 => format!("string(.{from}) ?? .{from}"),
        6 => format!("array(.{from}) ?? []"),
        7 => format!("to_string(.{from}) ?? \"\""),
        8 => format!("map(array(.{from}) ?? []) -> |item| {{ {{ \"x\": item, \"y\": \"b\" }} }}"),
        9 => format!("compact({{ \"x\": .{from}, \"y\": 1 }})"),
        10 => format!("object(.{from}) ?? {{}}"),
        11 => taken["enum"][0].as_str().map_or_else(|| "1".to_owned(), |value| format!("\"{value}\"")),
        12 => format!(
            "(int(.{from}) ?? 1) {} {}",
            dice.one_of(&["+", "-", "*"]),
            dice.one_of(&["1", "-2", "100"])
        ),
        13 => format!("1 - ((int(.{from}) ?? 1) + length(array(.{from}) ?? []))"),
        14 => format!("(.{from} + .{from}) ?? \"a\""),
        _ => format!(".{from} == \"a\""),
    }
}

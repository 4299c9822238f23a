//! Every function and operator on the ends of what data can be: least and largest numbers, empty and long texts, far years.

use serde_json::{Value, json};
use vrl::compiler::value::kind;

use super::all;
use crate::{Context, Input, Mapping, Runner, Shape};

const TIMES: &[&str] = &[
    "t'2026-03-29T01:30:00Z'",
    "t'0000-01-01T00:00:00+23:59'",
    "t'9999-12-31T23:59:59-23:59'",
    "t'-262143-01-01T00:00:00Z'",
    "t'+262142-12-31T23:59:59Z'",
];
const FORMS: &[&str] = &["%Y-%m-%d %H:%M:%S", "%+", "%s", "%#z"];
const ZONES: &[&str] = &["Asia/Tokyo", "Nowhere"];
const PATTERNS: &[&str] = &["r'(?P<a>.*)(?P<b>x)?'", "r''", "r'(?P<a>(?P<b>\\d)+)'"];

/// What a mapping may write for a parameter of these kinds, by the name of the parameter.
fn written(keyword: &str, kinds: u16) -> Vec<String> {
    let quoted = |all: &[&str]| all.iter().map(|text| format!("{text:?}")).collect();
    match keyword {
        "format" => return quoted(FORMS),
        "timezone" => return quoted(ZONES),
        "clock_change" => return quoted(&["earlier", "never"]),
        "path" => return vec!["[.n]".to_owned(), "[.text, .m]".to_owned(), ".list".to_owned()],
        "deep" | "case_sensitive" => return vec!["true".to_owned()],
        _ => {}
    }
    let of: [(u16, &[&str]); 8] = [
        (kind::INTEGER, &[".n", ".m"]),
        (kind::FLOAT, &["(float(.x) ?? 0.5)"]),
        (kind::BYTES, &[".text", ".other"]),
        (kind::BOOLEAN, &["(.n == .m)"]),
        (kind::ARRAY, &[".list"]),
        (kind::OBJECT, &[".object"]),
        (kind::TIMESTAMP, TIMES),
        (kind::REGEX, PATTERNS),
    ];
    let fit = of.iter().filter(|(kind, _)| kinds & kind != 0);
    fit.flat_map(|(_, written)| written.iter().map(|it| (*it).to_owned())).collect()
}

/// Calls of every function with everything that its parameters may be given.
fn calls() -> Vec<String> {
    let mut calls = Vec::new();
    for function in all() {
        let mut arguments = vec![String::new()];
        for parameter in function.parameters() {
            let given = written(parameter.keyword, parameter.kind);
            let longer = arguments.iter().flat_map(|before| {
                given.iter().map(move |it| format!("{before}{}: {it}, ", parameter.keyword))
            });
            let longer: Vec<String> = longer.collect();
            if parameter.required {
                arguments = longer;
            } else {
                arguments.extend(longer);
            }
        }
        let closure = if function.closure().is_some() { " -> |it| { it == .n }" } else { "" };
        calls.extend(arguments.iter().map(|given| format!("{}({given}){closure}", function.identifier())));
    }
    calls
}

/// The operators between two of everything.
fn operations() -> Vec<String> {
    let operands = [".n", ".x", ".text", ".list", "null", "0"];
    let codes = ["+", "-", "*", "/", "<", ">=", "==", "!=", "||", "&&", "|"];
    let pairs = operands.iter().flat_map(|one| operands.iter().map(move |other| (one, other)));
    pairs.flat_map(|(one, other)| codes.iter().map(move |code| format!("{one} {code} {other}"))).collect()
}

fn shape() -> Shape {
    let number = json!({"type": "number"});
    Shape::of_schema(&json!({
        "type": "object", "additionalProperties": false,
        "required": ["n", "m", "x", "y", "text", "other", "list", "object"],
        "properties": {
            "n": {"type": "integer"}, "m": {"type": "integer"}, "x": number, "y": number,
            "text": {"type": "string"}, "other": {"type": "string"},
            "list": {"type": "array"}, "object": {"type": "object"}
        }
    }))
}

fn data() -> Vec<Value> {
    let numbers = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let floats = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -0.5, 1e300, 9.007_199_254_740_993e15];
    let texts = [
        String::new(),
        "é".repeat(20_000),
        "a,b".to_owned(),
        "-9223372036854775808".to_owned(),
        "1e999".to_owned(),
        "NaN".to_owned(),
        "-262143-01-01 00:00:00".to_owned(),
        "+262142-12-31 23:59:60".to_owned(),
        "2026-03-29 01:30:00".to_owned(),
        "-262143-01-01T00:00:00+23:59".to_owned(),
        "9223372036854775807".to_owned(),
        "9999-12-31 23:59:59".to_owned(),
        "\u{0}\u{202e}\u{10ffff}".to_owned(),
    ];
    let mut all = Vec::new();
    for (at, (n, m)) in numbers.iter().flat_map(|n| numbers.iter().map(move |m| (n, m))).enumerate() {
        let (x, y) = (floats[at % floats.len()], floats[(at / 3) % floats.len()]);
        let (text, other) = (&texts[at % texts.len()], &texts[(at * 5 + 1) % texts.len()]);
        let list = [json!([]), json!([n, x, text, null, [[]], {"": m}]), json!([text, other])];
        let object = [json!({}), json!({"": null, "a": [x, {"b": text}]}), json!({text.clone(): n})];
        all.push(json!({
            "n": n, "m": m, "x": x, "y": y, "text": text, "other": other,
            "list": list[at % 3], "object": object[at / 2 % 3]
        }));
    }
    all
}

#[test]
fn no_function_or_operator_panics_at_the_ends_of_what_data_can_be() {
    let (shape, data, mut runner) = (shape(), data(), Runner::default());
    let compiled = |source: &str| Mapping::compile(source, &shape, Context::Route).ok();
    let mut compiling = std::collections::BTreeSet::new();
    for source in calls().into_iter().chain(operations()) {
        let Some(mapping) = compiled(&source).or_else(|| compiled(&format!("{source} ?? null"))) else {
            continue;
        };
        compiling.extend(source.split('(').next().map(str::to_owned));
        for data in &data {
            let _ = runner.map(&mapping, &mut Input::new(data.clone().into(), &[]));
        }
    }
    let spelt = crate::FUNCTIONS.iter().map(|function| function.name);
    let never: Vec<&str> = spelt.filter(|name| !compiling.contains(*name)).collect();
    assert!(never.is_empty(), "no call compiles of {never:?}");
}

//! What the compiler promises of a result, held against what runs give for generated data.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::value::into_vrl;
use crate::{Context, Filter, Input, Mapping, Runner, Says, Shape, proof};

pub(crate) fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["n", "name", "people", "kind"],
        "properties": {
            "n": {"type": "integer"}, "rate": {"type": "number"}, "name": {"type": "string"},
            "note": {"type": ["string", "null"]}, "open": {"type": "boolean"}, "kind": {"enum": ["a", "b", 1]},
            "people": {"type": "array", "items": {"$ref": "#/$defs/person"}},
            "extra": {"type": "object", "additionalProperties": {"type": "integer"}}
        },
        "$defs": {"person": {"type": "object", "additionalProperties": false, "required": ["given"],
            "properties": {"given": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array"}}}}
    })
}

fn object(fields: Vec<(&str, Option<Value>)>) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn person() -> impl Strategy<Value = Value> {
    let tags = vec(prop_oneof![Just(json!(null)), Just(json!("x")), Just(json!([[1], []]))], 0..3);
    ("[a-zé]{0,4}", of(any::<i8>()), of(tags)).prop_map(|(given, age, tags)| {
        object(vec![
            ("given", Some(json!(given))),
            ("age", age.map(Value::from)),
            ("tags", tags.map(Value::from)),
        ])
    })
}

pub(crate) fn data() -> impl Strategy<Value = Value> {
    let rate =
        of(prop_oneof![any::<i16>().prop_map(Value::from), (-9.0..9.0).prop_map(|rate: f64| json!(rate))]);
    let note = of(prop_oneof![Just(Value::Null), Just(json!("")), Just(json!("12")), Just(json!("x"))]);
    let kind = prop_oneof![Just(json!("a")), Just(json!("b")), Just(json!(1))];
    let extra = of(proptest::collection::btree_map("[a-c]", any::<i8>(), 0..3));
    ((any::<i64>(), rate, "[ a-z0-9]{0,5}", note), (of(any::<bool>()), kind, vec(person(), 0..4), extra))
        .prop_map(|((n, rate, name, note), (open, kind, people, extra))| {
            object(vec![
                ("n", Some(json!(n))),
                ("rate", rate),
                ("name", Some(json!(name))),
                ("note", note),
                ("open", open.map(Value::from)),
                ("kind", Some(kind)),
                ("people", Some(json!(people))),
                ("extra", extra.map(|extra| json!(extra))),
            ])
        })
}

fn compiled() -> &'static [(&'static str, Mapping)] {
    static COMPILED: OnceLock<Vec<(&str, Mapping)>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let shape = Shape::of_schema(&schema());
        let compile =
            |source: &&'static str| Some((*source, Mapping::compile(source, &shape, Context::Route).ok()?));
        PROGRAMS.iter().filter_map(compile).collect()
    })
}

#[test]
fn every_program_of_this_test_compiles() {
    let shape = Shape::of_schema(&schema());
    let wrong: Vec<String> = PROGRAMS
        .iter()
        .filter_map(|source| {
            Some(format!("{source}: {}", Mapping::compile(source, &shape, Context::Route).err()?[0]))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Programs in which VRL's types, or careless functions, could promise too much.
const PROGRAMS: &[&str] = &[
    ".",
    "if .open == true { return {\"early\": 1} }\n{\"late\": .note}",
    "x = []\nif .open == true { x = [1] }\npush(x, \"s\")",
    "x = []\nif .open == true { x = [1] }\nappend(x, [\"s\", null])",
    "x = 1\nif .open == true { x = \"s\" } else { if .n > 3 { x = null } }\n[x]",
    "x = {}\nif .open == true { x.a = {\"b\": 1} }\nx.c = .note\nx",
    "map(.people) -> |p| {\n z = 1\n z = p.age\n { \"z\": z, \"g\": p.given }\n}",
    "map(.people) -> |p| { map(array(p.tags) ?? []) -> |t| { [p.given, t] } }",
    "filter(.people) -> |p| { p.age == 3 || length(p.given) > 2 }",
    "count(.people) -> |p| { exists(p.age) }",
    "[compact(.), compact(.people), compact({\"a\": .note, \"b\": {\"c\": .open}})]",
    "flatten(map(.people) -> |p| { p.tags })",
    "[.note || 1, .open || \"no\", (.open == true) && .n > 3, .extra.a || .extra, .note || (.open || .rate) || .extra || 1]",
    "[string(.note) ?? 0, int(.kind) ?? .name, float(.rate) ?? null, object(.extra) ?? []]",
    "[round(to_float(.rate) ?? 0.5), abs(to_int(.rate) ?? 7) ?? 0, mod(.n, 7) ?? null, floor(to_float(.n), 2)]",
    "a, err = to_int(.note)\n[a, err]",
    "a, err = slice(.people, 1, 3)\n{ \"a\": a, \"err\": err }",
    "[slice(.name, 1) ?? null, split(.name, \" \"), values(object(.people[0]) ?? {}), keys(object(.extra) ?? {})]",
    "[.people[0].given, .people[-1].age, .people[7], .extra.zz]",
    "m = parse_regex(.name, r'(?P<one>[a-z])(?P<two>[0-9])?') ?? {}\n[m, m.one, m.two]",
    "merge({\"a\": .n, \"b\": {\"c\": 1}}, {\"b\": {\"d\": .note}}, deep: true)",
    "{\"a\": 1} | {\"a\": .note}",
    "[merge({\"age\": \"none\", \"z\": 1}, object(.people[0]) ?? {}), {\"age\": \"none\"} | (object(.people[-1]) ?? {})]",
    "x = {\"age\": [], \"tags\": {}}\nx |= object(.people[0]) ?? {}\nx",
    "merge({\"p\": {\"age\": true}, \"q\": .extra}, {\"p\": object(.people[0]) ?? {}, \"q\": 1}, deep: .open == true)",
    "merge({\"p\": .note, \"q\": .extra, \"r\": {\"a\": \"x\"}}, {\"p\": .extra, \"q\": {\"a\": .name}, \"r\": .extra || {}}, deep: true)",
    "x = [1]\nif .open == true { x = [\"a\", true] }\ny = if .n > 3 { [1] } else { [null, \"s\"] }\n[x[-1], x[-2], y[-1], y[-2], push(y, 1)[-1]]",
    "[get(., [\"note\"]) ?? 1, unique(.people), join(split(.name, \"\")), to_string(.kind)]",
    "[parse_timestamp(.name, \"%F\") ?? .note, t'2026-01-01T00:00:00Z']",
    "t = .people\nt[0] = 1\nt",
    "[.n * 0, to_float(.n) * 2, 3 / 2, 1 + 2.5, .name + .note] ?? \"none\"",
    "[length(.people) + 1, length(.name) - 1, to_float(.n) + 1, (.rate + 1) ?? null, (.note + .name) ?? 0, (.extra.a - .n) ?? \"no\"]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_result_is_always_what_the_compiler_promised(data in vec(data(), 8)) {
        let shape = Shape::of_schema(&schema());
        let mut runner = Runner::default();
        for data in data {
            prop_assert!(proof::holds(&shape.kind, &into_vrl(data.clone())), "outside its shape: {data}");
            let mut input = Input::new(data.clone().into(), &[]);
            for (source, mapping) in compiled() {
                let result = runner.map_raw(mapping, &mut input).unwrap_or_else(|error| panic!("{source}: {error} {data}"));
                assert!(mapping.compiled().promises(&result), "{source}\n{data}\n{result}");
            }
        }
    }

    #[test]
    fn a_filter_that_holds_has_a_value_of_its_guard_and_one_whose_guard_says_all_holds_for_each(data in vec(data(), 8)) {
        let shape = Shape::of_schema(&schema());
        let mut runner = Runner::default();
        for source in [
            ".kind == 1", ".kind == \"a\" && .open == true", "includes([\"a\", 1], .kind)", ".n == 0 || .n == 1",
            "(.kind == \"b\" && .n > 3) || .kind == \"a\"", "(mod(.n, 2) == 0 && .open == true) ?? false",
        ] {
            let filter = Filter::compile(source, &shape, Context::Route).expect(source);
            let guard = filter.guard().expect(source);
            for data in &data {
                let holds = runner.holds(&filter, &mut Input::new(data.clone().into(), &[])).expect(source);
                let value = data.pointer(&format!("/{}", guard.path.join("/")));
                let guarded = value.is_some_and(|value| guard.values.contains(value));
                assert!(!holds || guarded, "{source} {data}");
                assert!(guard.says == Says::Part || holds == guarded, "{source} {data}");
            }
        }
    }
}

const FRAGMENTS: &[&str] = &[
    "x",
    "y",
    " = ",
    "1",
    "\"a\"",
    ".n",
    ".name",
    ".people",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ", ",
    "\n",
    " + ",
    " * ",
    " ?? ",
    " == ",
    " && ",
    "!",
    "if ",
    " else ",
    "return ",
    "map(",
    "count(",
    " -> |p| { ",
    "p.given",
    "upcase(",
    "\"k\": ",
    "%id",
    ".",
    "[0]",
    "null",
    "r'a('",
    "s'",
    "t'x'",
    "-",
    "9223372036854775807",
    "to_int(",
    "err",
    "é",
    ";",
    "parse_timestamp(",
    "compact(",
    "slice(",
    "-1",
    " |= ",
    "_",
    "abort",
    "break",
    "\\",
    "{{ x }}",
    "#",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_source_makes_the_compiler_or_a_run_panic(parts in vec(proptest::sample::select(FRAGMENTS), 0..24)) {
        let source = parts.concat();
        if let Ok(mapping) = Mapping::compile(&source, &Shape::of_schema(&schema()), Context::Route) {
            let data = json!({"n": i64::MIN, "name": "é", "people": [{"given": "a"}], "kind": 1});
            let _ = Runner::default().map(&mapping, &mut Input::new(data.into(), &[]));
        }
    }
}

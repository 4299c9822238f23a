//! How what a mapping makes and a schema fit: where it does not, and what is left to validation.

#![expect(clippy::panic, reason = "what goes wrong in a test fails it")]

use postroom_transform::{BEYOND, Context, Filter, Fit, Happens, Left, Mapping, Shape};
use serde_json::{Value, json};

fn event() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["id", "kind", "n", "place", "people"],
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^[a-z]+$"},
            "kind": {"enum": ["a", "b"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9},
            "day": {"type": "string", "format": "date"}, "note": {"type": ["string", "null"]},
            "place": {"$ref": "#/$defs/place"},
            "people": {"type": "array", "maxItems": 5, "uniqueItems": true, "items": {"$ref": "#/$defs/person"}}
        },
        "$defs": {
            "place": {"type": "object", "additionalProperties": false, "properties": {"town": {"type": "string", "maxLength": 30}}},
            "person": {"type": "object", "additionalProperties": false, "required": ["name"],
                "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}}}
        }
    })
}

fn fit(source: &str, target: &Value) -> Fit {
    let mapping = Mapping::compile(source, &Shape::of_schema(&event()), Context::Route);
    mapping.unwrap_or_else(|problems| panic!("{source}: {problems:?}")).fit(target)
}

fn told(fit: &Fit) -> (Vec<String>, Vec<String>) {
    let misfits = fit.misfits.iter().map(|misfit| format!("{} {}", misfit.path, misfit.problem.code));
    let left = fit.left.iter().map(|left| format!("{} {}", left.path, left.rule));
    (misfits.collect(), left.collect())
}

/// What is told of the field `f`, whose schema is `taken`, when it is what the last line of `source` gives.
fn check(source: &str, taken: &Value, misfits: &[&str], left: &[&str]) {
    let target = json!({"type": "object", "additionalProperties": false, "properties": {"f": taken},
        "$defs": {"word": {"type": "string", "minLength": 1}}});
    let (lines, last) = source.rsplit_once('\n').unwrap_or(("", source));
    let found = told(&fit(&format!("{lines}\n{{ \"f\": {last} }}"), &target));
    let expected = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    assert_eq!(found, (expected(misfits), expected(left)), "{source} for {taken}");
}

#[test]
fn what_is_passed_on_keeps_the_rules_that_it_kept_before() {
    let id = json!({"type": "string", "minLength": 1, "maxLength": 12, "pattern": "^[a-z]+$"});
    check(".id", &id, &[], &[]);
    check("upcase(.id)", &id, &[], &[".f maxLength", ".f minLength", ".f pattern"]);
    check(
        ".id",
        &json!({"type": "string", "minLength": 2, "maxLength": 9}),
        &[],
        &[".f maxLength", ".f minLength"],
    );
    check(".n", &json!({"type": "integer", "minimum": 0, "maximum": 10}), &[], &[]);
    check(
        ".n + 1",
        &json!({"type": "integer", "minimum": 0, "maximum": 10}),
        &[],
        &[".f maximum", ".f minimum"],
    );
    check("string(.day) ?? \"\"", &json!({"type": "string", "format": "date"}), &[], &[".f format"]);
    check(".kind", &json!({"enum": ["a", "b", "c"]}), &[], &[]);
    check(".kind", &json!({"enum": ["a"]}), &[], &[".f enum"]);
}

#[test]
fn what_the_mapping_writes_itself_is_held_against_the_rules() {
    let word = json!({"type": "string", "enum": ["a", "b"]});
    check("\"a\"", &word, &[], &[]);
    check("\"c\"", &word, &[".f not-in-enum"], &[]);
    check("x = if .n == 1 { \"a\" } else { .kind }\nx", &word, &[], &[]);
    check("x = if .n == 1 { \"x\" } else { .id }\nx", &word, &[".f not-in-enum"], &[]);
    check("1", &json!({"const": 1.0}), &[], &[]);
    check("2", &json!({"type": "integer", "minimum": 2, "maximum": 3}), &[], &[]);
    check("\"\"", &json!({"type": "string", "minLength": 1}), &[], &[".f minLength"]);
}

#[test]
fn what_is_calculated_and_has_no_bounds_is_left_by_its_text() {
    let whole = json!({"type": "integer"});
    check(".n + 1 - length(.people) * 2", &whole, &[], &[]);
    check("int(.people[0].age) ?? 0", &whole, &[], &[]);
    check("(int(.people[0].age) ?? 0)  + 1", &whole, &[], &["(int(.people[0].age) ?? 0) + 1 64 bits"]);
    check(
        "count(.people) -> |p| { (int(p.age) ?? 0) * 2 > .n + 1 }",
        &whole,
        &[],
        &["(int(p.age) ?? 0) * 2 64 bits", ".n + 1 64 bits"],
    );
    check(".id + upcase(.id) + \"-\" + .kind", &json!({"type": "string"}), &[], &[]);
    let filter =
        Filter::compile("(int(.people[0].age) ?? 0) + .n > 3", &Shape::of_schema(&event()), Context::Route);
    let left = filter.expect("right").left();
    assert_eq!(left, [Left { path: "(int(.people[0].age) ?? 0) + .n".to_owned(), rule: BEYOND.to_owned() }]);
}

#[test]
fn lists_and_their_items_are_compared() {
    let people = json!({"type": "array", "maxItems": 5, "uniqueItems": true, "items": {"type": "object",
        "additionalProperties": false, "required": ["name"],
        "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer"}}}});
    check(".people", &people, &[], &[]);
    check("append(.people, .people)", &people, &[], &[".f maxItems", ".f uniqueItems"]);
    check("map(.people) -> |p| { { \"name\": p.name } }", &people, &[], &[".f maxItems", ".f uniqueItems"]);
    check(
        "map(.people) -> |p| { { \"name\": p.age } }",
        &people,
        &[".f[].name wrong-type", ".f[].name may-be-null"],
        &[".f maxItems", ".f uniqueItems"],
    );
    check("[1, 2]", &json!({"type": "array", "minItems": 2, "maxItems": 2}), &[], &[]);
    check("[1]", &json!({"type": "array", "minItems": 2}), &[], &[".f minItems"]);
    check("[1]", &json!({"type": "array", "prefixItems": [{"type": "string"}]}), &[], &[".f prefixItems"]);
    check("compact(.people)", &json!({"type": "array", "uniqueItems": true}), &[], &[".f uniqueItems"]);
}

#[test]
fn a_branch_is_told_by_the_type_or_left() {
    let either = json!({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/word"}, {"type": "integer"}]});
    check(".note", &either, &[], &[".f minLength"]);
    check(".n", &either, &[], &[]);
    check(".n == 1", &either, &[".f wrong-type"], &[]);
    let forms =
        json!({"anyOf": [{"type": "object", "required": ["a"]}, {"type": "object", "required": ["b"]}]});
    check("{ \"b\": 1 }", &forms, &[], &[]);
    check("compact({ \"b\": .note })", &forms, &[], &[".f anyOf"]);
    check("{ \"c\": 1 }", &forms, &[".f wrong-type"], &[]);
    check("\"x\"", &json!({"anyOf": [{"type": "string"}, {"type": "string", "maxLength": 0}]}), &[], &[]);
    check(
        "\"x\"",
        &json!({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 0}]}),
        &[],
        &[".f oneOf"],
    );
    check(".id", &json!({"allOf": [{"type": "string"}, {"maxLength": 3}]}), &[], &[".f maxLength"]);
}

#[test]
fn rules_beside_a_reference_are_not_overlooked() {
    check("\"a\"", &json!({"$ref": "#/$defs/word", "type": "integer"}), &[".f wrong-type"], &[]);
    check(".id", &json!({"$ref": "#/$defs/word", "pattern": "x"}), &[], &[".f pattern"]);
    check("1", &json!({"enum": ["a", 1], "type": "string"}), &[".f wrong-type"], &[]);
    check(
        ".id",
        &json!({"not": {"const": "x"}, "if": {"minLength": 3}, "then": false}),
        &[],
        &[".f if", ".f not"],
    );
    check("{ \"a\": 1 }", &json!({"properties": {"a": {"type": "string"}}}), &[".f.a wrong-type"], &[]);
    check(
        "{ \"a\": 1 }",
        &json!({"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": false}),
        &[],
        &[".f patternProperties"],
    );
    check("{ \"a\": 1 }", &json!({"additionalProperties": {"type": "string"}}), &[".f.a wrong-type"], &[]);
    check("r'x'", &json!(true), &[". wrong-type"], &[]);
}

#[test]
fn of_what_may_be_anything_every_rule_is_left() {
    let source = "get(., [.id]) ?? null";
    check(source, &json!({}), &[], &[]);
    check(source, &json!({"type": "string", "maxLength": 3}), &[".f wrong-type"], &[".f maxLength"]);
    let all = json!({"type": ["null", "boolean", "integer", "number", "string", "array", "object"],
        "required": ["x"], "properties": {"x": {"type": "string"}}});
    check(source, &all, &[], &[".f properties", ".f required"]);
}

#[test]
fn a_misfit_happens_always_or_sometimes() {
    let target = json!({"type": "object", "additionalProperties": false, "required": ["a", "b"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}});
    let happens = |source: &str| fit(source, &target).misfits.iter().map(|it| it.happens).collect::<Vec<_>>();
    assert_eq!(happens("{ \"a\": .id, \"b\": 1 }"), [Happens::Always]);
    assert_eq!(happens("{ \"a\": parse_int(.id) ?? .id, \"b\": 1 }"), [Happens::Sometimes]);
    assert_eq!(happens("{ \"a\": 1 }"), [Happens::Always]);
    assert_eq!(happens("compact({ \"a\": 1, \"b\": 1 })"), [Happens::Sometimes; 2]);
    assert_eq!(happens("{ \"a\": null, \"b\": 1 }"), [Happens::Always]);
}

#[test]
fn a_source_mapping_makes_an_event_or_several_with_their_envelope() {
    let data = json!({"type": "object", "additionalProperties": false, "required": ["n"],
        "properties": {"n": {"type": "integer"}}});
    let check = |source: &str, misfits: &[&str], left: &[&str]| {
        let shape = Shape::of_texts(&["id".into(), "n".into()]);
        let mapping = Mapping::compile(source, &shape, Context::Source);
        let fit = mapping.unwrap_or_else(|problems| panic!("{source}: {problems:?}")).fit_events(&data);
        let expected = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(told(&fit), (expected(misfits), expected(left)), "{source}");
    };
    check(
        "{ \"subject\": \"a:\" + .id, \"data\": { \"n\": parse_int(.n) ?? 0 } }",
        &[],
        &[".subject minLength"],
    );
    check("{ \"subject\": \"a\", \"data\": { \"n\": .n } }", &[".data.n wrong-type"], &[]);
    check("[{ \"subject\": \"a\", \"channel\": \"system\", \"data\": { \"n\": 1 } }]", &[], &[]);
    check(
        "[{ \"subject\": null, \"channel\": \"web\", \"data\": {} }]",
        &[".[].subject may-be-null", ".[].channel not-in-enum", ".[].data.n missing"],
        &[],
    );
    check(
        "{ \"subject\": \"a\", \"Data\": 1 }",
        &[".data missing", ".Data wrong-type", ".Data unknown-field"],
        &[],
    );
    check(".id", &[". wrong-type"], &[]);
}

#[test]
fn one_of_several_forms_that_a_mapping_makes_in_turn_is_left_and_not_refused() {
    let form = |name: &str| {
        json!({"type": "object", "additionalProperties": false, "required": [name],
            "properties": {name: {"type": "string"}}})
    };
    let forms = json!({"oneOf": [form("a"), form("b")]});
    let source = "x = {\"a\": \"y\"}\nif .n > 3 { x = {\"b\": \"y\"} }\nx";
    check(source, &forms, &[], &[".f oneOf"]);
    check("{\"c\": \"y\"}", &forms, &[".f wrong-type"], &[]);
    let whole_or_not = json!({"oneOf": [{"type": "integer"}, {"type": "number"}]});
    check("to_float(.n)", &whole_or_not, &[], &[".f oneOf"]);
}

#[test]
fn an_empty_text_that_is_taken_out_is_no_value() {
    let target =
        json!({"type": "object", "additionalProperties": false, "properties": {"f": {"enum": ["a", "b"]}}});
    let made = |source: &str| told(&fit(source, &target)).0;
    assert_eq!(made("compact({ \"f\": string(.note) ?? \"\" })"), [""; 0]);
    assert_eq!(made("{ \"f\": string(.note) ?? \"\" }"), [".f not-in-enum"]);
}

#[test]
fn null_is_told_where_all_else_is_taken_and_keeps_no_rule_that_speaks_of_anything() {
    let all_but_null = json!({"type": ["string", "number", "boolean", "array", "object"]});
    check("get(., [.id]) ?? \"x\"", &all_but_null, &[".f may-be-null"], &[]);
    check("null", &json!({"not": {"type": "null"}}), &[], &[".f not"]);
}

#[test]
fn a_pattern_is_told_beside_what_may_be_anything() {
    let open = json!({"type": "object", "properties": {"any": {}, "list": {"type": "array"}, "is": {"type": "boolean"}}});
    let fit = |source: &str| {
        let mapping = Mapping::compile(source, &Shape::of_schema(&open), Context::Route);
        told(&mapping.unwrap_or_else(|problems| panic!("{source}: {problems:?}")).fit(&json!({})))
    };
    let pattern = (vec![". wrong-type".to_owned()], vec![]);
    for source in [
        "x = if .is == true { r'x' } else { .any }\n{ \"a\": x }",
        "[.any, r'x']",
        "push(array(.list) ?? [], r'x')",
        "[get(., [\"any\"]) ?? null, r'x']",
    ] {
        assert_eq!(fit(source), pattern, "{source}");
    }
    let nothing = (vec![], vec![]);
    for source in [
        "{ \"a\": .any, \"b\": get(., [\"any\"]) ?? null }",
        "{ \"a\": get(., [\"any\"]) ?? null, \"b\": match(string(.any) ?? \"\", r'x') }",
        "x = r'x'\n{ \"b\": match(string(.any) ?? \"\", x) }",
    ] {
        assert_eq!(fit(source), nothing, "{source}");
    }
    let left = (vec![], vec![". type".to_owned()]);
    assert_eq!(fit("x = { \"p\": r'x' }\nget(x, [\"p\"]) ?? null"), left);
}

#[test]
fn of_a_list_that_is_filtered_only_the_items_are_what_they_were() {
    let event = json!({"type": "object", "additionalProperties": false, "required": ["pair"], "properties": {
        "pair": {"type": "array", "enum": [["a", "b"]], "maxItems": 2}}});
    let fit = |source: &str| {
        let mapping = Mapping::compile(source, &Shape::of_schema(&event), Context::Route);
        told(&mapping.unwrap_or_else(|problems| panic!("{source}: {problems:?}")).fit(&event))
    };
    assert_eq!(fit("{ \"pair\": .pair }"), (vec![], vec![]));
    let left = vec![".pair enum".to_owned(), ".pair maxItems".to_owned()];
    assert_eq!(fit("{ \"pair\": filter(.pair) -> |it| { it == \"a\" } }"), (vec![], left));
}

#[test]
fn a_value_that_is_overwritten_below_is_none_that_may_stand_there() {
    let one = json!({"type": "object", "properties": {"a": {"enum": ["good"]}, "b": {"enum": ["other"]}}});
    check("x = { \"f\": { \"a\": \"bad\" } }\nx.f.a = \"good\"\nx.f", &one, &[], &[]);
    check("x = { \"f\": { \"a\": \"bad\" } }\nx.f.b = \"other\"\nx.f", &one, &[".f.a not-in-enum"], &[]);
    let two = "x = { \"f\": { \"a\": \"bad\" } }\nx.f |= { \"a\": \"good\", \"b\": \"other\" }\nx.f";
    check(two, &one, &[], &[]);
    check(
        "x = { \"f\": { \"a\": \"good\" } }\nif .n > 1 { x.f.a = \"bad\" }\nx.f",
        &one,
        &[".f.a not-in-enum"],
        &[],
    );
}

#[test]
fn a_number_that_is_written_with_a_fraction_of_nothing_is_a_whole_one() {
    let whole = json!({"type": "integer", "minimum": 1});
    check("1.0", &whole, &[], &[]);
    check("{ if .n > 3 { 1.0 } else { 2 } }", &whole, &[], &[]);
    check("1.0", &json!({"const": 1}), &[], &[]);
    check("{ if .n > 3 { 1.0 } else { 2.5 } }", &whole, &[".f wrong-type"], &[]);
    check("1.0 * .n", &whole, &[".f wrong-type"], &[".f minimum"]);
}

#[test]
fn whole_numbers_are_compared_to_their_last_digit() {
    let least = json!({"type": "integer", "minimum": 9_007_199_254_740_993_i64});
    check("9007199254740992", &least, &[], &[".f minimum"]);
    check("9007199254740993", &least, &[], &[]);
}

//! Right and wrong programs: what compiles, what is wrong where, and what a run gives.

use postroom_transform::{
    Context, Data, Filter, Input, Mapping, MetaValue, Metadata, Presence, Problem, Runner, Shape,
};
use serde_json::{Value, json};

fn shape() -> Shape {
    Shape::of_schema(&json!({
        "type": "object", "additionalProperties": false,
        "required": ["uprn", "name", "kind", "open", "rate", "people", "address"],
        "properties": {
            "uprn": {"type": "integer"}, "name": {"type": "string"}, "kind": {"enum": ["street", "property"]},
            "open": {"type": "boolean"}, "rate": {"type": "number"}, "note": {"type": ["string", "null"]},
            "date": {"type": "string"}, "count": {"type": "integer"},
            "people": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["given"], "properties": {
                    "given": {"type": "string"}, "family": {"type": "string"}, "age": {"type": "integer"}}}},
            "address": {"type": "object", "additionalProperties": false, "required": ["line1"], "properties": {
                "line1": {"type": "string"}, "town": {"type": "string"}}},
            "site": {"type": "object", "additionalProperties": false, "properties": {"town": {"type": "string"}}}
        }
    }))
}

const META: &dyn Metadata = &[("id", MetaValue::Text("e1")), ("type", MetaValue::Text("t.v1"))];

fn input() -> Input<'static> {
    let data = json!({
        "uprn": 100_061_234_567_i64, "name": " Élodie ", "kind": "street", "open": true, "rate": 2.5,
        "people": [{"given": "Ann", "age": 40}, {"given": "Bo", "family": "Dee"}],
        "address": {"line1": "1 High Street"}
    });
    Input::new(data.into(), META)
}

fn gives(source: &str, expected: &Value) {
    let result = Mapping::compile(source, &shape(), Context::Route)
        .map_err(|found| found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))
        .and_then(|mapping| Runner::default().map(&mapping, &mut input()).map_err(|error| error.to_string()))
        .map(Value::from);
    assert_eq!(result.as_ref(), Ok(expected), "{source}");
}

fn problems(found: &[Problem]) -> Vec<String> {
    found.iter().map(|found| format!("{}:{} {}", found.line, found.column, found.code)).collect()
}

fn refuses(source: &str, expected: &[&str]) {
    let found = Mapping::compile(source, &shape(), Context::Route).err().unwrap_or_default();
    assert_eq!(problems(&found), expected, "{source}");
}

#[test]
fn the_fields_that_a_program_reads_are_told_with_what_stands_around_what_it_follows() {
    let shape = Shape::any();
    let check = |source: &str, expected: &[&str]| {
        let mapping = Mapping::compile(source, &shape, Context::Route).unwrap();
        assert_eq!(mapping.reads().iter().map(String::as_str).collect::<Vec<_>>(), expected, "{source}");
    };
    check("{ \"a\": .a.b, \"c\": .list[0].d, \"s\": %subject }", &["a.b", "list[].d"]);
    check("whole = .\n{ \"a\": whole }", &[""]);
    check("a = if .kind == \"x\" { .a } else { null }\n{ \"a\": a }", &["a", "kind"]);
    let filter = Filter::compile(".kind == \"x\"", &shape, Context::Route).unwrap();
    assert_eq!(filter.reads().into_iter().collect::<Vec<_>>(), ["kind"]);
}

#[test]
fn a_mapping_gives_what_it_says() {
    gives(
        "{ \"ref\": .uprn, \"who\": strip_whitespace(.name) }",
        &json!({"ref": 100_061_234_567_i64, "who": "Élodie"}),
    );
    gives(
        "out = {}\nif .open { out.state = \"open\" } else { out.state = \"shut\" }\nout",
        &json!({"state": "open"}),
    );
    gives("if .kind == \"street\" { return 1 }\n2", &json!(1));
    gives(
        "map(.people) -> |p| { p.given + \" \" + (string(p.family) ?? \"?\") }",
        &json!(["Ann ?", "Bo Dee"]),
    );
    gives("filter(.people) -> |p| { exists(p.age) }", &json!([{"given": "Ann", "age": 40}]));
    gives("count(.people) -> |p| { p.given != \"Bo\" }", &json!(1));
    gives("[%id, %type, %subject == null]", &json!(["e1", "t.v1", true]));
    gives("m = parse_regex(.address.line1, r'^(?P<no>\\d+) ') ?? {}\nm.no", &json!("1"));
    gives(
        "text, err = string(.note)\n{ \"text\": text, \"failed\": err != null }",
        &json!({"text": "", "failed": true}),
    );
    gives("compact({ \"a\": .note, \"b\": [\"\", {}], \"c\": 0, \"d\": \"x\" })", &json!({"c": 0, "d": "x"}));
    gives("who = \"you\"\n\"Dear {{ who }}\"", &json!("Dear you"));
}

#[test]
fn numbers_are_decimal_and_null_is_never_zero() {
    gives(
        "[parse_int(\"000100061234\") ?? -1, parse_int(\"08\") ?? -1, parse_int(\"0x1f\") ?? -1]",
        &json!([100_061_234, 8, -1]),
    );
    gives(
        "[to_int(.count) ?? -1, to_float(.note) ?? -1.5, to_string(.note) ?? \"none\"]",
        &json!([-1, -1.5, "none"]),
    );
    gives("[to_int(\"12\") ?? 0, to_int(2.5) ?? 0, to_int(true)]", &json!([12, 0, 1]));
    gives(
        "[parse_float(\"inf\") ?? 0.5, parse_float(\"1e999\") ?? 0.5, parse_float(\" 1\") ?? 0.5]",
        &json!([0.5, 0.5, 0.5]),
    );
    gives(
        "[to_bool(\"Yes\") ?? null, to_bool(\"0\") ?? null, to_bool(\"maybe\") ?? null]",
        &json!([true, false, null]),
    );
    gives(
        "[floor(.rate), ceil(.rate), round(2.345, precision: 2), round(1.5, 400), abs(-3) ?? 0, mod(7, 0) ?? -1]",
        &json!([2, 3, 2.35, 1.5, 3, -1]),
    );
    gives("[.uprn * 2, .rate * 2, .rate * .rate, 7 / 2]", &json!([200_122_469_134_i64, 5, 6.25, 3.5]));
}

#[test]
fn a_sum_or_difference_is_of_numbers_or_of_texts_as_its_operands_are() {
    gives(
        "[.uprn + 1, 1 - .uprn, 1.5 + .rate, .rate - 0.5]",
        &json!([100_061_234_568_i64, -100_061_234_566_i64, 4, 2]),
    );
    gives("[.rate + .uprn, .rate - .uprn] ?? \"none\"", &json!([100_061_234_569.5, -100_061_234_564.5]));
    gives(
        "[.name + .kind, (.note + .name) ?? 0, .kind + null]",
        &json!([" Élodie street", " Élodie ", "street"]),
    );
    gives("\"a\" + string(.note) ?? \"none\"", &json!("none"));
    gives("upcase(.name) + (string(.note) ?? \"?\") + .address.line1", &json!(" ÉLODIE ?1 High Street"));
    gives("(.uprn + .count) ?? \"neither\"", &json!("neither"));
    gives("(.uprn - .name) ?? \"neither\"", &json!("neither"));
    refuses("x = .uprn + .name\nx", &["1:5 unhandled-error"]);
    refuses("x = .uprn - .note\nx", &["1:5 unhandled-error"]);
    refuses("(.uprn + 1) ?? 0", &["1:1 needless-default"]);
}

#[test]
fn what_would_be_infinite_or_beyond_64_bits_is_an_error_that_is_handled() {
    gives("[abs(.uprn) ?? 0, abs(to_float(.rate))]", &json!([100_061_234_567_i64, 2.5]));
    gives("abs(-9223372036854775807 - 1) ?? \"none\"", &json!("none"));
    refuses("abs(.uprn)", &["1:1 unhandled-error"]);
    gives("[7 / 2, to_float(.rate) / 2.5, .rate / .rate ?? 0, .rate / 0.5 ?? 0]", &json!([3.5, 1, 1, 5]));
    let tiny = format!("0.{}1", "0".repeat(320));
    gives(&format!("[.rate / {tiny} ?? \"none\", .rate / 0 ?? \"none\"]"), &json!(["none", "none"]));
    refuses("[.rate / 0.5]", &["1:2 unhandled-error"]);
}

#[test]
fn a_time_that_is_told_has_a_year_of_four_digits_and_a_format_that_tells_it() {
    gives(
        "parse_timestamp(\"31/12/9999\" + \" 23:59\", \"%d/%m/%Y %H:%M\") ?? 0",
        &json!("9999-12-31T23:59:00Z"),
    );
    for text in ["+262142-12-31", "-0001-01-01", "0000-01-01"] {
        gives(&format!("parse_timestamp(\"{text} 00:00\", \"%Y-%m-%d %H:%M\") ?? \"none\""), &json!("none"));
    }
    refuses("t'+262142-01-01T00:00:00Z'", &["1:1 invalid-timestamp"]);
    refuses("format_timestamp(t'2026-01-01T00:00:00Z', \"%#z\")", &["1:1 wrong-arguments"]);
    gives(
        "parse_timestamp(\"2026-01-01 00:00 +01\", \"%Y-%m-%d %H:%M %#z\") ?? 0",
        &json!("2025-12-31T23:00:00Z"),
    );
}

#[test]
fn a_list_without_its_doubles_has_items_of_the_same_kind() {
    gives("map(unique([.name, .kind, .name])) -> |text| { upcase(text) }", &json!([" ÉLODIE ", "STREET"]));
    gives("unique([1, 1.5, 1, null, [1], [1]])", &json!([1, 1.5, null, [1]]));
}

#[test]
fn texts_are_counted_and_cut_by_characters() {
    gives("[length(.name), length(.people), length(.address)]", &json!([8, 2, 1]));
    gives(
        "[slice(.name, 1, 4) ?? \"\", slice(\"abc\", -2) ?? \"\", slice(\"abc\", 5) ?? \"out\"]",
        &json!(["Élo", "bc", "out"]),
    );
    gives("slice(.people, 1) ?? []", &json!([{"given": "Bo", "family": "Dee"}]));
    gives("[join([\"a\", \"b\"], \"-\"), join([1]) ?? \"no\"]", &json!(["a-b", "no"]));
    gives(
        "[truncate(\"Éa☃b\", 3), split(\"a,b\", \",\"), replace(\"a-b\", r'-', \"+\")]",
        &json!(["Éa☃", ["a", "b"], "a+b"]),
    );
    gives(
        "[flatten([1, [2, [[]], [3]]]), push([1], \"a\"), append([1], [2]), unique([1, 1, 2])]",
        &json!([[1, 2, 3], [1, "a"], [1, 2], [1, 2]]),
    );
}

#[test]
fn a_london_time_becomes_an_instant_in_winter_and_in_summer() {
    let parse = |text: &str| format!("parse_timestamp({text:?}, \"%d/%m/%Y %H:%M\") ?? null");
    gives(&parse("15/01/2026 12:00"), &json!("2026-01-15T12:00:00Z"));
    gives(&parse("15/07/2026 12:00"), &json!("2026-07-15T11:00:00Z"));
    gives(&parse("29/03/2026 01:30"), &Value::Null);
    gives(&parse("25/10/2026 01:30"), &Value::Null);
    gives(&parse("15/07/2026"), &Value::Null);
    let told = |zone: &str| {
        format!(
            "t = parse_timestamp(\"2026-07-15 12:00:00\", \"%F %T\") ?? t'2000-01-01T00:00:00Z'
format_timestamp(t, \"%Y-%m-%dT%H:%M:%S%:z\"{zone})"
        )
    };
    gives(&told(""), &json!("2026-07-15T12:00:00+01:00"));
    gives(&told(", timezone: \"UTC\""), &json!("2026-07-15T11:00:00+00:00"));
    gives("parse_timestamp(\"2026-07-15T12:00:00-05:00\", \"%+\") ?? null", &json!("2026-07-15T17:00:00Z"));
    gives(
        "parse_timestamp(\"2026-07-15 12:00\", \"%F %R\", \"Asia/Tokyo\") ?? null",
        &json!("2026-07-15T03:00:00Z"),
    );
}

#[test]
fn a_time_that_the_clocks_show_twice_or_skip_is_decided_by_the_rule_of_the_mapping() {
    let parse = |text: &str, which: &str| {
        format!("parse_timestamp({text:?}, \"%F %R\", \"Europe/London\", {which:?}) ?? null")
    };
    for (text, earlier, later) in [
        ("2026-10-25 01:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("2026-10-25 00:59", "2026-10-24T23:59:00Z", "2026-10-24T23:59:00Z"),
        ("2026-10-25 02:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
        ("2026-03-29 01:30", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
        ("2026-03-29 00:59", "2026-03-29T00:59:00Z", "2026-03-29T00:59:00Z"),
        ("2026-03-29 02:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
    ] {
        gives(&parse(text, "earlier"), &json!(earlier));
        gives(&parse(text, "later"), &json!(later));
    }
    refuses("parse_timestamp(.name, \"%F\", \"UTC\", \"either\") ?? null", &["1:1 wrong-arguments"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    refuses("", &["1:1 empty"]);
    refuses("# nothing\n", &["1:1 empty"]);
    refuses("{ \"a\": .nmae }", &["1:8 unknown-field"]);
    refuses("x = \"é\" + .address.postcode\nx", &["1:11 unknown-field"]);
    refuses("%subjct", &["1:1 unknown-field"]);
    refuses("a = .address\na.lin1", &["2:1 unknown-field"]);
    refuses("map(.people) -> |p| { p.gvien }", &["1:23 unknown-field"]);
    refuses("map(filter(.people) -> |p| { true }) -> |q| { [q.gvien] }", &["1:48 unknown-field"]);
    refuses("now()", &["1:1 unknown-function"]);
    refuses("get_env_var(\"HOME\") ?? \"\"", &["1:1 unknown-function"]);
    refuses("x = int!(.note)\nx", &["1:5 failing-call"]);
    refuses("string!(.name)", &["1:1 failing-call"]);
    refuses("if .open { abort }\n1", &["1:12 abort"]);
    refuses(".x = 1\n1", &["1:1 read-only"]);
    refuses("%x = 1\n1", &["1:1 read-only"]);
    refuses(". = {}\n1", &["1:1 read-only"]);
    refuses("., err = parse_int(.name)\n1", &["1:1 read-only"]);
    refuses("x = 1\nmap(.people) -> |p| { x = p.given }\nx", &["2:23 assignment-in-closure"]);
    refuses("x = (y = 1)\nx", &["1:6 assignment-here"]);
    refuses("map(.people) -> |p| { return p }", &["1:23 return-here"]);
    refuses("x = { return 1 } ?? 2\nx", &["1:7 return-here"]);
    refuses("{ \"a\": 1, \"a\": 2 }", &["1:11 duplicate-key"]);
    refuses("x = parse_int(.name)\nx", &["1:5 unhandled-error"]);
    refuses("upcase(.note)", &["1:8 wrong-type"]);
    refuses("upcase(.uprn)", &["1:8 wrong-type"]);
    refuses(".name * .uprn", &["1:1 wrong-type"]);
    refuses("x = 1 ?? 2\nx", &["1:5 needless-default"]);
    refuses("outt", &["1:1 unknown-variable"]);
    refuses("parse_timestamp(.name, .kind) ?? null", &["1:1 wrong-arguments"]);
    refuses("parse_timestamp(.name, \"%Q\") ?? null", &["1:1 wrong-arguments"]);
    refuses("parse_timestamp(.name, \"%F\", \"local\") ?? null", &["1:1 wrong-arguments"]);
    refuses("match(.name, r'(')", &["1:14 invalid-pattern"]);
    refuses("{ \"a\": }", &["1:8 syntax"]);
    refuses("\"open", &["1:1 syntax"]);
}

#[test]
fn a_misspelt_field_is_told_whatever_it_is_read_of() {
    refuses("a = .address\na = .address\na.twon", &["3:1 unknown-field"]);
    refuses("a = .address\nif .open { a = .address }\na.twon", &["3:1 unknown-field"]);
    refuses("a = object(.site) ?? { \"town\": \"none\" }\na.twon", &["2:1 unknown-field"]);
    refuses("a = .site || {}\na.twon", &["2:1 unknown-field"]);
    refuses("a = .people || []\na[0].gvien", &["2:1 unknown-field"]);
    refuses("a = merge(object(.site) ?? {}, { \"x\": 1 })\na.twon", &["2:1 unknown-field"]);
    refuses("object(.site).twon ?? \"\"", &["1:1 unknown-field"]);
    refuses("a = if .open { .address } else { null }\na.twon", &["2:1 unknown-field"]);
    refuses("a = merge(.address, { \"x\": 1 })\na.twon", &["2:1 unknown-field"]);
    refuses("a = { \"town\": 1 }\na.twon", &["2:1 unknown-field"]);
    refuses("map(.people) -> |p| {\n q = p\n q = p\n q.gvien\n}", &["4:2 unknown-field"]);
    refuses("map(.people) -> |p| { exists(p.gvien) }", &["1:23 unknown-field"]);
    refuses("{ \"a\": .address }.a.twon", &["1:1 unknown-field"]);
    refuses("merge(.address, { \"x\": 1 }).twon", &["1:1 unknown-field"]);
    refuses("slice(.people, 1)[0].gvien ?? \"\"", &["1:1 unknown-field"]);
    refuses("get(.address, [\"twon\"]) ?? null", &["1:1 unknown-field"]);
    let found = Mapping::compile("get(.people, [0, \"gvien\"]) ?? null", &shape(), Context::Route);
    let found = found.expect_err("a misspelt field");
    assert_eq!(found[0].words, "there is no field `gvien` here");
    assert_eq!(found[0].hint.as_deref(), Some("did you mean `given`?"));
}

#[test]
fn an_optional_field_is_read_of_anything() {
    gives("a = .address\nif .open { a = .address }\na.town", &Value::Null);
    gives("a = {}\nif .open { a.b = 1 }\na.b", &json!(1));
    gives("a = object(.site) ?? .address\na.line1", &json!("1 High Street"));
    gives("a = .people || []\na[1].family || \"none\"", &json!("Dee"));
    gives("object(.site).town ?? \"none\"", &json!("none"));
    gives("[{ \"a\": .address }.a.town, [.name][0]]", &json!([null, " Élodie "]));
    gives("map(slice(.people, 0) ?? []) -> |p| { p.family || p.given }", &json!(["Ann", "Dee"]));
    gives("[exists(.people[0].age), map(.people) -> |p| { exists(p.age) }]", &json!([true, [true, false]]));
    gives("split(.address.line1, \" \")[0]", &json!("1"));
    gives("parse_regex(.address.line1, r'^(?P<no>\\d+) ').no ?? \"\"", &json!("1"));
    gives("get(.people, [1, \"family\"]) ?? null", &json!("Dee"));
    gives("x = []\nmap(x) -> |y| { y.z }", &json!([]));
}

#[test]
fn all_problems_are_told_at_once_in_order() {
    let source = "a = .nmae\nb = nope(a)\nc = parse_int(.name)\n.x = 1\nd = upcase!(.name)\n[a, c, d]";
    refuses(
        source,
        &[
            "1:5 unknown-field",
            "2:5 unknown-function",
            "3:5 unhandled-error",
            "4:1 read-only",
            "5:5 failing-call",
        ],
    );
}

#[test]
fn the_words_of_a_problem_are_these() {
    let source = "a = .nmae\nb = nope(a)\nc = parse_int(.name)\nd = upcase(.uprn)\n.x = b + c + d\nx";
    let found = Mapping::compile(source, &shape(), Context::Route).err().unwrap_or_default();
    let told: Vec<String> = found.iter().map(Problem::to_string).collect();
    assert_eq!(told.join("\n"), include_str!("golden/problems.txt").trim_end());
}

#[test]
fn what_cannot_stand_where_it_stands_is_told_with_what_can_be_written_instead() {
    let check = |source: &str, words: &str, hint: Option<&str>| {
        let found = Mapping::compile(source, &shape(), Context::Route).err().unwrap_or_default();
        let told: Vec<_> = found.iter().map(|it| (it.words.as_str(), it.hint.as_deref())).collect();
        assert_eq!(told, [(words, hint)], "{source}");
    };
    check(
        "{ \"a\": if .open { 1 } else { 2 } }",
        "`if` cannot stand here",
        Some("assign it to a variable on a line before, as in `kind = if ... { ... } else { ... }`"),
    );
    check(
        "(.site || {}).town",
        "`.` cannot stand here",
        Some("assign what stands in the brackets to a variable on a line before, and read the field of that"),
    );
    check("{ \"a\": }", "`}` cannot stand here", None);
    check(
        "\u{feff}{ \"a\": 1 }",
        "it begins with a byte order mark, which an editor put there and does not show",
        Some("save it as UTF-8 without a byte order mark (BOM)"),
    );
}

#[test]
fn a_filter_is_exactly_true_or_false() {
    let filter = |source: &str| Filter::compile(source, &shape(), Context::Route);
    for (source, expected) in [
        (".kind == \"street\" && .open", true),
        ("starts_with(.name, \"x\") || includes([\"street\"], .kind)", true),
        ("exists(.note) || .rate > 3", false),
        ("(string(.note) ?? \"\") == \"x\"", false),
    ] {
        let filter = filter(source).expect(source);
        assert_eq!(Runner::default().holds(&filter, &mut input()), Ok(expected), "{source}");
    }
    for (source, expected) in [
        (".name", "1:1 not-boolean"),
        (".note == null || .name", "1:1 not-boolean"),
        ("if .open { true }", "1:1 not-boolean"),
        ("parse_int(.name) == 1", "1:1 unhandled-error"),
        (".note > \"a\"", "1:1 unhandled-error"),
    ] {
        assert_eq!(problems(&filter(source).err().unwrap_or_default()), [expected], "{source}");
    }
}

#[test]
fn functions_over_lists_compile_where_nothing_is_known_of_the_data() {
    for source in
        ["compact({\"a\": .a})", "flatten(array(.a) ?? [])", "compact(.) ?? {}", "push(array(.a) ?? [], .b)"]
    {
        let compiled = Mapping::compile(source, &Shape::any(), Context::Source);
        assert!(compiled.is_ok(), "{source}: {:?}", problems(&compiled.err().unwrap_or_default()));
    }
}

#[test]
fn an_input_serves_many_programs_unchanged() {
    let (mut runner, mut input) = (Runner::default(), input());
    let compile = |source: &str| Mapping::compile(source, &shape(), Context::Route).expect(source);
    let (first, second) = (compile("x = .\nx.uprn = 1\nx.uprn"), compile(".uprn"));
    assert_eq!(runner.map(&first, &mut input), Ok(json!(1).into()));
    assert_eq!(runner.map(&second, &mut input), Ok(json!(100_061_234_567_i64).into()));
}

#[test]
fn a_source_reads_rows_and_where_they_stood() {
    let shape = Shape::of_texts(&["UPRN".into(), "NAME".into()]);
    let mapping = Mapping::compile(
        "{ \"subject\": \"uprn:\" + .UPRN, \"data\": { \"n\": parse_int(.UPRN) ?? 0, \"line\": %line } }",
        &shape,
        Context::Source,
    );
    let data = json!({"UPRN": "0017", "NAME": "Ann"});
    let meta = [("line", MetaValue::Number(4))];
    let mut input = Input::new(data.into(), &meta);
    let expected = json!({"subject": "uprn:0017", "data": {"n": 17, "line": 4}});
    assert_eq!(Runner::default().map(&mapping.expect("right"), &mut input), Ok(expected.into()));
    assert!(Mapping::compile(".USRN", &shape, Context::Source).is_err());
}

#[test]
fn a_source_of_snapshots_reads_what_became_of_a_record_and_what_is_kept_of_the_old_one() {
    let row = Shape::of_texts(&["UPRN".into(), "STREET".into(), "PHONE".into()]);
    let shape = row.of_snapshots(Shape::of_texts(&["UPRN".into(), "STREET".into()]));
    let compile = |source: &str| Mapping::compile(source, &shape, Context::Snapshot);
    let mapping = compile("{ \"what\": %change, \"new\": .STREET, \"old\": string(%old.STREET) ?? null }");
    let (mapping, mut runner) = (mapping.expect("right"), Runner::default());
    let old = Data::from(json!({"UPRN": "17", "STREET": "High Street"}));
    let data = json!({"UPRN": "17", "STREET": "Church Lane", "PHONE": "1"});
    let changed = [("change", MetaValue::Text("changed")), ("old", MetaValue::Data(&old))];
    let expected = json!({"what": "changed", "new": "Church Lane", "old": "High Street"});
    let made = runner.map(&mapping, &mut Input::new(data.clone().into(), &changed));
    assert_eq!(made, Ok(expected.into()));
    let created = [("change", MetaValue::Text("created"))];
    let expected = json!({"what": "created", "new": "Church Lane", "old": null});
    assert_eq!(runner.map(&mapping, &mut Input::new(data.into(), &created)), Ok(expected.into()));
    // What is not kept is not there of a record that was removed, nor in any old one.
    assert!(compile("upcase(.STREET)").is_ok() && compile("upcase(.PHONE)").is_err());
    assert_eq!(compile("%old.PHONE").expect_err("a field that is not kept")[0].code, "unknown-field");
    assert!(Mapping::compile("%change", &shape, Context::Source).is_err());
}

fn shape_with_lookups() -> Shape {
    shape().with_lookups([("reason", Presence::Certain), ("crew", Presence::MayLack)])
}

#[test]
fn a_program_reads_what_its_lookups_answered_and_nothing_of_those_before() {
    let (mut runner, mut input) = (Runner::default(), input());
    let compile = |source: &str, shape: &Shape| {
        let found = Mapping::compile(source, shape, Context::Route);
        found.map_err(|found| problems(&found)).expect(source)
    };
    let asks = compile(
        "{ \"why\": upcase(%lookup.reason), \"crew\": %lookup.crew, \"id\": %id }",
        &shape_with_lookups(),
    );
    input.answer([("reason", Some(MetaValue::Text("locked"))), ("crew", None)]);
    let expected = json!({"why": "LOCKED", "crew": null, "id": "e1"});
    assert_eq!(runner.map(&asks, &mut input), Ok(expected.into()));
    let whole = compile("%", &shape());
    input.answer([]);
    assert_eq!(runner.map(&whole, &mut input), Ok(json!({"id": "e1", "type": "t.v1"}).into()));
}

#[test]
fn a_lookup_is_text_or_null_and_one_that_is_not_declared_is_told_at_its_place() {
    let found = |source: &str| {
        Mapping::compile(source, &shape_with_lookups(), Context::Route).err().unwrap_or_default()
    };
    assert_eq!(problems(&found("upcase(%lookup.crew)")), ["1:8 wrong-type"]);
    let misspelt = found("a = 1\n{ \"why\": %lookup.reson }");
    assert_eq!(problems(&misspelt), ["2:10 unknown-lookup"]);
    assert_eq!(misspelt[0].length, "%lookup.reson".len());
    assert_eq!(misspelt[0].hint.as_deref(), Some("did you mean `reason`?"));
    let none = Mapping::compile("%lookup.reason", &shape(), Context::Route).err().unwrap_or_default();
    assert_eq!(problems(&none), ["1:1 unknown-lookup"]);
    assert!(none[0].hint.as_deref().is_some_and(|hint| hint.contains("[[lookup]]")));
    let when = Filter::compile("%lookup.reason == \"a\"", &shape(), Context::Route).err().unwrap_or_default();
    assert_eq!(problems(&when), ["1:1 unknown-lookup"]);
}

#[test]
fn nothing_is_set_where_the_types_would_keep_what_may_be_gone() {
    let either = |one: &str, other: &str| format!("x = {one}\nif .uprn > 1 {{ x = {other} }}\n");
    let unsure = |set: &str, before: String| {
        refuses(&format!("{before}{set}\nx"), &["3:1 wrong-path"]);
    };
    unsure("x.b = 1", either("1", "{ \"a\": 1 }"));
    unsure("x[1] = 2", either(".note", "[1]"));
    unsure("x[2] = true", either("[1]", "[\"a\", \"b\", \"c\"]"));
    unsure("x[-1] = true", either("[]", "[1]"));
    gives(&format!("{}x.b = 1\nx", either("{}", "{ \"a\": 1 }")), &json!({"a": 1, "b": 1}));
    gives("x = { \"site\": .site }\nx.site.town = \"Zedbury\"\nx", &json!({"site": {"town": "Zedbury"}}));
    gives("x = [1, 2]\nx[-1] = true\nx[3] = 4\nx", &json!([1, true, null, 4]));
}

//! A source at the limits is compiled on an ordinary stack, and one beyond them is refused before it is parsed.

use postroom_transform::{
    Context, Input, MAX_ASSIGNMENTS, MAX_CHAIN, MAX_CLOSURES, MAX_INDEX, MAX_NESTING, MAX_PATTERNS,
    MAX_SOURCE_BYTES, MAX_TYPE_DEPTH, Mapping, Runner, Shape,
};
use serde_json::{Value, json};

fn code(source: &str) -> Option<String> {
    let found = Mapping::compile(source, &Shape::any(), Context::Route).err()?;
    found.first().map(|problem| problem.code.clone())
}

#[test]
fn brackets_at_the_limit_are_compiled_and_run() {
    let wrapped = |open: &str, close: &str| {
        let source = format!("{}1{}", open.repeat(MAX_NESTING), close.repeat(MAX_NESTING));
        let mapping = Mapping::compile(&source, &Shape::any(), Context::Route).expect("at the limit");
        Runner::default()
            .map(&mapping, &mut Input::new(Value::Null.into(), &[]))
            .map(Value::from)
            .expect("a result")
    };
    let expected = (0..MAX_NESTING).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(wrapped("[", "]"), expected);
    wrapped("{\"a\": ", "}");
    wrapped("(", ")");
}

#[test]
fn two_thousand_brackets_are_refused_and_nothing_overflows() {
    let closures = |levels: usize| {
        format!("{}1{}", "map(array(.a) ?? []) -> |m| { ".repeat(levels), " }".repeat(levels))
    };
    assert_eq!(code(&closures(MAX_CLOSURES)), None);
    assert_eq!(code(&closures(MAX_CLOSURES + 1)).as_deref(), Some("nested-too-deep"));
    for open in ["[", "(", "{", "upcase(", "{\"a\": ", "if true { "] {
        assert_eq!(code(&open.repeat(2_000)).as_deref(), Some("nested-too-deep"), "{open}");
    }
}

#[test]
fn a_source_of_ten_megabytes_is_refused_by_its_size() {
    for line in ["x = 1\n", "# a comment\n", "[["] {
        assert_eq!(code(&line.repeat(10 * 1024 * 1024 / line.len())).as_deref(), Some("too-large"), "{line}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_in_many_places_is_read_and_compared_in_a_moment() {
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": {}});
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        schema["properties"][name] = json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"type": "null"}]});
    }
    let shape = Shape::of_schema(&schema);
    let mapping = Mapping::compile(".", &shape, Context::Route).expect("right");
    assert!(!mapping.fit(&schema).left.is_empty());
}

#[test]
fn a_chain_at_the_limit_is_compiled_and_a_longer_one_refused() {
    let chain = |link: &str, links: usize| format!("{}true", link.repeat(links));
    for link in ["1 == 2 || ", "!", ".a || ", "1 < 1 + 1 * 2 - 3 || "] {
        let fits = if link == "!" { MAX_CHAIN } else { MAX_CHAIN / link.matches(' ').count() };
        let source = chain(link, fits);
        let mapping = Mapping::compile(&source, &Shape::any(), Context::Route).expect(link);
        assert!(Runner::default().map(&mapping, &mut Input::new(Value::Null.into(), &[])).is_ok(), "{link}");
        assert_eq!(code(&chain(link, 30_000 / link.len())).as_deref(), Some("too-long"), "{link}");
    }
    assert_eq!(code(&format!(".{}", "a.".repeat(20_000))).as_deref(), Some("too-long"));
    assert_eq!(code(&"x = ".repeat(10_000)).as_deref(), Some("too-long"));
}

#[test]
fn calls_inside_one_another_cost_no_more_with_each_level_than_the_one_before() {
    let shape =
        Shape::of_schema(&json!({"type": "object", "required": ["n", "t"], "additionalProperties": false,
        "properties": {"n": {"type": "integer"}, "t": {"type": "string"}}}));
    let nested =
        |open: &str, inner: &str| format!("{}{inner}{}", open.repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
    let chain = |link: &str| format!(".n{}", link.repeat(MAX_CHAIN / 2));
    for source in
        [nested("floor(", ".n"), nested("upcase(", ".t"), chain(" * 1"), chain(" + 1"), chain(" - 1")]
    {
        let mapping = Mapping::compile(&source, &shape, Context::Route).expect("right");
        let given = json!({"n": 1, "t": "a"});
        assert!(Runner::default().map(&mapping, &mut Input::new(given.into(), &[])).is_ok(), "{source}");
    }
}

#[test]
fn a_type_that_grows_with_every_line_does_not_overflow_the_stack() {
    let lines = format!("x = 1\n{}x", "x = [x]\n".repeat(2_000));
    assert!(lines.len() < MAX_SOURCE_BYTES);
    assert_eq!(code(&lines).as_deref(), Some("too-many-assignments"));
    let deep = |lines: usize| format!("x = 1\n{}x", "x = [x]\n".repeat(lines));
    assert_eq!(code(&deep(MAX_ASSIGNMENTS - 1)).as_deref(), Some("nested-too-deep"));
    assert_eq!(code(&deep(MAX_TYPE_DEPTH + 1)).as_deref(), Some("nested-too-deep"));
    assert_eq!(code(&deep(MAX_TYPE_DEPTH)), None);
}

#[test]
fn a_type_that_doubles_with_every_line_is_refused_at_the_line_and_in_a_moment() {
    for line in [
        "x = {\"a\": x, \"b\": x}",
        "x = [x, x]",
        "x = merge(x, {\"a\": x, \"b\": x}, deep: true)",
        "if .a == 1 { x = {\"a\": x, \"b\": x} }",
        "x = map([1]) -> |i| { {\"a\": x, \"b\": x} }",
    ] {
        let source = format!("x = {{}}\n{}x", format!("{line}\n").repeat(30));
        let found = Mapping::compile(&source, &Shape::any(), Context::Route).expect_err(line);
        let told: Vec<_> = found.iter().map(|one| (one.code.as_str(), (3..25).contains(&one.line))).collect();
        assert_eq!(told, [("type-too-large", true)], "{line}: {found:?}");
    }
    let names = (0..60).map(|at| format!("\"f{at}\": .a")).collect::<Vec<_>>().join(", ");
    let many = (0..250).map(|at| format!("x{at} = x\n")).collect::<String>();
    assert_eq!(
        code(&format!("x = {{ {names} }}\n{many}[{}]", "x,".repeat(2_000))).as_deref(),
        Some("type-too-large")
    );
}

#[test]
fn patterns_that_take_long_to_compile_are_refused_by_number_and_by_size() {
    let patterns = |pattern: &str, count: usize| {
        let all: Vec<String> = (0..count).map(|_| format!("match(.a, r'{pattern}') ?? false")).collect();
        format!("[{}]", all.join(", "))
    };
    assert_eq!(code(&patterns("^[A-Z]{1,2}\\d[A-Z\\d]? ?\\d[A-Z]{2}$", MAX_PATTERNS)), None);
    assert_eq!(code(&patterns("a", MAX_PATTERNS + 1)).as_deref(), Some("too-many-patterns"));
    assert_eq!(code(&patterns("\\w{500}", 1)).as_deref(), Some("pattern-too-large"));
}

#[test]
fn an_item_far_away_in_a_list_is_refused_and_no_list_is_filled_up_to_it() {
    for path in [
        "x[4000000000] = 1",
        "x.a[-4000000000] = 1",
        "x = .a[9223372036854775807]",
        "x = .a[-9223372036854775808]",
    ] {
        assert_eq!(code(&format!("x = []\n{path}\nx")).as_deref(), Some("index-too-large"), "{path}");
    }
    assert_eq!(code(&format!("x = []\nx[{MAX_INDEX}] = 1\nx[-{MAX_INDEX}]")), None);
}

#[test]
fn a_run_that_makes_more_than_it_may_ends_with_an_error_and_not_with_the_memory() {
    let shape = Shape::of_schema(&json!({"type": "object", "required": ["t", "l"],
        "properties": {"t": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}}}}));
    for (first, line) in [
        (".t", "x = x + x"),
        ("\"aaaaaaaa\"", "x = x + x"),
        (".t", "x = \"{{ x }}{{ x }}\""),
        (".t", "x = slice(x + x, 0) ?? \"\""),
        (".t", "x = join([x, x], x)"),
        (".t", "x = replace(x, \"a\", x)"),
        (".t", "x = replace(x, r'^.*$', \"$0$0$0\")"),
        (".l", "x = append(x, x)"),
        (".l", "x = flatten(map(x) -> |i| { x })"),
        (".l", "x = split(join(append(x, x), \"\") + \"a\", \"\")"),
        ("{\"a\": .l}", "x.a = append(x.a, x.a)"),
    ] {
        let source = format!("x = {first}\n{}x", format!("{line}\n").repeat(40));
        let mapping = Mapping::compile(&source, &shape, Context::Route)
            .unwrap_or_else(|found| panic!("{line}: {found:?}"));
        let data = json!({"t": "aaaaaaaa", "l": ["a", "b"]});
        let error = Runner::default().map(&mapping, &mut Input::new(data.into(), &[])).expect_err(line);
        assert_eq!(error.to_string(), "the mapping makes more than one run may", "{line}");
    }
    let once = format!("[{}]", ".,".repeat(500));
    let mapping = Mapping::compile(&once, &Shape::any(), Context::Route).expect("right");
    let data = json!({"t": "a".repeat(1024 * 1024)});
    assert!(Runner::default().map(&mapping, &mut Input::new(data.into(), &[])).is_err());
}

#[test]
fn a_run_that_takes_too_many_steps_ends_with_an_error() {
    let source = "l = array(.l) ?? []\ncount(l) -> |a| { (count(l) -> |b| { a == b }) > 0 }";
    let mapping = Mapping::compile(source, &Shape::any(), Context::Route).expect("right");
    let items: Vec<u32> = (0..3_000).collect();
    let error = Runner::default()
        .map(&mapping, &mut Input::new(json!({"l": items}).into(), &[]))
        .expect_err("too long");
    assert_eq!(error.to_string(), "the mapping takes too many steps");
}

#[test]
fn an_error_of_a_run_tells_the_place_and_never_the_value() {
    let shape = Shape::of_schema(
        &json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    );
    for (calculated, n) in [
        (".n * 9223372036854775807", 4711),
        (".n + 9223372036854775807", 4711),
        (".n - 9223372036854775807", -4711),
        ("9223372036854775807 + .n", 4711),
        ("(0 - .n)", i64::MIN),
    ] {
        let source = format!("x = 1\n{calculated}");
        let mapping = Mapping::compile(&source, &shape, Context::Route).expect("right");
        let error = Runner::default()
            .map(&mapping, &mut Input::new(json!({"n": n}).into(), &[]))
            .expect_err("too large");
        let place = if calculated.starts_with('(') { "2:2" } else { "2:1" };
        assert_eq!(error.to_string(), format!("{place}: an operation cannot be done with this data"));
    }
}

//! A source at the limits is compiled on an ordinary stack, and one beyond them is refused before it is parsed.

use postroom_transform::{
    Context, Input, MAX_ASSIGNMENTS, MAX_CHAIN, MAX_CLOSURES, MAX_NESTING, MAX_SOURCE_BYTES, Mapping, Runner,
    Shape,
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
    for source in [nested("abs(", ".n"), nested("upcase(", ".t"), chain(" * 1"), chain(" + 1"), chain(" - 1")]
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
    let fits = format!("x = 1\n{}x", "x = [x]\n".repeat(MAX_ASSIGNMENTS - 1));
    assert_eq!(code(&fits), None);
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

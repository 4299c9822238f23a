//! What the flows of mappings are said to be, and whether anything reaches what they do not name.

mod author;
mod soundness;

use super::*;
use crate::soundness::schema;

/// The flows as text: `from -> to`, `(from) -> to` of a presence, `from => to` where it only decides.
fn flows(source: &str) -> Vec<String> {
    let shape = Shape::of_schema(&schema()).with_lookups([("case", crate::Presence::Certain)]);
    let flows = Flow::of_mapping(source, &shape, Context::Route).expect(source);
    let told = flows.into_iter().map(|Flow { from, of, to, how, .. }| {
        let from = if of == Of::Presence { format!("({from})") } else { from.to_string() };
        format!("{from} {} {to}", if how == How::Data { "->" } else { "=>" })
    });
    told.collect()
}

fn check(source: &str, expected: &[&str]) {
    assert_eq!(flows(source), expected, "{source}");
}

#[test]
fn a_field_of_the_result_is_reached_by_what_it_is_made_of() {
    check("{ \"a\": .name, \"b\": { \"c\": .n + 1, \"d\": 7 } }", &[".n -> .b.c", ".name -> .a"]);
    check("x = upcase(.name)\ny = \"{{ x }}!\"\n{ \"a\": y }", &[".name -> .a"]);
    check("x = {}\nx.a = .name\nx.b = 1\nx", &[".name -> .a"]);
    check("x = .name\nx = \"none\"\n{ \"a\": x }", &[]);
    check("{ \"a\": %lookup.case, \"b\": %subject }", &["%lookup.case -> .a", "%subject -> .b"]);
    check("merge(compact({ \"a\": .note }), { \"b\": .n })", &[".n -> .b", ".note -> .a"]);
}

#[test]
fn what_is_copied_whole_is_told_field_by_field() {
    check(
        "{ \"all\": .people }",
        &[
            "(.people) => .all",
            "(.people[]) => .all[]",
            ".people[].age -> .all[].age",
            ".people[].given -> .all[].given",
            "(.people[].tags) => .all[].tags",
            ".people[].tags[] -> .all[].tags[]",
        ],
    );
    check("p = .people[0]\n{ \"g\": p.given }", &["(.people) => .g", ".people[].given -> .g"]);
    check(
        "{ \"g\": map(.people) -> |p| { { \"n\": p.given } } }",
        &["(.people) => .g", ".people[].given -> .g[].n"],
    );
}

#[test]
fn what_decides_is_told_as_deciding() {
    check("{ \"a\": { if .open == true { 1 } else { .n } } }", &[".n -> .a", ".open => .a"]);
    check("{ \"a\": string(.note) ?? \"none\" }", &[".note -> .a", "(.note) => .a"]);
    check("{ \"a\": .note || 1, \"b\": 2 }", &[".note -> .a"]);
    check("x = 1\nif .n > 3 { x = 2 }\n{ \"a\": x, \"b\": 2 }", &[".n => .a"]);
    check("if exists(.note) { return { \"a\": 1 } }\n{ \"b\": .n }", &[".n -> .b", "(.note) => ."]);
    check(
        "{ \"a\": map(filter(.people) -> |p| { p.age == 3 }) -> |p| { p.given } }",
        &["(.people) => .a", ".people[].age => .a", ".people[].age -> .a[]", ".people[].given -> .a[]"],
    );
}

#[test]
fn what_is_let_through_or_cut_out_tells_what_it_was_asked_for() {
    check("{ \"a\": filter([\"x\", \"y\"]) -> |it| { it == .name } }", &[".name -> .a"]);
    check("{ \"a\": slice(\"0123456789\", .n, .n + 1) ?? \"\" }", &[".n -> .a"]);
    check("{ \"a\": filter([\"x\", \"y\"]) -> |it| { exists(.note) } }", &["(.note) -> .a"]);
}

#[test]
fn how_many_there_are_tells_nothing_of_what_they_hold() {
    check("{ \"a\": 1 + length(.people) }", &["(.people) -> .a"]);
    check("{ \"a\": exists(.people[0].given) }", &["(.people) => .a", "(.people[].given) -> .a"]);
    check("{ \"a\": .note == null }", &["(.note) -> .a"]);
}

#[test]
fn a_filter_depends_on_what_it_reads() {
    let shape = Shape::of_schema(&schema());
    let flows = Flow::of_filter(".n > 3 && exists(.note)", &shape, Context::Route).expect("a filter");
    let told: Vec<_> = flows.iter().map(|flow| (flow.from.to_string(), flow.of, flow.how)).collect();
    let expected =
        [(".n".to_owned(), Of::Value, How::Control), (".note".to_owned(), Of::Presence, How::Control)];
    assert_eq!(told, expected);
}

#[test]
fn a_flow_tells_where_its_field_is_read() {
    let flows =
        Flow::of_mapping("x = 1\n{ \"a\": .people[0].given }", &Shape::of_schema(&schema()), Context::Route);
    let flow = flows.expect("flows").into_iter().find(|flow| flow.how == How::Data).expect("a flow");
    assert_eq!((flow.line, flow.column, flow.length), (2, 8, 16));
}

#[test]
fn a_value_that_grows_without_end_is_told_as_one_whole() {
    let grown = format!("x = {{ \"a\": .name }}\n{}x", "x = { \"a\": x, \"b\": x }\n".repeat(60));
    assert!(flows(&grown).iter().any(|flow| flow.starts_with(".name -> ")));
}

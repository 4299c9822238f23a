//! That nothing reaches what no flow leads to: of one event one field is changed, and what changes in the result must be told.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::author::Author;
use crate::flow::{Flow, ITEMS, Of};
use crate::soundness::{data, schema};
use crate::{Context, Input, Mapping, MetaValue, Runner, Shape};

/// A field that differs: its steps, and whether it is there with a plain value on both sides.
type Changed = (Vec<String>, bool);

/// Every field that differs between two values, items as [`ITEMS`].
fn changes(one: Option<&Value>, other: Option<&Value>, at: &[String], found: &mut BTreeSet<Changed>) {
    if one == other {
        return;
    }
    let below = |step: &str| at.iter().cloned().chain([step.to_owned()]).collect::<Vec<_>>();
    let parts = |value: Option<&Value>| match value {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        Some(Value::Array(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => BTreeSet::new(),
    };
    let (left, right) = (parts(one), parts(other));
    let same_kind = matches!(
        (one, other),
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None)
            | (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None)
    );
    if !same_kind || left.is_empty() && right.is_empty() {
        let is_plain = |value: Option<&Value>| {
            value.is_some_and(|value| !value.is_null() && parts(Some(value)).is_empty())
        };
        found.insert((at.to_vec(), is_plain(one) && is_plain(other)));
    }
    for part in left.union(&right) {
        let inner = |value: Option<&'_ Value>| {
            value.and_then(|value| match value {
                Value::Object(fields) => fields.get(part).cloned(),
                Value::Array(items) => items.get(part.parse::<usize>().ok()?).cloned(),
                _ => None,
            })
        };
        let is_list = [one, other].into_iter().flatten().any(Value::is_array);
        changes(
            inner(one).as_ref(),
            inner(other).as_ref(),
            &below(if is_list { ITEMS } else { part }),
            found,
        );
    }
}

/// Whether the flow tells that a change of `from` may change `to`.
fn tells(flow: &Flow, is_metadata: bool, (from, is_plain): &Changed, to: &[String]) -> bool {
    let told = &flow.from.steps;
    let reaches = from.starts_with(told) || told.starts_with(from);
    // Of a presence, what stands below it in a field that stays there is nothing.
    let counts = flow.of == Of::Value || !is_plain || told.len() >= from.len();
    flow.from.is_metadata == is_metadata && reaches && counts && to.starts_with(&flow.to.steps)
}

/// One value with another's field at `at`, which may lead into the first items of lists.
fn with(value: &Value, other: &Value, at: &[&str]) -> Value {
    let pointer = |steps: &[&str]| steps.iter().map(|step| format!("/{step}")).collect::<String>();
    let mut changed = value.clone();
    let (last, way) = at.split_last().expect("a field");
    match (changed.pointer_mut(&pointer(way)), other.pointer(&pointer(at)).cloned()) {
        (Some(Value::Object(fields)), Some(new)) => drop(fields.insert((*last).to_owned(), new)),
        (Some(Value::Object(fields)), None)
            if at.len() > 1 || !["n", "name", "people", "kind"].contains(last) =>
        {
            drop(fields.remove(*last));
        }
        _ => {}
    }
    changed
}

const FIELDS: [&[&str]; 13] = [
    &["n"],
    &["rate"],
    &["name"],
    &["note"],
    &["open"],
    &["kind"],
    &["people"],
    &["extra"],
    &["people", "0", "given"],
    &["people", "0", "age"],
    &["people", "1", "tags"],
    &["people", "1", "given"],
    &["extra", "a"],
];

fn made(mapping: &Mapping, data: &Value, subject: &str) -> Option<Value> {
    let text = MetaValue::Text;
    let metadata =
        [("id", text("1")), ("source", text("/s")), ("type", text("t")), ("subject", text(subject))];
    let mut input = Input::new(data.clone().into(), &metadata);
    Runner::default().map(mapping, &mut input).ok().map(Value::from)
}

/// What changed in the result and no flow tells.
fn untold(
    flows: &[Flow],
    is_metadata: bool,
    from: &BTreeSet<Changed>,
    results: (&Value, &Value),
) -> Vec<Vec<String>> {
    let mut to = BTreeSet::new();
    changes(Some(results.0), Some(results.1), &[], &mut to);
    let told =
        |to: &[String]| flows.iter().any(|flow| from.iter().any(|from| tells(flow, is_metadata, from, to)));
    to.into_iter().map(|(to, _)| to).filter(|to| !told(to)).collect()
}

/// Changes one field of one event after the other: everything that changes in the result must be told.
fn assert_told(source: &str, (mapping, flows): (&Mapping, &[Flow]), samples: &[Value]) {
    for (one, other) in samples.iter().flat_map(|one| samples.iter().map(move |other| (one, other))) {
        let Some(first) = made(mapping, one, "a:1") else { continue };
        let more = {
            let mut more = one.clone();
            let people = more["people"].as_array_mut().expect("people");
            people.push(json!({"given": "more"}));
            more
        };
        for changed in FIELDS.iter().map(|field| with(one, other, field)).chain([more]) {
            let mut from = BTreeSet::new();
            changes(Some(one), Some(&changed), &[], &mut from);
            let second = if from.is_empty() { None } else { made(mapping, &changed, "a:1") };
            let Some(second) = second else { continue };
            let untold = untold(flows, false, &from, (&first, &second));
            assert!(
                untold.is_empty(),
                "{untold:?} of {from:?}\n{source}\n{one}\n{changed}\n{first}\n{second}"
            );
        }
        let about = BTreeSet::from([(vec!["subject".to_owned()], true)]);
        let Some(second) = made(mapping, one, "b:2") else { continue };
        let untold = untold(flows, true, &about, (&first, &second));
        assert!(untold.is_empty(), "{untold:?} of the subject\n{source}\n{one}\n{first}\n{second}");
    }
}

/// Programs in which a way is easily overlooked.
const TRICKY: &[&str] = &[
    "if .open == true { return {\"a\": 1} }\n{\"b\": 2}",
    "if .n > 0 { if .open == true { return {\"a\": 1} } }\nif .kind == 1 { return {\"a\": 2} }\n{\"a\": .name}",
    "{\"a\": ({\"x\": to_int(.note), \"y\": 1}.y ?? 2)}",
    "a, err = to_int(.note)\nx = [a]\ny = [err]\n{\"a\": length(x), \"b\": y}",
    "a, err = {\"x\": to_int(.note), \"y\": 1}.y\n{\"a\": a}",
    "x = {}\nif .open == true { x.a = 1 }\nx.b = .n\n{\"a\": x.a, \"b\": x.b}",
    "x = 1\nif .open == true { x = 2 } else { if .n > 0 { x = 3 } }\n{\"a\": x}",
    "{\"a\": .people[-1].age, \"b\": map(.people) -> |p| { 1 }}",
    "{\"a\": filter(.people) -> |p| { (int(p.age) ?? 0) > 0 }, \"b\": count(.people) -> |p| { exists(p.age) }}",
    "{\"a\": compact(map(.people) -> |p| { { \"g\": p.given, \"a\": p.age } })}",
    "{\"a\": compact(.people)}",
    "{\"a\": unique(map(.people) -> |p| { { \"g\": p.given, \"a\": p.age } })}",
    "{\"a\": append(.people, [.n]), \"b\": push(.people, .name), \"c\": slice(.people, 1) ?? []}",
    "{\"a\": length(compact({\"x\": .note, \"y\": .rate})), \"b\": keys(object(.extra) ?? {})}",
    "{\"a\": merge({\"x\": .n}, compact({\"x\": .note})), \"b\": ({\"x\": 1} | compact({\"x\": .rate}))}",
    "y = .name\nx = \"<{{ y }}>\"\n{\"a\": x, \"b\": .note || .n, \"c\": get(., [.name]) ?? 1}",
    "t = .people\nt[0] = 1\n{\"a\": t}",
    "x = {\"a\": .n}\nx |= {\"b\": .name}\nx",
    "{\"a\": flatten([.people, [.n]]), \"b\": values(object(.extra) ?? {})}",
    "{\"a\": .note == null, \"b\": is_nullish(.note), \"c\": !(.open == true), \"d\": %subject}",
    ".",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_no_flow_leads_to_is_the_same_whatever_a_field_holds(samples in vec(data(), 4)) {
        static COMPILED: OnceLock<Vec<(&str, Mapping, Vec<Flow>)>> = OnceLock::new();
        let shape = Shape::of_schema(&schema());
        let compiled = |source: &&'static str| {
            let flows = Flow::of_mapping(source, &shape, Context::Route).ok()?;
            Some((*source, Mapping::compile(source, &shape, Context::Route).ok()?, flows))
        };
        let all = COMPILED.get_or_init(|| TRICKY.iter().filter_map(compiled).collect());
        prop_assert_eq!(all.len(), TRICKY.len());
        all.iter().for_each(|(source, mapping, flows)| assert_told(source, (mapping, flows), &samples));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_program_that_is_made_at_random_has_a_way_that_no_flow_tells(choices in vec(any::<u8>(), 0..60), samples in vec(data(), 3)) {
        let shape = Shape::of_schema(&schema());
        let source = Author::program(choices);
        if let Ok(mapping) = Mapping::compile(&source, &shape, Context::Route) {
            let flows = Flow::of_mapping(&source, &shape, Context::Route).expect("what compiles has flows");
            assert_told(&source, (&mapping, &flows), &samples);
        }
    }
}

#[test]
fn most_programs_that_are_written_for_this_compile() {
    let shape = Shape::of_schema(&schema());
    let mut seed = 1_u32;
    let mut choice = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(seed >> 24).unwrap_or_default()
    };
    let mut wrong = Vec::new();
    for _ in 0..60 {
        let source = Author::program((0..80).map(|_| choice()).collect());
        if let Err(problems) = Mapping::compile(&source, &shape, Context::Route) {
            wrong.push(format!("{}\n{source}", problems[0]));
        }
    }
    assert!(wrong.len() < 20, "{} of 60: {}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn a_change_is_told_by_the_fields_in_which_it_is() {
    let check = |one: Value, other: Value, expected: &[(&str, bool)]| {
        let mut found = BTreeSet::new();
        changes(Some(&one), Some(&other), &[], &mut found);
        let found: Vec<_> = found.into_iter().map(|(steps, is_plain)| (steps.join("."), is_plain)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(path, is_plain)| ((*path).to_owned(), *is_plain)).collect();
        assert_eq!(found, expected, "{one} {other}");
    };
    check(json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), &[("b", true)]);
    check(
        json!({"a": [{"b": 1}]}),
        json!({"a": [{"b": 1}, {"b": 2, "c": 3}]}),
        &[("a.[].b", false), ("a.[].c", false)],
    );
    check(json!({"a": {"b": 1}}), json!({"a": 1}), &[("a", false), ("a.b", false)]);
    check(json!({"a": []}), Value::Object(Map::new()), &[("a", false)]);
}

//! What `check` says holds for the mappings of the generated family; and the family has all that a mapping may be written with.

use std::cell::Cell;
use std::collections::BTreeSet;

use postroom_schema::Validator;
use postroom_transform::{Context, FUNCTIONS, Mapping, Runner, Shape, keywords};
use serde_json::{Value, json};

use crate::family::Family;
use crate::sound::{Ended, Proved, samples_of_any};

/// Random events of the family.
const EVENTS: usize = 20_000;
/// Pairs of schemas in the family, each with some mappings.
const PAIRS: usize = 40;
/// Mappings that are tried for each pair.
const TRIES: usize = 4;
/// Most pairs that are compiled beyond those, where chance left out a function or a keyword.
const MORE: usize = 400;
/// The environment's name for how many families are tried, each of another seed.
const FAMILIES: &str = "POSTROOM_FAMILIES";
/// The seed of the first family.
const SEED: u64 = 8;

/// Keywords that no schema of the family has.
const WITHOUT: [(&str, &str); 4] = [
    ("additionalItems", "2020-12 ignores it"),
    ("dependencies", "2020-12 ignores it"),
    ("$recursiveRef", "2020-12 ignores it"),
    ("$dynamicRef", "it leads on from the schema around it: of such a one no sample is made"),
];

/// What became of the runs.
#[derive(Debug, Default)]
struct Count {
    /// Mappings of which nothing is wrong for all that types tell.
    proved: usize,
    taken: usize,
    refused: usize,
    failed: usize,
    /// Runs of mappings that are told to be wrong always.
    never: usize,
}

/// Mappings between two schemas of the family, those that compile.
fn members(source: &Value, family: &mut Family, met: &mut BTreeSet<String>) -> Vec<Proved> {
    let shape = Shape::of_schema(source);
    let mut members = Vec::new();
    for _ in 0..TRIES {
        let target = family.target(source);
        let text = family.mapping(source, &target);
        let Ok(mapping) = Mapping::compile(&text, &shape, Context::Route) else { continue };
        met.extend(calls(&text));
        meet(&target, met);
        let fit = mapping.fit(&target);
        let takes = Validator::compile(&target).expect("a schema");
        let name = format!("{text}\n{target}");
        members.push(Proved { name, mapping, fit, takes, lookups: vec![], tried: Cell::default() });
    }
    members
}

/// What is called in a mapping, each with its bracket.
fn calls(text: &str) -> impl Iterator<Item = String> {
    let named = |before: &str| {
        let name = before.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next()?;
        Some(format!("{name}("))
    };
    text.split('(').filter_map(named)
}

/// Notes every name in a schema: the keywords, and fields, which are called otherwise.
fn meet(schema: &Value, met: &mut BTreeSet<String>) {
    for (name, below) in schema.as_object().into_iter().flatten() {
        met.insert(name.clone());
        meet(below, met);
    }
    for below in schema.as_array().into_iter().flatten() {
        meet(below, met);
    }
}

/// The functions and keywords that the family should have and that were not met.
fn lacking(met: &BTreeSet<String>) -> Vec<String> {
    let calls = FUNCTIONS.iter().map(|function| format!("{}(", function.name));
    let asked = keywords().filter(|name| WITHOUT.iter().all(|(without, _)| name != without));
    calls.chain(asked.map(str::to_owned)).filter(|name| !met.contains(name)).collect()
}

/// A schema of the family that enough events keep, and those.
fn source(family: &mut Family) -> (Value, Vec<Value>) {
    let one = || {
        let source = family.source();
        let events = samples_of_any(&source, EVENTS / PAIRS, &mut family.dice);
        (source, events)
    };
    std::iter::repeat_with(one).find(|(_, events)| events.len() == EVENTS / PAIRS).expect("there are many")
}

/// Tries a family; what stands in it is noted.
fn assert_family_holds(seed: u64, count: &mut Count, met: &mut BTreeSet<String>) {
    let (mut family, mut runner) = (Family::new(seed), Runner::held_to_types());
    for _ in 0..PAIRS {
        let (source, events) = source(&mut family);
        let members = members(&source, &mut family, met);
        for data in events {
            for member in &members {
                let ended = member.assert_holds(&data, &mut runner);
                if member.is_never_taken() {
                    count.never += 1;
                    assert_ne!(ended, Ended::Taken, "{}: told to be wrong always\n{data}", member.name);
                }
                match ended {
                    Ended::Taken => count.taken += 1,
                    Ended::Refused => count.refused += 1,
                    Ended::Failed => count.failed += 1,
                }
            }
        }
        count.proved += members.iter().filter(|member| member.fit.misfits.is_empty()).count();
    }
}

#[test]
fn no_mapping_of_a_generated_family_fails_in_a_way_that_was_not_announced() {
    let families = std::env::var(FAMILIES).map_or(1, |count| count.parse().expect("a number"));
    let (mut count, mut met) = (Count::default(), BTreeSet::new());
    for seed in SEED..SEED + families {
        assert_family_holds(seed, &mut count, &mut met);
    }
    let tells = count.proved > 5 && count.taken > 2_000 && count.refused > 2_000;
    assert!(tells && count.failed > 0 && count.never > 50, "too few to tell anything: {count:?}");
    let mut more = Family::new(SEED + families);
    for _ in 0..MORE {
        if !lacking(&met).is_empty() {
            let (source, _) = source(&mut more);
            members(&source, &mut more, &mut met);
        }
    }
    let lacks = lacking(&met);
    assert!(
        lacks.is_empty(),
        "give each of these a form in the family, or say in WITHOUT why not: {lacks:?}"
    );
}

#[test]
fn a_call_that_would_stop_the_mapping_is_refused_of_every_function() {
    let shape = Shape::of_schema(&json!({"type": "object", "additionalProperties": false}));
    for function in FUNCTIONS {
        let source = format!("{}!(%id)", function.name);
        let problems = Mapping::compile(&source, &shape, Context::Route).err().unwrap_or_default();
        assert!(problems.iter().any(|problem| problem.code == "failing-call"), "{source}: {problems:?}");
    }
}

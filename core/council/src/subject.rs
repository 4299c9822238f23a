//! Whether the subjects that a source mapping makes are names of things, and tell nothing of a person: a subject is shown to
//! everybody who operates the hub.
//!
//! A record has no classes, so that a field of it is taken for what the event calls it: where it becomes a field of class P or
//! S, it tells something of somebody. One that becomes a reference, too, is one: a person's number is a name by design.

use std::collections::BTreeSet;

use postroom_schema::{CLASSES, EventType};
use postroom_transform::{FieldPath, Flow, How, ITEMS, Of};

use crate::{Council, MapRule, Problem};

/// The classes of what tells something of a person.
const OF_A_PERSON: [&str; 2] = [CLASSES[1], CLASSES[2]];
/// What an event has for the hub.
const SUBJECT: &str = "subject";
const DATA: &str = "data";
/// What is kept of a record that has changed, under `%`.
const OLD: &str = "old";
/// How the name of a field ends that holds a reference.
const REFERENCE: [&str; 3] = ["reference", "number", "id"];

/// Problems of the subjects of a source mapping, one for each field that tells something of a person.
pub(crate) fn check(council: &Council, map: &MapRule) -> Vec<Problem> {
    let Some(event) = council.vocabulary.get(&map.event_type) else { return Vec::new() };
    let flows = map.mapping.flows();
    let values: Vec<&Flow> = flows.iter().filter(|flow| is_value_of_record(flow)).collect();
    let subjects = values.iter().filter(|flow| matches!(of_event(&flow.to), [name] if name == SUBJECT));
    let problem = |flow: &&Flow| {
        let becomes = values.iter().filter(|it| it.from == flow.from).filter_map(|it| field(&it.to));
        let named = of_a_person(event, becomes)?;
        let words = format!(
            "the subject is made of `{}`, which becomes `.{}` of the event, and is shown to everybody",
            flow.from,
            named.join(".")
        );
        let hint =
            "name what the event is about by a reference, as in `person:8841`, never by a name or an address";
        Some(map.mapping.problem(flow, "personal-subject", words).hint(hint))
    };
    subjects.filter_map(problem).collect()
}

fn is_value_of_record(flow: &Flow) -> bool {
    let is_record = !flow.from.is_metadata || flow.from.steps.first().is_some_and(|name| name == OLD);
    is_record && flow.how == How::Data && flow.of == Of::Value
}

/// A path in the event of a mapping that makes one or several.
fn of_event(path: &FieldPath) -> &[String] {
    match path.steps.as_slice() {
        [first, rest @ ..] if first == ITEMS => rest,
        all => all,
    }
}

/// A field of the data of an event.
fn field(path: &FieldPath) -> Option<&[String]> {
    match of_event(path) {
        [first, rest @ ..] if first == DATA && !rest.is_empty() => Some(rest),
        _ => None,
    }
}

/// The first of `fields` that tells something of a person, where none of those that do is a reference.
fn of_a_person<'f>(event: &EventType, fields: impl Iterator<Item = &'f [String]>) -> Option<&'f [String]> {
    let tells = |field: &&[String]| {
        let classes = event.validator.classes_of(field.iter().map(String::as_str)).unwrap_or_default().known;
        classes.iter().any(|class| OF_A_PERSON.contains(&class.as_str()))
    };
    let all: BTreeSet<&[String]> = fields.filter(tells).collect();
    if all.iter().any(|field| is_reference(field)) { None } else { all.into_iter().next() }
}

fn is_reference(field: &[String]) -> bool {
    let name = field.iter().rfind(|step| *step != ITEMS);
    name.is_some_and(|name| REFERENCE.iter().any(|end| name.rsplit('_').next() == Some(*end)))
}

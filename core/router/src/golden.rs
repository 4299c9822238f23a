//! Golden cases: what a route or a source mapping must make of an example, written down by the council.
//!
//! A case that differs is told by the places that differ, never by their values: cases may come from real events.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::DateTime;
use postroom_council::{Code, Council, Lookup, Problem, Route, SourceSystem, Verdicts};
use postroom_event::{Event, MAX_BODY_BYTES, Received, Record, STRUCTURED, decode, read_value};
use postroom_schema::{MAX_FILE_BYTES, read_file};
use postroom_transform::Data;
use serde_json::{Value, json};

use crate::records::{Change, Mapped, Origin, RecordMapper};
use crate::references::{Asked, Known, References};
use crate::{Decider, Table, Verdict};

/// Most places told of one case.
const MAX_PLACES: usize = 10;

/// Runs every golden case of the council whose programs compile, but for those that are known to be right; every problem,
/// and how many cases there are.
pub fn prove_cases(council: &Arc<Council>, verdicts: &Verdicts) -> (Vec<Problem>, usize) {
    let mut run = Run { verdicts, problems: Vec::new(), ran: 0 };
    let mut decider =
        Decider::new(Arc::clone(council), Arc::new(Table::new(Arc::clone(council))), String::new());
    for route in &council.routes {
        let fingerprint = || council.route_cases(route, verdicts);
        run.cases(
            &route.folder,
            fingerprint,
            || compiles(route),
            |case| route_case(council, &mut decider, route, case),
        );
    }
    for (system, side) in council.sources() {
        let fingerprint = || council.source_cases(&system.name, side, verdicts);
        let folder = council.folder.join("systems").join(&system.name);
        run.cases(
            &folder,
            fingerprint,
            || all_compile(side),
            |case| source_case(council, side, &system.name, case),
        );
    }
    (run.problems, run.ran)
}

/// A run of golden cases.
struct Run<'a> {
    verdicts: &'a Verdicts,
    problems: Vec<Problem>,
    ran: usize,
}

impl Run<'_> {
    /// Runs the cases below `folder`, unless they are known to be right, or cannot be run.
    fn cases(
        &mut self,
        folder: &Path,
        fingerprint: impl FnOnce() -> Option<String>,
        compiles: impl FnOnce() -> bool,
        mut prove: impl FnMut(&Path) -> Result<(), Problem>,
    ) {
        let cases = cases(folder);
        if cases.is_empty() {
            return;
        }
        let fingerprint = fingerprint();
        if fingerprint.as_ref().is_some_and(|fingerprint| self.verdicts.known(fingerprint).is_some()) {
            self.ran += cases.len();
        } else if compiles() {
            self.ran += cases.len();
            let found: Vec<Problem> = cases.iter().filter_map(|case| prove(case).err()).collect();
            if let (Some(fingerprint), true) = (fingerprint, found.is_empty()) {
                self.verdicts.keep(&fingerprint, vec![]);
            }
            self.problems.extend(found);
        }
    }
}

fn compiles(route: &Route) -> bool {
    route.mapping.get().is_ok() && route.when.as_ref().is_none_or(|when| when.get().is_ok())
}

fn all_compile(side: &SourceSystem) -> bool {
    let maps = side.maps.iter().all(|map| map.mapping.get().is_ok());
    let whens = side.maps.iter().map(|map| &map.when).chain(side.ignores.iter().map(|ignore| &ignore.when));
    maps && whens.flatten().all(|when| when.get().is_ok())
}

/// The folders of cases below `folder`, in order.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("cases")).into_iter().flatten();
    let mut found: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn read(path: &Path) -> Result<(Vec<u8>, Value), Problem> {
    let bytes = read_file(path, MAX_FILE_BYTES)
        .map_err(|error| Problem::new(path, "case", format!("reading it: {error}")))?;
    let value = read_value(&bytes).map_err(|refusal| Problem::new(path, "case", refusal.to_string()))?;
    Ok((bytes, value))
}

fn route_case(council: &Council, decider: &mut Decider, route: &Route, case: &Path) -> Result<(), Problem> {
    let file = case.join("event.json");
    let (bytes, _) = read(&file)?;
    let wrong = |words: String| Problem::new(&file, "case", words);
    let received = Received { content_type: Some(STRUCTURED), headers: &[], body: &bytes.into() };
    let event: Event<Data> =
        decode(&received, MAX_BODY_BYTES).map_err(|refusal| wrong(refusal.to_string()))?;
    if event.event_type != route.from {
        return Err(wrong(format!("the event is not of type `{}`", route.from)));
    }
    let answered = answered(route, &event, &case.join("lookups.json"))?;
    decider.learn(answered);
    let message = made(council, decider, route, &event).map_err(wrong)?;
    compare(&case.join("message.json"), &message)
}

/// The message that `route` makes of an event, or null where it does not want it.
pub(crate) fn made(
    council: &Council,
    decider: &mut Decider,
    route: &Route,
    event: &Event<Data>,
) -> Result<Value, String> {
    let owner =
        council.owner_of(&event.source).ok_or_else(|| "no system owns the event's source".to_owned())?;
    let dispatches = match decider.decide_event(&owner.name, event.clone()).verdict {
        Verdict::Invalid(refusal) => return Err(refusal.to_string()),
        Verdict::NoRoute => return Ok(Value::Null),
        Verdict::Routed(dispatches) => dispatches,
    };
    let Some(dispatch) = dispatches.into_iter().find(|dispatch| dispatch.route == route.name) else {
        return Ok(Value::Null);
    };
    match dispatch.way.why_not() {
        Some(unmappable) => Err(unmappable.to_string()),
        None => {
            let message = decider.message(route, event.clone());
            message.map(Value::from).map_err(|unmappable| unmappable.to_string())
        }
    }
}

/// What the case says that the ledger knows: by the names of lookups, a system's id or what was sent, or null where nothing
/// is known.
fn answered(route: &Route, event: &Event<Data>, file: &Path) -> Result<References, Problem> {
    let asked = |lookup: &Lookup| match lookup.from.code(event.data.part(), Some(&event.subject)) {
        Code::Text(code) => Asked::of(lookup, &code),
        Code::Absent | Code::NeverOne => None,
    };
    let unknown = route.lookups.iter().filter_map(asked).map(|of| (of, None));
    if !file.exists() {
        return Ok(unknown.collect());
    }
    let wrong = |words: String| Problem::new(file, "case", words);
    let (_, Value::Object(written)) = read(file)? else {
        return Err(wrong("it is an object: the name of a lookup and what is known".to_owned()));
    };
    let mut known = Vec::new();
    for (name, answer) in written {
        let of_ledger = |lookup: &&Lookup| lookup.name == name && lookup.asks.is_of_ledger();
        let Some(lookup) = route.lookups.iter().find(of_ledger) else {
            return Err(wrong(format!("the route has no lookup `{name}` that the ledger answers")));
        };
        match (asked(lookup), answer) {
            (Some(of @ Asked::Xref(_)), Value::String(id)) => known.push((of, Some(Known::Id(id)))),
            (Some(of @ Asked::Sent { .. }), sent @ Value::Object(_)) => {
                known.push((of, Some(Known::Sent(sent.into()))));
            }
            (_, Value::Null) => {}
            (Some(Asked::Xref(_)), _) => return Err(wrong(format!("`{name}` is a text or null"))),
            (Some(Asked::Sent { .. }), _) => return Err(wrong(format!("`{name}` is an object or null"))),
            (None, _) => return Err(wrong(format!("the event has nothing with which `{name}` asks"))),
        }
    }
    Ok(unknown.chain(known).collect())
}

fn source_case(council: &Council, side: &SourceSystem, system: &str, case: &Path) -> Result<(), Problem> {
    let (file, value, change) = source_input(side, case)?;
    let origin = Origin {
        system,
        label: "case",
        batch: &"0".repeat(64),
        round: 0,
        now: DateTime::UNIX_EPOCH.fixed_offset(),
    };
    let (mut mapper, record) =
        (RecordMapper::new(council, side), Record { number: 1, line: 1, key: None, value });
    let mapped = match &change {
        None => mapper.map(record, &origin),
        Some(change) => mapper.map_change(record, change, &origin),
    };
    let made = match mapped {
        Mapped::Refused(fault) => return Err(Problem::new(&file, "case", fault.to_string())),
        Mapped::Ignored(_) => json!([]),
        Mapped::Events(events) => {
            events.iter().map(|event| serde_json::to_value(event).unwrap_or_default()).collect()
        }
    };
    let expected = case.join("events.json");
    compare(&expected, &only_written(made, &read(&expected)?.1))
}

/// The record of a case. Of a source of snapshots `old.json` is what it was before: without it the record is created, and
/// without `record.json` it is removed.
fn source_input(side: &SourceSystem, case: &Path) -> Result<(PathBuf, Value, Option<Change>), Problem> {
    let (file, before) = (case.join("record.json"), case.join("old.json"));
    if side.snapshot.is_none() {
        let (_, value) = read(&file)?;
        return Ok((file, value, None));
    }
    if !before.is_file() {
        let (_, value) = read(&file)?;
        return Ok((file, value, Some(Change::Created)));
    }
    let (_, old) = read(&before)?;
    if !file.is_file() {
        return Ok((before, old.clone(), Some(Change::Removed(old.into()))));
    }
    let (_, value) = read(&file)?;
    Ok((file, value, Some(Change::Changed(old.into()))))
}

/// The events without the attributes that the case does not write down, e.g. ids.
fn only_written(mut made: Value, expected: &Value) -> Value {
    let empty = Vec::new();
    let expected = expected.as_array().unwrap_or(&empty);
    for (index, event) in made.as_array_mut().into_iter().flatten().enumerate() {
        if let (Some(event), Some(Value::Object(written))) = (event.as_object_mut(), expected.get(index)) {
            event.retain(|name, _| written.contains_key(name));
        }
    }
    made
}

fn compare(file: &Path, made: &Value) -> Result<(), Problem> {
    let (_, expected) = read(file)?;
    let mut places = Vec::new();
    differences(&expected, made, "", &mut places);
    if places.is_empty() {
        return Ok(());
    }
    places.truncate(MAX_PLACES);
    let words = format!("the case gives something else: {}", places.join(", "));
    Err(Problem::new(file, "case", words)
        .hint("`postroom explain EVENT.json --reveal --reason WHY` shows what is made now"))
}

/// The places at which two values differ, as JSON pointers with what is the matter.
pub(crate) fn differences(expected: &Value, made: &Value, at: &str, places: &mut Vec<String>) {
    let place = if at.is_empty() { "/" } else { at };
    match (expected, made) {
        (Value::Object(expected), Value::Object(made)) => {
            for (name, value) in expected {
                match made.get(name) {
                    Some(other) => differences(value, other, &format!("{at}/{name}"), places),
                    None => places.push(format!("{at}/{name} is missing")),
                }
            }
            let surplus = made.keys().filter(|name| !expected.contains_key(*name));
            places.extend(surplus.map(|name| format!("{at}/{name} is not expected")));
        }
        (Value::Array(expected), Value::Array(made)) if expected.len() == made.len() => {
            for (index, (value, other)) in expected.iter().zip(made).enumerate() {
                differences(value, other, &format!("{at}/{index}"), places);
            }
        }
        (Value::Array(expected), Value::Array(made)) => {
            places.push(format!("{place} has {} items instead of {}", made.len(), expected.len()));
        }
        _ if expected == made => {}
        _ => places.push(format!("{place} differs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_places_and_never_values() {
        let mut places = Vec::new();
        let expected = json!({"a": 1, "b": {"c": "secret"}, "d": [1, 2], "e": 1});
        let made = json!({"a": 1, "b": {"c": "other"}, "d": [1], "f": 2});
        differences(&expected, &made, "", &mut places);
        assert_eq!(
            places,
            ["/b/c differs", "/d has 1 items instead of 2", "/e is missing", "/f is not expected"]
        );
    }
}

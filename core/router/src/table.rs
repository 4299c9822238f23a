//! The routing table: which routes an event may match, found without asking each of them.
//!
//! A route whose `when` demands that a field equals one of some values is found by that value (a guard, ADR 0003), so
//! a thousand routes cost little more than the few that match. The others of the type are always candidates.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use postroom_council::{Conversion, Council, Route};
use postroom_transform::{Data, Filter, Guard, Part, Says, View};
use serde_json::Value;

/// The routes of a council by event type. Filters are compiled when the first event of a type asks.
pub struct Table {
    council: Arc<Council>,
    types: HashMap<String, (Vec<usize>, OnceLock<Index>)>,
    /// By the type that was published: as which other versions routes read it.
    versions: HashMap<String, Vec<AsVersion>>,
}

/// Another version of a type as which routes read it: those whose targets no nearer version reaches.
struct AsVersion {
    to: String,
    routes: HashSet<usize>,
}

/// The same, with how an event becomes one of it.
#[derive(Clone, Copy)]
pub(crate) struct Version<'t> {
    pub(crate) conversion: &'t Conversion,
    as_version: &'t AsVersion,
}

/// The routes of one event type.
#[derive(Default)]
struct Index {
    always: Vec<Found>,
    guarded: Vec<Guarded>,
}

/// Routes that demand a value at one path.
struct Guarded {
    path: Vec<String>,
    texts: HashMap<String, Vec<Found>>,
    others: HashMap<Scalar, Vec<Found>>,
}

/// A route by its number, and how much of its filter is left to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    route: usize,
    filter: Filtered,
}

/// Whether a route's filter has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtered {
    /// It is known to hold, or there is none.
    Already,
    /// It has to be run.
    NotYet,
}

/// A route that an event may match.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The route.
    pub route: &'a Route,
    /// Whether its filter has to be asked.
    pub filter: Filtered,
}

/// A value that can be compared exactly and is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scalar {
    Whole(i64),
    Truth(bool),
}

impl Table {
    /// The table of `council`; nothing is compiled yet.
    pub fn new(council: Arc<Council>) -> Self {
        let mut types: HashMap<String, (Vec<usize>, OnceLock<Index>)> = HashMap::new();
        for (number, route) in council.routes.iter().enumerate() {
            types.entry(route.from.clone()).or_default().0.push(number);
        }
        let versions = versions(&council, |event_type| match types.get(event_type) {
            Some((numbers, _)) => numbers.as_slice(),
            None => &[],
        });
        Self { council, types, versions }
    }

    /// The other versions as which routes read an event of this type, the nearest first.
    pub(crate) fn versions(&self, event_type: &str) -> impl Iterator<Item = Version<'_>> {
        let all = self.versions.get(event_type).into_iter().flatten();
        all.filter_map(move |as_version| {
            let conversion = self.council.versions.between(event_type, &as_version.to)?;
            Some(Version { conversion, as_version })
        })
    }

    /// The routes that an event may match as that version, whose data these are.
    pub(crate) fn candidates_as(&self, version: Version<'_>, data: &Data) -> Vec<Candidate<'_>> {
        let mut candidates = self.candidates(&version.as_version.to, data);
        let named = |number: &usize| Arc::clone(&self.council.routes[*number].name);
        let meant: HashSet<Arc<str>> = version.as_version.routes.iter().map(named).collect();
        candidates.retain(|candidate| meant.contains(&candidate.route.name));
        candidates
    }

    /// Every route that reads an event as that version, whatever its data.
    pub(crate) fn all_of(&self, version: Version<'_>) -> Vec<Candidate<'_>> {
        let mut numbers: Vec<usize> = version.as_version.routes.iter().copied().collect();
        numbers.sort_unstable();
        let routes = &self.council.routes;
        numbers
            .into_iter()
            .map(|number| Candidate { route: &routes[number], filter: Filtered::NotYet })
            .collect()
    }

    /// The routes that an event of this type may match, in the order of the council's text, whichever version they read.
    pub fn routes_of(&self, event_type: &str) -> impl Iterator<Item = &Route> {
        let own = self.types.get(event_type).into_iter().flat_map(|(numbers, _)| numbers);
        let others = self.versions.get(event_type).into_iter().flatten().flat_map(|version| &version.routes);
        let mut numbers: Vec<usize> = own.chain(others).copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|number| &self.council.routes[number])
    }

    /// The routes that an event of this type and data may match, in the order of the council's text.
    pub fn candidates(&self, event_type: &str, data: &Data) -> Vec<Candidate<'_>> {
        let Some((numbers, index)) = self.types.get(event_type) else { return Vec::new() };
        let index = index.get_or_init(|| Index::build(numbers, &self.council.routes));
        let mut found = index.always.clone();
        for guarded in &index.guarded {
            let value = guarded.path.iter().try_fold(data.part(), |part, field| part.get(field));
            found.extend(value.and_then(|value| guarded.routes(value)).into_iter().flatten());
        }
        found.sort_unstable_by_key(|found| found.route);
        let routes = &self.council.routes;
        found.iter().map(|found| Candidate { route: &routes[found.route], filter: found.filter }).collect()
    }
}

/// As which other versions routes read each type. An event comes to a target once: as it was published where a route there
/// reads that, else as the nearest version that one reads.
fn versions<'n>(
    council: &Council,
    routes_of: impl Fn(&str) -> &'n [usize],
) -> HashMap<String, Vec<AsVersion>> {
    let mut versions: HashMap<String, Vec<AsVersion>> = HashMap::new();
    for event_type in council.vocabulary.names() {
        let target = |number: &usize| &council.routes[*number].to;
        let mut reached: HashSet<_> = routes_of(event_type).iter().map(target).collect();
        for conversion in council.versions.of(event_type) {
            let routes = routes_of(&conversion.to).iter().filter(|number| !reached.contains(target(number)));
            let routes: HashSet<usize> = routes.copied().collect();
            reached.extend(routes.iter().map(target));
            if !routes.is_empty() {
                let as_version = AsVersion { to: conversion.to.clone(), routes };
                versions.entry(event_type.to_owned()).or_default().push(as_version);
            }
        }
    }
    versions
}

impl Index {
    fn build(numbers: &[usize], routes: &[Route]) -> Self {
        let mut index = Self::default();
        for number in numbers {
            let when = routes[*number].when.as_ref();
            let filter = when.and_then(|when| when.get().ok());
            match filter.and_then(Filter::guard).filter(|guard| guard.values.iter().all(is_exact)) {
                Some(guard) => index.guard(guard, *number),
                None => {
                    let filter = if when.is_some() { Filtered::NotYet } else { Filtered::Already };
                    index.always.push(Found { route: *number, filter });
                }
            }
        }
        index
    }

    fn guard(&mut self, guard: &Guard, route: usize) {
        let at = self.guarded.iter().position(|guarded| guarded.path == guard.path).unwrap_or_else(|| {
            let path = guard.path.clone();
            self.guarded.push(Guarded { path, texts: HashMap::new(), others: HashMap::new() });
            self.guarded.len() - 1
        });
        let filter = match guard.says {
            Says::All => Filtered::Already,
            Says::Part => Filtered::NotYet,
        };
        for value in &guard.values {
            let routes = match (value, scalar(value)) {
                (Value::String(text), _) => self.guarded[at].texts.entry(text.clone()).or_default(),
                (_, Some(scalar)) => self.guarded[at].others.entry(scalar).or_default(),
                _ => continue,
            };
            routes.push(Found { route, filter });
        }
    }
}

impl Guarded {
    fn routes(&self, value: Part<'_>) -> Option<&Vec<Found>> {
        match value.view() {
            View::Text(text) => self.texts.get(text),
            View::Integer(number) => self.others.get(&Scalar::Whole(number)),
            View::Boolean(truth) => self.others.get(&Scalar::Truth(truth)),
            View::Null | View::Float(_) | View::List(_) | View::Object(_) => None,
        }
    }
}

fn is_exact(value: &Value) -> bool {
    value.is_string() || scalar(value).is_some()
}

fn scalar(value: &Value) -> Option<Scalar> {
    value.as_i64().map(Scalar::Whole).or_else(|| value.as_bool().map(Scalar::Truth))
}

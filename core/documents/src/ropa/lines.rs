//! The personal fields of one route, a line each: where they arrive, or on what they decide.

use std::collections::{BTreeMap, BTreeSet};

use postroom_council::{Carried, Council, FieldPath, How, Of, Reaches, Route};

/// A personal field of an event, and what becomes of it on a route.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The field, as a mapping writes it.
    pub(super) field: String,
    /// Its classes, and those that the message's schema gives what it reaches.
    pub(super) classes: Vec<String>,
    /// What it is for.
    pub(super) part: Part,
    /// The fields of the message that it reaches.
    pub(super) reaches: Vec<String>,
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It goes to the target, whole or as a part of something.
    Data,
    /// Only whether it is there, or how many there are, goes to the target.
    Number,
    /// It goes nowhere, and decides what the message holds.
    Decides,
    /// It decides whether there is a message.
    Sends,
}

impl Part {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Data => "goes as data",
            Self::Number => "only whether it is there, or how many, goes as data",
            Self::Decides => "only decides what the message holds",
            Self::Sends => "only decides whether there is a message",
        }
    }
}

/// The lines of a route, in the order of its event's fields.
pub(super) fn of(council: &Council, route: &Route) -> Vec<Line> {
    let carried = council.carried(route);
    let personal: Vec<&Carried> =
        carried.iter().filter(|it| !it.classes.is_empty() || !it.called.is_empty()).collect();
    let mut lines: BTreeMap<(&FieldPath, Part), [BTreeSet<String>; 2]> = BTreeMap::new();
    for it in &personal {
        let Some(part) = part(it, &personal) else { continue };
        let [classes, reaches] = lines.entry((&it.flow.from, part)).or_default();
        classes.extend(it.classes.iter().chain(&it.called).cloned());
        reaches.insert(it.flow.to.to_string());
    }
    let line = |((from, part), [classes, reaches]): ((&FieldPath, Part), [BTreeSet<String>; 2])| Line {
        field: from.to_string(),
        classes: classes.into_iter().collect(),
        part,
        reaches: if part == Part::Sends { Vec::new() } else { reaches.into_iter().collect() },
    };
    lines.into_iter().map(line).collect()
}

/// The part of a flow, if it tells more than the others of its route do.
pub(super) fn part(it: &Carried, all: &[&Carried]) -> Option<Part> {
    if it.reaches == Reaches::When {
        return Some(Part::Sends);
    }
    if it.flow.how == How::Data && it.flow.of == Of::Value {
        return Some(Part::Data);
    }
    let goes = |other: &&Carried| other.reaches == Reaches::Message && other.flow.how == How::Data;
    let inside = |other: &&Carried| {
        let (inner, outer) = (&other.flow.from, &it.flow.from);
        inner.is_metadata == outer.is_metadata && inner.steps.starts_with(&outer.steps)
    };
    let more = |other: &&Carried| {
        goes(other) && inside(other) && (it.flow.how == How::Control || other.flow.of == Of::Value)
    };
    let told = all.iter().any(|other| more(other) && *other != it);
    let own = if it.flow.how == How::Data { Part::Number } else { Part::Decides };
    (!told).then_some(own)
}

//! Who runs a program: what the metadata root `%` holds for a route, for a source (of snapshots), and for an answer.

use std::collections::BTreeMap;

use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

use crate::{Data, Shape};

/// The name under `%` that holds what the lookups answered.
pub(crate) const LOOKUP: &str = "lookup";

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A route: `.` is the event's data, `%` its envelope.
    Route,
    /// A source: `.` is the record, `%` tells where it was read.
    Source,
    /// A connector that asks what an answer means: `.` is the answer, `%` holds nothing.
    Answer,
    /// A step from one version of an event type to the next: `.` is the data, `%` holds nothing.
    Version,
    /// A source of snapshots: as a source, and `%change` and `%old` tell what became of the record since the last one.
    Snapshot,
}

/// A value of the metadata root.
#[derive(Debug, Clone, Copy)]
pub enum MetaValue<'a> {
    /// A text, e.g. the event's subject.
    Text(&'a str),
    /// A whole number, e.g. the record's line.
    Number(i64),
    /// Any JSON, e.g. the record as it was before.
    Data(&'a Data),
}

impl Context {
    /// The names under `%` and what each may hold.
    pub(crate) fn meta(self, shape: &Shape) -> Kind {
        let text = Kind::bytes;
        let optional = || Kind::bytes().or_undefined();
        let source = || {
            let whole = Kind::integer;
            vec![
                ("system", text()),
                ("file", text()),
                ("batch", text()),
                ("number", whole()),
                ("line", whole()),
            ]
        };
        let names: Vec<(&str, Kind)> = match self {
            Self::Route => vec![
                ("id", text()),
                ("source", text()),
                ("type", text()),
                ("subject", text()),
                ("time", optional()),
                ("effectivetime", optional()),
                ("channel", optional()),
                ("correlationid", optional()),
                ("entityversion", optional()),
            ],
            Self::Answer | Self::Version => vec![],
            Self::Source => source(),
            Self::Snapshot => {
                let old = shape.old.clone().unwrap_or_else(Kind::json).or_undefined();
                source().into_iter().chain([("change", text()), ("old", old)]).collect()
            }
        };
        let mut known: BTreeMap<Field, Kind> = names.into_iter().map(|(n, k)| (Field::from(n), k)).collect();
        let answers = Kind::object(Collection::from_parts(shape.lookups.clone(), Kind::undefined()));
        let answers = if shape.lookups.is_empty() { answers.or_undefined() } else { answers };
        known.insert(Field::from(LOOKUP), answers);
        Kind::object(Collection::from_parts(known, Kind::undefined()))
    }
}

//! Who runs a program: what the metadata root `%` holds for a route, and for a source.

use std::collections::BTreeMap;

use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

/// The name under `%` that holds what the lookups answered.
pub(crate) const LOOKUP: &str = "lookup";

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A route: `.` is the event's data, `%` its envelope.
    Route,
    /// A source: `.` is the record, `%` tells where it was read.
    Source,
}

/// A value of the metadata root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaValue<'a> {
    /// A text, e.g. the event's subject.
    Text(&'a str),
    /// A whole number, e.g. the record's line.
    Number(i64),
}

impl Context {
    /// The names under `%` and what each may hold; `lookups` are those under `%lookup`.
    pub(crate) fn meta(self, lookups: &BTreeMap<Field, Kind>) -> Kind {
        let text = Kind::bytes;
        let optional = || Kind::bytes().or_undefined();
        let names: &[(&str, Kind)] = match self {
            Self::Route => &[
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
            Self::Source => &[
                ("system", text()),
                ("file", text()),
                ("batch", text()),
                ("number", Kind::integer()),
                ("line", Kind::integer()),
            ],
        };
        let mut known: BTreeMap<Field, Kind> =
            names.iter().map(|(n, k)| (Field::from(*n), k.clone())).collect();
        let answers = Kind::object(Collection::from_parts(lookups.clone(), Kind::undefined()));
        let answers = if lookups.is_empty() { answers.or_undefined() } else { answers };
        known.insert(Field::from(LOOKUP), answers);
        Kind::object(Collection::from_parts(known, Kind::undefined()))
    }
}

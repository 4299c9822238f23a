//! What is known of lists of which it is not known how long they are. VRL counts an item that may be absent as one that is there,
//! so that it is wrong about items told from the end, and about what is set beyond it: such items are never told by their place.

use std::collections::BTreeMap;

use vrl::compiler::prelude::*;
use vrl::path::{OwnedSegment, OwnedValuePath};
use vrl::value::kind::Index;

/// The same kind, in which each item that is told by its place is certain to be there.
pub(crate) fn certain(kind: &Kind) -> Kind {
    if kind.is_never() || (kind.as_array().is_none() && kind.as_object().is_none()) {
        return kind.clone();
    }
    let mut whole = kind.without_array().without_object();
    if let Some(items) = kind.as_array() {
        whole.add_array(list(items));
    }
    if let Some(fields) = kind.as_object() {
        let known = fields.known().iter().map(|(name, kind)| (name.clone(), certain(kind)));
        whole.add_object(with_rest(known.collect(), fields));
    }
    whole
}

/// Those that are told, and the others of `all`.
fn with_rest<T: Ord + Clone>(known: BTreeMap<T, Kind>, all: &Collection<T>) -> Collection<T> {
    // What has no end holds nothing that is told by its place.
    let rest = all.unknown_kind();
    let rest = if all.is_unknown_exact() { certain(&rest) } else { rest };
    Collection::from_parts(known, rest)
}

fn list(items: &Collection<Index>) -> Collection<Index> {
    let is_certain = |(at, (index, kind)): &(usize, (&Index, &Kind))| {
        index.to_usize() == *at && !kind.contains_undefined()
    };
    let known = items.known().iter().enumerate().take_while(is_certain);
    let known: BTreeMap<Index, Kind> = known.map(|(_, (index, kind))| (*index, certain(kind))).collect();
    let others = items.known().values().skip(known.len()).map(certain);
    let made = with_rest(known, items);
    let rest = others.fold(made.unknown_kind(), |all, kind| all.union(kind));
    made.with_unknown(rest)
}

/// Whether VRL tells the right type of what comes of it when something is set at `path` of what is of `kind`: on the way stands
/// nothing that may be replaced by a new list or object and yet is told to keep what it had, and no list of unknown length.
pub(crate) fn can_be_set(kind: &Kind, path: &OwnedValuePath) -> bool {
    let mut kind = kind.clone();
    path.segments.iter().all(|segment| {
        let is_told = match segment {
            OwnedSegment::Index(_) => kind.as_array().is_none_or(|items| {
                let certain = list(items).known().len();
                certain == items.known().len() && (certain == 0 || kind.is_array())
            }),
            OwnedSegment::Field(_) => kind.as_object().is_none_or(|fields| {
                kind.is_object() || fields.known().values().all(Kind::contains_undefined)
            }),
        };
        kind = kind.at_path(&OwnedValuePath { segments: vec![segment.clone()] });
        is_told
    })
}

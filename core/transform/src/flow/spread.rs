//! From what is known of a result to its flows, field by field: what was copied whole is told by the fields it may have.

use std::collections::BTreeMap;

use vrl::diagnostic::Span;
use vrl::path::{OwnedSegment, OwnedValuePath};
use vrl::value::Kind;
use vrl::value::kind::Collection;

use super::tree::{Origins, Tree, add};
use super::{FieldPath, Flow, How, ITEMS, Of};
use crate::problem::Source;

/// How deep the fields of what was copied are told apart.
const MAX_DEPTH: usize = 16;

/// The flows of a result, by the field of the data.
pub(super) fn flows(made: &Tree, source: Source<'_>, data: &Kind, meta: &Kind) -> Vec<Flow> {
    let mut spread = Spread { data, meta, found: BTreeMap::new() };
    spread.tree(made, &FieldPath::whole(), &Origins::new());
    let flow = |((from, of, to), (how, span)): ((_, _, _), (How, Span))| {
        let place = source.at(span, "", "");
        Flow { from, of, to, how, line: place.line, column: place.column, length: place.length }
    };
    spread.found.into_iter().map(flow).collect()
}

struct Spread<'a> {
    data: &'a Kind,
    meta: &'a Kind,
    found: BTreeMap<(FieldPath, Of, FieldPath), (How, Span)>,
}

impl Spread<'_> {
    /// Notes a flow; as data where it is both.
    fn note(&mut self, (from, of): (&FieldPath, Of), (to, how): (&FieldPath, How), span: Span) {
        let known = self.found.entry((from.clone(), of, to.clone())).or_insert((how, span));
        if how < known.0 {
            *known = (how, span);
        }
    }

    /// Notes what reaches a value and what is below it, but for what reaches the whole already.
    fn tree(&mut self, tree: &Tree, to: &FieldPath, above: &Origins) {
        for (origin, span) in tree.own.iter().filter(|(origin, _)| !above.contains_key(origin)) {
            self.note((&origin.path, origin.of), (to, origin.how), *span);
        }
        for (from, span) in &tree.copies {
            let kind = self.kind_at(from);
            self.copy(&kind, from, to, *span);
        }
        let mut here = above.clone();
        add(&mut here, tree.own.clone());
        tree.below.iter().for_each(|(step, below)| self.tree(below, &to.below(step), &here));
    }

    fn kind_at(&self, path: &FieldPath) -> Kind {
        let root = if path.is_metadata { self.meta } else { self.data };
        path.steps.iter().fold(root.clone(), |kind, step| match step.as_str() {
            ITEMS => kind.as_array().map_or_else(Kind::any, Collection::reduced_kind),
            name => kind.at_path(&OwnedValuePath { segments: vec![OwnedSegment::field(name)] }),
        })
    }

    fn copy(&mut self, kind: &Kind, from: &FieldPath, to: &FieldPath, span: Span) {
        let is_anything = kind.is_superset(&Kind::json()).is_ok() || from.steps.len() > MAX_DEPTH;
        let (object, list) = (kind.as_object(), kind.as_array());
        if is_anything || object.is_none() && list.is_none() {
            return self.note((from, Of::Value), (to, How::Data), span);
        }
        self.note((from, Of::Presence), (to, How::Control), span);
        if let Some(fields) = object {
            for (name, kind) in fields.known().iter().filter(|(_, kind)| kind.contains_any_defined()) {
                self.copy(kind, &from.below(name.as_str()), &to.below(name.as_str()), span);
            }
        }
        if let Some(items) = list {
            self.copy(&items.reduced_kind(), &from.below(ITEMS), &to.below(ITEMS), span);
        }
        let is_open = object.is_some_and(|fields| fields.unknown_kind().contains_any_defined());
        let mut plain = kind.without_object().without_array().without_undefined();
        plain.remove_null();
        if is_open || !plain.is_never() {
            self.note((from, Of::Value), (to, How::Data), span);
        }
    }
}

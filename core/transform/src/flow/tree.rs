//! What is known of a value while a program is walked: where it, and what is below it, comes from.

use std::collections::BTreeMap;

use vrl::diagnostic::Span;

use super::{FieldPath, How, ITEMS, Of};

/// Most fields that are told apart below one value; beyond that it is one whole that comes from everything in it.
const MAX_NODES: usize = 2_000;

/// Something that a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) path: FieldPath,
    pub(super) of: Of,
    pub(super) how: How,
}

/// What a value comes from, each with a place where it is read.
pub(super) type Origins = BTreeMap<Origin, Span>;

/// A value.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    /// What it comes from, with everything below it.
    pub(super) own: Origins,
    /// What it may be just as it stands in the data, so that what is below it is that which is below there.
    pub(super) copies: BTreeMap<FieldPath, Span>,
    /// What is known of its fields and, under [`ITEMS`], of its items.
    pub(super) below: BTreeMap<String, Tree>,
}

/// The same, as what decides.
pub(super) fn deciding(origins: Origins) -> Origins {
    origins.into_iter().map(|(origin, span)| (Origin { how: How::Control, ..origin }, span)).collect()
}

impl Tree {
    /// A value that was made of these.
    pub(super) fn of(own: Origins) -> Self {
        Self { own, ..Self::default() }
    }

    /// What stands in the data at `path`.
    pub(super) fn copy(path: FieldPath, span: Span) -> Self {
        Self { copies: BTreeMap::from([(path, span)]), ..Self::default() }
    }

    /// A list of such items, or an object with such a field.
    pub(super) fn around(step: &str, inner: Self) -> Self {
        Self { below: BTreeMap::from([(step.to_owned(), inner)]), ..Self::default() }
    }

    /// The value on which these have an influence as well.
    pub(super) fn with(mut self, origins: Origins) -> Self {
        add(&mut self.own, origins);
        self
    }

    /// Either this or the other, or something of both.
    pub(super) fn join(mut self, other: Self) -> Self {
        add(&mut self.own, other.own);
        for (path, span) in other.copies {
            self.copies.entry(path).or_insert(span);
        }
        for (step, tree) in other.below {
            let known = self.below.remove(&step).unwrap_or_default();
            self.below.insert(step, known.join(tree));
        }
        self
    }

    /// What stands below it.
    pub(super) fn get(&self, step: &str) -> Self {
        let copies = self.copies.iter().map(|(path, span)| (path.below(step), *span)).collect();
        let here = Self { own: self.own.clone(), copies, ..Self::default() };
        match self.below.get(step) {
            Some(below) => here.join(below.clone()),
            None => here,
        }
    }

    /// Everything that it comes from, with everything below it.
    pub(super) fn whole(&self) -> Origins {
        let mut all = self.own.clone();
        add(&mut all, self.copied(Of::Value));
        self.below.values().for_each(|tree| add(&mut all, tree.whole()));
        all
    }

    /// What decides whether it is there, what it is, and how many items it has.
    pub(super) fn presence(&self) -> Origins {
        let mut all = self.own.clone();
        add(&mut all, self.copied(Of::Presence));
        self.below.values().for_each(|tree| add(&mut all, tree.whole()));
        all
    }

    fn copied(&self, of: Of) -> Origins {
        let origin = |path: &FieldPath| Origin { path: path.clone(), of, how: How::Data };
        self.copies.iter().map(|(path, span)| (origin(path), *span)).collect()
    }

    /// Puts a value where `steps` lead to. An item may be any item, so that the others stay.
    pub(super) fn set(&mut self, steps: &[String], value: Self) {
        let Some((step, rest)) = steps.split_first() else {
            *self = value;
            return;
        };
        let known = self.below.remove(step).unwrap_or_default();
        let mut changed = known.clone();
        changed.set(rest, value);
        let below = if step == ITEMS { known.join(changed) } else { changed };
        self.below.insert(step.clone(), below);
    }

    /// The same, as one whole where it has grown too large.
    pub(super) fn bounded(self) -> Self {
        if self.nodes() > MAX_NODES { Self::of(self.whole()) } else { self }
    }

    fn nodes(&self) -> usize {
        1 + self.below.values().map(Self::nodes).sum::<usize>()
    }
}

/// Adds origins; those that are known keep their place.
pub(super) fn add(known: &mut Origins, more: Origins) {
    for (origin, span) in more {
        known.entry(origin).or_insert(span);
    }
}

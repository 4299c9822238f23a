//! The entries of one transaction, sorted by kind so that each kind is written in bulk.

use std::collections::{BTreeMap, HashSet};

use postroom_event::EventKey;

use crate::entry::{DeadLetter, Delivered, Entry, EventOutcome, Fate, StagedDispatch};
use crate::tail::Tail;

/// Entries in the order of their writing: a batch, for one, ends after what was staged with it.
#[derive(Debug, Default)]
pub(crate) struct Group<'e> {
    pub(crate) events: Vec<&'e EventOutcome>,
    /// The keys of [`Self::events`].
    pub(crate) fresh: HashSet<EventKey>,
    /// By system.
    pub(crate) duplicates: BTreeMap<&'e str, u64>,
    pub(crate) delivered: Vec<&'e Delivered>,
    pub(crate) staged: Vec<&'e StagedDispatch>,
    pub(crate) dead: Vec<&'e DeadLetter>,
    pub(crate) rest: Vec<&'e Entry>,
}

impl<'e> Group<'e> {
    /// Sorts `entries`; an event whose key is in the tail, or earlier in the group, is a duplicate.
    pub(crate) fn sort(entries: impl Iterator<Item = &'e Entry>, tail: &Tail) -> Self {
        let mut group = Self::default();
        for entry in entries {
            match entry {
                Entry::Event(event) => group.event(event, tail),
                Entry::Duplicates { system, count } => group.duplicate(system, *count),
                Entry::Delivered(receipt) => group.delivered.push(receipt),
                Entry::Staged(item) => group.staged.push(item),
                Entry::Dead(letter) => group.dead.push(letter),
                other => group.rest.push(other),
            }
        }
        group
    }

    fn event(&mut self, event: &'e EventOutcome, tail: &Tail) {
        if tail.contains(&event.key) || !self.fresh.insert(event.key) {
            return self.duplicate(&event.system, 1);
        }
        self.events.push(event);
        for handed in &event.dispatches {
            if let Fate::Dead(letter) = &handed.fate {
                self.dead.push(letter);
            }
        }
    }

    fn duplicate(&mut self, system: &'e str, count: u64) {
        *self.duplicates.entry(system).or_default() += count;
    }
}

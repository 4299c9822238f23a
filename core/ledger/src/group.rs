//! The entries of one transaction, sorted by kind so that each kind is written in bulk.

use std::collections::{BTreeMap, HashSet};

use postroom_event::EventKey;

use crate::entry::{DeadLetter, Delivered, Entry, EventOutcome, Fate, StagedDispatch};
use crate::hold::HeldDispatch;
use crate::sent::Sent;
use crate::xref::Xref;

/// Entries in the order of their writing: a batch, for one, ends after what was staged with it.
#[derive(Debug, Default)]
pub(crate) struct Group<'e> {
    pub(crate) events: Vec<&'e EventOutcome>,
    /// The keys of [`Self::events`].
    pub(crate) fresh: HashSet<EventKey>,
    /// By system.
    pub(crate) duplicates: BTreeMap<&'e str, u64>,
    pub(crate) delivered: Vec<&'e Delivered>,
    pub(crate) sent: Vec<&'e Sent>,
    pub(crate) staged: Vec<&'e StagedDispatch>,
    pub(crate) held: Vec<&'e HeldDispatch>,
    pub(crate) dead: Vec<&'e DeadLetter>,
    /// What must be done before all others.
    pub(crate) first: Vec<&'e Entry>,
    pub(crate) rest: Vec<&'e Entry>,
    pub(crate) xrefs: Vec<&'e Xref>,
    /// Events that came again and whose source is told.
    pub(crate) repeated: Vec<(EventKey, i64)>,
}

impl<'e> Group<'e> {
    /// Sorts `entries`; an event that is `known`, or earlier in the group, is a duplicate.
    pub(crate) fn sort(entries: impl Iterator<Item = &'e Entry>, known: impl Fn(&EventKey) -> bool) -> Self {
        let mut group = Self::default();
        for entry in entries {
            match entry {
                Entry::Event(event) => group.event(event, &known),
                Entry::Duplicates { system, count } => group.duplicate(system, *count),
                Entry::Repeated { system, keys, at } => {
                    group.duplicate(system, keys.len() as u64);
                    group.repeated.extend(keys.iter().map(|key| (*key, *at)));
                }
                Entry::Delivered(receipt) => group.delivered.push(receipt),
                Entry::Sent(sent) => group.sent.push(sent),
                Entry::Staged(item) => group.staged.push(item),
                Entry::Held(item) => group.held.push(item),
                Entry::Redriven { .. } | Entry::Discarded { .. } | Entry::Again { .. } => {
                    group.first.push(entry);
                }
                Entry::Dead(letter) => group.dead.push(letter),
                Entry::Xrefs(xrefs) => group.xrefs.extend(xrefs),
                other => group.rest.push(other),
            }
        }
        group
    }

    fn event(&mut self, event: &'e EventOutcome, known: impl Fn(&EventKey) -> bool) {
        if known(&event.key) || !self.fresh.insert(event.key) {
            self.repeated.push((event.key, event.received_at));
            return self.duplicate(&event.system, 1);
        }
        self.events.push(event);
        for handed in &event.dispatches {
            match &handed.fate {
                Fate::Dead(letter) => self.dead.push(letter),
                Fate::Held(item) => self.held.push(item),
                Fate::Queued | Fate::InLane => {}
            }
        }
    }

    fn duplicate(&mut self, system: &'e str, count: u64) {
        *self.duplicates.entry(system).or_default() += count;
    }

    /// The newest times: 'recorded' from each source system, 'delivered' to each target.
    pub(crate) fn newest(&self) -> Vec<(&'static str, &'e str, i64)> {
        let recorded = self.events.iter().map(|event| (("recorded", &*event.system), event.received_at));
        let queued = self.events.iter().flat_map(|event| {
            let queued = event.dispatches.iter().filter(|handed| matches!(handed.fate, Fate::Queued));
            queued.map(|handed| (("delivered", &*handed.target), event.received_at))
        });
        let arrived =
            self.delivered.iter().map(|receipt| (("delivered", &*receipt.dispatch.target), receipt.at));
        // In one order everywhere, so that two hubs never wait for each other.
        let mut newest = BTreeMap::new();
        for (what, at) in recorded.chain(queued).chain(arrived) {
            let known = newest.entry(what).or_insert(at);
            *known = at.max(*known);
        }
        newest.into_iter().map(|((kind, system), at)| (kind, system, at)).collect()
    }
}

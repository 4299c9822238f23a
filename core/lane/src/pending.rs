//! What is on its way: writes that are not committed, deliveries that are not acked, and what came again after an
//! unclean stop and was not tried since.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::action::{Write, WriteNumber};
use crate::input::{DispatchKey, Tag};
use crate::moment::Moment;

/// Writes that were asked for and are not committed, in order.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    asked: u64,
    pending: VecDeque<(DispatchKey, Write)>,
}

impl Writes {
    pub(crate) fn push(&mut self, dispatch: DispatchKey, write: Write) -> WriteNumber {
        self.asked += 1;
        self.pending.push_back((dispatch, write));
        WriteNumber(self.asked)
    }

    /// The oldest write that is not committed, if its number is no more than `through`.
    pub(crate) fn pop(&mut self, through: WriteNumber) -> Option<(DispatchKey, Write)> {
        let oldest = self.asked + 1 - self.pending.len() as u64;
        if oldest <= through.0 { self.pending.pop_front() } else { None }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

/// Deliveries that are not acked, with the moment of their arrival. An ack takes one out: there is one for each.
#[derive(Debug, Default)]
pub(crate) struct Unacked(BTreeMap<Tag, (Moment, DispatchKey)>);

impl Unacked {
    pub(crate) fn insert(&mut self, tag: Tag, now: Moment, dispatch: DispatchKey) {
        let before = self.0.insert(tag, (now, dispatch));
        debug_assert!(before.is_none(), "a tag is given once");
    }

    /// Takes `tag` out; whether it was there.
    pub(crate) fn remove(&mut self, tag: Tag) -> bool {
        self.0.remove(&tag).is_some()
    }

    /// When the oldest one arrived: tags grow.
    pub(crate) fn oldest(&self) -> Option<Moment> {
        self.0.values().next().map(|(arrived, _)| *arrived)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes all out; the dispatches that they were of.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = DispatchKey> + use<> {
        std::mem::take(&mut self.0).into_values().map(|(_, dispatch)| dispatch)
    }
}

/// What may have been in hand at an unclean stop, until each was tried once: what the broker delivers again, and what was
/// held and due.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    untried: HashSet<DispatchKey>,
    /// Whether it is known which holds were due.
    begun: bool,
    /// Whether something came that was never delivered before: behind it there is no burst.
    over: bool,
    tried: usize,
}

impl Burst {
    /// Whether it begins now.
    pub(crate) fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    /// A hold was due when the lane was loaded.
    pub(crate) fn was_due(&mut self, dispatch: DispatchKey) {
        self.untried.insert(dispatch);
    }

    pub(crate) fn arrived(&mut self, dispatch: DispatchKey, redelivered: bool) {
        if redelivered {
            self.untried.insert(dispatch);
        } else {
            self.over = true;
        }
    }

    /// An attempt ended, and the hub lives.
    pub(crate) fn tried(&mut self, dispatch: DispatchKey) {
        self.untried.remove(&dispatch);
        self.tried = self.tried.saturating_add(1);
    }

    /// The dispatch will not be tried out of hand.
    pub(crate) fn spare(&mut self, dispatch: DispatchKey) {
        self.untried.remove(&dispatch);
    }

    /// The channel was closed.
    pub(crate) fn clear(&mut self) {
        self.untried.clear();
    }

    /// Whether something may still be untried: a burst is no longer than the prefetch.
    pub(crate) fn goes_on(&self, prefetch: usize) -> bool {
        !self.untried.is_empty() || !(self.over || self.tried >= prefetch)
    }
}

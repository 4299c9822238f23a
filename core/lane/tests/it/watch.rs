//! What a world remembers in order to judge the next answer of its lane: failures of connection, the probe under
//! way, and since when a dispatch has been failing in hand.

use std::collections::{BTreeMap, BTreeSet};

use postroom_lane::{Action, DispatchKey, HoldReason, IN_PLACE, Moment, Outcome, SubjectKey, Write};

#[derive(Debug, Default)]
pub(crate) struct Watch {
    down: BTreeSet<SubjectKey>,
    probe: Option<DispatchKey>,
    failing: BTreeMap<DispatchKey, Moment>,
}

impl Watch {
    /// An attempt ends; the lane is not told yet.
    pub(crate) fn ended(&mut self, dispatch: DispatchKey, subject: SubjectKey, outcome: Outcome) {
        if self.probe == Some(dispatch) {
            self.probe = None;
        }
        match outcome {
            Outcome::Delivered => self.down.clear(),
            Outcome::Down => drop(self.down.insert(subject)),
            _ => {}
        }
    }

    pub(crate) fn opened(&self) {
        assert!(self.down.len() > 1, "one subject alone opened the circuit");
    }

    pub(crate) fn closed(&mut self) {
        self.down.clear();
    }

    /// An attempt starts while the circuit is open.
    pub(crate) fn probed(&mut self, dispatch: DispatchKey) {
        assert_eq!(self.probe.replace(dispatch), None, "two probes at once");
    }

    /// Nothing could start for a while: the time in place stands still.
    pub(crate) fn halted(&mut self) {
        self.failing.clear();
    }

    /// Judges the answer to the end of an attempt from hand that failed.
    pub(crate) fn failed_in_hand(&mut self, dispatch: DispatchKey, now: Moment, actions: &[Action]) {
        let since = *self.failing.entry(dispatch).or_insert(now);
        let gone = writes(actions).any(|(written, _)| written == dispatch);
        assert!(gone || now.since(since) <= IN_PLACE, "{dispatch:?} is retried in hand for ever");
    }
}

/// Judges the answer to a failure of connection: it never counts.
pub(crate) fn down_never_counts(dispatch: DispatchKey, actions: &[Action]) {
    let counted = |write: Write| matches!(write, Write::Retried { .. } | Write::Dead { .. });
    let counts = writes(actions).any(|(written, write)| written == dispatch && counted(write));
    assert!(!counts, "{dispatch:?} counts a failure of connection");
}

/// Heads that the lane holds with this answer.
pub(crate) fn held_heads(actions: &[Action]) -> impl Iterator<Item = DispatchKey> + '_ {
    writes(actions).filter_map(|(dispatch, write)| match write {
        Write::Hold { reason: HoldReason::Behind, .. } => None,
        Write::Hold { .. } => Some(dispatch),
        _ => None,
    })
}

pub(crate) fn writes(actions: &[Action]) -> impl Iterator<Item = (DispatchKey, Write)> + '_ {
    actions.iter().filter_map(|action| match action {
        Action::Write(_, dispatch, write) => Some((*dispatch, *write)),
        _ => None,
    })
}

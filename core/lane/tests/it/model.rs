//! What a lane promises, as simply as it can be said: lists of dispatches by subject, and how each one stands. Knows
//! nothing of waits, queues or channels.

use std::collections::{BTreeMap, BTreeSet};

use postroom_lane::{DispatchKey, SubjectKey};

/// How a dispatch stands, by what is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// With the broker, or in hand.
    Waiting,
    /// In the holds.
    Held,
    /// A dead letter that holds its subject.
    Blocking,
    /// A dead letter that does not, or was one: out of the order.
    Skipped,
    /// Delivered or discarded.
    Finished,
}

/// All dispatches ever published.
#[derive(Debug, Default)]
pub(crate) struct Model {
    published: BTreeMap<SubjectKey, Vec<DispatchKey>>,
    pub(crate) states: BTreeMap<DispatchKey, State>,
    pub(crate) running: BTreeMap<DispatchKey, SubjectKey>,
    skipped: BTreeSet<DispatchKey>,
}

impl Model {
    pub(crate) fn publish(&mut self, dispatch: DispatchKey, subject: SubjectKey) {
        if self.states.insert(dispatch, State::Waiting).is_none() {
            self.published.entry(subject).or_default().push(dispatch);
        }
    }

    /// An attempt may start: alone of its subject, never finished, and in order.
    pub(crate) fn start(&mut self, dispatch: DispatchKey, subject: SubjectKey) {
        let twin = self.running.values().any(|other| *other == subject);
        assert!(!twin, "two of {subject:?} are attempted at once");
        let state = self.states[&dispatch];
        let startable = matches!(state, State::Waiting | State::Held);
        assert!(startable, "{dispatch:?} is attempted though it is {state:?}");
        if !self.skipped.contains(&dispatch) {
            let before = self.published[&subject].iter().take_while(|other| **other != dispatch);
            for other in before.filter(|other| !self.skipped.contains(*other)) {
                assert_eq!(self.states[other], State::Finished, "{dispatch:?} overtakes {other:?}");
            }
        }
        self.running.insert(dispatch, subject);
    }

    /// The ledger has something new about a dispatch.
    pub(crate) fn recorded(&mut self, dispatch: DispatchKey, state: State) {
        let before = self.states.insert(dispatch, state).expect("what is recorded was published");
        assert_ne!(before, State::Finished, "{dispatch:?} is recorded again behind its end");
        if state == State::Skipped {
            self.skipped.insert(dispatch);
        }
    }

    /// An ack may be sent: the ledger has the dispatch.
    pub(crate) fn ack(&self, dispatch: DispatchKey) {
        assert_ne!(self.states[&dispatch], State::Waiting, "{dispatch:?} is acked and not recorded");
    }

    /// Those that stand so.
    pub(crate) fn all(&self, state: State) -> Vec<DispatchKey> {
        self.states.iter().filter(|(_, found)| **found == state).map(|(dispatch, _)| *dispatch).collect()
    }
}

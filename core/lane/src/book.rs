//! What a lane knows of its dispatches and subjects, and the indexes by which it finds the next one. Every index
//! changes with the fact that it stands for, here and nowhere else. Knows no rule of when to start or to hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::input::{DispatchKey, SubjectKey, Tag};
use crate::moment::Moment;
use crate::settings::Plan;

/// Where a dispatch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Unacked, and in no hold.
    InHand,
    /// Unacked, and its way into the ledger's keeping is not committed yet.
    BeingKept,
    /// In the ledger's holds.
    Held,
    /// In the ledger's dead letters, and its subject waits for an officer.
    Dead,
}

impl Place {
    /// Whether those that arrive behind it must be held.
    fn keeps(self) -> bool {
        self != Self::InHand
    }
}

#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) subject: SubjectKey,
    pub(crate) plan: Arc<Plan>,
    pub(crate) place: Place,
    /// Deliveries of it that are unacked: its own, and those of its duplicates.
    pub(crate) tags: Vec<Tag>,
    /// Waits of the schedule that were begun.
    pub(crate) waits: u16,
    /// When it is tried next, once it is the head of its subject; at once if `None`.
    pub(crate) due: Option<Moment>,
    /// Whether an earlier attempt may have arrived.
    pub(crate) look_up: bool,
}

/// What the head of a subject does. Numbers are turns: unique, and growing in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It can start as soon as there is room.
    Ready(u64),
    /// It is attempted, since so many outages.
    Running(u32),
    /// It waits in hand for its next attempt; the turn is that of its first failure.
    Retrying(Moment, u64),
    /// It waits in the holds for its next attempt.
    Resting(Moment, u64),
    /// It waits for a commit.
    Recording,
    /// It is a dead letter and waits for an officer.
    Blocked,
}

/// How the head of a subject fails in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trouble {
    /// When it failed first, on the axis of worked time.
    pub(crate) since: Moment,
    pub(crate) turn: u64,
    pub(crate) tries: u32,
}

#[derive(Debug)]
pub(crate) struct Subject {
    /// Its dispatches in order; the first is the head.
    pub(crate) queue: VecDeque<DispatchKey>,
    pub(crate) phase: Phase,
    pub(crate) trouble: Option<Trouble>,
    /// Unacked deliveries of dispatches that are in hand.
    unacked: usize,
    /// Dispatches that the ledger keeps or is about to keep.
    kept: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    dispatches: HashMap<DispatchKey, Dispatch>,
    subjects: HashMap<SubjectKey, Subject>,
    ready: BTreeMap<u64, SubjectKey>,
    timers: BTreeSet<(Moment, u64, SubjectKey)>,
    /// Subjects whose head is retried in place, by the turn of its first failure.
    retrying: BTreeMap<u64, SubjectKey>,
    /// Unacked deliveries of those subjects.
    waiters: usize,
    turns: u64,
    kept: usize,
}

impl Book {
    pub(crate) fn dispatch(&self, key: DispatchKey) -> Option<&Dispatch> {
        self.dispatches.get(&key)
    }

    pub(crate) fn dispatch_mut(&mut self, key: DispatchKey) -> Option<&mut Dispatch> {
        self.dispatches.get_mut(&key)
    }

    pub(crate) fn subject(&self, key: SubjectKey) -> Option<&Subject> {
        self.subjects.get(&key)
    }

    pub(crate) fn subject_mut(&mut self, key: SubjectKey) -> Option<&mut Subject> {
        self.subjects.get_mut(&key)
    }

    /// The dispatch that is first of `subject`.
    pub(crate) fn head(&self, subject: SubjectKey) -> Option<DispatchKey> {
        self.subjects.get(&subject)?.queue.front().copied()
    }

    /// Whether what arrives for `subject` is held: the ledger keeps what is before it. When something of the subject
    /// is still in hand, a hold would overtake that at the next redelivery.
    pub(crate) fn keeps(&self, subject: SubjectKey) -> bool {
        self.subjects.get(&subject).is_some_and(|subject| subject.kept > 0 && subject.unacked == 0)
    }

    /// The dispatches of `subject` that are in hand, in order.
    pub(crate) fn in_hand(&self, subject: SubjectKey) -> Vec<DispatchKey> {
        let subject = self.subjects.get(&subject).filter(|subject| subject.unacked > 0);
        let queue = subject.into_iter().flat_map(|subject| &subject.queue).copied();
        queue.filter(|key| self.dispatch(*key).is_some_and(|found| found.place == Place::InHand)).collect()
    }

    /// The next turn.
    pub(crate) fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// A dispatch that is new here goes to the back of its subject. A new subject waits in [`Phase::Recording`]
    /// until it is told what its head does.
    pub(crate) fn enter(&mut self, key: DispatchKey, dispatch: Dispatch) {
        let subject = self.subjects.entry(dispatch.subject).or_insert_with(Subject::empty);
        subject.queue.push_back(key);
        if dispatch.place.keeps() {
            subject.kept += 1;
            self.kept += 1;
        } else {
            subject.unacked += dispatch.tags.len();
            if matches!(subject.phase, Phase::Retrying(..)) {
                self.waiters += dispatch.tags.len();
            }
        }
        self.dispatches.insert(key, dispatch);
    }

    /// One more delivery of a dispatch that is known.
    pub(crate) fn add_tag(&mut self, key: DispatchKey, tag: Tag) {
        let Some(dispatch) = self.dispatches.get_mut(&key) else { return };
        dispatch.tags.push(tag);
        if dispatch.place.keeps() {
            return;
        }
        if let Some(subject) = self.subjects.get_mut(&dispatch.subject) {
            subject.unacked += 1;
            if matches!(subject.phase, Phase::Retrying(..)) {
                self.waiters += 1;
            }
        }
    }

    /// The deliveries of a dispatch, which are about to be acked. Its subject must not be in [`Phase::Retrying`].
    pub(crate) fn take_tags(&mut self, key: DispatchKey) -> Vec<Tag> {
        let Some(dispatch) = self.dispatches.get_mut(&key) else { return Vec::new() };
        let tags = std::mem::take(&mut dispatch.tags);
        if let Some(subject) = self.subjects.get_mut(&dispatch.subject)
            && !dispatch.place.keeps()
        {
            subject.unacked -= tags.len();
        }
        tags
    }

    /// A dispatch is now somewhere else. Its subject must not be in [`Phase::Retrying`].
    pub(crate) fn move_to(&mut self, key: DispatchKey, place: Place) {
        let Some(dispatch) = self.dispatches.get_mut(&key) else { return };
        let before = std::mem::replace(&mut dispatch.place, place);
        let Some(subject) = self.subjects.get_mut(&dispatch.subject) else { return };
        if place.keeps() && !before.keeps() {
            subject.unacked -= dispatch.tags.len();
            subject.kept += 1;
            self.kept += 1;
        }
    }

    /// A dispatch is done with, or comes again later. Its subject must not be in [`Phase::Retrying`].
    pub(crate) fn leave(&mut self, key: DispatchKey) {
        let Some(dispatch) = self.dispatches.remove(&key) else { return };
        let Some(subject) = self.subjects.get_mut(&dispatch.subject) else { return };
        if subject.queue.front() == Some(&key) {
            subject.queue.pop_front();
            subject.trouble = None;
        } else {
            subject.queue.retain(|other| *other != key);
        }
        if dispatch.place.keeps() {
            subject.kept -= 1;
            self.kept -= 1;
        } else {
            subject.unacked -= dispatch.tags.len();
        }
    }

    /// The head of `subject` does something else now.
    pub(crate) fn turn_to(&mut self, subject: SubjectKey, phase: Phase) {
        let Some(known) = self.subjects.get_mut(&subject) else { return };
        match std::mem::replace(&mut known.phase, phase) {
            Phase::Ready(turn) => drop(self.ready.remove(&turn)),
            Phase::Retrying(until, turn) => {
                self.timers.remove(&(until, turn, subject));
                self.retrying.remove(&turn);
                self.waiters -= known.unacked;
            }
            Phase::Resting(until, turn) => drop(self.timers.remove(&(until, turn, subject))),
            Phase::Running(_) | Phase::Recording | Phase::Blocked => {}
        }
        match phase {
            Phase::Ready(turn) => drop(self.ready.insert(turn, subject)),
            Phase::Retrying(until, turn) => {
                self.timers.insert((until, turn, subject));
                self.retrying.insert(turn, subject);
                self.waiters += known.unacked;
            }
            Phase::Resting(until, turn) => drop(self.timers.insert((until, turn, subject))),
            Phase::Running(_) | Phase::Recording | Phase::Blocked => {}
        }
    }

    /// A subject without dispatches is forgotten.
    pub(crate) fn forget(&mut self, subject: SubjectKey) {
        self.turn_to(subject, Phase::Recording);
        self.subjects.remove(&subject);
    }

    /// The subject that has been ready longest.
    pub(crate) fn first_ready(&self) -> Option<SubjectKey> {
        self.ready().next()
    }

    /// The subjects that are ready, the one that has been so longest first.
    pub(crate) fn ready(&self) -> impl Iterator<Item = SubjectKey> {
        self.ready.values().copied()
    }

    /// The subject whose wait ends first, and when.
    pub(crate) fn first_timer(&self) -> Option<(Moment, SubjectKey)> {
        self.timers.first().map(|(until, _, subject)| (*until, *subject))
    }

    /// The subject whose head has been failing in place for longest, of those that wait.
    pub(crate) fn first_retrying(&self) -> Option<SubjectKey> {
        self.retrying.values().next().copied()
    }

    /// Deliveries in hand that wait for a retry or behind one.
    pub(crate) fn waiters(&self) -> usize {
        self.waiters
    }

    /// Dispatches that the ledger keeps or is about to keep.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Subjects with a dispatch that is not finished.
    pub(crate) fn subjects(&self) -> usize {
        self.subjects.len()
    }
}

impl Subject {
    fn empty() -> Self {
        Self { queue: VecDeque::new(), phase: Phase::Recording, trouble: None, unacked: 0, kept: 0 }
    }
}

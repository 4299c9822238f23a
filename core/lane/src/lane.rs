//! The lane itself: one input at a time changes the book, and then everything that has become possible is asked for.

use std::vec::Drain;

use crate::action::{Action, Attempt, Bytes, Role, Write};
use crate::book::{Book, Phase, Place};
use crate::circuit::Circuit;
use crate::input::{DispatchKey, Input, Kept, Pause, SubjectKey, Tag};
use crate::moment::{Moment, Working};
use crate::pending::{Burst, Unacked, Writes};
use crate::settings::{LastStop, Settings};

/// What the lane as a whole does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Working,
    /// Nothing starts; attempts end and writes are committed.
    WindingDown(Goal),
    Over(Goal),
}

/// What the lane winds down for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Rotation,
    Stop,
}

/// Schedules the dispatches of one target. See the [crate] for its states.
#[derive(Debug)]
pub struct Lane {
    pub(crate) settings: Settings,
    pub(crate) book: Book,
    pub(crate) writes: Writes,
    pub(crate) unacked: Unacked,
    pub(crate) circuit: Circuit,
    pub(crate) working: Working,
    pub(crate) burst: Burst,
    pub(crate) course: Course,
    paused_by_operator: bool,
    paused_by_ledger: bool,
    lease_ends: Moment,
    pub(crate) now: Moment,
    pub(crate) running: usize,
    pub(crate) actions: Vec<Action>,
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Deliveries that are not acked.
    pub unacked: usize,
    /// Of these, those that wait in hand for a retry, or behind one that does.
    pub waiters: usize,
    /// Attempts under way.
    pub running: usize,
    /// Dispatches that the ledger keeps, or that wait for its commit: holds, and dead letters that hold a subject.
    pub kept: usize,
    /// Subjects with a dispatch that is not finished.
    pub subjects: usize,
    /// Writes that are not committed.
    pub writes: usize,
}

impl Lane {
    /// A lane whose ledger keeps `kept`, in the ledger's order, for an owner whose lease ends at `lease_ends`.
    /// Nothing can arrive before the holds are loaded, and nothing is asked for before the first input.
    pub fn load(settings: Settings, lease_ends: Moment, kept: impl IntoIterator<Item = Kept>) -> Self {
        let mut lane = Self {
            settings,
            book: Book::default(),
            writes: Writes::default(),
            unacked: Unacked::default(),
            circuit: Circuit::new(),
            working: Working::default(),
            burst: Burst::default(),
            course: Course::Working,
            paused_by_operator: false,
            paused_by_ledger: false,
            lease_ends,
            now: Moment::from_micros(i64::MIN),
            running: 0,
            actions: Vec::new(),
        };
        for dispatch in kept {
            lane.keep(dispatch);
        }
        lane
    }

    /// Takes one input at `now`, and answers with what is to be done, in order. Time that goes back stands still.
    pub fn handle(&mut self, now: Moment, input: Input) -> Drain<'_, Action> {
        self.now = self.now.max(now);
        if let Input::Leased(until) = &input
            && !self.is_stopping()
        {
            // Heard before it is judged: the lease stood all the while, though the news of it comes late.
            self.lease_ends = self.lease_ends.max(*until);
        }
        if !self.has_lease() {
            self.wind_down(Goal::Stop);
        }
        match input {
            Input::Arrived(arrival) => self.arrived(arrival),
            Input::Unconfirmed(arrival) => self.unconfirmed(arrival),
            Input::Unsendable(arrival) => self.unsendable(arrival),
            Input::Ended(dispatch, outcome) => self.ended(dispatch, outcome),
            Input::Committed(through) => self.committed(through),
            Input::Pause(pause) => *self.pause(pause) = true,
            Input::Resume(pause) => *self.pause(pause) = false,
            Input::Leased(_) | Input::Passed => {}
            Input::Stop => self.wind_down(Goal::Stop),
            Input::Reopened => self.reopened(),
            Input::Redriven(kept) => self.redriven(kept),
            Input::Discarded(dispatch) => self.discarded(dispatch),
            Input::ReleaseNow(dispatch) => self.release_now(dispatch),
        }
        self.proceed();
        self.actions.drain(..)
    }

    /// When [`Input::Passed`] is due, if nothing else comes before.
    pub fn wake_at(&self) -> Option<Moment> {
        let works = self.course == Course::Working;
        let lease = (!self.is_stopping()).then_some(self.lease_ends);
        let rotation = self.rotates_at().filter(|_| works);
        let can_probe = works && !self.is_paused() && self.has_room() && self.book.first_ready().is_some();
        let probe = self.circuit.probe_at().filter(|_| can_probe);
        let timer = self.book.first_timer().map(|(until, _)| until);
        [lease, rotation, probe, timer].into_iter().flatten().min()
    }

    /// How many there are of what, for status and metrics.
    pub fn counts(&self) -> Counts {
        Counts {
            unacked: self.unacked.len(),
            waiters: self.book.waiters(),
            running: self.running,
            kept: self.book.kept(),
            subjects: self.book.subjects(),
            writes: self.writes.len(),
        }
    }

    /// Whether the target is out of reach.
    pub fn is_open(&self) -> bool {
        self.circuit.is_open()
    }

    /// Whether a dispatch about `subject` may be published past the lane, to a target that reads its own queue:
    /// nothing of its subject is here, and nothing holds the target up. If not, it is [`Input::Unconfirmed`].
    pub fn may_pass(&self, subject: SubjectKey) -> bool {
        self.course == Course::Working
            && !self.is_halted()
            && self.has_lease()
            && self.book.subject(subject).is_none()
    }

    pub(crate) fn record(&mut self, dispatch: DispatchKey, write: Write) {
        let number = self.writes.push(dispatch, write);
        self.actions.push(Action::Write(number, dispatch, write));
    }

    /// Acks once, and not after the lease has ended.
    pub(crate) fn ack(&mut self, tag: Tag) {
        if self.has_lease() && self.unacked.remove(tag) {
            self.actions.push(Action::Ack(tag));
        }
    }

    /// The head of `subject` does what its place says.
    pub(crate) fn settle_head(&mut self, subject: SubjectKey) {
        let Some(head) = self.book.head(subject) else {
            self.book.forget(subject);
            return;
        };
        let Some(dispatch) = self.book.dispatch(head) else { return };
        let (place, due) = (dispatch.place, dispatch.due);
        match (place, due) {
            (Place::Held, Some(until)) if until > self.now => {
                let turn = self.book.turn();
                self.book.turn_to(subject, Phase::Resting(until, turn));
            }
            (Place::InHand | Place::Held, _) => self.make_ready(subject),
            (Place::BeingKept, _) => self.book.turn_to(subject, Phase::Recording),
            (Place::Dead, _) => self.book.turn_to(subject, Phase::Blocked),
        }
    }

    pub(crate) fn make_ready(&mut self, subject: SubjectKey) {
        let turn = self.book.turn();
        self.book.turn_to(subject, Phase::Ready(turn));
    }

    /// Whether an attempt may go on waiting until the target comes for it. If not, it ends in [`Outcome::Recalled`] soon: the
    /// lane is paused, or winds down once nothing runs.
    ///
    /// [`Outcome::Recalled`]: crate::Outcome::Recalled
    pub fn lets_wait(&self) -> bool {
        self.course == Course::Working && !self.is_paused()
    }

    /// Whether nothing may start, for a reason that lies outside the lane.
    pub fn is_halted(&self) -> bool {
        self.is_paused() || self.circuit.is_open()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_by_operator || self.paused_by_ledger
    }

    fn pause(&mut self, pause: Pause) -> &mut bool {
        match pause {
            Pause::Operator => &mut self.paused_by_operator,
            Pause::Ledger => &mut self.paused_by_ledger,
        }
    }

    fn is_stopping(&self) -> bool {
        matches!(self.course, Course::WindingDown(Goal::Stop) | Course::Over(Goal::Stop))
    }

    fn has_lease(&self) -> bool {
        self.now < self.lease_ends
    }

    fn wind_down(&mut self, goal: Goal) {
        match self.course {
            Course::Over(Goal::Stop) | Course::WindingDown(Goal::Stop) => {}
            Course::Working | Course::WindingDown(Goal::Rotation) | Course::Over(Goal::Rotation) => {
                self.course = Course::WindingDown(goal);
            }
        }
    }

    fn rotates_at(&self) -> Option<Moment> {
        self.unacked.oldest().map(|arrived| arrived + self.settings.rotate_after)
    }

    fn reopened(&mut self) {
        if self.course == Course::Over(Goal::Rotation) {
            self.course = Course::Working;
        }
    }

    /// Asks for everything that has become possible.
    fn proceed(&mut self) {
        if self.course == Course::Working && self.rotates_at().is_some_and(|due| due <= self.now) {
            self.wind_down(Goal::Rotation);
        }
        while let Some((_, subject)) = self.book.first_timer().filter(|(until, _)| *until <= self.now) {
            self.make_ready(subject);
        }
        if self.settings.last_stop == LastStop::Unclean && self.burst.begins() {
            self.suspect_what_is_due();
        }
        if self.is_halted() {
            self.working.halt(self.now);
        } else {
            self.working.go_on(self.now);
        }
        if self.course == Course::Working && !self.is_halted() {
            self.thin_out();
        }
        while self.course == Course::Working && self.start_next() {}
        if let Course::WindingDown(goal) = self.course
            && self.running == 0
            && self.writes.len() == 0
        {
            self.part_with_what_is_in_hand();
            self.course = Course::Over(goal);
            self.actions.push(if goal == Goal::Rotation { Action::Rotate } else { Action::Drained });
        }
    }

    /// Holds that are due may have been in hand when the owner before this one stopped; no more than a burst.
    fn suspect_what_is_due(&mut self) {
        let due = self.book.ready().filter_map(|subject| self.book.head(subject));
        let held =
            due.filter(|head| self.book.dispatch(*head).is_some_and(|known| known.place == Place::Held));
        held.take(self.settings.prefetch).for_each(|dispatch| self.burst.was_due(dispatch));
    }

    fn is_careful(&self) -> bool {
        self.settings.last_stop == LastStop::Unclean && self.burst.goes_on(self.settings.prefetch)
    }

    fn has_room(&self) -> bool {
        self.running < if self.is_careful() { 1 } else { self.settings.concurrency.max(1) }
    }

    /// Starts the subject that has been ready longest, if it may; whether it did.
    fn start_next(&mut self) -> bool {
        if self.is_paused() || !self.has_room() {
            return false;
        }
        if self.circuit.is_open() && self.circuit.probe_at().is_none_or(|at| at > self.now) {
            return false;
        }
        let Some(subject) = self.book.first_ready() else { return false };
        let Some(head) = self.book.head(subject) else { return false };
        let Some(dispatch) = self.book.dispatch(head) else { return false };
        let (bytes, look_up) =
            (if dispatch.place == Place::InHand { Bytes::InHand } else { Bytes::InLedger }, dispatch.look_up);
        let role = match (self.is_careful(), self.circuit.is_open()) {
            (true, _) => Role::Careful,
            (false, true) => Role::Probe,
            (false, false) => Role::Ordinary,
        };
        self.circuit.probe(head);
        self.book.turn_to(subject, Phase::Running(self.circuit.era()));
        self.running += 1;
        self.actions.push(Action::Start(Attempt { dispatch: head, bytes, look_up, role }));
        true
    }
}

//! What follows when an attempt ends, and when the ledger has committed what was asked for.

use std::time::Duration;

use crate::action::{Action, DeadReason, HoldReason, Write, WriteNumber};
use crate::book::{Phase, Place, Trouble};
use crate::input::{DispatchKey, Outcome, SubjectKey};
use crate::lane::Lane;
use crate::settings::AfterDeadLetter;

impl Lane {
    pub(crate) fn ended(&mut self, dispatch: DispatchKey, outcome: Outcome) {
        let Some(subject) = self.book.dispatch(dispatch).map(|known| known.subject) else { return };
        let phase = self.book.subject(subject).map(|subject| subject.phase);
        let (Some(Phase::Running(era)), true) = (phase, self.book.head(subject) == Some(dispatch)) else {
            return;
        };
        self.running -= 1;
        self.burst.tried(dispatch);
        self.book.turn_to(subject, Phase::Recording);
        if outcome == Outcome::Unknown
            && let Some(known) = self.book.dispatch_mut(dispatch)
        {
            known.look_up = true;
        }
        let probe = self.circuit.is_probe(dispatch);
        if probe {
            self.probed(outcome);
        }
        match outcome {
            Outcome::Delivered => {
                self.circuit.succeeded();
                self.record(dispatch, Write::Receipt);
            }
            Outcome::Recalled => self.make_ready(subject),
            Outcome::Permanent => self.give_up(dispatch, DeadReason::Refused),
            Outcome::Unsendable => self.give_up(dispatch, DeadReason::Unsendable),
            Outcome::Transient(retry_after) => self.failed(dispatch, subject, retry_after),
            Outcome::Unknown => self.failed(dispatch, subject, None),
            Outcome::Down if self.is_outage(subject, era) => self.make_ready(subject),
            Outcome::Down => self.out_of_reach(dispatch, subject),
        }
    }

    fn probed(&mut self, outcome: Outcome) {
        let settings = &self.settings;
        match outcome {
            Outcome::Down => self.circuit.probe_failed(self.now, |probes| settings.wait_to_probe(probes)),
            Outcome::Unsendable => self.circuit.probe_was_idle(self.now),
            Outcome::Recalled if !self.lets_wait() => self.circuit.probe_was_idle(self.now),
            Outcome::Recalled
            | Outcome::Delivered
            | Outcome::Transient(_)
            | Outcome::Permanent
            | Outcome::Unknown => {
                if let Some(after) = self.circuit.close(self.now) {
                    self.working.go_on(self.now);
                    self.actions.push(Action::CircuitClosed { after });
                }
            }
        }
    }

    /// Whether a failure of connection belongs to an outage; it may be the one that shows it.
    fn is_outage(&mut self, subject: SubjectKey, era: u32) -> bool {
        if !self.circuit.is_open() && era == self.circuit.era() {
            let probe_at = self.now + self.settings.wait_to_probe(1);
            if let Some(since) = self.circuit.suspect(subject, self.now, probe_at) {
                self.actions.push(Action::CircuitOpened { since });
            }
        }
        self.circuit.is_open()
    }

    /// A failure that counts.
    fn failed(&mut self, dispatch: DispatchKey, subject: SubjectKey, retry_after: Option<Duration>) {
        let retry_after = retry_after.map(|wait| wait.min(self.settings.longest_retry_after));
        let now = self.now;
        let Some(known) = self.book.dispatch_mut(dispatch) else { return };
        if known.place == Place::InHand {
            self.failed_in_place(subject, HoldReason::FailedInPlace, retry_after);
            return;
        }
        match known.plan.wait(known.waits) {
            Some(wait) => {
                let next = now + wait.max(retry_after.unwrap_or_default());
                known.due = Some(next);
                known.waits += 1;
                let waits = known.waits;
                self.record(dispatch, Write::Retried { waits, next });
                self.hold_the_rest(subject);
            }
            None => self.give_up(dispatch, DeadReason::Exhausted),
        }
    }

    /// A failure of connection of this subject alone: it is tried again, and never counts on the schedule.
    fn out_of_reach(&mut self, dispatch: DispatchKey, subject: SubjectKey) {
        let (now, otherwise) = (self.now, self.settings.in_place);
        let Some(known) = self.book.dispatch_mut(dispatch) else { return };
        if known.place == Place::InHand {
            self.failed_in_place(subject, HoldReason::OutOfReach, None);
            return;
        }
        known.due = Some(now + known.plan.same_wait(known.waits).unwrap_or(otherwise));
        self.hold_the_rest(subject);
        self.settle_head(subject);
    }

    /// The head of `subject` waits in hand for its next attempt, or is held for `reason` when that takes too long.
    fn failed_in_place(&mut self, subject: SubjectKey, reason: HoldReason, retry_after: Option<Duration>) {
        let (now, worked, turn) = (self.now, self.working.at(self.now), self.book.turn());
        let Some(head) = self.book.head(subject) else { return };
        let Some(known) = self.book.subject_mut(subject) else { return };
        let trouble = known.trouble.get_or_insert(Trouble { since: worked, turn, tries: 0 });
        trouble.tries += 1;
        let Trouble { since, turn, tries } = *trouble;
        let wait = self.settings.wait_in_place(head, tries).max(retry_after.unwrap_or_default());
        if retry_after.is_some_and(|wait| wait > self.settings.in_place) {
            self.hold_subject(subject, HoldReason::RetryAfter, retry_after);
        } else if worked.since(since) + wait > self.settings.in_place {
            self.hold_subject(subject, reason, retry_after);
        } else {
            self.book.turn_to(subject, Phase::Retrying(now + wait, turn));
        }
    }

    /// Holds the subjects that have waited in hand longest, until few enough wait.
    pub(crate) fn thin_out(&mut self) {
        while self.book.waiters() > self.settings.most_waiters() {
            let Some(subject) = self.book.first_retrying() else { return };
            self.hold_subject(subject, HoldReason::Crowded, None);
        }
    }

    /// Everything in hand of `subject` goes to the holds, in order; its head is tried again after the first wait of
    /// its schedule, or after `at_least`.
    fn hold_subject(&mut self, subject: SubjectKey, reason: HoldReason, at_least: Option<Duration>) {
        self.book.turn_to(subject, Phase::Recording);
        let Some(head) = self.book.head(subject) else { return };
        let (now, otherwise) = (self.now, self.settings.in_place);
        if let Some(known) = self.book.dispatch_mut(head) {
            let wait = known.plan.wait(0);
            if wait.is_none() && reason == HoldReason::FailedInPlace {
                self.give_up(head, DeadReason::Exhausted);
                return;
            }
            known.waits = 1;
            known.due = Some(now + wait.unwrap_or(otherwise).max(at_least.unwrap_or_default()));
        }
        for dispatch in self.book.in_hand(subject) {
            let reason = if dispatch == head { reason } else { HoldReason::Behind };
            self.hold_one(dispatch, reason);
        }
    }

    /// The head of a subject becomes a dead letter; by its plan, what is in hand behind it is held.
    pub(crate) fn give_up(&mut self, dispatch: DispatchKey, reason: DeadReason) {
        let Some(known) = self.book.dispatch(dispatch) else { return };
        let (subject, place, after) = (known.subject, known.place, known.plan.after_dead_letter);
        self.record(dispatch, Write::Dead { reason, after });
        if after == AfterDeadLetter::HoldSubject {
            if place == Place::InHand {
                self.book.move_to(dispatch, Place::BeingKept);
            }
            self.hold_the_rest(subject);
        }
    }

    /// What is in hand behind a head that the ledger keeps, or is about to, is held.
    fn hold_the_rest(&mut self, subject: SubjectKey) {
        for behind in self.book.in_hand(subject) {
            self.hold_one(behind, HoldReason::Behind);
        }
    }

    pub(crate) fn committed(&mut self, through: WriteNumber) {
        while let Some((dispatch, write)) = self.writes.pop(through) {
            let Some(subject) = self.book.dispatch(dispatch).map(|known| known.subject) else { continue };
            self.ack_all(dispatch);
            match write {
                Write::Hold { .. } => self.book.move_to(dispatch, Place::Held),
                Write::Dead { after: AfterDeadLetter::HoldSubject, .. } => {
                    self.book.move_to(dispatch, Place::Dead);
                }
                Write::Retried { .. } => {}
                Write::Receipt | Write::Dead { after: AfterDeadLetter::Continue, .. } => {
                    self.book.leave(dispatch);
                    self.settle_head(subject);
                    continue;
                }
            }
            if self.book.head(subject) == Some(dispatch) {
                self.settle_head(subject);
            }
        }
    }

    /// Acks every delivery of a dispatch that the ledger has.
    fn ack_all(&mut self, dispatch: DispatchKey) {
        let tags = self.book.take_tags(dispatch);
        for tag in tags {
            self.ack(tag);
        }
    }
}

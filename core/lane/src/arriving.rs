//! How dispatches come to a lane: from the broker, from the ledger, and by the hand of an officer.

use crate::action::{DeadReason, HoldReason, Write};
use crate::book::{Dispatch, Phase, Place};
use crate::input::{Arrival, DispatchKey, Kept, Standing};
use crate::lane::{Course, Lane};

impl Lane {
    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        let (subject, redelivered) = (arrival.subject, arrival.redelivered);
        let kept = self.book.keeps(subject);
        let Some(dispatch) = self.take_in(arrival) else { return };
        self.burst.arrived(dispatch, redelivered);
        if kept {
            self.hold_one(dispatch, HoldReason::Behind);
            return;
        }
        if self.book.head(subject) == Some(dispatch) {
            self.settle_head(subject);
        }
    }

    /// What was not confirmed waits its first wait, what came during a pause waits for its end, and what comes behind
    /// another is due when that one is done.
    pub(crate) fn unconfirmed(&mut self, arrival: Arrival) {
        let subject = arrival.subject;
        let Some(dispatch) = self.take_in(arrival) else { return };
        if self.book.head(subject) != Some(dispatch) {
            self.hold_one(dispatch, HoldReason::Behind);
            return;
        }
        if self.is_paused() {
            self.hold_one(dispatch, HoldReason::Paused);
            return;
        }
        let now = self.now;
        if let Some(known) = self.book.dispatch_mut(dispatch) {
            known.due = known.plan.wait(0).map(|wait| now + wait);
            known.waits = 1;
            known.look_up = true;
        }
        self.hold_one(dispatch, HoldReason::Unconfirmed);
    }

    /// What cannot be sent is given up at once, and behind another it is when that one is done.
    pub(crate) fn unsendable(&mut self, arrival: Arrival) {
        let subject = arrival.subject;
        let Some(dispatch) = self.take_in(arrival) else { return };
        if self.book.head(subject) == Some(dispatch) {
            self.give_up(dispatch, DeadReason::Unsendable);
        } else {
            self.hold_one(dispatch, HoldReason::Behind);
        }
    }

    /// A delivery in hand. The answer is its dispatch, if it is a new one; a duplicate is acked once the ledger has
    /// the first. While the lane winds down nothing is taken in: it comes again.
    fn take_in(&mut self, arrival: Arrival) -> Option<DispatchKey> {
        if self.course != Course::Working {
            return None;
        }
        let Arrival { tag, dispatch, subject, plan, redelivered, finished } = arrival;
        self.unacked.insert(tag, self.now, dispatch);
        match self.book.dispatch(dispatch).map(|known| known.place) {
            Some(Place::InHand | Place::BeingKept) => self.book.add_tag(dispatch, tag),
            Some(Place::Held | Place::Dead) => self.ack(tag),
            None if finished => self.ack(tag),
            None => {
                let (place, tags) = (Place::InHand, vec![tag]);
                let new = Dispatch { subject, plan, place, tags, waits: 0, due: None, look_up: redelivered };
                self.book.enter(dispatch, new);
                return Some(dispatch);
            }
        }
        None
    }

    /// A dispatch in hand goes to the holds, behind every other of its subject there.
    pub(crate) fn hold_one(&mut self, dispatch: DispatchKey, reason: HoldReason) {
        self.burst.spare(dispatch);
        self.book.move_to(dispatch, Place::BeingKept);
        if let Some(known) = self.book.dispatch(dispatch) {
            let write = Write::Hold { reason, waits: known.waits, next: known.due };
            self.record(dispatch, write);
        }
    }

    /// A dispatch that the ledger keeps. Of those of one subject only the first can have been tried before.
    pub(crate) fn keep(&mut self, kept: Kept) {
        let Kept { dispatch, subject, plan, standing } = kept;
        if self.book.dispatch(dispatch).is_some() {
            return;
        }
        let (place, waits, due) = match standing {
            Standing::Held { waits, next } => (Place::Held, waits, next),
            Standing::Dead => (Place::Dead, 0, None),
        };
        let first = self.book.subject(subject).is_none();
        let new = Dispatch { subject, plan, place, tags: Vec::new(), waits, due, look_up: first };
        self.book.enter(dispatch, new);
        if first {
            self.settle_head(subject);
        }
    }

    /// A dead letter that holds its subject is held in its place again; one that does not goes behind what is there.
    pub(crate) fn redriven(&mut self, kept: Kept) {
        let (dispatch, subject) = (kept.dispatch, kept.subject);
        match self.book.dispatch_mut(dispatch) {
            None => self.keep(kept),
            Some(known) if known.place == Place::Dead => {
                (known.plan, known.waits, known.due, known.look_up) = (kept.plan, 0, None, true);
                self.book.move_to(dispatch, Place::Held);
                if self.book.head(subject) == Some(dispatch) {
                    self.settle_head(subject);
                }
            }
            Some(_) => {}
        }
    }

    pub(crate) fn discarded(&mut self, dispatch: DispatchKey) {
        let Some(known) = self.book.dispatch(dispatch).filter(|known| known.place == Place::Dead) else {
            return;
        };
        let subject = known.subject;
        let was_head = self.book.head(subject) == Some(dispatch);
        self.book.leave(dispatch);
        if was_head {
            self.settle_head(subject);
        }
    }

    pub(crate) fn release_now(&mut self, dispatch: DispatchKey) {
        let Some(subject) = self.book.dispatch(dispatch).map(|known| known.subject) else { return };
        let phase = self.book.subject(subject).map(|subject| subject.phase);
        if matches!(phase, Some(Phase::Retrying(..) | Phase::Resting(..))) {
            self.make_ready(subject);
        }
    }

    /// The channel is about to close: what is not kept is forgotten, and comes again in order.
    pub(crate) fn part_with_what_is_in_hand(&mut self) {
        self.burst.clear();
        for dispatch in self.unacked.clear() {
            let Some(known) = self.book.dispatch(dispatch) else { continue };
            let subject = known.subject;
            match known.place {
                Place::InHand => {
                    self.book.turn_to(subject, Phase::Recording);
                    self.book.leave(dispatch);
                    self.settle_head(subject);
                }
                Place::BeingKept | Place::Held | Place::Dead => {}
            }
        }
    }
}

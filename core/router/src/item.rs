//! One event on its way through an ingress: what arrived, what was decided, and how far each of its dispatches is.

use postroom_broker::{Delivery, Names, Outgoing};
use postroom_event::{EventKey, Refusal};
use postroom_telemetry::{Failed, Span};

use crate::decide::{Decision, Dispatch, Head, Verdict, Way};
use crate::entries::now;
use crate::outgoing::{outgoing, stamp};
use crate::traced;
use crate::traffic::{Track, Under};

/// One event of a chunk.
pub(crate) struct Item {
    pub(crate) delivery: Delivery,
    pub(crate) decision: Decision,
    /// When it was taken in, in microseconds since the epoch.
    pub(crate) taken_at: i64,
    /// It ends with the item.
    pub(crate) span: Span,
    /// One for each dispatch of the decision.
    pub(crate) legs: Vec<Leg>,
    /// Its number in the list of invalid events, where an officer has it decided again.
    pub(crate) redriven: Option<i64>,
}

/// How far one dispatch is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg {
    pub(crate) track: Track,
    pub(crate) stage: Stage,
}

/// How far a dispatch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It goes nowhere.
    Apart,
    /// It waits for the answer to one before it, or cannot be sent.
    Waiting,
    /// It is published, and not answered.
    Sent,
    /// It is confirmed, or refused for good.
    Over,
    /// It is in the holds of its target.
    Kept,
}

/// A dispatch of an item, with what it is about.
pub(crate) struct Step<'i> {
    pub(crate) delivery: &'i Delivery,
    pub(crate) head: &'i Head,
    pub(crate) dispatch: &'i mut Dispatch,
    pub(crate) leg: &'i mut Leg,
}

impl Item {
    /// What was decided about a delivery of `system`, now.
    pub(crate) fn taken(system: &str, mut delivery: Delivery, mut decision: Decision) -> Self {
        let (span, taken_at) = (traced::take_in(system, &mut decision), now());
        if let (Verdict::Routed(_), Some(head)) = (&decision.verdict, &decision.head) {
            stamp(&mut delivery.headers, head, taken_at);
        }
        Self { delivery, decision, taken_at, span, legs: Vec::new(), redriven: None }
    }

    /// A delivery of `system` that is not to be read.
    pub(crate) fn refused(system: &str, delivery: Delivery, refusal: Refusal) -> Self {
        Self::taken(system, delivery, Decision { head: None, verdict: Verdict::Invalid(refusal) })
    }

    /// Tells the trace that it is worked on.
    pub(crate) fn goes_on(&mut self) {
        let failed = matches!(self.decision.verdict, Verdict::Invalid(_));
        self.span.tell_outcome(self.decision.verdict.word(), if failed { Failed::Yes } else { Failed::No });
    }

    /// Tells the trace that it was taken before.
    pub(crate) fn ends_here(&mut self) {
        self.span.tell_outcome("duplicate", Failed::No);
    }

    /// The key of an event that is valid; an invalid one may come again, corrected.
    pub(crate) fn key(&self) -> Option<EventKey> {
        match (&self.decision.verdict, &self.decision.head) {
            (Verdict::Routed(_) | Verdict::NoRoute, Some(head)) => Some(head.key),
            _ => None,
        }
    }

    /// Sets its dispatches on their way; what can be published at once.
    pub(crate) fn set_out(&mut self, names: &Names, under: &mut Under) -> Vec<Outgoing> {
        let (Verdict::Routed(dispatches), Some(head)) = (&self.decision.verdict, &self.decision.head) else {
            return Vec::new();
        };
        let mut publishes = Vec::with_capacity(dispatches.len());
        for dispatch in dispatches {
            let track = Track::of(&dispatch.target, &head.source, &head.subject);
            let is_apart = matches!(dispatch.way, Way::Skipped(_));
            let is_first = !is_apart && under.enter(&dispatch.target, track);
            let stage = match outgoing(names, &self.delivery, head, dispatch) {
                Some(publish) if is_first => {
                    publishes.push(publish);
                    Stage::Sent
                }
                _ if is_apart => Stage::Apart,
                _ => Stage::Waiting,
            };
            self.legs.push(Leg { track, stage });
        }
        publishes
    }

    /// Its dispatches, in their order.
    pub(crate) fn steps(&mut self) -> impl Iterator<Item = Step<'_>> {
        let Self { delivery, decision, legs, .. } = self;
        let (dispatches, head) = match (&mut decision.verdict, &decision.head) {
            (Verdict::Routed(dispatches), Some(head)) => (dispatches.as_mut_slice(), Some(head)),
            _ => ([].as_mut_slice(), None),
        };
        let delivery = &*delivery;
        let both = dispatches.iter_mut().zip(legs.iter_mut());
        both.filter_map(move |(dispatch, leg)| Some(Step { delivery, head: head?, dispatch, leg }))
    }

    /// Takes its dispatches out of the traffic.
    pub(crate) fn leave(&self, under: &mut Under) {
        for leg in self.legs.iter().filter(|leg| leg.stage != Stage::Apart) {
            under.leave(leg.track);
        }
    }
}

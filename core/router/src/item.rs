//! One event on its way through an ingress: what arrived, what was decided, and what the broker answered.

use postroom_broker::{Delivery, Names, Outgoing, Publication};
use postroom_event::EventKey;

use crate::decide::{Decision, Unmappable, Verdict, Way};
use crate::outgoing::outgoing;
use crate::session::WorkerError;

/// One event of a chunk.
pub(crate) struct Item {
    pub(crate) delivery: Delivery,
    pub(crate) decision: Decision,
}

impl Item {
    /// The key of an event that is valid; an invalid one may come again, corrected.
    pub(crate) fn key(&self) -> Option<EventKey> {
        match (&self.decision.verdict, &self.decision.head) {
            (Verdict::Routed(_) | Verdict::NoRoute, Some(head)) => Some(head.key),
            _ => None,
        }
    }

    pub(crate) fn publishes(&self, names: &Names) -> Vec<Outgoing> {
        let (Verdict::Routed(dispatches), Some(head)) = (&self.decision.verdict, &self.decision.head) else {
            return Vec::new();
        };
        dispatches.iter().filter_map(|dispatch| outgoing(names, &self.delivery, head, dispatch)).collect()
    }

    /// Takes the answers of its own publishes; what the broker refused becomes dead.
    pub(crate) fn take_answers(
        &mut self,
        answers: &mut impl Iterator<Item = Publication>,
    ) -> Result<(), WorkerError> {
        let Verdict::Routed(dispatches) = &mut self.decision.verdict else { return Ok(()) };
        for dispatch in dispatches.iter_mut().filter(|dispatch| !matches!(dispatch.way, Way::Dead(_))) {
            match answers.next() {
                Some(Publication::Confirmed(_)) => {}
                Some(Publication::Nacked) => {
                    let words = "the queue of the target takes no more messages".to_owned();
                    dispatch.way = Way::Dead(Unmappable { code: "queue-full", words });
                }
                Some(Publication::Unknown) | None => return Err(WorkerError::Unanswered),
            }
        }
        Ok(())
    }
}

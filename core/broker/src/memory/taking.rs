//! What consumers get, hold, ack and give back. Pure: a part of the state machine.

use std::collections::{BTreeMap, VecDeque};

use super::state::{State, Taking};
use crate::Delivery;

/// What a consumer gets when it asks.
pub(super) enum Taken {
    /// It is no more.
    Gone,
    /// Nothing for now.
    Nothing,
    /// At least one delivery.
    Chunk(Vec<Delivery>),
}

impl State {
    pub(super) fn consume(&mut self, session: u64, name: &str, prefetch: u16) -> Option<u64> {
        let consumer = self.new_id();
        self.queues.get_mut(name)?.consumers.push(consumer);
        let taking = Taking {
            session,
            queue: name.to_owned(),
            prefetch: usize::from(prefetch),
            last_tag: 0,
            sent: VecDeque::new(),
            unacked: BTreeMap::new(),
            cancelled: false,
        };
        self.consumers.insert(consumer, taking);
        self.send(name);
        Some(consumer)
    }

    /// Sends what is ready to those consumers that may have it, up to their prefetch, whether they ask or not.
    pub(super) fn send(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let served = if queue.has_single_active_consumer() { 1 } else { queue.consumers.len() };
        for consumer in queue.consumers.iter().take(served).copied().collect::<Vec<_>>() {
            let Some(taking) = self.consumers.get_mut(&consumer) else { continue };
            while taking.unacked.len() < taking.prefetch
                && let Some(held) = queue.pop()
            {
                taking.last_tag += 1;
                taking.sent.push_back(taking.last_tag);
                taking.unacked.insert(taking.last_tag, held);
            }
        }
    }

    pub(super) fn take(&mut self, consumer: u64, most: usize) -> Taken {
        let Some(taking) = self.consumers.get_mut(&consumer) else { return Taken::Gone };
        if taking.cancelled {
            return Taken::Gone;
        }
        let most = most.min(taking.sent.len());
        let sent = taking.sent.drain(..most);
        let chunk: Vec<_> = sent
            .filter_map(|tag| Some(Delivery { tag, ..taking.unacked.get(&tag)?.delivery.clone() }))
            .collect();
        if chunk.is_empty() { Taken::Nothing } else { Taken::Chunk(chunk) }
    }

    /// Acks the deliveries with these tags, if they are still in that hand; `false` when the consumer is no more.
    pub(super) fn ack(&mut self, consumer: u64, tags: impl Fn(u64) -> bool) -> bool {
        let Some(taking) = self.consumers.get_mut(&consumer) else { return false };
        taking.unacked.retain(|tag, _| !tags(*tag));
        let queue = taking.queue.clone();
        self.send(&queue);
        true
    }

    /// The consumer's channel is closed: what it held goes back.
    pub(super) fn release(&mut self, consumer: u64) {
        self.give_back(consumer);
        self.leave(consumer);
        self.consumers.remove(&consumer);
    }

    /// The broker cancels every consumer of a queue and takes back what they hold: their channels stay open, and what
    /// they still ack is ignored.
    pub(super) fn cancel(&mut self, queue: &str) {
        for consumer in self.consumers_where(|taking| taking.queue == queue) {
            self.give_back(consumer);
            self.leave(consumer);
        }
    }

    /// The active consumer of a queue is cancelled and the next one becomes active, while the first still holds what it
    /// has until its channel closes.
    pub(super) fn overlap(&mut self, name: &str) {
        if let Some(active) = self.queues.get(name).and_then(|queue| queue.consumers.first().copied()) {
            self.leave(active);
            self.send(name);
        }
    }

    /// The consumer gets no more.
    fn leave(&mut self, consumer: u64) {
        let Some(taking) = self.consumers.get_mut(&consumer) else { return };
        taking.cancelled = true;
        let name = taking.queue.clone();
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.consumers.retain(|other| *other != consumer);
        }
        self.send(&name);
    }

    /// What the consumer holds goes back, in order; what came back too often is given up.
    fn give_back(&mut self, consumer: u64) {
        let Some(taking) = self.consumers.get_mut(&consumer) else { return };
        taking.sent.clear();
        let (name, hand) = (taking.queue.clone(), std::mem::take(&mut taking.unacked));
        let Some(queue) = self.queues.get_mut(&name) else { return };
        let dropped: Vec<_> = hand.into_values().filter_map(|held| queue.take_back(held)).collect();
        for one in dropped {
            self.dead_letter(&name, one);
        }
    }

    pub(super) fn consumers_where(&self, which: impl Fn(&Taking) -> bool) -> Vec<u64> {
        self.consumers.iter().filter(|(_, taking)| which(taking)).map(|(id, _)| *id).collect()
    }
}

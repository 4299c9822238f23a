//! Exchanges, queues and consumers as one state machine. Pure: no task, no clock, no random number.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Fault, routing::matches};
use crate::{
    Argument, Arguments, BrokerError, Confirmed, Declaration, Delivery, Depth, ExchangeKind, Outgoing,
    Publication,
};

#[derive(Default)]
pub(super) struct State {
    exchanges: BTreeMap<String, Exchange>,
    bindings: Vec<Binding>,
    queues: BTreeMap<String, Queue>,
    consumers: BTreeMap<u64, Taking>,
    sessions: BTreeSet<u64>,
    locks: BTreeMap<String, u64>,
    last_id: u64,
    pub(super) faults: VecDeque<Fault>,
    pub(super) blocked: bool,
}

struct Exchange {
    kind: ExchangeKind,
    arguments: Arguments,
}

#[derive(PartialEq)]
struct Binding {
    queue: String,
    exchange: String,
    routing_key: String,
}

#[derive(Default)]
struct Queue {
    arguments: Arguments,
    /// By place in the queue, which a redelivery keeps.
    ready: BTreeMap<u64, Delivery>,
    last_place: u64,
    limit: Option<usize>,
    /// In the order of their arrival.
    consumers: Vec<u64>,
}

/// A consumer.
struct Taking {
    session: u64,
    queue: String,
    prefetch: usize,
    last_tag: u64,
    /// By tag, with the place in the queue.
    unacked: BTreeMap<u64, (u64, Delivery)>,
}

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
    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn open(&mut self) -> u64 {
        let session = self.new_id();
        self.sessions.insert(session);
        session
    }

    pub(super) fn alive(&self, session: u64) -> bool {
        self.sessions.contains(&session)
    }

    /// Ends one session: its consumers end, what they held goes back, its locks are free.
    pub(super) fn end(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.locks.retain(|_, holder| *holder != session);
        self.release_where(|taking| taking.session == session);
    }

    pub(super) fn cut(&mut self) {
        while let Some(session) = self.sessions.first().copied() {
            self.end(session);
        }
    }

    pub(super) fn lock(&mut self, session: u64, name: &str) -> bool {
        *self.locks.entry(name.to_owned()).or_insert(session) == session
    }

    pub(super) fn declare(&mut self, declaration: Declaration) -> Result<(), BrokerError> {
        match declaration {
            Declaration::Exchange { name, kind, arguments } => {
                let there = self.exchanges.entry(name.clone());
                let exchange = there.or_insert_with(|| Exchange { kind, arguments: arguments.clone() });
                alike(exchange.kind == kind && exchange.arguments == arguments, "exchange", &name)
            }
            Declaration::Queue { name, arguments } => {
                let there = self.queues.entry(name.clone());
                let queue =
                    there.or_insert_with(|| Queue { arguments: arguments.clone(), ..Queue::default() });
                alike(queue.arguments == arguments, "queue", &name)
            }
            Declaration::Binding { queue, exchange, routing_key } => {
                let binding = Binding { queue, exchange, routing_key };
                if !self.bindings.contains(&binding) {
                    self.bindings.push(binding);
                }
                Ok(())
            }
        }
    }

    /// Takes one message in, unless a fault was ordered for it. `None`: there is no such exchange.
    pub(super) fn publish(&mut self, outgoing: Outgoing) -> Option<Publication> {
        match self.faults.pop_front() {
            None => self.store(outgoing),
            Some(Fault::Nacked) => Some(Publication::Nacked),
            Some(Fault::Lost) => Some(Publication::Unknown),
            Some(Fault::Unanswered) => self.store(outgoing).map(|_| Publication::Unknown),
        }
    }

    fn store(&mut self, outgoing: Outgoing) -> Option<Publication> {
        let targets = self.targets(&outgoing.exchange, &outgoing.routing_key)?;
        let delivery = arrived(outgoing);
        let mut all = true;
        for name in targets {
            all &= self.queues.get_mut(&name).is_none_or(|queue| queue.take_in(delivery.clone()));
        }
        Some(if all { Publication::Confirmed(Confirmed::new()) } else { Publication::Nacked })
    }

    /// The queues for a key; those of the alternate exchange when there is none. `None`: there is no such exchange.
    fn targets(&self, exchange: &str, key: &str) -> Option<BTreeSet<String>> {
        if exchange.is_empty() {
            return Some(BTreeSet::from([key.to_owned()]));
        }
        let found = self.exchanges.get(exchange)?;
        let bound = self.bindings.iter().filter(|binding| binding.exchange == exchange);
        let queues: BTreeSet<String> = bound
            .filter(|binding| matches(found.kind, &binding.routing_key, key))
            .map(|binding| binding.queue.clone())
            .collect();
        match found.arguments.get("alternate-exchange") {
            Some(Argument::Text(alternate)) if queues.is_empty() => {
                Some(self.targets(alternate, key).unwrap_or_default())
            }
            _ => Some(queues),
        }
    }

    pub(super) fn consume(&mut self, session: u64, name: &str, prefetch: u16) -> Option<u64> {
        let consumer = self.new_id();
        self.queues.get_mut(name)?.consumers.push(consumer);
        let taking = Taking {
            session,
            queue: name.to_owned(),
            prefetch: usize::from(prefetch),
            last_tag: 0,
            unacked: BTreeMap::new(),
        };
        self.consumers.insert(consumer, taking);
        Some(consumer)
    }

    pub(super) fn take(&mut self, consumer: u64, most: usize) -> Taken {
        let Some(taking) = self.consumers.get_mut(&consumer) else { return Taken::Gone };
        let Some(queue) = self.queues.get_mut(&taking.queue) else { return Taken::Gone };
        if !queue.serves(consumer) {
            return Taken::Nothing;
        }
        let free = taking.prefetch.saturating_sub(taking.unacked.len());
        let mut chunk = Vec::new();
        while chunk.len() < most.min(free)
            && let Some((place, mut delivery)) = queue.ready.pop_first()
        {
            taking.last_tag += 1;
            delivery.tag = taking.last_tag;
            taking.unacked.insert(delivery.tag, (place, delivery.clone()));
            chunk.push(delivery);
        }
        if chunk.is_empty() { Taken::Nothing } else { Taken::Chunk(chunk) }
    }

    /// Acks the deliveries with these tags; `false` when the consumer is no more.
    pub(super) fn ack(&mut self, consumer: u64, tags: impl Fn(u64) -> bool) -> bool {
        let taking = self.consumers.get_mut(&consumer);
        taking.map(|taking| taking.unacked.retain(|tag, _| !tags(*tag))).is_some()
    }

    /// Ends one consumer; what it held goes back to its place.
    pub(super) fn release(&mut self, consumer: u64) {
        let Some(taking) = self.consumers.remove(&consumer) else { return };
        let Some(queue) = self.queues.get_mut(&taking.queue) else { return };
        queue.consumers.retain(|other| *other != consumer);
        for (place, delivery) in taking.unacked.into_values() {
            queue.ready.insert(place, Delivery { redelivered: true, ..delivery });
        }
    }

    fn release_where(&mut self, which: impl Fn(&Taking) -> bool) {
        let consumers = self.consumers.iter().filter(|(_, taking)| which(taking));
        for consumer in consumers.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.release(consumer);
        }
    }

    pub(super) fn cancel(&mut self, queue: &str) {
        self.release_where(|taking| taking.queue == queue);
    }

    pub(super) fn delete(&mut self, queue: &str) {
        self.cancel(queue);
        self.queues.remove(queue);
        self.bindings.retain(|binding| binding.queue != queue);
    }

    pub(super) fn limit(&mut self, queue: &str, limit: Option<usize>) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.limit = limit;
        }
    }

    pub(super) fn put(&mut self, queue: &str, delivery: Delivery) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.append(delivery);
        }
    }

    pub(super) fn ready(&self, queue: &str) -> Vec<Delivery> {
        self.queues.get(queue).map(|queue| queue.ready.values().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn depth(&self, queue: &str) -> Option<Depth> {
        let queue = self.queues.get(queue)?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Depth { messages: count(queue.ready.len()), consumers: count(queue.consumers.len()) })
    }
}

impl Queue {
    fn append(&mut self, delivery: Delivery) {
        self.last_place += 1;
        self.ready.insert(self.last_place, delivery);
    }

    /// Appends unless the queue is full.
    fn take_in(&mut self, delivery: Delivery) -> bool {
        let room = self.limit.is_none_or(|limit| self.ready.len() < limit);
        if room {
            self.append(delivery);
        }
        room
    }

    /// Whether this consumer is one that gets deliveries now.
    fn serves(&self, consumer: u64) -> bool {
        let single = self.arguments.get("x-single-active-consumer") == Some(&Argument::Flag(true));
        !single || self.consumers.first() == Some(&consumer)
    }
}

fn alike(same: bool, kind: &str, name: &str) -> Result<(), BrokerError> {
    if same {
        return Ok(());
    }
    Err(BrokerError::Differs {
        doing: format!("declaring {kind} {name:?}"),
        detail: "its arguments are others".to_owned(),
    })
}

fn arrived(outgoing: Outgoing) -> Delivery {
    let Outgoing { exchange, routing_key, message } = outgoing;
    Delivery {
        tag: 0,
        redelivered: false,
        exchange,
        routing_key,
        content_type: message.content_type,
        message_id: message.message_id,
        correlation_id: message.correlation_id,
        user_id: message.user_id,
        timestamp: message.timestamp,
        headers: message.headers,
        forbidden: Vec::new(),
        body: message.body,
    }
}

//! Sessions, exchanges, queues and consumers as one state machine. Pure: no task, no clock, no random number.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Fault,
    chance::Chance,
    queue::{Held, Queue},
    routing::matches,
};
use crate::{
    Argument, Arguments, BrokerError, Confirmed, Declaration, Delivery, Depth, ExchangeKind, Outgoing,
    Publication,
    message::{DROPPED_BECAUSE, DROPPED_BY},
};

#[derive(Default)]
pub(super) struct State {
    exchanges: BTreeMap<String, Exchange>,
    bindings: Vec<Binding>,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) consumers: BTreeMap<u64, Taking>,
    /// Each with how many entries of streams it has read.
    sessions: BTreeMap<u64, usize>,
    locks: BTreeMap<String, u64>,
    last_id: u64,
    pub(super) faults: VecDeque<Fault>,
    pub(super) chance: Option<Chance>,
    pub(super) blocked: bool,
    /// Sessions that ended because they asked for a queue that nobody serves.
    pub(super) ended_by_consuming: u64,
    /// A session ends once it has read so many entries of streams.
    pub(super) most_read: Option<usize>,
    /// Whether entries of streams are not counted.
    pub(super) miscounts: bool,
    /// How often a stream was opened.
    pub(super) readers: u64,
    /// Published while the broker blocks, in order: number of the answer, session, message.
    held_up: Vec<(u64, u64, Outgoing)>,
    /// Answers that were given later than the publish.
    pub(super) answers: BTreeMap<u64, Publication>,
    /// Seconds since 1970-01-01T00:00:00Z, by which entries of streams are dated.
    pub(super) now: u64,
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

/// A consumer.
pub(super) struct Taking {
    pub(super) session: u64,
    pub(super) queue: String,
    pub(super) prefetch: usize,
    pub(super) last_tag: u64,
    /// Sent to it and not taken yet, by tag.
    pub(super) sent: VecDeque<u64>,
    /// In its hand, by tag, taken or not.
    pub(super) unacked: BTreeMap<u64, Held>,
    pub(super) cancelled: bool,
}

/// The answer to a publish.
pub(super) enum Answer {
    Given(Publication),
    /// It comes under this number, once the broker blocks no more.
    Later(u64),
}

impl State {
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn open(&mut self) -> u64 {
        let session = self.new_id();
        self.sessions.insert(session, 0);
        session
    }

    pub(super) fn alive(&self, session: u64) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Ends one session: its consumers end, what they held goes back, its locks are free.
    pub(super) fn end(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.locks.retain(|_, holder| *holder != session);
        for consumer in self.consumers_where(|taking| taking.session == session) {
            self.release(consumer);
        }
    }

    /// Whether a session ends because it asks for a queue that nobody serves.
    pub(super) fn is_lost_by_consuming(&mut self, session: u64, queue: &str) -> bool {
        let is_unserved = self.queues.get(queue).is_some_and(|queue| queue.is_unserved);
        if is_unserved {
            self.ended_by_consuming += 1;
            self.end(session);
        }
        is_unserved
    }

    /// Session `session` has read so many entries more.
    pub(super) fn has_read(&mut self, session: u64, entries: usize) {
        let Some(read) = self.sessions.get_mut(&session) else { return };
        *read += entries;
        if self.most_read.is_some_and(|most| *read >= most) {
            self.end(session);
        }
    }

    pub(super) fn cut(&mut self) {
        while let Some(session) = self.sessions.keys().next().copied() {
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
                let queue = there.or_insert_with(|| Queue::new(arguments.clone()));
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

    pub(super) fn is_missing(&self, declaration: &Declaration) -> bool {
        match declaration {
            Declaration::Exchange { name, .. } => !self.exchanges.contains_key(name),
            Declaration::Queue { name, .. } => !self.queues.contains_key(name),
            Declaration::Binding { .. } => false,
        }
    }

    /// Takes one message in, at once or when the broker blocks no more. `None`: there is no such exchange.
    pub(super) fn publish(&mut self, session: u64, outgoing: Outgoing) -> Option<Answer> {
        if !self.blocked {
            return self.accept(outgoing).map(Answer::Given);
        }
        let id = self.new_id();
        self.held_up.push((id, session, outgoing));
        Some(Answer::Later(id))
    }

    pub(super) fn unblock(&mut self) {
        self.blocked = false;
        for (id, session, outgoing) in std::mem::take(&mut self.held_up) {
            if self.alive(session) {
                let answer = self.accept(outgoing).unwrap_or(Publication::Unknown);
                self.answers.insert(id, answer);
            }
        }
    }

    /// Takes one message in, unless a fault strikes it. `None`: there is no such exchange.
    fn accept(&mut self, outgoing: Outgoing) -> Option<Publication> {
        let fault = self.faults.pop_front().or_else(|| self.chance.as_mut()?.next_fault());
        match fault {
            None => self.store(outgoing, usize::MAX),
            Some(Fault::Nacked) => Some(Publication::Nacked),
            Some(Fault::Lost) => Some(Publication::Unknown),
            Some(Fault::Unanswered) => self.store(outgoing, usize::MAX).map(|_| Publication::Unknown),
            Some(Fault::Partial) => self.store(outgoing, 1).map(|_| Publication::Nacked),
        }
    }

    /// Hands a message to the queues that it reaches, to the first `most` of them only.
    fn store(&mut self, outgoing: Outgoing, most: usize) -> Option<Publication> {
        let targets = self.targets(&outgoing.exchange, &outgoing.routing_key)?;
        let (delivery, now) = (arrived(outgoing), self.now);
        let mut all = true;
        for name in targets.iter().take(most) {
            all &= self.queues.get_mut(name).is_none_or(|queue| queue.take_in(delivery.clone(), now));
            self.send(name);
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

    /// Passes on what a queue gave up, as dead-lettering at least once does: nothing of it is lost on the way.
    pub(super) fn dead_letter(&mut self, name: &str, mut dropped: Delivery) {
        let exchange =
            match self.queues.get(name).and_then(|queue| queue.arguments.get("x-dead-letter-exchange")) {
                Some(Argument::Text(exchange)) => exchange.clone(),
                _ => return,
            };
        for (header, value) in [(DROPPED_BY, name), (DROPPED_BECAUSE, "delivery_limit")] {
            dropped.headers.push((header.to_owned(), value.to_owned()));
        }
        dropped.redelivered = false;
        let targets = self.targets(&exchange, &dropped.routing_key).unwrap_or_default();
        dropped.exchange = exchange;
        for target in targets {
            self.put(&target, dropped.clone());
        }
    }

    pub(super) fn delete(&mut self, queue: &str) {
        self.cancel(queue);
        self.queues.remove(queue);
        self.unbind(queue);
    }

    pub(super) fn purge(&mut self, queue: &str) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.purge();
        }
    }

    pub(super) fn unbind(&mut self, queue: &str) {
        self.bindings.retain(|binding| binding.queue != queue);
    }

    pub(super) fn put(&mut self, name: &str, delivery: Delivery) {
        let now = self.now;
        if let Some(queue) = self.queues.get_mut(name) {
            queue.append(delivery, now);
        }
        self.send(name);
    }

    pub(super) fn ready(&self, queue: &str) -> Vec<Delivery> {
        self.queues.get(queue).map(Queue::ready).unwrap_or_default()
    }

    pub(super) fn depth(&self, queue: &str) -> Option<Depth> {
        let queue = self.queues.get(queue)?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let waiting = if self.miscounts && queue.is_stream() { 0 } else { queue.waiting() };
        Some(Depth { messages: count(waiting), consumers: count(queue.consumers.len()) })
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

//! A session with the broker in this process.

use std::sync::{Arc, MutexGuard};

use async_trait::async_trait;

use super::{
    Server, Shared,
    read::MemoryReader,
    state::{Answer, State},
    taking::Taken,
};
use crate::{
    Acker, Broker, BrokerError, Confirms, Consumer, Declaration, Delivery, Depth, Names, Outgoing,
    Publication, Publisher, Reader, Start, Topology,
};

/// The session ends with its last user: the broker, its publishers, its consumers.
pub(super) struct Session {
    shared: Arc<Shared>,
    id: u64,
    user: String,
}

impl Session {
    pub(super) fn open(shared: Arc<Shared>, user: &str) -> Arc<Self> {
        let id = shared.state().open();
        Arc::new(Self { shared, id, user: user.to_owned() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change(change)
    }

    /// It has read so many entries of streams more.
    pub(super) fn has_read(&self, entries: usize) {
        self.change(|state| state.has_read(self.id, entries));
    }

    pub(super) fn check(&self, doing: &str) -> Result<(), BrokerError> {
        if self.shared.state().alive(self.id) { Ok(()) } else { Err(lost(doing)) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.change(|state| state.end(self.id));
    }
}

pub(super) fn lost(doing: &str) -> BrokerError {
    BrokerError::Lost { doing: doing.to_owned(), detail: "the session was cut".to_owned() }
}

/// A session with a [`Server`].
pub struct MemoryBroker {
    server: Server,
    session: Arc<Session>,
    names: Names,
}

impl MemoryBroker {
    pub(super) fn new(server: Server, session: Arc<Session>, names: Names) -> Self {
        Self { server, session, names }
    }

    /// The broker behind this session, to order faults and to look into queues.
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn shared(&self) -> &Shared {
        &self.session.shared
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    fn names(&self) -> &Names {
        &self.names
    }

    fn user(&self) -> &str {
        &self.session.user
    }

    async fn declare(&self, topology: &Topology) -> Result<(), BrokerError> {
        self.session.check("declaring")?;
        self.shared().change(|state| {
            topology.declarations(&self.names).into_iter().try_for_each(|one| state.declare(one))
        })
    }

    async fn redeclare_missing(&self, topology: &Topology) -> Result<Vec<Declaration>, BrokerError> {
        self.session.check("declaring")?;
        self.shared().change(|state| {
            let (mut missing, all) = (Vec::new(), topology.declarations(&self.names));
            for one in all {
                if state.is_missing(&one) {
                    missing.push(one.clone());
                }
                state.declare(one)?;
            }
            Ok(missing)
        })
    }

    async fn publisher(&self) -> Result<Box<dyn Publisher>, BrokerError> {
        self.session.check("opening a channel")?;
        Ok(Box::new(MemoryPublisher { session: Arc::clone(&self.session), closed: false }))
    }

    async fn consumer(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError> {
        let doing = format!("consuming queue {queue:?}");
        self.session.check(&doing)?;
        if self.shared().change(|state| state.is_lost_by_consuming(self.session.id, queue)) {
            return Err(BrokerError::Unserved {
                queue: queue.to_owned(),
                detail: "INTERNAL_ERROR".to_owned(),
            });
        }
        let id = self.shared().change(|state| state.consume(self.session.id, queue, prefetch));
        let id = id.ok_or(BrokerError::Missing { doing })?;
        let channel = Arc::new(Channel { session: Arc::clone(&self.session), id });
        Ok(Box::new(MemoryConsumer { channel, ended: false }))
    }

    async fn read(&self, stream: &str, start: Start, prefetch: u16) -> Result<Box<dyn Reader>, BrokerError> {
        let session = Arc::clone(&self.session);
        Ok(Box::new(MemoryReader::open(session, stream, start, prefetch)?))
    }

    async fn lock(&self) -> Result<(), BrokerError> {
        self.session.check("taking the lock")?;
        let queue = self.names.hub_lock();
        let held = self.shared().change(|state| state.lock(self.session.id, &queue));
        if held { Ok(()) } else { Err(BrokerError::Locked { queue }) }
    }

    async fn depth(&self, queue: &str) -> Result<Depth, BrokerError> {
        let doing = format!("asking for the depth of queue {queue:?}");
        self.session.check(&doing)?;
        self.shared().state().depth(queue).ok_or(BrokerError::Missing { doing })
    }

    fn blocked(&self) -> bool {
        self.shared().state().blocked
    }

    async fn lost(&self) -> String {
        self.shared().until(|state| (!state.alive(self.session.id)).then_some(())).await;
        "the session was cut".to_owned()
    }

    async fn close(&self) {
        self.shared().change(|state| state.end(self.session.id));
    }
}

struct MemoryPublisher {
    session: Arc<Session>,
    /// Closed by the broker, for a message to an exchange that is not there or in another user's name.
    closed: bool,
}

impl MemoryPublisher {
    fn publish_one(&mut self, outgoing: Outgoing) -> Answer {
        let forged = outgoing.message.user_id.as_ref().is_some_and(|user| *user != self.session.user);
        if self.closed || forged {
            self.closed = true;
            return Answer::Given(Publication::Unknown);
        }
        let published = self.session.shared.change(|state| state.publish(self.session.id, outgoing));
        self.closed = published.is_none();
        published.unwrap_or(Answer::Given(Publication::Unknown))
    }
}

#[async_trait]
impl Publisher for MemoryPublisher {
    async fn publish(&mut self, batch: Vec<Outgoing>) -> Result<Confirms, BrokerError> {
        self.session.check("publishing")?;
        if self.closed {
            return Err(lost("publishing"));
        }
        let answers: Vec<_> = batch.into_iter().map(|outgoing| self.publish_one(outgoing)).collect();
        let session = Arc::clone(&self.session);
        Ok(Confirms::new(async move {
            let mut publications = Vec::with_capacity(answers.len());
            for answer in answers {
                publications.push(answered(&session, answer).await);
            }
            publications
        }))
    }
}

/// The answer to a publish, which a broker that blocks gives later; to one whose session ended it never comes.
async fn answered(session: &Session, answer: Answer) -> Publication {
    match answer {
        Answer::Given(publication) => publication,
        Answer::Later(id) => {
            let given = |state: &mut State| {
                let ended = (!state.alive(session.id)).then_some(Publication::Unknown);
                state.answers.remove(&id).or(ended)
            };
            session.shared.until(given).await
        }
    }
}

/// The consumer's channel, which its acker shares.
struct Channel {
    session: Arc<Session>,
    id: u64,
}

impl Channel {
    fn acked(&self, tags: impl Fn(u64) -> bool) -> Result<(), BrokerError> {
        let alive = self.session.shared.change(|state| state.ack(self.id, tags));
        if alive { Ok(()) } else { Err(lost("acking")) }
    }
}

#[async_trait]
impl Acker for Channel {
    async fn ack(&self, tag: u64) -> Result<(), BrokerError> {
        self.acked(|other| other == tag)
    }

    async fn ack_up_to(&self, tag: u64) -> Result<(), BrokerError> {
        self.acked(|other| other <= tag)
    }
}

struct MemoryConsumer {
    channel: Arc<Channel>,
    ended: bool,
}

#[async_trait]
impl Consumer for MemoryConsumer {
    async fn next(&mut self, most: usize) -> Option<Vec<Delivery>> {
        let id = self.channel.id;
        let shared = &self.channel.session.shared;
        let taken = shared.until(|state| match state.take(id, most.max(1)) {
            Taken::Gone => Some(None),
            Taken::Nothing => None,
            Taken::Chunk(chunk) => Some(Some(chunk)),
        });
        let chunk = taken.await;
        self.ended = chunk.is_none();
        chunk
    }

    fn ended(&self) -> Option<&str> {
        self.ended.then_some("the session was cut")
    }

    fn acker(&self) -> Arc<dyn Acker> {
        Arc::clone(&self.channel) as Arc<dyn Acker>
    }

    async fn close(self: Box<Self>) {}
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.channel.session.shared.change(|state| state.release(self.channel.id));
    }
}

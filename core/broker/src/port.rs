//! The port: what the hub asks of a broker. It does not know which broker stands behind it.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{BrokerError, Declaration, Delivery, Names, Outgoing, Reader, Start, Topology};

/// One session with a broker: one connection to publish and one to consume. It never reconnects; its owner does.
#[async_trait]
pub trait Broker: Send + Sync {
    /// The names of the objects under this session's prefix.
    fn names(&self) -> &Names;

    /// The broker user of this session: the only `user_id` that its messages may carry.
    fn user(&self) -> &str;

    /// Declares what is missing; what is there already must be the same.
    ///
    /// # Errors
    /// [`BrokerError::Differs`] when an object is there with other arguments; else how the session failed.
    async fn declare(&self, topology: &Topology) -> Result<(), BrokerError>;

    /// Declares again what somebody deleted, and tells which exchanges and queues that were, in the order of the
    /// topology; bindings are restored unseen. What was in a queue is gone with it: reconcile (DESIGN 3.12).
    ///
    /// # Errors
    /// As [`Self::declare`].
    async fn redeclare_missing(&self, topology: &Topology) -> Result<Vec<Declaration>, BrokerError>;

    /// A publisher with a channel of its own.
    ///
    /// # Errors
    /// How the session failed.
    async fn publisher(&self) -> Result<Box<dyn Publisher>, BrokerError>;

    /// A consumer of `queue` with a channel of its own, which holds at most `prefetch` unacked deliveries. Keep
    /// `prefetch` the same for a queue for ever: lowering it reorders redelivery (DESIGN 3.5).
    ///
    /// # Errors
    /// [`BrokerError::Missing`] when there is no such queue; [`BrokerError::Unserved`] when the broker does not serve it, and has
    /// ended the session; else how the session failed.
    async fn consumer(&self, queue: &str, prefetch: u16) -> Result<Box<dyn Consumer>, BrokerError>;

    /// Reads `stream` from `start` to what is its end now, on a channel of its own, at most `prefetch` entries ahead,
    /// and before RabbitMQ 4 the rest of their chunk. It takes some seconds to find out that a stream is empty.
    ///
    /// # Errors
    /// [`BrokerError::Missing`] when there is no such stream; else how the session failed.
    async fn read(&self, stream: &str, start: Start, prefetch: u16) -> Result<Box<dyn Reader>, BrokerError>;

    /// Takes the lock of this prefix and holds it for as long as this session lives.
    ///
    /// # Errors
    /// [`BrokerError::Locked`] when another session has it; else how the session failed.
    async fn lock(&self) -> Result<(), BrokerError>;

    /// How much waits in `queue`, and for whom, by a short-lived channel of its own.
    ///
    /// # Errors
    /// [`BrokerError::Missing`] when there is no such queue; else how the session failed.
    async fn depth(&self, queue: &str) -> Result<Depth, BrokerError>;

    /// Whether there is a queue, or a stream, of this name.
    ///
    /// # Errors
    /// How the session failed.
    async fn exists(&self, queue: &str) -> Result<bool, BrokerError> {
        match self.depth(queue).await {
            Ok(_) => Ok(true),
            Err(BrokerError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the broker has asked this session to pause publishing (`connection.blocked`): it is short of memory or
    /// disk. Take in nothing new while it lasts.
    fn blocked(&self) -> bool;

    /// Resolves when either connection is gone, with the reason in the broker's or the client's words; at once when it is
    /// gone already.
    async fn lost(&self) -> String;

    /// Ends the session in good order; unacked deliveries go back to their queues.
    async fn close(&self);
}

/// The one publish primitive. One task owns it: confirms of two tasks on one channel would be mixed up.
#[async_trait]
pub trait Publisher: Send {
    /// Starts every publish in order and awaits none. The next batch may be published before the confirms of this one
    /// are awaited; how many are under way at once is for the caller to limit. Not `mandatory` (DESIGN 3.3).
    ///
    /// # Errors
    /// Nothing of the batch was started: a text is longer than AMQP allows, or the channel is gone.
    async fn publish(&mut self, batch: Vec<Outgoing>) -> Result<Confirms, BrokerError>;
}

/// The answers to one batch, still to come.
pub struct Confirms {
    answers: BoxFuture<'static, Vec<Publication>>,
}

impl Confirms {
    pub(crate) fn new(answers: impl Future<Output = Vec<Publication>> + Send + 'static) -> Self {
        Self { answers: Box::pin(answers) }
    }

    /// One answer for each message, in the order of the batch, at the latest [`crate::CONFIRM_TIMEOUT`] after it was
    /// started, or after the broker was blocked.
    pub async fn wait(self) -> Vec<Publication> {
        self.answers.await
    }
}

impl fmt::Debug for Confirms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirms")
    }
}

/// How one publish ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Publication {
    /// The broker has it.
    Confirmed(Confirmed),
    /// The broker refused it, e.g. because a queue is full; another queue of the same publish may have its copy.
    Nacked,
    /// The answer was lost or late: the broker may or may not have it.
    Unknown,
}

/// The proof that the broker has a message. Only this crate makes one, and only this moves an ack or a cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmed(());

impl Confirmed {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

/// Deliveries of one queue, in its order.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for a delivery, then takes what else is there, `most` at most (at least 1 is taken as meant). Under load it
    /// gathers a moment longer. `None` means that the session is lost: the channel or the connection is gone, or the
    /// broker cancelled the consumer. Safe to drop half-way: what it took comes with the next call.
    async fn next(&mut self, most: usize) -> Option<Vec<Delivery>>;

    /// Why the session is lost, in the broker's or the client's words, once [`Self::next`] gave `None`.
    fn ended(&self) -> Option<&str>;

    /// What acks the deliveries of this consumer.
    fn acker(&self) -> Arc<dyn Acker>;

    /// Closes the channel and awaits that; what is unacked goes back to the queue, in order. Never `basic.cancel`, which
    /// would promote the next consumer while deliveries are in hand (DESIGN 3.5).
    async fn close(self: Box<Self>);
}

/// Acks the deliveries of one consumer, and of no other.
#[async_trait]
pub trait Acker: Send + Sync {
    /// Acks one delivery.
    ///
    /// # Errors
    /// The channel is gone: the delivery will come again.
    async fn ack(&self, tag: u64) -> Result<(), BrokerError>;

    /// Acks every unacked delivery up to and including `tag`.
    ///
    /// # Errors
    /// The channel is gone: the deliveries will come again.
    async fn ack_up_to(&self, tag: u64) -> Result<(), BrokerError>;
}

/// How much waits in a queue, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that are ready, those in a consumer's hands not counted. Of a stream its entries, as they were up to
    /// five seconds ago.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

//! What is published and what arrives. It does not know how either travels.

use bytes::Bytes;

/// The header in which RabbitMQ names the queue that first dropped a message.
pub(crate) const DROPPED_BY: &str = "x-first-death-queue";
/// The header in which RabbitMQ says why that queue dropped it.
pub(crate) const DROPPED_BECAUSE: &str = "x-first-death-reason";

/// A message to publish; it is always persistent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The content, at most what the broker takes (16 MiB on RabbitMQ 4).
    pub body: Bytes,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The idempotency key: the dispatch id, or the event's id.
    pub message_id: Option<String>,
    /// What the message answers or belongs to, e.g. the event's id.
    pub correlation_id: Option<String>,
    /// The AMQP property `type`.
    pub message_type: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<u64>,
    /// The broker user of the publisher; the broker refuses any other, and closes the channel.
    pub user_id: Option<String>,
    /// The program that published.
    pub app_id: Option<String>,
    /// Headers, in the order of their names on the wire.
    pub headers: Vec<(String, String)>,
}

/// A message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The exchange.
    pub exchange: String,
    /// The routing key, at most [`crate::MAX_SHORT_TEXT_BYTES`] long.
    pub routing_key: String,
    /// What is published.
    pub message: Message,
}

/// A message that arrived, in AMQP's meaning of the word; it is the consumer's until it is acked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The number by which it is acked, on its own consumer only.
    pub tag: u64,
    /// Whether it was handed to a consumer before.
    pub redelivered: bool,
    /// The exchange to which it was published.
    pub exchange: String,
    /// The key with which it was published.
    pub routing_key: String,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The publisher's id of the message.
    pub message_id: Option<String>,
    /// What the message answers or belongs to.
    pub correlation_id: Option<String>,
    /// The broker user that published it, checked by the broker.
    pub user_id: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<u64>,
    /// Headers as texts, by name; of a table, a list or bytes only the kind is told (`table`, `list`, `bytes`).
    pub headers: Vec<(String, String)>,
    /// Which of `expiration`, `priority`, `CC` and `BCC` are present: each can lose, reorder or smuggle messages.
    pub forbidden: Vec<&'static str>,
    /// The content.
    pub body: Bytes,
}

impl Delivery {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Of a delivery of `unrouted`: the queue that it was going to. That is the queue which dropped it, where one did;
    /// else its routing key, which for everything that goes through `deliveries` is the name of a queue.
    pub fn bound_for(&self) -> &str {
        self.header(DROPPED_BY).unwrap_or(&self.routing_key)
    }

    /// Of a delivery of `unrouted`: why a queue dropped it, in RabbitMQ's word (`delivery_limit`, `maxlen`, `expired`,
    /// `rejected`); `None` when it reached no queue at all.
    pub fn dropped_because(&self) -> Option<&str> {
        self.header(DROPPED_BECAUSE)
    }
}

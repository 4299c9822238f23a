//! What is published and what arrives. It does not know how either travels.

use bytes::Bytes;

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

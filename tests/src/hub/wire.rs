//! Bare AMQP for tests: publishing what no connector would, and reading a queue as its system does.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::Value;
use tokio::time::timeout;

use super::DEADLINE;

/// How long a queue must give nothing more to be read to its end.
const QUIET: Duration = Duration::from_secs(1);
/// Unacked messages of a reader.
const PREFETCH: u16 = 1_000;

/// A session with the broker, under the name of some user.
pub struct Wire {
    connection: Connection,
}

/// A message as a system reads it from its queue.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// AMQP `message-id`.
    pub message_id: String,
    /// AMQP `correlation-id`.
    pub correlation_id: String,
    /// Headers that are texts.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

impl Wire {
    /// A session at `url`.
    pub async fn open(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await;
        Self { connection: connection.expect("a session with the broker") }
    }

    async fn channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    /// Takes a binding away.
    pub async fn unbind(&self, queue: &str, exchange: &str, key: &str) {
        let (channel, arguments) = (self.channel().await, FieldTable::default());
        let unbound = channel.queue_unbind(queue.into(), exchange.into(), key.into(), arguments).await;
        unbound.expect("a broker that answers");
    }

    /// Publishes; whether the broker confirmed it. A broker that refuses a message closes its channel.
    pub async fn publish(&self, exchange: &str, properties: BasicProperties, body: &[u8]) -> bool {
        self.publish_by((exchange, crate::council::PARCEL), properties, body).await
    }

    /// Publishes to an exchange by a routing key; whether the broker confirmed it.
    pub async fn publish_by(
        &self,
        (exchange, key): (&str, &str),
        properties: BasicProperties,
        body: &[u8],
    ) -> bool {
        let channel = self.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let options = BasicPublishOptions::default();
        let published = channel.basic_publish(exchange.into(), key.into(), options, body, properties).await;
        let Ok(confirm) = published else { return false };
        let answer = timeout(DEADLINE, confirm).await.expect("an answer in time");
        matches!(answer, Ok(Confirmation::Ack(_)))
    }

    /// Publishes events in structured mode as `user`, in their order; all must be confirmed.
    pub async fn publish_events(&self, exchange: &str, user: &str, events: &[Value]) {
        let channel = self.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let mut confirms = Vec::new();
        for event in events {
            let key = event["type"].as_str().expect("a type");
            let options = BasicPublishOptions::default();
            let body = event.to_string();
            let published = channel
                .basic_publish(exchange.into(), key.into(), options, body.as_bytes(), structured(user))
                .await;
            confirms.push(published.expect("a publish"));
        }
        for confirm in confirms {
            let answer = timeout(DEADLINE, confirm).await.expect("an answer in time");
            assert!(matches!(answer, Ok(Confirmation::Ack(_))), "{answer:?}");
        }
    }

    /// Declares a queue and binds it, as a source does that wants to be told.
    pub async fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let channel = self.channel().await;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("a queue");
        let options = QueueBindOptions::default();
        let bound =
            channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default());
        bound.await.expect("a binding");
    }

    /// Reads a queue as its system does, until nothing has come for a while; at least `least` must come.
    pub async fn read(&self, queue: &str, least: usize) -> Vec<Arrived> {
        let channel = self.channel().await;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.expect("a prefetch");
        let options = BasicConsumeOptions::default();
        let consumed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await;
        let mut consumer = consumed.expect("a consumer");
        let mut all = Vec::new();
        loop {
            let patience = if all.len() < least { DEADLINE } else { QUIET };
            let Ok(Some(delivery)) = timeout(patience, consumer.next()).await else { break };
            let delivery = delivery.expect("a delivery");
            delivery.ack(BasicAckOptions::default()).await.expect("an ack");
            all.push(arrived(&delivery));
        }
        assert!(all.len() >= least, "{queue}: {} messages of {least}", all.len());
        all
    }

    /// Takes `count` messages of a queue in hand and gives them back by closing the channel: they come again, flagged.
    pub async fn touch(&self, queue: &str, count: usize) {
        let channel = self.channel().await;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.expect("a prefetch");
        let options = BasicConsumeOptions::default();
        let consumed = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await;
        let mut consumer = consumed.expect("a consumer");
        for _ in 0..count {
            let delivery = timeout(DEADLINE, consumer.next()).await.expect("a delivery in time");
            delivery.expect("a session that lasts").expect("a delivery");
        }
        channel.close(200, "".into()).await.expect("a channel that closes");
    }
}

/// Properties of an event in structured mode that `user` publishes.
pub fn structured(user: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("application/cloudevents+json".into())
        .with_delivery_mode(2)
        .with_user_id(user.into())
}

fn arrived(delivery: &lapin::message::Delivery) -> Arrived {
    let text =
        |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    let headers = delivery.properties.headers().clone().unwrap_or_default();
    let headers = headers
        .inner()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.as_long_string()?.to_string())));
    Arrived {
        message_id: text(delivery.properties.message_id()),
        correlation_id: text(delivery.properties.correlation_id()),
        headers: headers.collect(),
        body: serde_json::from_slice(&delivery.data).expect("a body in JSON"),
    }
}

//! The broker's port as tests against a real RabbitMQ use it. It knows no test.

use std::time::Duration;

use bytes::Bytes;
use lapin::{
    Connection, ConnectionProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use postroom_broker::{
    Amqp, Broker, Consumer, Delivery, Depth, Message, Names, Options, Outgoing, Publication, Publisher,
    Topology,
};
use tokio::time::{Instant, timeout};

use super::Rabbit;

/// Longest wait for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A session of a user who may do all.
pub async fn connect(rabbit: &Rabbit, prefix: &str) -> Amqp {
    let options = Options { names: Names::new(prefix), connection_name: format!("postroom {prefix}") };
    Amqp::connect(rabbit.url(), options).await.expect("a broker that answers")
}

/// A session of a user of its own, named like the prefix.
pub async fn connect_as_new_user(rabbit: &Rabbit, prefix: &str, permissions: [&str; 3]) -> Amqp {
    let user = prefix.trim_end_matches('.');
    rabbit.add_user(user, "a-password", permissions);
    let options = Options { names: Names::new(prefix), connection_name: format!("postroom {prefix}") };
    Amqp::connect(&rabbit.url_as(user, "a-password"), options).await.expect("a broker that answers")
}

/// A session under a prefix of its own, with the objects of [`topology`] declared.
pub async fn council(rabbit: &Rabbit) -> Amqp {
    let broker = connect(rabbit, &rabbit.prefix()).await;
    broker.declare(&topology()).await.expect("a broker that answers");
    broker
}

/// A small council.
pub fn topology() -> Topology {
    Topology {
        sources: vec!["gazetteer".to_owned()],
        lanes: vec!["council-tax".to_owned()],
        queues: vec!["waste".to_owned()],
        journal: true,
        journal_age: None,
    }
}

/// A message for a queue, through the exchange of deliveries.
pub fn to(broker: &Amqp, queue: &str, body: &str) -> Outgoing {
    Outgoing {
        exchange: broker.names().deliveries(),
        routing_key: queue.to_owned(),
        message: Message { body: Bytes::from(body.to_owned()), ..Message::default() },
    }
}

/// Whether the broker has it.
pub fn is_confirmed(publication: &Publication) -> bool {
    matches!(publication, Publication::Confirmed(_))
}

/// Publishes and sees that all is confirmed.
pub async fn publish_all(publisher: &mut dyn Publisher, batch: Vec<Outgoing>) {
    let count = batch.len();
    let answers = publisher.publish(batch).await.expect("a broker that answers").wait().await;
    assert_eq!(answers.iter().filter(|answer| is_confirmed(answer)).count(), count);
}

/// Takes at least so many deliveries and acks none.
pub async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let chunk = timeout(DEADLINE, consumer.next(200)).await.expect("deliveries in time");
        let Some(chunk) = chunk else { panic!("a session that lasts, not {:?}", consumer.ended()) };
        all.extend(chunk);
    }
    all
}

/// Takes at least so many deliveries and acks them.
pub async fn take_and_ack(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let acker = consumer.acker();
    let mut all = Vec::new();
    while all.len() < count {
        let chunk = take(consumer, 1).await;
        acker
            .ack_up_to(chunk.last().expect("a broker that answers").tag)
            .await
            .expect("a broker that answers");
        all.extend(chunk);
    }
    all
}

/// The contents.
pub fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|one| std::str::from_utf8(&one.body).expect("a broker that answers")).collect()
}

/// Waits until a queue holds what is expected.
pub async fn until_depth(broker: &Amqp, queue: &str, expected: Depth) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let depth = broker.depth(queue).await.expect("a broker that answers");
        if depth == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{queue} is at {depth:?}");
    }
}

/// A queue that no topology has.
pub async fn declare_queue(rabbit: &Rabbit, name: &str, arguments: &[(&str, AMQPValue)]) {
    let connection = Connection::connect(rabbit.url(), ConnectionProperties::default())
        .await
        .expect("a broker that answers");
    let channel = connection.create_channel().await.expect("a broker that answers");
    let mut table = FieldTable::default();
    for (argument, value) in arguments {
        table.insert((*argument).into(), value.clone());
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, table).await.expect("a broker that answers");
}

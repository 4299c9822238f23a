//! The broker's port against a real RabbitMQ.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::time::Duration;

use bytes::Bytes;
use lapin::{
    Connection, ConnectionProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use postroom_broker::{
    Amqp, Broker, BrokerError, Consumer, Delivery, Depth, Failure, Message, Names, Options, Outgoing,
    Publication, Publisher, Topology,
};
use postroom_tests::rabbitmq::Rabbit;
use tokio::time::{Instant, timeout};

/// Longest wait for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);
const PREFETCH: u16 = 1_000;
/// RabbitMQ 3.10 writes the register of its quorum queues half a second late: one declared just before a kill is there
/// afterwards, but answers nothing.
const UNTIL_KEPT: Duration = Duration::from_secs(2);

async fn connect(rabbit: &Rabbit, prefix: &str) -> Amqp {
    let options = Options { names: Names::new(prefix), connection_name: format!("postroom {prefix}") };
    Amqp::connect(rabbit.url(), options).await.unwrap()
}

/// A session of a user of its own, named like the prefix.
async fn connect_as_new_user(rabbit: &Rabbit, prefix: &str, permissions: [&str; 3]) -> Amqp {
    let user = prefix.trim_end_matches('.');
    rabbit.add_user(user, "a-password", permissions);
    let options = Options { names: Names::new(prefix), connection_name: format!("postroom {prefix}") };
    Amqp::connect(&rabbit.url_as(user, "a-password"), options).await.unwrap()
}

async fn council(rabbit: &Rabbit) -> Amqp {
    let broker = connect(rabbit, &rabbit.prefix()).await;
    broker.declare(&topology()).await.unwrap();
    broker
}

fn topology() -> Topology {
    Topology {
        sources: vec!["gazetteer".to_owned()],
        lanes: vec!["council-tax".to_owned()],
        queues: vec!["waste".to_owned()],
        journal: true,
    }
}

fn to(broker: &Amqp, queue: &str, body: &str) -> Outgoing {
    Outgoing {
        exchange: broker.names().deliveries(),
        routing_key: queue.to_owned(),
        message: Message { body: Bytes::from(body.to_owned()), ..Message::default() },
    }
}

fn is_confirmed(publication: &Publication) -> bool {
    matches!(publication, Publication::Confirmed(_))
}

async fn publish_all(publisher: &mut dyn Publisher, batch: Vec<Outgoing>) {
    let count = batch.len();
    let answers = publisher.publish(batch).await.unwrap().wait().await;
    assert_eq!(answers.iter().filter(|answer| is_confirmed(answer)).count(), count);
}

async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let chunk = timeout(DEADLINE, consumer.next(200)).await.expect("deliveries in time");
        all.extend(chunk.expect("a session that lasts"));
    }
    all
}

async fn take_and_ack(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivery> {
    let acker = consumer.acker();
    let mut all = Vec::new();
    while all.len() < count {
        let chunk = take(consumer, 1).await;
        acker.ack_up_to(chunk.last().unwrap().tag).await.unwrap();
        all.extend(chunk);
    }
    all
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|one| std::str::from_utf8(&one.body).unwrap()).collect()
}

async fn until_depth(broker: &Amqp, queue: &str, expected: Depth) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let depth = broker.depth(queue).await.unwrap();
        if depth == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{queue} is at {depth:?}");
    }
}

#[tokio::test]
async fn declaring_twice_changes_nothing() {
    let broker = council(Rabbit::shared()).await;
    broker.declare(&topology()).await.unwrap();
    until_depth(&broker, &broker.names().to("waste"), Depth { messages: 0, consumers: 0 }).await;
}

#[tokio::test]
async fn a_queue_that_differs_is_named_and_permanent() {
    let rabbit = Rabbit::shared();
    let broker = connect(rabbit, &rabbit.prefix()).await;
    let queue = broker.names().lane("council-tax");
    declare_queue(rabbit, &queue, &[("x-queue-type", AMQPValue::LongString("quorum".into()))]).await;
    let error = broker.declare(&topology()).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Permanent);
    assert!(matches!(&error, BrokerError::Differs { .. }) && error.to_string().contains(&queue), "{error}");
}

#[tokio::test]
async fn five_thousand_messages_arrive_in_order_across_batches() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let mut confirms = Vec::new();
    for batch in 0..25 {
        let messages =
            (batch * 200..(batch + 1) * 200).map(|number| to(&broker, &queue, &number.to_string()));
        confirms.push(publisher.publish(messages.collect()).await.unwrap());
    }
    for batch in confirms {
        assert!(batch.wait().await.iter().all(is_confirmed));
    }
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let arrived = take_and_ack(consumer.as_mut(), 5_000).await;
    let expected: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    assert_eq!(bodies(&arrived), expected);
    consumer.close().await;
    until_depth(&broker, &queue, Depth { messages: 0, consumers: 0 }).await;
}

#[tokio::test]
async fn properties_and_headers_travel_with_the_message() {
    let broker = council(Rabbit::shared()).await;
    let mut publisher = broker.publisher().await.unwrap();
    let message = Message {
        body: Bytes::from_static(b"{}"),
        content_type: Some("application/cloudevents+json".to_owned()),
        message_id: Some("id-1".to_owned()),
        correlation_id: Some("corr-1".to_owned()),
        message_type: Some("premises".to_owned()),
        timestamp: Some(1_700_000_000),
        user_id: Some(broker.user().to_owned()),
        app_id: Some("postroom".to_owned()),
        headers: vec![("event-type".to_owned(), "street.created.v1".to_owned())],
    };
    let exchange = broker.names().in_exchange("gazetteer");
    let event = Outgoing { exchange, routing_key: "street.created.v1".to_owned(), message: message.clone() };
    publish_all(publisher.as_mut(), vec![event]).await;
    let mut consumer = broker.consumer(&broker.names().ingress("gazetteer"), PREFETCH).await.unwrap();
    let arrived = take(consumer.as_mut(), 1).await.remove(0);
    assert_eq!(arrived.routing_key, "street.created.v1");
    assert_eq!(arrived.exchange, broker.names().in_exchange("gazetteer"));
    assert_eq!(
        (arrived.content_type, arrived.message_id, arrived.correlation_id, arrived.user_id),
        (message.content_type, message.message_id, message.correlation_id, message.user_id)
    );
    assert_eq!((arrived.timestamp, arrived.headers), (message.timestamp, message.headers));
    assert_eq!((arrived.body, arrived.redelivered), (message.body, false));
}

#[tokio::test]
async fn what_reaches_no_queue_lands_in_unrouted() {
    let broker = council(Rabbit::shared()).await;
    let mut publisher = broker.publisher().await.unwrap();
    let nowhere = broker.names().lane("nobody");
    publish_all(publisher.as_mut(), vec![to(&broker, &nowhere, "1")]).await;
    let mut consumer = broker.consumer(&broker.names().unrouted(), PREFETCH).await.unwrap();
    assert_eq!(take(consumer.as_mut(), 1).await[0].routing_key, nowhere);
}

#[tokio::test]
async fn a_full_queue_nacks_and_its_neighbours_confirm() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let full = format!("{}full", broker.names().to(""));
    let limits = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-max-length", AMQPValue::LongInt(3)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declare_queue(rabbit, &full, &limits).await;
    let mut publisher = broker.publisher().await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        let batch = vec![
            Outgoing { exchange: String::new(), ..to(&broker, &full, "x") },
            to(&broker, &broker.names().to("waste"), "x"),
        ];
        let answers = publisher.publish(batch).await.unwrap().wait().await;
        assert!(is_confirmed(&answers[1]));
        if answers[0] == Publication::Nacked {
            break;
        }
        assert!(Instant::now() < deadline, "the queue never filled");
    }
}

#[tokio::test]
async fn a_publish_to_an_exchange_that_is_not_there_is_unknown_and_ends_the_publisher() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let nowhere = Outgoing { exchange: broker.names().in_exchange("nobody"), ..to(&broker, &queue, "1") };
    let answers = publisher.publish(vec![nowhere]).await.unwrap().wait().await;
    assert_eq!(answers, [Publication::Unknown]);
    let error = publisher.publish(vec![to(&broker, &queue, "2")]).await.unwrap_err();
    assert!(error.to_string().contains("no exchange"), "{error}");
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &queue, "3")]).await;
}

#[tokio::test]
async fn a_second_hub_is_refused_until_the_first_has_gone() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let (first, second) = (connect(rabbit, &prefix).await, connect(rabbit, &prefix).await);
    first.lock().await.unwrap();
    first.lock().await.unwrap();
    assert_eq!(second.lock().await, Err(BrokerError::Locked { queue: format!("{prefix}hub.lock") }));
    first.close().await;
    timeout(DEADLINE, first.lost()).await.unwrap();
    second.lock().await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_closes_gives_back_in_order_and_flagged() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    publish_all(publisher.as_mut(), numbers.iter().map(|one| to(&broker, &queue, one)).collect()).await;
    let mut first = broker.consumer(&queue, 50).await.unwrap();
    let mut second = broker.consumer(&queue, 50).await.unwrap();
    let held = take(first.as_mut(), 50).await;
    first.acker().ack(held[0].tag).await.unwrap();
    let acker = first.acker();
    first.close().await;
    assert!(acker.ack(held[1].tag).await.is_err(), "an ack after the close is an error, not a silence");
    let again = take(second.as_mut(), 50).await;
    assert_eq!(bodies(&again), numbers[1..51]);
    assert!(again[..49].iter().all(|one| one.redelivered));
}

#[tokio::test]
async fn a_consumer_that_is_dropped_gives_back_in_order() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().lane("council-tax");
    let mut publisher = broker.publisher().await.unwrap();
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    publish_all(publisher.as_mut(), numbers.iter().map(|one| to(&broker, &queue, one)).collect()).await;
    let mut first = broker.consumer(&queue, 50).await.unwrap();
    let mut second = broker.consumer(&queue, 50).await.unwrap();
    take(first.as_mut(), 50).await;
    drop(first);
    assert_eq!(bodies(&take(second.as_mut(), 50).await), numbers[..50]);
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_the_consumer_and_the_session() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let user = prefix.trim_end_matches('.');
    let broker = connect_as_new_user(rabbit, &prefix, [".*", ".*", ".*"]).await;
    broker.declare(&topology()).await.unwrap();
    let queue = broker.names().lane("council-tax");
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let mut publisher = broker.publisher().await.unwrap();
    rabbit.ctl(&["close_all_user_connections", user, "a test"]);
    assert!(timeout(DEADLINE, consumer.next(1)).await.unwrap().is_none());
    assert!(consumer.ended().unwrap().contains("a test"), "{:?}", consumer.ended());
    let reason = timeout(DEADLINE, broker.lost()).await.unwrap();
    assert!(reason.contains("a test"), "{reason}");
    let error = publisher.publish(vec![to(&broker, &queue, "1")]).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Transient);
}

#[tokio::test]
async fn a_queue_deleted_under_a_consumer_ends_it() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = broker.names().lane("council-tax");
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    rabbit.ctl(&["delete_queue", &queue]);
    assert!(timeout(DEADLINE, consumer.next(1)).await.unwrap().is_none());
    assert!(matches!(broker.depth(&queue).await, Err(BrokerError::Missing { .. })));
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_the_node_was_killed() {
    let mut rabbit = Rabbit::start();
    let prefix = rabbit.prefix();
    let broker = connect(&rabbit, &prefix).await;
    broker.declare(&topology()).await.unwrap();
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let mut expected = Vec::new();
    let declared = Instant::now();
    while declared.elapsed() < UNTIL_KEPT || expected.len() < 500 {
        let number = expected.len().to_string();
        publish_all(publisher.as_mut(), vec![to(&broker, &queue, &number)]).await;
        expected.push(number);
    }
    rabbit.kill();
    timeout(DEADLINE, broker.lost()).await.unwrap();
    let options = Options { names: Names::new(&*prefix), connection_name: "postroom".to_owned() };
    let error = Amqp::connect(rabbit.url(), options).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Transient, "{error}");
    rabbit.start_again();
    let broker = connect(&rabbit, &prefix).await;
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    let arrived = take_and_ack(consumer.as_mut(), expected.len()).await;
    assert_eq!(bodies(&arrived), expected);
}

#[tokio::test]
async fn a_wrong_password_is_permanent_and_never_told() {
    let url = Rabbit::shared().url_as("guest", "s3cret-and-wrong");
    let options = Options { names: Names::new("t."), connection_name: "postroom".to_owned() };
    let error = Amqp::connect(&url, options).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Permanent);
    let text = format!("{error} {error:?}");
    assert!(text.contains("guest@127.0.0.1") && !text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_user_without_the_permission_is_told_so() {
    let rabbit = Rabbit::shared();
    let prefix = rabbit.prefix();
    let broker = connect_as_new_user(rabbit, &prefix, ["^$", "^$", "^$"]).await;
    let error = broker.declare(&topology()).await.unwrap_err();
    assert!(matches!(&error, BrokerError::Denied { .. }), "{error}");
    assert_eq!(error.failure(), Failure::Permanent);
}

#[tokio::test]
async fn the_depth_tells_messages_and_consumers() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let mut publisher = broker.publisher().await.unwrap();
    let batch = (0..3).map(|_| to(&broker, &queue, "x")).collect();
    publish_all(publisher.as_mut(), batch).await;
    until_depth(&broker, &queue, Depth { messages: 3, consumers: 0 }).await;
    let mut consumer = broker.consumer(&queue, PREFETCH).await.unwrap();
    take(consumer.as_mut(), 3).await;
    until_depth(&broker, &queue, Depth { messages: 0, consumers: 1 }).await;
}

/// A queue that no topology has.
async fn declare_queue(rabbit: &Rabbit, name: &str, arguments: &[(&str, AMQPValue)]) {
    let connection = Connection::connect(rabbit.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut table = FieldTable::default();
    for (argument, value) in arguments {
        table.insert((*argument).into(), value.clone());
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, table).await.unwrap();
}

//! What a confirm, a nack and a refusal mean.

use lapin::types::AMQPValue;
use postroom_broker::{Amqp, Broker, Depth, Outgoing, Publication};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, council, declare_queue, is_confirmed, publish_all, take, to, until_depth},
};
use tokio::time::Instant;

/// A queue that takes one message and refuses more, full.
async fn full(rabbit: &Rabbit, broker: &Amqp) -> String {
    let queue = format!("{}full", broker.names().to(""));
    let limits = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    declare_queue(rabbit, &queue, &limits).await;
    let deadline = Instant::now() + DEADLINE;
    // A queue tells that it is full a moment after it is.
    while answer(broker, Outgoing { exchange: String::new(), ..to(broker, &queue, "x") }).await
        != Publication::Nacked
    {
        assert!(Instant::now() < deadline, "the queue never filled");
    }
    queue
}

async fn answer(broker: &Amqp, outgoing: Outgoing) -> Publication {
    let mut publisher = broker.publisher().await.unwrap();
    publisher.publish(vec![outgoing]).await.unwrap().wait().await.remove(0)
}

#[tokio::test]
async fn a_full_queue_nacks_and_another_queue_of_the_same_publish_keeps_its_copy() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let (full, exchange) = (full(rabbit, &broker).await, broker.names().in_exchange("gazetteer"));
    bind(rabbit, &full, &exchange).await;
    let event = Outgoing { exchange, ..to(&broker, "street.created.v1", "1") };
    assert_eq!(answer(&broker, event).await, Publication::Nacked);
    until_depth(&broker, &broker.names().ingress("gazetteer"), Depth { messages: 1, consumers: 0 }).await;
}

async fn bind(rabbit: &Rabbit, queue: &str, exchange: &str) {
    let connection =
        lapin::Connection::connect(rabbit.url(), lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let (options, none) = (lapin::options::QueueBindOptions::default(), lapin::types::FieldTable::default());
    channel.queue_bind(queue.into(), exchange.into(), "#".into(), options, none).await.unwrap();
}

#[tokio::test]
async fn a_forged_user_id_is_refused_and_a_true_one_taken() {
    let broker = council(Rabbit::shared()).await;
    let queue = broker.names().to("waste");
    let named = |user: &str| {
        let mut outgoing = to(&broker, &queue, "1");
        outgoing.message.user_id = Some(user.to_owned());
        outgoing
    };
    assert_eq!(answer(&broker, named("somebody-else")).await, Publication::Unknown);
    assert!(is_confirmed(&answer(&broker, named(broker.user())).await));
    until_depth(&broker, &queue, Depth { messages: 1, consumers: 0 }).await;
}

#[tokio::test]
async fn what_reaches_no_queue_is_confirmed_and_the_alternate_exchange_has_it() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let lane = broker.names().lane("council-tax");
    rabbit.ctl(&["delete_queue", &lane]);
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &lane, "1")]).await;
    let mut consumer = broker.consumer(&broker.names().unrouted(), 10).await.unwrap();
    let stray = take(consumer.as_mut(), 1).await.remove(0);
    assert_eq!((stray.bound_for(), stray.dropped_because()), (lane.as_str(), None));
}

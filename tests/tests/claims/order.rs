//! In which order messages come again, and who gets them.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, options::BasicCancelOptions, types::FieldTable};
use postroom_broker::{Amqp, Broker, Depth};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{DEADLINE, bodies, connect, council, publish_all, take, take_and_ack, to, until_depth},
};
use tokio::time::timeout;

/// How long a standby is watched that must get nothing.
const UNTIL_SURE: Duration = Duration::from_millis(300);

fn lane(broker: &Amqp) -> String {
    broker.names().lane("council-tax")
}

/// A council with so many numbered messages in its lane.
async fn filled(rabbit: &Rabbit, count: usize) -> Amqp {
    let broker = council(rabbit).await;
    let queue = lane(&broker);
    let messages = (0..count).map(|number| to(&broker, &queue, &number.to_string())).collect();
    publish_all(broker.publisher().await.unwrap().as_mut(), messages).await;
    broker
}

fn numbers(from: usize, until: usize) -> Vec<String> {
    (from..until).map(|number| number.to_string()).collect()
}

/// Consumers that each get all that their prefetch allows, ack nothing, and lose their connection: one after another.
async fn after_kills(prefetches: &[u16]) -> Vec<String> {
    let rabbit = Rabbit::shared();
    let broker = filled(rabbit, 10).await;
    let queue = lane(&broker);
    let prefix = queue.trim_end_matches("lane.council-tax").to_owned();
    for prefetch in prefetches {
        let session = connect(rabbit, &prefix).await;
        let mut consumer = session.consumer(&queue, *prefetch).await.unwrap();
        take(consumer.as_mut(), usize::from(*prefetch)).await;
        session.close().await;
        until_depth(&broker, &queue, Depth { messages: 10, consumers: 0 }).await;
    }
    let mut consumer = broker.consumer(&queue, 10).await.unwrap();
    bodies(&take(consumer.as_mut(), 10).await).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn redelivery_is_in_order_after_kills_while_the_prefetch_is_constant() {
    assert_eq!(after_kills(&[4, 4, 4, 4]).await, numbers(0, 10));
}

#[tokio::test]
async fn a_prefetch_that_was_lowered_reorders_redelivery() {
    assert_eq!(after_kills(&[8, 2]).await, ["2", "3", "4", "5", "6", "7", "0", "1", "8", "9"]);
}

#[tokio::test]
async fn closing_the_channel_hands_over_to_the_standby_in_order() {
    let broker = filled(Rabbit::shared(), 40).await;
    let queue = lane(&broker);
    let mut active = broker.consumer(&queue, 8).await.unwrap();
    let mut standby = broker.consumer(&queue, 8).await.unwrap();
    let held = take(active.as_mut(), 8).await;
    active.acker().ack(held[1].tag).await.unwrap();
    active.close().await;
    let rest = take_and_ack(standby.as_mut(), 39).await;
    let expected: Vec<_> = numbers(0, 40).into_iter().filter(|number| number != "1").collect();
    assert_eq!(bodies(&rest), expected);
}

#[tokio::test]
async fn a_standby_takes_over_when_the_connection_of_the_active_is_gone() {
    let rabbit = Rabbit::shared();
    let broker = filled(rabbit, 4).await;
    let queue = lane(&broker);
    let other = connect(rabbit, queue.trim_end_matches("lane.council-tax")).await;
    let mut active = other.consumer(&queue, 8).await.unwrap();
    take(active.as_mut(), 4).await;
    let mut standby = broker.consumer(&queue, 8).await.unwrap();
    other.close().await;
    assert_eq!(bodies(&take(standby.as_mut(), 4).await), numbers(0, 4));
}

#[tokio::test]
async fn only_one_consumer_of_a_lane_is_active_and_a_cancel_promotes_the_next_while_messages_are_in_hand() {
    let rabbit = Rabbit::shared();
    let broker = filled(rabbit, 6).await;
    let queue = lane(&broker);
    let connection = Connection::connect(rabbit.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.basic_qos(3, lapin::options::BasicQosOptions::default()).await.unwrap();
    let options = lapin::options::BasicConsumeOptions::default();
    let mut active = channel
        .basic_consume(queue.as_str().into(), "active".into(), options, FieldTable::default())
        .await
        .unwrap();
    for _ in 0..3 {
        timeout(DEADLINE, active.next()).await.unwrap().unwrap().unwrap();
    }
    let mut standby = broker.consumer(&queue, 3).await.unwrap();
    let waiting = timeout(UNTIL_SURE, standby.next(1)).await;
    assert!(waiting.is_err(), "only one consumer is active");
    cancel(&channel).await;
    assert_eq!(bodies(&take(standby.as_mut(), 3).await), numbers(3, 6), "0 to 2 are still in hand");
}

#[expect(clippy::disallowed_methods, reason = "the claim is about what it does")]
async fn cancel(channel: &lapin::Channel) {
    channel.basic_cancel("active".into(), BasicCancelOptions { nowait: false }).await.unwrap();
}

//! How often a message may come back before a queue gives it up, and where it goes then.

use lapin::types::AMQPValue;
use postroom_broker::{Amqp, Broker, Depth};
use postroom_tests::rabbitmq::{
    Rabbit,
    port::{council, declare_queue, publish_all, take, to, until_depth},
};

/// More returns than the limit that RabbitMQ 4 has of its own.
const RETURNS: usize = 25;
/// That limit.
const OF_ITS_OWN: usize = 20;

/// Lets the one message of a queue come back by closing channels, `most` times at most; how often it was delivered.
async fn deliveries(broker: &Amqp, queue: &str, most: usize) -> usize {
    for delivered in 0..most {
        let there = Depth { messages: 1, consumers: 0 };
        let gone = Depth { messages: 0, consumers: 0 };
        let mut depth = broker.depth(queue).await.unwrap();
        // What was dropped is gone at once; what came back may take a moment to be counted.
        for _ in 0..RETURNS {
            if depth == there {
                break;
            }
            depth = broker.depth(queue).await.unwrap();
        }
        if depth == gone {
            return delivered;
        }
        let mut consumer = broker.consumer(queue, 1).await.unwrap();
        take(consumer.as_mut(), 1).await;
        consumer.close().await;
    }
    most
}

async fn check_argument(limit: Option<i64>, expected: usize) {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let queue = format!("{}own", broker.names().to(""));
    let mut arguments = vec![("x-queue-type", AMQPValue::LongString("quorum".into()))];
    arguments.extend(limit.map(|limit| ("x-delivery-limit", AMQPValue::LongLongInt(limit))));
    declare_queue(rabbit, &queue, &arguments).await;
    let message = postroom_broker::Outgoing { exchange: String::new(), ..to(&broker, &queue, "1") };
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![message]).await;
    assert_eq!(deliveries(&broker, &queue, RETURNS).await, expected, "limit {limit:?}");
}

#[tokio::test]
async fn a_delivery_limit_that_is_given_is_kept_and_a_closed_channel_counts() {
    check_argument(Some(1_000_000), RETURNS).await;
    check_argument(Some(2), 3).await;
}

#[tokio::test]
async fn without_a_delivery_limit_the_third_generation_keeps_and_the_fourth_drops() {
    let (major, _) = Rabbit::shared().version();
    check_argument(None, if major < 4 { RETURNS } else { OF_ITS_OWN + 1 }).await;
}

#[tokio::test]
async fn a_policy_with_a_smaller_limit_wins_and_what_it_drops_lands_in_unrouted_with_its_origin() {
    let rabbit = Rabbit::shared();
    let broker = council(rabbit).await;
    let lane = broker.names().lane("council-tax");
    let pattern = format!("^{}$", lane.replace('.', "[.]"));
    rabbit.ctl(&["set_policy", &lane, &pattern, r#"{"delivery-limit":2}"#, "--apply-to", "queues"]);
    publish_all(broker.publisher().await.unwrap().as_mut(), vec![to(&broker, &lane, "1")]).await;
    for _ in 0..3 {
        let mut consumer = broker.consumer(&lane, 1).await.unwrap();
        take(consumer.as_mut(), 1).await;
        consumer.close().await;
    }
    let unrouted = broker.names().unrouted();
    until_depth(&broker, &unrouted, Depth { messages: 1, consumers: 0 }).await;
    let mut consumer = broker.consumer(&unrouted, 10).await.unwrap();
    let dropped = take(consumer.as_mut(), 1).await.remove(0);
    assert_eq!((dropped.bound_for(), dropped.dropped_because()), (lane.as_str(), Some("delivery_limit")));
    assert_eq!((&dropped.body[..], dropped.routing_key.as_str()), (&b"1"[..], lane.as_str()));
    rabbit.ctl(&["clear_policy", &lane]);
}
